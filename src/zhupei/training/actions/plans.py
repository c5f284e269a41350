"""Every write on training plans (annex 2)."""

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
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.kernel.workdays import Deadline
from zhupei.rulebook.api import (
    Post,
    calendar,
    current_rule_set,
    deadline_before,
    decimal_parameter,
    parameter,
    syllabus_of,
)
from zhupei.training import events, periods
from zhupei.training.access import FILERS
from zhupei.training.choices import PLAN, ClassState, PlanState
from zhupei.training.models import PlanRow, PlanStep, TrainingClass, TrainingPlan
from zhupei.training.queries import change_deadline, day_words, seats_of

from .telling import tell_centre, tell_institution


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


def _filer(institution: Institution, by: Actor) -> None:
    by.require(*FILERS, organisation_id=institution.organisation_id)


def _step(plan: TrainingPlan, verb: str, by: Actor, opinion: str = "") -> None:
    PlanStep.objects.create(
        plan=plan,
        verb=verb,
        state=plan.state,
        unit=by.organisation_name[:200],
        person=by.name[:100],
        opinion=opinion,
        at=clock.now(),
    )


def _locked(plan: TrainingPlan) -> TrainingPlan:
    return TrainingPlan.objects.select_for_update(of=("self",)).select_related("institution").get(pk=plan.pk)


@transaction.atomic
def create_plan(institution: Institution, data: PlanInput, *, key: str, by: Actor) -> TrainingPlan:
    """Draw up a plan: the next term number of its year (R164), a draft until it is filed.

    ``key`` names the form it came from: posted twice, it makes one plan. Raises ``Refusal`` for values that cannot be.
    """
    _filer(institution, by)
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
    _step(plan, "create", by)
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
    _filer(plan.institution, by)
    plan = _locked(plan)
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
    _set_deadline(plan)
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


def _set_deadline(plan: TrainingPlan) -> None:
    assert plan.first_day is not None
    deadline = deadline_before(plan.first_day, "plan_submit_workdays")
    plan.deadline = deadline.date
    plan.deadline_is_provisional = deadline.is_provisional
    plan.calendar_version = calendar().version


@transaction.atomic
def submit_plan(plan: TrainingPlan, *, late_reason: str = "", by: Actor) -> TrainingPlan:
    """File the plan with the centre (R016), at least five working days before the class opens.

    Later than that it is refused, unless ``late_reason`` asks the centre to accept it. A new version of a filed plan is
    in time until 24:00 of the day before opening (annex 2, note; J05); it may not bring the opening forward past the five
    working days. Raises ``Refusal`` naming what is missing.
    """
    _filer(plan.institution, by)
    plan = _locked(plan)
    PLAN.after(plan.state, "submit")
    require_may_train(plan.institution)
    _require_complete(plan)
    assert plan.first_day is not None
    now = clock.now()
    _set_deadline(plan)
    if plan.supersedes_id is not None:
        in_time = _change_is_in_time(plan)
    else:
        if plan.first_day <= clock.today():
            raise Refusal(
                "already_open",
                _(
                    "The class opens on %(day)s. A plan is filed before its class opens; choose a later opening day."
                )
                % {"day": day_words(plan.first_day)},
                clause="二（一）3",
                status=409,
            )
        in_time = _deadline(plan).is_met_by(now)
    if not in_time and not late_reason.strip():
        raise Refusal("too_late", too_late_text(plan), clause="二（一）3", field="late_reason")
    verb = "submit" if in_time else "submit_late"
    before = plan.state
    plan.state = PLAN.after(plan.state, verb)
    plan.submitted_at = now
    plan.rule_set = current_rule_set()
    assert plan.deadline is not None
    plan.lateness_days = 0 if in_time else max(0, calendar().workdays_between(plan.deadline, clock.today()))
    plan.late_reason = "" if in_time else late_reason.strip()
    plan.revision += 1
    plan.save()
    _step(plan, verb, by, plan.late_reason or plan.change_reason)
    record(
        events.PLAN_SUBMITTED if in_time else events.PLAN_SUBMITTED_LATE,
        by=by,
        on=plan,
        organisation_id=plan.institution.organisation_id,
        before={"state": before},
        after={"state": plan.state, "deadline": plan.deadline, "lateness_days": plan.lateness_days},
        reason=plan.late_reason or plan.change_reason,
    )
    if in_time and plan.supersedes_id is not None:
        _supersede(plan, by)
    tell_centre(
        plan,
        _("Training plan filed") if in_time else _("Training plan filed late"),
        Role.CENTRE_OFFICER if in_time else Role.CENTRE_APPROVER,
    )
    return plan


