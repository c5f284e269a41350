"""Annex 4: filling in, submitting, returning, withdrawing an application, and counting its deadline anew."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.evidence.api import Retention, StoredFile, store
from zhupei.exams import events, telling
from zhupei.exams.choices import APPLICATION, PLEDGE, ApplicationState
from zhupei.exams.models import ApplicationRow, ApplicationSession, ApplicationStep, BankApplication
from zhupei.exams.queries import open_halls
from zhupei.institutions.api import Institution, Site, institution_of, require_may_train
from zhupei.kernel import batchno, clock, phones
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.crypto import sm3
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.organisations.api import OrganisationKind
from zhupei.rulebook.api import Post, calendar, current_rule_set, deadline_before, parameter
from zhupei.web.templatetags.web import shanghai

APPLICANTS = (Role.EXAM_OFFICER, Role.INSTITUTION_HEAD)
CENTRE_ROLES = (Role.CENTRE_OFFICER, Role.CENTRE_APPROVER)
CLAUSE = "三（五）"
FORM = "附件4"

Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Upload:
    """A checked picture or PDF as it was uploaded."""

    data: bytes
    name: str
    content_type: str


@dataclass(frozen=True, kw_only=True)
class ApplicationData:
    """What an institution fills in. ``rows`` are (post, persons), ``sessions`` (start, end), aware."""

    hall: Site
    clients_available: int
    lead: str
    lead_mobile: str
    contact: str
    contact_mobile: str
    rows: Sequence[tuple[Post, int]]
    sessions: Sequence[Span]
    draft_number: str = ""
    signed_by: str = ""
    signed_on: date | None = None
    signature: Upload | None = field(default=None, repr=False)
    seal: Upload | None = field(default=None, repr=False)


def step(application: BankApplication, verb: str, *, by: Actor, opinion: str = "") -> None:
    """Append a step to an application's time line."""
    ApplicationStep.objects.create(
        application=application,
        verb=verb,
        state=application.state,
        unit=by.organisation_name,
        person=by.name,
        opinion=opinion,
        at=clock.now(),
    )


def locked(application: BankApplication) -> BankApplication:
    """The row under a lock, fresh from the database."""
    return (
        BankApplication.objects.select_for_update()
        .select_related("institution", "hall")
        .get(pk=application.pk)
    )


def _own(by: Actor) -> Institution:
    by.require(*APPLICANTS)
    institution = institution_of(by)
    if institution is None:
        raise Forbidden("other_organisation")
    return institution


def check_sessions(sessions: Sequence[Span], *, now: datetime) -> None:
    """R184: at least one session, each long enough for the test, none in the past, none overlapping another."""
    if not sessions:
        raise Refusal("no_session", _("Enter at least one test session."), clause=FORM, field="sessions")
    minutes = int(parameter("exam_minutes_total"))
    pause = timedelta(minutes=int(parameter("hall_break_minutes")))
    ordered = sorted(sessions)
    for starts_at, ends_at in ordered:
        length = int((ends_at - starts_at).total_seconds()) // 60
        if length < minutes:
            text = _("The session from %(from)s lasts %(has)d minutes; the two subjects take %(needs)d.") % {
                "from": shanghai(starts_at),
                "has": length,
                "needs": minutes,
            }
            raise Refusal("session_too_short", text, clause="三（三）", field="sessions")
        if clock.local(starts_at).date() != clock.local(ends_at - timedelta(seconds=1)).date():
            text = _("The session from %(from)s ends on another day. Enter one session a line.") % {
                "from": shanghai(starts_at)
            }
            raise Refusal("session_too_long", text, clause=FORM, field="sessions")
        if starts_at <= now:
            text = _("The session from %(from)s lies in the past.") % {"from": shanghai(starts_at)}
            raise Refusal("session_past", text, clause=FORM, field="sessions")
    for (_a, before), (after, _b) in itertools.pairwise(ordered):
        if after < before + pause:
            text = _(
                "The session from %(from)s begins less than %(pause)d minutes after the one before it."
            ) % {
                "from": shanghai(after),
                "pause": pause.seconds // 60,
            }
            raise Refusal("sessions_overlap", text, clause=FORM, field="sessions")


