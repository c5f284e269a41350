"""Corrections of wrong keys: proposed, computed as a dry run, refused or taken back (I07). ``rescoring`` approves and applies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.exams import events, jobs
from zhupei.exams.choices import CHALLENGE, CORRECTION, CorrectionState, Policy, Remedy
from zhupei.exams.models import Challenge, KeyCorrection, ScoreLine
from zhupei.exams.rescoring import accepted_after
from zhupei.itembank import api as itembank
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import CENTRE, Role
from zhupei.rulebook.api import parameter

from .dry_runs import DryRun, dry_run, touched_batches

INLINE = 500  # sittings that are computed while the page waits; more are work for the job
CHUNK = 500
PROPOSERS = (Role.BANK_KEEPER, *CENTRE)


def who(by: Actor) -> str:
    """A person with the unit acted for, as the record keeps it."""
    return f"{by.organisation_name} {by.name}".strip()[:200]


def required(text: str, field: str) -> str:
    if not text.strip():
        raise Refusal("no_reason", _("Give the reason."), field=field)
    return text.strip()


def locked_correction(correction: KeyCorrection) -> KeyCorrection:
    return KeyCorrection.objects.select_for_update().get(pk=correction.pk)


def lock_corrections() -> None:
    """Corrections are applied one after the other, and a return arrives before one or after it."""
    list(KeyCorrection.objects.select_for_update().order_by("pk").values_list("pk", flat=True))


# --- the proposal --------------------------------------------------------------------------------------------


def question_of(uid: str, number: int) -> tuple[itembank.ItemVersion, itembank.ItemText]:
    """A version of an item with its text and key. Raises ``Refusal`` (404) if there is none."""
    version = (
        itembank.ItemVersion.objects.select_related("item").filter(item__uid=uid, number=number).first()
        if len(uid) <= 40 and "\x00" not in uid and number < 2**31
        else None
    )
    if version is None:
        raise Refusal("no_question", _("The bank has no such item or version."), status=404)
    return version, itembank.text_of_version(version)


@transaction.atomic
def read_question(uid: str, number: int, *, by: Actor) -> tuple[itembank.ItemVersion, itembank.ItemText]:
    """The same for a person's page: the reading of the key is kept in the record (I08)."""
    by.require(*PROPOSERS)
    version, text = question_of(uid, number)
    record(events.QUESTION_READ, by=by, on=version, after={"item": uid, "version": number})
    return version, text


def _checked(
    text: itembank.ItemText, child_no: int, remedy: str, answers: Iterable[Iterable[str]]
) -> list[list[str]]:
    """The accepted answers in the order of the options. Raises ``Refusal`` unless each could be a key and the number fits."""
    if child_no not in (range(1, len(text.children) + 1) if text.is_case else (0,)):
        raise Refusal("correction_place", _("The item has no such question."), field="child_no")
    question = text.children[child_no - 1] if text.is_case else text
    sets = {frozenset(answer) for answer in answers}
    if remedy == Remedy.VOID:
        return []
    if remedy == Remedy.ANOTHER and len(sets) != 1:
        raise Refusal("correction_answers", _("Give the one answer that is right."), field="answers")
    if remedy == Remedy.SEVERAL and len(sets) < 2:
        raise Refusal(
            "correction_answers", _("Give two or more answers, each on a line of its own."), field="answers"
        )
    for answer in sets:
        try:
            itembank.corrected(text, {child_no: tuple(answer)})
        except Refusal as refusal:
            raise Refusal(refusal.code, refusal.message, field="answers") from None
    order = [id_ for id_, _text in question.options]
    return sorted([id_ for id_ in order if id_ in answer] for answer in sets)


@transaction.atomic
def propose_correction(
    uid: str,
    number: int,
    *,
    child_no: int = 0,
    remedy: str,
    answers: Sequence[Sequence[str]] = (),
    reason: str,
    notice: str,
    challenge: Challenge | None = None,
    by: Actor,
) -> KeyCorrection:
    """Propose how a wrong key is put right; the dry run follows (``compute_correction``).

    ``answers``: option ids; one for another key, two or more where several count, none where the question is void.
    ``challenge``: the open challenge of an item that led here. Raises ``Refusal`` when the answers cannot be keys or change
    nothing, ``Conflict`` while another proposal for the question is open.
    """
    by.require(*PROPOSERS)
    assert by.user_id is not None
    version, text = question_of(uid, number)
    accepted = _checked(text, child_no, remedy, answers)
    reason, notice = required(reason, "reason"), required(notice, "notice")
    correction = KeyCorrection(
        item_uid=uid,
        version=number,
        child_no=child_no,
        subject=version.subject,
        remedy=remedy,
        accepted=accepted,
        policy=Policy(parameter("correction_policy")),
        reason=reason,
        notice=notice[:300],
        proposed_by=who(by),
        proposed_by_id=by.user_id,
        proposed_at=clock.now(),
    )
    lock_corrections()
    same = KeyCorrection.objects.filter(item_uid=uid, version=number, child_no=child_no)
    if same.filter(state__in=OPEN).exists():
        raise Conflict(
            "correction_open", _("A correction of this question is open already. Decide it first.")
        )
    question = text.children[child_no - 1] if text.is_case else text
    earlier = list(same.filter(state=CorrectionState.APPROVED).order_by("sequence"))
    if accepted_after(question.answer, earlier) == accepted_after(question.answer, [*earlier, correction]):
        raise Refusal("correction_same", _("This is what counts as right already."), field="answers")
    correction.save()
    if challenge is not None:
        by.require(*CENTRE)
        challenge = Challenge.objects.select_for_update().get(pk=challenge.pk)
        CHALLENGE.after(challenge.state, "uphold")
        challenge.correction = correction
        challenge.save(update_fields=["correction"])
    record(
        events.CORRECTION_PROPOSED,
        by=by,
        on=correction,
        after={
            "item": uid,
            "version": number,
            "question": child_no,
            "remedy": remedy,
            "challenge": challenge.pk if challenge else None,
        },
        reason=reason,
    )
    return correction