def too_late_text(plan: TrainingPlan) -> str:
    """Fact, clause and way out of a plan filed too late."""
    assert plan.deadline is not None
    return _(
        "Fewer than %(n)d working days remain before the class opens (rule 二（一）3): the plan had to be filed by %(day)s. "
        "Choose a later opening day, or give a reason and ask the centre to accept it."
    ) % {"n": parameter("plan_submit_workdays"), "day": day_words(plan.deadline)}


def _deadline(plan: TrainingPlan) -> Deadline:
    assert plan.deadline is not None
    return Deadline(plan.deadline, plan.deadline_is_provisional)


def _change_is_in_time(plan: TrainingPlan) -> bool:
    """True if a new version needs no decision; raises ``Refusal`` once the class opens within a day."""
    old = plan.supersedes
    assert old is not None
    assert old.first_day is not None
    assert plan.first_day is not None
    if old.state not in (PlanState.SUBMITTED, PlanState.RECEIVED, PlanState.LATE, PlanState.SUPERSEDED):
        raise Conflict(
            "old_version_gone", _("The version that this one changes is no longer in force. Reload the page.")
        )
    if not plan.change_reason.strip():
        raise Refusal(
            "no_change_reason", _("Say what changed and why."), clause="附件2注", field="change_reason"
        )
    opening = min(old.first_day, plan.first_day)
    last = change_deadline(opening)
    if clock.today() > last:
        raise _change_too_late(last)
    return plan.first_day >= old.first_day or _deadline(plan).is_met_by(clock.now())


def _change_too_late(last: date) -> Refusal:
    text = _(
        "A changed plan is filed at least %(n)d day before the class opens (note to annex 2): "
        "it had to be filed by %(day)s, 24:00."
    ) % {"n": parameter("plan_change_days"), "day": day_words(last)}
    return Refusal("change_too_late", text, clause="附件2注", status=409)


def _require_complete(plan: TrainingPlan) -> None:
    """Raise ``Refusal`` with every field that is still missing for filing, or hours below the minimum (R022)."""
    missing = _("Needed for filing.")
    fields = {
        name: [missing]
        for name in ("opinion", "signed_by", "teaching_head", "contact")
        if not getattr(plan, name)
    }
    if plan.seal_id is None:
        fields["seal"] = [_("Upload a picture of the seal, or a scan of the sealed sheet.")]
    if fields:
        raise Refusal(
            "incomplete",
            _(
                "The plan cannot be filed yet: opinion, name of the person who signs, and seal are needed. Edit the plan."
            ),
            clause="附件2",
            fields=fields,
        )
    if not approved_sites(plan.institution, SiteKind.TEACHING).filter(pk=plan.site_id).exists():
        raise Refusal(
            "site_not_approved",
            _("The site is no longer approved. Choose another teaching site in the plan."),
            clause="二（一）1",
            status=409,
        )
    least, seats = decimal_parameter("min_training_hours_per_post"), seats_of(plan.site)
    for row in plan.rows.select_related("post"):
        if row.hours < least:
            raise Refusal(
                "too_few_hours",
                _(
                    "%(post)s: the planned times come to %(hours)s class hours; "
                    "at least %(least)s are needed before the test. Add times."
                )
                % {"post": row.post, "hours": f"{row.hours:f}", "least": f"{least:f}"},
                clause="二（3）",
            )
        if row.expected > seats:
            raise Refusal(
                "too_many_expected",
                _("%(post)s: %(n)d persons are expected, but the classrooms of the site hold only %(seats)d.")
                % {"post": row.post, "n": row.expected, "seats": seats},
                clause="二（一）1",
            )


