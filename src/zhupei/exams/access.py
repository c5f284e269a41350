"""Who may open which page of tests, and which rows they see."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import CENTRE, CITY, DISTRICT, HALL, Role
from zhupei.web.access import Nav, machine, roles

from .choices import ApplicationState
from .models import (
    BankApplication,
    Batch,
    Candidate,
    Challenge,
    Filing,
    FirstSecret,
    HallKey,
    HallMachine,
    HallPassOut,
    KeyCorrection,
    Result,
    VoidProposal,
)
from .queries import first_secrets_in_force

OWNERS = frozenset({Role.EXAM_OFFICER, Role.INSTITUTION_HEAD})  # they apply and pick candidates
UNIT = OWNERS | {Role.REGISTRAR, Role.TEACHING_HEAD}  # they read
OFFICES = CENTRE | CITY | DISTRICT
HALL_DESK = frozenset({Role.HALL_TECHNICAL_HEAD, Role.ROOM_ADMINISTRATOR})

_applications = roles(*UNIT, *OFFICES)
_batches = roles(*UNIT, *HALL, *OFFICES)
_results = roles(*UNIT, *OFFICES)
_bundles = roles(*HALL_DESK, *CENTRE)
_corrections = roles(Role.BANK_KEEPER, *CENTRE)
_on_duty = roles(*HALL, Role.EXAM_OFFICER)
_filers = roles(Role.LEARNER, *OWNERS)

PAGES = {
    "exams:applications": _applications,
    "exams:application": _applications,
    "exams:application_new": roles(*OWNERS),
    "exams:application_edit": roles(*OWNERS),
    "exams:application_submit": roles(*OWNERS),
    "exams:application_withdraw": roles(*OWNERS),
    "exams:application_pdf": _applications,
    "exams:application_docx": _applications,
    "exams:application_image": _applications,
    "exams:queue": roles(*CENTRE),
    "exams:slots": roles(*CENTRE, *CITY),
    "exams:schedule": roles(*CENTRE),
    "exams:application_return": roles(*CENTRE),
    "exams:file": roles(*CENTRE),
    "exams:filings": roles(Role.CITY_EDUCATION_OFFICE, *CENTRE),
    "exams:filing_receive": roles(Role.CITY_EDUCATION_OFFICE),
    "exams:batches": _batches,
    "exams:batch": _batches,
    "exams:candidates": roles(*OWNERS),
    "exams:candidate_remove": roles(*OWNERS),
    "exams:lock": roles(*OWNERS),
    "exams:unlock": roles(*OWNERS, *CENTRE),
    "exams:cancel": roles(Role.CENTRE_APPROVER),
    "exams:slips": roles(*UNIT),
    "exams:seat_list": roles(*UNIT, *HALL, *CENTRE),
    "exams:draw": roles(*CENTRE),
    "exams:release": roles(*CENTRE),
    "exams:bundle": _bundles,
    "exams:key": _bundles,
    "exams:return": _bundles,
    "exams:accept_differences": roles(Role.CENTRE_APPROVER),
    "exams:protocol": roles(*CENTRE),
    "exams:protocol_pdf": roles(*CENTRE),
    "exams:confirm": roles(Role.CENTRE_APPROVER),
    "exams:results": _results,
    "exams:all_results": _results,
    "exams:score_list": roles(*UNIT, *CENTRE),
    "exams:result": _results,
    "exams:result_doubt": roles(*CENTRE),
    "exams:result_confirm": roles(Role.CENTRE_APPROVER),
    "exams:void_propose": roles(*CENTRE),
    "exams:void_decide": roles(Role.CENTRE_APPROVER),
    "exams:void_evidence": roles(*CENTRE),
    "exams:keys": roles(*CENTRE),
    "exams:hall_key_end": roles(*CENTRE),
    "exams:machine_new": roles(*CENTRE),
    "exams:machine": roles(*CENTRE),
    "exams:machine_pass": roles(*CENTRE),
    "exams:pass_file": roles(*CENTRE),
    "exams:first_secrets": _on_duty,
    "exams:first_secret": _on_duty,
    "exams:hall_bundles": machine,
    "exams:hall_bundle": machine,
    "exams:hall_bundle_key": machine,
    "exams:hall_return": machine,
    "exams:hall_return_piece": machine,
    "exams:my_test": roles(Role.LEARNER),
    "exams:my_slip": roles(Role.LEARNER),
    "exams:my_results": roles(Role.LEARNER),
    "exams:corrections": _corrections,
    "exams:correct_key": _corrections,
    "exams:correction": _corrections,
    "exams:correction_progress": _corrections,
    "exams:correction_compute": _corrections,
    "exams:correction_withdraw": _corrections,
    "exams:correction_decide": roles(Role.CENTRE_APPROVER),
    "exams:correction_confirm": roles(Role.CENTRE_APPROVER),
    "exams:challenges": roles(*OWNERS, *CENTRE),
    "exams:challenge": roles(Role.LEARNER, *OWNERS, *CENTRE),
    "exams:challenge_file": _filers,
    "exams:challenge_withdraw": _filers,
    "exams:challenge_recount": roles(*CENTRE),
    "exams:challenge_answer": roles(*CENTRE),
}

NAV = [
    Nav("exams:queue", _("Applications that wait"), "clipboard-data", 40),
    Nav(
        "exams:applications",
        _("Applications for the item bank"),
        "file-earmark-text",
        40,
        only=UNIT | CITY | DISTRICT,
    ),
    Nav("exams:slots", _("Slot calendar"), "calendar-event", 41),
    Nav("exams:filings", _("Filings of tests"), "journal-text", 42),
    Nav("exams:batches", _("Test batches"), "display", 43),
    Nav("exams:all_results", _("Test results"), "clipboard-check", 44),
    Nav("exams:challenges", _("Reviews of results"), "question-circle", 45),
    Nav("exams:corrections", _("Corrections of keys"), "pencil-square", 45),
    Nav("exams:my_test", _("My test"), "pencil-square", 24),
    Nav("exams:my_results", _("My results"), "award", 25),
]


def applications_for(actor: Actor) -> QuerySet[BankApplication]:
    """Centre and city see what was submitted, a district commission that of its divisions, an institution its own."""
    rows = BankApplication.objects.select_related("institution", "hall")
    submitted = ~Q(state__in=[ApplicationState.DRAFT])
    if actor.has(*CENTRE, *CITY):
        return rows.filter(submitted)
    seen = Q(pk__in=())
    if actor.has(*DISTRICT):
        seen |= submitted & Q(institution__division_code__in=actor.divisions)
    if actor.has(*UNIT) and actor.organisation_id is not None:
        seen |= Q(institution__organisation_id=actor.organisation_id)
    return rows.filter(seen)


def _batches_q(actor: Actor, prefix: str = "", *, hall: bool = True, own: str = "") -> Q:
    """``own`` names a column of the rows that repeats the organisation of the batch's institution."""
    if actor.has(*CENTRE, *CITY):
        return Q()
    seen = Q(pk__in=())
    if actor.has(*DISTRICT):
        seen |= Q(**{f"{prefix}institution__division_code__in": actor.divisions})
        seen |= Q(**{f"{prefix}hall__division_code__in": actor.divisions})
    if actor.organisation_id is not None and actor.has(*UNIT):
        seen |= Q(**{own or f"{prefix}institution__organisation_id": actor.organisation_id})
    if actor.organisation_id is not None and hall and actor.has(*HALL):
        seen |= Q(**{f"{prefix}hall__institution__organisation_id": actor.organisation_id})
    return seen


