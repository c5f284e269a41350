"""Filing a training plan: handed in, received, returned, changed, withdrawn (R016, R180)."""

from __future__ import annotations

from datetime import date

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.institutions.api import SiteKind, approved_sites, require_may_train
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.kernel.workdays import Deadline
from zhupei.rulebook.api import (
    calendar,
    current_rule_set,
    decimal_parameter,
    parameter,
)
from zhupei.training import events, periods
from zhupei.training.choices import PLAN, ClassState, PlanState
from zhupei.training.models import PlanRow, TrainingClass, TrainingPlan
from zhupei.training.queries import change_deadline, day_words, seats_of

from .plans import locked_plan, plan_step, require_filer, set_deadline
from .telling import tell_centre, tell_institution


@transaction.atomic
def submit_plan(plan: TrainingPlan, *, late_reason: str = "", by: Actor) -> TrainingPlan:
    """File the plan with the centre (R016), at least five working days before the class opens.

    Later than that it is refused, unless ``late_reason`` asks the centre to accept it. A new version of a filed plan is
    in time until 24:00 of the day before opening (annex 2, note; J05); it may not bring the opening forward past the five
    working days. Raises ``Refusal`` naming what is missing.
    """
    require_filer(plan.institution, by)
    plan = locked_plan(plan)
    PLAN.after(plan.state, "submit")
    require_may_train(plan.institution)
    _require_complete(plan)
    assert plan.first_day is not None
    now = clock.now()
    set_deadline(plan)
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
    plan_step(plan, verb, by, plan.late_reason or plan.change_reason)
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
    plan_step(old, "supersede", by)
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
    plan = locked_plan(plan)
    after = PLAN.after(plan.state, "receive")
    _decider(plan, by)
    if plan.state == PlanState.LATE and plan.supersedes_id is not None:
        _change_is_in_time(
            plan
        )  # nothing is changed any more once the class opens within a day (annex 2, note)
    before, plan.state = plan.state, after
    plan.save(update_fields=["state"])
    plan_step(plan, "receive", by, opinion)
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
    plan = locked_plan(plan)
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
    plan_step(plan, "return", by, reason.strip())
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
    require_filer(plan.institution, by)
    plan = locked_plan(plan)
    before, plan.state = plan.state, PLAN.after(plan.state, "withdraw")
    if TrainingClass.objects.filter(plan_row__plan=plan).exclude(state=ClassState.CANCELLED).exists():
        raise Conflict("class_open", _("A class of this plan is open. Cancel it first."))
    old = plan.supersedes
    if old is not None and old.state != PlanState.SUPERSEDED:
        plan.supersedes = None  # so that another change can be begun
    plan.revision += 1
    plan.save(update_fields=["state", "supersedes", "revision"])
    plan_step(plan, "withdraw", by, reason)
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
    require_filer(plan.institution, by)
    plan = locked_plan(plan)
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
    plan_step(new, "change", by)
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
        set_deadline(plan)
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