def _supersede(plan: TrainingPlan, by: Actor) -> None:
    """Put the version that ``plan`` changes out of force; its classes go on under the new rows of the same posts."""
    assert plan.supersedes_id is not None
    old = TrainingPlan.objects.select_for_update(of=("self",)).get(pk=plan.supersedes_id)
    if old.state == PlanState.SUPERSEDED:  # returned and filed again
        return
    old.state = PLAN.after(old.state, "supersede")
    old.save(update_fields=["state"])
    free = {row.pk: row for row in plan.rows.select_related("post")}
    classes = TrainingClass.objects.select_for_update(of=("self",)).filter(plan_row__plan=old)
    for training_class in (
        classes.exclude(state=ClassState.CANCELLED).select_related("plan_row").order_by("plan_row__position")
    ):
        row = next((r for r in free.values() if r.post_id == training_class.post_id), None)
        if row is None:
            raise Conflict(
                "class_without_row",
                _(
                    "The class “%(name)s” is open, but the new version no longer has its post. "
                    "Cancel the class first, or put the post back."
                )
                % {"name": training_class.name},
            )
        del free[row.pk]
        days = periods.days_of(periods.from_json(row.periods))
        training_class.plan_row = row
        training_class.site = plan.site
        training_class.fee = row.fee
        training_class.first_day, training_class.last_day = min(days), max(days)
        training_class.save(update_fields=["plan_row", "site", "fee", "first_day", "last_day"])
    _step(old, "supersede", by)
    record(
        events.PLAN_SUPERSEDED,
        by=by,
        on=old,
        organisation_id=plan.institution.organisation_id,
        after={"state": old.state, "version": plan.version},
    )


def _decider(plan: TrainingPlan, by: Actor) -> None:
    """A late plan is the approver's to decide, any other the officer's."""
    if plan.state == PlanState.LATE and not by.has(Role.CENTRE_APPROVER):
        raise Forbidden(
            "approver_decides",
            _("A plan filed late is decided by the centre's approver."),
            clause="二（一）3",
        )
    if plan.state != PlanState.LATE and not by.has(Role.CENTRE_OFFICER):
        raise Forbidden(
            "officer_decides", _("A plan filed in time is received or returned by a centre officer.")
        )


@transaction.atomic
def receive_plan(plan: TrainingPlan, *, opinion: str = "", by: Actor) -> TrainingPlan:
    """The centre receives a filed plan; receiving a late one is the approver's exception."""
    by.require(Role.CENTRE_OFFICER, Role.CENTRE_APPROVER)
    plan = _locked(plan)
    after = PLAN.after(plan.state, "receive")
    _decider(plan, by)
    before, plan.state = plan.state, after
    plan.save(update_fields=["state"])
    _step(plan, "receive", by, opinion)
    record(
        events.PLAN_RECEIVED,
        by=by,
        on=plan,
        organisation_id=plan.institution.organisation_id,
        before={"state": before},
        after={"state": plan.state},
        reason=opinion,
    )
    if before == PlanState.LATE and plan.supersedes_id is not None:
        _supersede(plan, by)
    tell_institution(plan.institution, _("Training plan received"), str(plan), plan)
    return plan


@transaction.atomic
def return_plan(plan: TrainingPlan, *, reason: str, by: Actor) -> TrainingPlan:
    """The centre returns a plan with its reason. Not once a class of it is open."""
    by.require(Role.CENTRE_OFFICER, Role.CENTRE_APPROVER)
    if not reason.strip():
        raise Refusal(
            "no_reason", _("Say why the plan is returned and what is to be put right."), field="reason"
        )
    plan = _locked(plan)
    after = PLAN.after(plan.state, "return")
    _decider(plan, by)
    if TrainingClass.objects.filter(plan_row__plan=plan).exclude(state=ClassState.CANCELLED).exists():
        raise Conflict(
            "class_open",
            _(
                "A class of this plan is open. "
                "The institution must cancel it, or change the plan, before the plan can be returned."
            ),
        )
    before, plan.state = plan.state, after
    plan.revision += 1
    plan.save(update_fields=["state", "revision"])
    _step(plan, "return", by, reason.strip())
    record(
        events.PLAN_RETURNED,
        by=by,
        on=plan,
        organisation_id=plan.institution.organisation_id,
        before={"state": before},
        after={"state": plan.state},
        reason=reason.strip(),
    )
    tell_institution(plan.institution, _("Training plan returned"), reason.strip(), plan)
    return plan


