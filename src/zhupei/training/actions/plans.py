"""Drafting a training plan (annex 2): what the form says, checked and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.evidence.api import Retention, StoredFile, store
from zhupei.institutions.api import Institution, Site, SiteKind, approved_sites, require_may_train
from zhupei.kernel import clock, phones, schedule
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.rulebook.api import (
    Post,
    calendar,
    deadline_before,
    syllabus_of,
)
from zhupei.training import events, periods
from zhupei.training.access import FILERS
from zhupei.training.choices import PlanState
from zhupei.training.models import PlanRow, PlanStep, TrainingPlan
from zhupei.training.queries import seats_of


@dataclass(frozen=True)
class Upload:
    """A file as it came in; its kind was checked by the form."""

    name: str
    content_type: str
    data: bytes


@dataclass(frozen=True)
class RowInput:
    """One post of the form (R172–R175). ``time_text`` is read by ``periods.read`` and printed as it stands."""

    post: Post
    expected: int
    time_text: str
    fee: Decimal


@dataclass(frozen=True)
class PlanInput:
    """What the institution fills in; number, name, address and deadline come from the platform."""

    site: Site
    filled_on: date
    teaching_head: str
    teaching_head_phone: str
    contact: str
    contact_phone: str
    rows: Sequence[RowInput]
    opinion: str = ""
    signed_by: str = ""
    change_reason: str = ""
    signature: Upload | None = None
    seal: Upload | None = None


def require_filer(institution: Institution, by: Actor) -> None:
    by.require(*FILERS, organisation_id=institution.organisation_id)


def plan_step(plan: TrainingPlan, verb: str, by: Actor, opinion: str = "") -> None:
    PlanStep.objects.create(
        plan=plan,
        verb=verb,
        state=plan.state,
        unit=by.organisation_name[:200],
        person=by.name[:100],
        opinion=opinion,
        at=clock.now(),
    )


def locked_plan(plan: TrainingPlan) -> TrainingPlan:
    return TrainingPlan.objects.select_for_update(of=("self",)).select_related("institution").get(pk=plan.pk)


@transaction.atomic
def create_plan(institution: Institution, data: PlanInput, *, key: str, by: Actor) -> TrainingPlan:
    """Draw up a plan: the next term number of its year (R164), a draft until it is filed.

    ``key`` names the form it came from: posted twice, it makes one plan. Raises ``Refusal`` for values that cannot be.
    """
    require_filer(institution, by)
    Institution.objects.select_for_update().get(pk=institution.pk)  # numbers are given one after the other
    made = TrainingPlan.objects.filter(form_key=key, institution=institution).first()
    if made is not None:
        return made
    require_may_train(institution)
    year = _first_day(data).year
    last = (
        TrainingPlan.objects.filter(institution=institution, year=year).aggregate(n=Max("sequence"))["n"] or 0
    )
    plan = TrainingPlan(
        institution=institution,
        institution_name=institution.full_name,
        year=year,
        sequence=last + 1,
        form_key=key,
        created_at=clock.now(),
    )
    _fill(plan, data, by)
    plan_step(plan, "create", by)
    record(
        events.PLAN_CREATED,
        by=by,
        on=plan,
        organisation_id=institution.organisation_id,
        after={"year": plan.year, "sequence": plan.sequence},
    )
    return plan


@transaction.atomic
def edit_plan(plan: TrainingPlan, data: PlanInput, *, revision: int, by: Actor) -> TrainingPlan:
    """Change a draft, or a returned plan in place. ``revision`` is the one the form was opened with."""
    require_filer(plan.institution, by)
    plan = locked_plan(plan)
    if plan.state not in (PlanState.DRAFT, PlanState.RETURNED):
        raise Conflict(
            "plan_filed",
            _("This plan has been filed. To change it, start a change: the new version replaces it."),
            clause="附件2注",
        )
    if plan.revision != revision:
        raise Conflict(
            "plan_edited_meanwhile",
            _(
                "This plan was changed in another window or by a colleague meanwhile. "
                "Open it again, compare, and repeat your change."
            ),
        )
    year = _first_day(data).year
    if year != plan.year and plan.submitted_at is None and plan.supersedes_id is None:
        Institution.objects.select_for_update().get(pk=plan.institution_id)
        last = (
            TrainingPlan.objects.filter(institution=plan.institution, year=year).aggregate(n=Max("sequence"))[
                "n"
            ]
            or 0
        )
        plan.year, plan.sequence = year, last + 1
    plan.revision += 1
    _fill(plan, data, by)
    record(
        events.PLAN_EDITED,
        by=by,
        on=plan,
        organisation_id=plan.institution.organisation_id,
        after={"revision": plan.revision, "first_day": plan.first_day},
    )
    return plan


def _first_day(data: PlanInput) -> date:
    if not data.rows:
        raise Refusal("no_rows", _("Enter at least one post."), clause="附件2")
    return min(schedule.first_day(periods.read(row.time_text)) for row in data.rows)


def _fill(plan: TrainingPlan, data: PlanInput, by: Actor) -> None:
    """Put the form's values into the plan, checked, with what follows from them."""
    first_day = _first_day(data)
    sites = approved_sites(plan.institution, SiteKind.TEACHING)
    if not sites.filter(pk=data.site.pk).exists():
        raise Refusal(
            "site_not_approved",
            _(
                "Classes are held only at a teaching site that the centre has approved. "
                "Choose another, or have this one reviewed."
            ),
            clause="二（一）1",
            field="site",
        )
    if data.filled_on > clock.today():
        raise Refusal(
            "filled_on_later", _("The date filled in lies in the future."), clause="附件2", field="filled_on"
        )
    plan.site = data.site
    plan.address = data.site.address
    plan.filled_on = data.filled_on
    plan.teaching_head = data.teaching_head
    plan.teaching_head_phone = _phone(data.teaching_head_phone, "teaching_head_phone")
    plan.contact = data.contact
    plan.contact_phone = _phone(data.contact_phone, "contact_phone")
    plan.opinion = data.opinion
    plan.signed_by = data.signed_by
    if plan.supersedes_id is not None:
        plan.change_reason = data.change_reason
    for name in ("signature", "seal"):
        upload: Upload | None = getattr(data, name)
        if upload is not None:
            setattr(plan, name, _keep(upload, plan, f"plan_{name}", by))
    plan.first_day = first_day
    set_deadline(plan)
    plan.save()
    _fill_rows(plan, data.rows)