def check_data(data: ApplicationData) -> None:
    """What annex 4 asks of every line (R183–R193). Raises ``Refusal`` with the field that is wrong."""
    if not open_halls().filter(pk=data.hall.pk).exists():
        text = _("%(hall)s is not an approved exam hall, or its approval has run out.") % {
            "hall": data.hall.name
        }
        raise Refusal("hall_not_approved", text, clause="三（一）", field="hall")
    if not 1 <= data.clients_available <= data.hall.exam_clients:
        text = _(
            "%(hall)s was accepted with %(has)d exam computers; spare ones do not count. Enter from 1 to %(has)d."
        ) % {
            "hall": data.hall.name,
            "has": data.hall.exam_clients,
        }
        raise Refusal("clients_over_accepted", text, clause=FORM, field="clients_available")
    if not data.rows:
        raise Refusal(
            "no_post", _("Enter at least one post with its number of persons."), clause=FORM, field="rows"
        )
    seen: set[int] = set()
    for post, count in data.rows:
        if post.pk in seen:
            text = _("%(post)s stands twice. Put its persons into one line.") % {"post": post.name}
            raise Refusal("post_twice", text, clause=FORM, field="rows")
        seen.add(post.pk)
        if count < 1:
            text = _("%(post)s: at least one person.") % {"post": post.name}
            raise Refusal("count_too_small", text, clause=FORM, field="rows")
    check_sessions(data.sessions, now=clock.now())
    total = sum(count for _post, count in data.rows)
    check_room(total, data.clients_available, len(data.sessions))
    for name in ("lead_mobile", "contact_mobile"):
        if not phones.is_mobile(getattr(data, name)):
            text = _("This is not a mobile number. It has 11 digits and begins with 1.")
            raise Refusal("not_a_mobile", text, clause=FORM, field=name)
    for name in ("lead", "contact"):
        if not getattr(data, name).strip():
            raise Refusal("name_missing", _("Enter the name."), clause=FORM, field=name)


def check_room(total: int, clients: int, sessions: int) -> None:
    """R185, J11: the persons of each session are no more than its computers."""
    if total > clients * sessions:
        text = _("%(total)d persons do not fit: %(sessions)d sessions with %(clients)d computers seat %(seats)d. "
                 "Add a session or apply for fewer persons.") % {
            "total": total,
            "sessions": sessions,
            "clients": clients,
            "seats": clients * sessions,
        }  # fmt: skip
        raise Refusal("too_many_persons", text, clause=FORM, field="sessions")


def _draft_number(text: str) -> str:
    if not text.strip():
        return ""
    try:
        return str(batchno.parse(text))
    except batchno.BadBatchNumber:
        message = _("Write the number like 2019—001: the year, a dash and three digits.")
        raise Refusal("bad_batch_number", message, clause=FORM, field="draft_number") from None


def _keep(upload: Upload | None, purpose: str, by: Actor) -> StoredFile | None:
    if upload is None:
        return None
    return store(
        upload.data,
        name=upload.name,
        content_type=upload.content_type,
        purpose=purpose,
        retention=Retention.ARCHIVE,
        by=by,
    )


def _count_deadline(application: BankApplication) -> None:
    last = deadline_before(application.first_day, "bank_apply_workdays")
    application.deadline = last.date
    application.deadline_is_provisional = last.is_provisional
    application.calendar_version = calendar().version