@transaction.atomic
def withdraw_plan(plan: TrainingPlan, *, reason: str = "", by: Actor) -> TrainingPlan:
    """Take a plan back before it is received; its number stays used. A withdrawn change leaves the old version in force."""
    _filer(plan.institution, by)
    plan = _locked(plan)
    before, plan.state = plan.state, PLAN.after(plan.state, "withdraw")
    if TrainingClass.objects.filter(plan_row__plan=plan).exclude(state=ClassState.CANCELLED).exists():
        raise Conflict("class_open", _("A class of this plan is open. Cancel it first."))
    old = plan.supersedes
    if old is not None and old.state != PlanState.SUPERSEDED:
        plan.supersedes = None  # so that another change can be begun
    plan.revision += 1
    plan.save(update_fields=["state", "supersedes", "revision"])
    _step(plan, "withdraw", by, reason)
    record(
        events.PLAN_WITHDRAWN,
        by=by,
        on=plan,
        organisation_id=plan.institution.organisation_id,
        before={"state": before},
        after={"state": plan.state},
        reason=reason,
    )
    return plan


@transaction.atomic
def change_plan(plan: TrainingPlan, *, by: Actor) -> TrainingPlan:
    """Begin a change of a filed plan (R180): a draft of the next version, to be signed and sealed anew.

    A second call gives the draft that the first one made. Raises ``Refusal`` once the day before opening is over.
    """
    _filer(plan.institution, by)
    plan = _locked(plan)
    begun = TrainingPlan.objects.filter(supersedes=plan).first()
    if begun is not None:
        return begun
    PLAN.after(
        plan.state,
        "supersede",
        message=_("Only a filed plan is changed by a new version; a draft or returned plan is edited."),
    )
    assert plan.first_day is not None
    last = change_deadline(plan.first_day)
    if clock.today() > last:
        raise _change_too_late(last)
    same = TrainingPlan.objects.filter(institution=plan.institution, year=plan.year, sequence=plan.sequence)
    rows = list(plan.rows.all())
    new = TrainingPlan.objects.create(
        institution=plan.institution,
        institution_name=plan.institution.full_name,
        year=plan.year,
        sequence=plan.sequence,
        version=(same.aggregate(n=Max("version"))["n"] or 0) + 1,
        supersedes=plan,
        filled_on=clock.today(),
        site=plan.site,
        address=plan.site.address,
        teaching_head=plan.teaching_head,
        teaching_head_phone=plan.teaching_head_phone,
        contact=plan.contact,
        contact_phone=plan.contact_phone,
        opinion=plan.opinion,
        first_day=plan.first_day,
        deadline=plan.deadline,
        deadline_is_provisional=plan.deadline_is_provisional,
        calendar_version=plan.calendar_version,
        created_at=clock.now(),
    )
    for row in rows:
        row.pk, row.plan = None, new
    PlanRow.objects.bulk_create(rows)
    _step(new, "change", by)
    record(
        events.PLAN_CHANGED,
        by=by,
        on=new,
        organisation_id=plan.institution.organisation_id,
        after={"version": new.version, "supersedes": plan.pk},
    )
    return new


@transaction.atomic
def recompute_deadlines(*, by: Actor = SYSTEM) -> int:
    """Compute the filing days anew that rest on an older calendar (a new year was published); returns how many moved.

    What was filed in time stays in time: only the day shown moves.
    """
    version = calendar().version
    stale = (
        TrainingPlan.objects.select_for_update(of=("self",))
        .select_related("institution")
        .filter(
            state__in=(PlanState.DRAFT, PlanState.SUBMITTED, PlanState.LATE, PlanState.RETURNED),
            first_day__gte=clock.today(),
        )
        .exclude(calendar_version=version)
    )
    moved = 0
    for plan in stale:
        before = plan.deadline
        _set_deadline(plan)
        plan.save(update_fields=["deadline", "deadline_is_provisional", "calendar_version"])
        if plan.deadline == before:
            continue
        moved += 1
        record(
            events.PLAN_DEADLINE_MOVED,
            by=by,
            on=plan,
            organisation_id=plan.institution.organisation_id,
            before={"deadline": before},
            after={"deadline": plan.deadline, "calendar": version},
        )
        assert plan.deadline is not None
        tell_institution(
            plan.institution,
            _("The filing day of a training plan moved"),
            _("The calendar was published: the plan is now to be filed by %(day)s.")
            % {"day": day_words(plan.deadline)},
            plan,
        )
    return moved