OPEN = (CorrectionState.COMPUTING, CorrectionState.PROPOSED, CorrectionState.APPROVING)


# --- the dry run ---------------------------------------------------------------------------------------------


def start_computing(correction: KeyCorrection, *, by: Actor) -> KeyCorrection:
    """Compute the dry run (anew): at once if few sat with the item's releases, else as a job that shows its progress."""
    by.require(*PROPOSERS)
    with transaction.atomic():
        correction = locked_correction(correction)
        correction.state = CORRECTION.after(correction.state, "compute")
        correction.fault, correction.batches_done, correction.batches_all = "", 0, 0
        correction.decided_by, correction.decided_by_id, correction.decided_at = "", None, None
        correction.save()
        record(events.CORRECTION_COMPUTED, by=by, on=correction, after={"state": correction.state})
    batches = touched_batches(correction.item_uid, correction.version)
    if sum(batch.hall_return.sittings for batch in batches) > INLINE:
        jobs.compute_correction.enqueue(correction.pk)
    else:
        compute_correction(correction.pk)
    correction.refresh_from_db()
    return correction


def note_progress(pk: int, done: int, all_: int) -> None:
    KeyCorrection.objects.filter(pk=pk).update(batches_done=done, batches_all=all_)


def compute_correction(pk: int) -> None:
    """Make the dry run of a correction that waits for it and keep its lines; a refusal is kept as the correction's fault."""
    correction = KeyCorrection.objects.get(pk=pk)
    try:
        run = dry_run(correction, progress=lambda done, all_: note_progress(pk, done, all_))
    except Refusal as refusal:
        KeyCorrection.objects.filter(pk=pk, state=CorrectionState.COMPUTING).update(
            fault=str(refusal.message)
        )
        return
    with transaction.atomic():
        correction = locked_correction(correction)
        if correction.state == CorrectionState.COMPUTING:
            correction.state = CORRECTION.after(correction.state, "computed")
            keep_lines(correction, run)


def keep_lines(correction: KeyCorrection, run: DryRun) -> None:
    correction.lines.all().delete()
    ScoreLine.objects.bulk_create(
        [
            ScoreLine(correction=correction, result_id=line.result_id, kind=line.kind, **line.row())
            for line in run.lines
        ],
        batch_size=CHUNK,
    )
    for name, value in run.totals().items():
        setattr(correction, name, value)
    correction.lines_digest, correction.batches_done = run.digest, correction.batches_all
    correction.save()


# --- the decision --------------------------------------------------------------------------------------------


def require_second_person(correction: KeyCorrection, by: Actor) -> None:
    by.require(Role.CENTRE_APPROVER)
    if correction.proposed_by_id == by.user_id:
        text = _("You proposed this yourself. Another person has to decide it.")
        raise Refusal("same_person", text, clause="I07", status=403)


@transaction.atomic
def withdraw_correction(correction: KeyCorrection, *, by: Actor) -> KeyCorrection:
    """Take a proposal back, by whoever made it."""
    by.require(*PROPOSERS)
    correction = locked_correction(correction)
    if correction.proposed_by_id != by.user_id:
        raise Refusal("not_yours", _("Only the person who proposed a correction takes it back."), status=403)
    before = correction.state
    correction.state = CORRECTION.after(correction.state, "withdraw")
    correction.save(update_fields=["state"])
    record(
        events.CORRECTION_WITHDRAWN,
        by=by,
        on=correction,
        before={"state": before},
        after={"state": correction.state},
    )
    return correction


def decide(correction: KeyCorrection, verb: str, reason: str, by: Actor) -> str:
    before = correction.state
    correction.state = CORRECTION.after(before, verb)
    correction.decided_by, correction.decided_by_id, correction.decided_at = who(by), by.user_id, clock.now()
    correction.decision_reason = reason
    correction.save(update_fields=["state", "decided_by", "decided_by_id", "decided_at", "decision_reason"])
    return before


@transaction.atomic
def refuse_correction(correction: KeyCorrection, *, reason: str, by: Actor) -> KeyCorrection:
    """Refuse a proposal with a reason, as another person than its maker (the centre's approver)."""
    correction = locked_correction(correction)
    require_second_person(correction, by)
    CORRECTION.after(correction.state, "refuse")
    reason = required(reason, "reason")
    before = decide(correction, "refuse", reason, by)
    record(
        events.CORRECTION_REFUSED,
        by=by,
        on=correction,
        before={"state": before},
        after={"state": correction.state},
        reason=reason,
    )
    return correction