def _phone(text: str, field: str) -> str:
    try:
        return phones.normalise(text)
    except phones.BadPhone:
        raise Refusal(
            "bad_phone", _("This is not a telephone number."), clause="附件2", field=field
        ) from None


def _keep(upload: Upload, plan: TrainingPlan, purpose: str, by: Actor) -> StoredFile:
    return store(
        upload.data,
        name=upload.name,
        content_type=upload.content_type,
        purpose=purpose,
        retention=Retention.ARCHIVE,
        organisation_id=plan.institution.organisation_id,
        by=by,
    )


def _fill_rows(plan: TrainingPlan, rows: Sequence[RowInput]) -> None:
    """Rows by position: kept where they were, so that a cancelled class keeps its row."""
    seats = seats_of(plan.site)
    for position, row in enumerate(rows, 1):
        if row.expected < 1 or row.expected > seats:
            raise Refusal(
                "too_many_expected",
                _("%(post)s: between 1 and %(seats)d persons; the classrooms of the site hold %(seats)d.")
                % {"post": row.post, "seats": seats},
                clause="二（一）1",
            )
        if row.fee < 0:
            raise Refusal("negative_fee", _("A fee cannot be below zero."), clause="附件2")
        times = periods.read(row.time_text)
        PlanRow.objects.update_or_create(
            plan=plan,
            position=position,
            defaults={
                "post": row.post,
                "syllabus": syllabus_of(row.post, plan.first_day),
                "expected": row.expected,
                "periods": periods.to_json(times),
                "time_text": row.time_text,
                "hours": periods.hours_of(times),
                "fee": row.fee,
            },
        )
    surplus = plan.rows.filter(position__gt=len(rows))
    if surplus.filter(training_class__isnull=False).exists():
        raise Conflict(
            "row_has_class", _("A class was opened from a row that you removed. Put the row back.")
        )
    surplus.delete()


def set_deadline(plan: TrainingPlan) -> None:
    assert plan.first_day is not None
    deadline = deadline_before(plan.first_day, "plan_submit_workdays")
    plan.deadline = deadline.date
    plan.deadline_is_provisional = deadline.is_provisional
    plan.calendar_version = calendar().version