@transaction.atomic
def save_application(
    application: BankApplication | None, data: ApplicationData, *, by: Actor
) -> BankApplication:
    """Fill in a new application (None) or change a draft or returned one (R045, R182–R193, R195–R197).

    The unit's name and the hall's address are copied as they stand. A signature or seal that is not sent again stays.
    """
    institution = _own(by)
    if application is None:
        application = BankApplication(institution=institution, created_at=clock.now())
        verb = "create"
    else:
        application = locked(application)
        if application.institution_id != institution.pk:
            raise Forbidden("other_organisation")
        if application.state not in (ApplicationState.DRAFT, ApplicationState.RETURNED):
            raise Conflict("wrong_state", _("Only a draft or a returned application can be changed."))
        verb = "edit"
    require_may_train(institution)
    check_data(data)
    application.institution_name = institution.full_name
    application.hall = data.hall
    application.address = f"{data.hall.address} {data.hall.name}"
    application.draft_number = _draft_number(data.draft_number)
    application.clients_available = data.clients_available
    application.total = sum(count for _post, count in data.rows)
    application.lead, application.contact = data.lead.strip(), data.contact.strip()
    application.lead_mobile = phones.normalise(data.lead_mobile)
    application.contact_mobile = phones.normalise(data.contact_mobile)
    application.signed_by, application.signed_on = data.signed_by.strip(), data.signed_on
    application.signature = _keep(data.signature, "exams.signature", by) or application.signature
    application.seal = _keep(data.seal, "exams.seal", by) or application.seal
    application.first_day = clock.local(min(start for start, _end in data.sessions)).date()
    _count_deadline(application)
    application.save()
    application.rows.all().delete()
    application.sessions.all().delete()
    ApplicationRow.objects.bulk_create(
        ApplicationRow(application=application, post=post, count=n) for post, n in data.rows
    )
    ApplicationSession.objects.bulk_create(
        ApplicationSession(application=application, starts_at=start, ends_at=end)
        for start, end in sorted(data.sessions)
    )
    step(application, verb, by=by)
    after = {"first_day": application.first_day, "total": application.total, "hall": application.hall_id}
    record(
        events.APPLICATION_SAVED,
        by=by,
        on=application,
        organisation_id=institution.organisation_id,
        after=after,
    )
    return application


def too_late_text(application: BankApplication) -> str:
    """The fact and the ways out for an application that is late (R045)."""
    workdays = int(parameter("bank_apply_workdays"))
    next_day = calendar().add_workdays(clock.today(), workdays).date
    return _("Less than %(n)d working days to the test on %(test)s: the application was due on %(deadline)s at the latest. "
             "Move the test to %(next)s or later, or give the reason and ask the centre to accept it late.") % {
        "n": workdays,
        "test": shanghai(application.first_day),
        "deadline": shanghai(application.deadline),
        "next": shanghai(next_day),
    }  # fmt: skip


def _require_complete(application: BankApplication) -> None:
    missing = []
    if application.signature_id is None or not application.signed_by:
        missing.append(_("the signature of the unit's head"))
    if application.seal_id is None:
        missing.append(_("the unit's seal"))
    if application.signed_on is None:
        missing.append(_("the date of signature"))
    if missing:
        text = _("Still missing: %(what)s. Add it under “Change”.") % {"what": _(", ").join(missing)}
        raise Refusal("incomplete", text, clause=FORM)