def batches_for(actor: Actor) -> QuerySet[Batch]:
    """Centre and city see every batch, a district those organised or held in its divisions, an institution its own, the
    staff of a hall those held there."""
    return Batch.objects.filter(_batches_q(actor)).select_related(
        "institution", "hall__institution", "application"
    )


def own_batches_for(actor: Actor) -> QuerySet[Batch]:
    """The batches whose candidates the actor's institution picks."""
    return batches_for(actor).filter(institution__organisation_id=actor.organisation_id)


def candidates_for(actor: Actor) -> QuerySet[Candidate]:
    """The candidates of the batches seen; a learner sees his own candidacies."""
    rows = Candidate.objects.select_related(
        "batch__institution", "batch__hall", "batch__application", "person", "post", "slot", "room"
    )
    if actor.has(Role.LEARNER):
        return rows.filter(person__user_id=actor.user_id)
    return rows.filter(_batches_q(actor, "batch__"))


def results_for(actor: Actor) -> QuerySet[Result]:
    """The results seen: the centre and the city all, a district by jurisdiction, an institution its own, a learner his own."""
    rows = Result.objects.select_related(
        "candidate__batch__institution", "candidate__person", "candidate__post"
    )
    if actor.has(Role.LEARNER):
        return rows.filter(candidate__person__user_id=actor.user_id)
    return rows.filter(_batches_q(actor, "candidate__batch__", hall=False, own="organisation_id"))


def filings_for(actor: Actor) -> QuerySet[Filing]:
    """Every filing, for the education office that receives and the centre that files."""
    rows = Filing.objects.select_related(
        "application__institution", "application__hall", "application__batch"
    )
    return rows if actor.has(Role.CITY_EDUCATION_OFFICE, *CENTRE) else rows.none()


def proposals_for(actor: Actor) -> QuerySet[VoidProposal]:
    """Proposals to void, for the centre."""
    rows = VoidProposal.objects.select_related("result__candidate__person", "evidence")
    return rows if actor.has(*CENTRE) else rows.none()


def hall_keys_for(actor: Actor) -> QuerySet[HallKey]:
    """The keys of halls, for the centre."""
    rows = HallKey.objects.select_related("hall__institution")
    return rows if actor.has(*CENTRE) else rows.none()


def machines_for(actor: Actor) -> QuerySet[HallMachine]:
    """Halls' own machines, for the centre."""
    rows = HallMachine.objects.select_related("key__hall__institution")
    return rows if actor.has(*CENTRE) else rows.none()


def passes_for(actor: Actor) -> QuerySet[HallPassOut]:
    """Their passes."""
    return HallPassOut.objects.filter(machine__in=machines_for(actor)).select_related(
        "file", "machine__key__hall"
    )


def first_secrets_for(actor: Actor) -> QuerySet[FirstSecret]:
    """The actor's own first sign-in codes for halls' machines, whose pass is in force; nobody else's, whoever asks."""
    return first_secrets_in_force().filter(user_id=actor.user_id).select_related("machine__key__hall")


def corrections_for(actor: Actor) -> QuerySet[KeyCorrection]:
    """Corrections of keys, for the bank's keeper and the centre."""
    rows = KeyCorrection.objects.all()
    return rows if actor.has(Role.BANK_KEEPER, *CENTRE) else rows.none()


def challenges_for(actor: Actor) -> QuerySet[Challenge]:
    """Reviews: all for the centre, an institution's own, a learner's own."""
    rows = Challenge.objects.select_related(
        "result__candidate__batch", "result__candidate__person", "result__candidate__post", "correction"
    )
    if actor.has(*CENTRE):
        return rows
    seen = Q(pk__in=())
    if actor.has(Role.LEARNER):
        seen |= Q(filed_by_id=actor.user_id, organisation_id=None)
    if actor.has(*OWNERS) and actor.organisation_id is not None:
        seen |= Q(organisation_id=actor.organisation_id)
    return rows.filter(seen)