@transaction.atomic
def submit_application(
    application: BankApplication, *, pledged: bool, late_reason: str = "", by: Actor
) -> BankApplication:
    """Hand the application to the centre (R045, R194).

    In time, it waits for a slot. Late, it needs a reason and waits for the centre's decision; without one it is refused
    with the last day on which it would have been in time.
    """
    institution = _own(by)
    application = locked(application)
    if application.institution_id != institution.pk:
        raise Forbidden("other_organisation")
    APPLICATION.after(application.state, "submit")
    require_may_train(institution)
    if not pledged:
        raise Refusal(
            "no_pledge",
            _("Read the pledge and tick it. Without it no application is accepted."),
            clause=FORM,
            field="pledge",
        )
    _require_complete(application)
    sessions = [(one.starts_at, one.ends_at) for one in application.sessions.all()]
    check_sessions(sessions, now=clock.now())
    if not open_halls().filter(pk=application.hall_id).exists():
        text = _("%(hall)s is not an approved exam hall, or its approval has run out.") % {
            "hall": application.hall.name
        }
        raise Refusal("hall_not_approved", text, clause="三（一）")
    _count_deadline(application)
    assert application.deadline is not None
    now = clock.now()
    in_time = deadline_before(application.first_day, "bank_apply_workdays").is_met_by(now)
    reason = late_reason.strip()
    if not in_time and not reason:
        raise Refusal("too_late", too_late_text(application), clause=CLAUSE, field="late_reason")
    verb = "submit" if in_time else "submit_late"
    before = application.state
    application.state = APPLICATION.after(application.state, verb)
    application.lateness_days = (
        0 if in_time else calendar().workdays_between(application.deadline, clock.today())
    )
    application.late_reason = "" if in_time else reason
    application.submitted_at = application.pledged_at = now
    application.pledge_digest = sm3(PLEDGE.encode())
    application.rule_set = current_rule_set()
    application.save()
    step(application, verb, by=by, opinion=application.late_reason)
    record(
        events.APPLICATION_SUBMITTED,
        by=by,
        on=application,
        organisation_id=institution.organisation_id,
        before={"state": before},
        after={
            "state": application.state,
            "deadline": application.deadline,
            "lateness_days": application.lateness_days,
        },
        reason=application.late_reason,
    )
    telling.tell_office(
        OrganisationKind.CENTRE,
        (Role.CENTRE_OFFICER,) if in_time else (Role.CENTRE_APPROVER,),
        kind="exams.application",
        title=_("Application for the item bank: %(unit)s, test on %(day)s")
        % {"unit": application.institution_name, "day": shanghai(application.first_day)},
        text="" if in_time else _("Submitted late; your decision is needed."),
        url=reverse("exams:application", args=[application.pk]),
    )
    return application


@transaction.atomic
def withdraw_application(application: BankApplication, *, reason: str = "", by: Actor) -> BankApplication:
    """Take an application back before a slot was given."""
    institution = _own(by)
    application = locked(application)
    if application.institution_id != institution.pk:
        raise Forbidden("other_organisation")
    application.state = APPLICATION.after(application.state, "withdraw")
    application.save(update_fields=["state"])
    step(application, "withdraw", by=by, opinion=reason)
    record(
        events.APPLICATION_WITHDRAWN,
        by=by,
        on=application,
        organisation_id=institution.organisation_id,
        reason=reason,
    )
    return application


def recompute_deadlines() -> int:
    """Count the deadlines of open applications anew on the newest calendar; returns how many dates moved (I02).

    An application that was in time when it was submitted stays in time. A late one keeps waiting for the centre, with its
    lateness counted anew.
    """
    version, moved = calendar().version, 0
    states = [
        ApplicationState.DRAFT,
        ApplicationState.RETURNED,
        ApplicationState.SUBMITTED,
        ApplicationState.LATE,
    ]
    rows: Iterable[int] = (
        BankApplication.objects.filter(state__in=states)
        .exclude(calendar_version=version)
        .values_list("pk", flat=True)
    )
    for pk in list(rows):
        with transaction.atomic():
            application = BankApplication.objects.select_for_update().get(pk=pk)
            before = application.deadline
            _count_deadline(application)
            if (
                application.state == ApplicationState.LATE
                and application.submitted_at
                and application.deadline
            ):
                on = clock.local(application.submitted_at).date()
                application.lateness_days = max(calendar().workdays_between(application.deadline, on), 0)
            application.save(
                update_fields=["deadline", "deadline_is_provisional", "calendar_version", "lateness_days"]
            )
            if application.deadline != before:
                moved += 1
                text = f"{shanghai(before)} → {shanghai(application.deadline)}"
                step(application, "deadline", by=SYSTEM, opinion=text)
                record(
                    events.DEADLINE_RECOUNTED,
                    by=SYSTEM,
                    on=application,
                    before={"deadline": before},
                    after={"deadline": application.deadline, "calendar": version},
                )
    return moved
