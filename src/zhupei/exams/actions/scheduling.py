"""The centre arranges the use of the bank: slots, returns, filing with the education office (R046, R047)."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import F
from django.urls import reverse
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.exams import events, telling
from zhupei.exams.choices import APPLICATION, BATCH, ApplicationState, BatchState, FilingKind
from zhupei.exams.models import BankApplication, Batch, BatchCounter, BatchStep, Filing, Slot
from zhupei.exams.queries import open_halls, slot_conflicts, windows_of
from zhupei.institutions.api import require_may_train
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role
from zhupei.organisations.api import OrganisationKind
from zhupei.rulebook.api import current_rule_set, deadline_before, parameter
from zhupei.web.templatetags.web import shanghai

from .applications import CENTRE_ROLES, CLAUSE, Span, check_room, check_sessions, locked, step


def batch_step(batch: Batch, verb: str, *, by: Actor, note: str = "") -> None:
    """Append a step to a batch's time line."""
    BatchStep.objects.create(
        batch=batch,
        verb=verb,
        state=batch.state,
        unit=by.organisation_name,
        person=by.name,
        note=note,
        at=clock.now(),
    )


def _counter(year: int) -> BatchCounter:
    """The counter of a year, locked: whoever holds it gives slots and numbers alone."""
    BatchCounter.objects.get_or_create(year=year)
    return BatchCounter.objects.select_for_update().get(year=year)


def _new_batch(application: BankApplication, year: int, counter: BatchCounter) -> Batch:
    """A batch with the next number of the year, city-wide (R186, J14)."""
    BatchCounter.objects.filter(pk=counter.pk).update(last=F("last") + 1)
    counter.refresh_from_db()
    return Batch.objects.create(
        application=application,
        institution=application.institution,
        hall=application.hall,
        year=year,
        sequence=counter.last,
        rule_set=current_rule_set(),
        created_at=clock.now(),
    )


@transaction.atomic
def schedule(
    application: BankApplication, sessions: Sequence[Span], *, opinion: str = "", by: Actor
) -> Batch:
    """Give an application its slots, or move them (R046). The first time, the batch gets its number.

    A late application is decided by the centre's approver. Refused when the hall is taken or the bank's capacity would be
    exceeded, whoever decided first; when a session is too short; when the seats do not suffice; and when slots are moved
    to a day for which the application would have come too late.
    """
    by.require(*CENTRE_ROLES)
    # first the lock, then the look: two officers cannot give the same hour away
    first_day = clock.local(min((start for start, _end in sessions), default=clock.now())).date()
    counter = _counter(first_day.year)
    application = locked(application)
    verb = "reschedule" if application.state == ApplicationState.SCHEDULED else "schedule"
    if application.state == ApplicationState.LATE:
        by.require(Role.CENTRE_APPROVER)
    before = application.state
    application.state = APPLICATION.after(application.state, verb)
    require_may_train(application.institution)
    if not open_halls(first_day).filter(pk=application.hall_id).exists():
        text = _("%(hall)s is not an approved exam hall on that day.") % {"hall": application.hall.name}
        raise Refusal("hall_not_approved", text, clause="三（一）")
    check_sessions(sessions, now=clock.now())
    check_room(application.total, application.clients_available, len(sessions))
    if (
        not application.late_reason
        and application.submitted_at is not None
        and first_day < application.first_day
    ):
        last = deadline_before(first_day, "bank_apply_workdays")
        if not last.is_met_by(application.submitted_at):
            text = _(
                "For a test on %(day)s the application would have been due on %(deadline)s; it came on %(came)s."
            ) % {
                "day": shanghai(first_day),
                "deadline": shanghai(last.date),
                "came": shanghai(application.submitted_at, "date"),
            }
            raise Refusal("too_late", text, clause=CLAUSE, field="sessions")
    batch = Batch.objects.select_for_update().filter(application=application).first()
    if batch is not None and batch.state not in (BatchState.PREPARING, BatchState.CANCELLED):
        text = _("The candidates of batch %(batch)s are fixed. Open the batch for changes first.") % {
            "batch": batch
        }
        raise Conflict("batch_locked", text)
    windows = windows_of(application.total, application.clients_available, sessions)
    conflicts = slot_conflicts(application.hall, windows, without=batch)
    if conflicts:
        raise Refusal(
            "slot_conflict", fields={"sessions": [one.text for one in conflicts]}, clause=CLAUSE, status=409
        )
    batch_verb = verb
    if batch is None:
        batch = _new_batch(application, first_day.year, counter)
    elif batch.state == BatchState.CANCELLED:
        batch.state = BATCH.after(batch.state, "reopen")
        batch.hall = application.hall
        batch.save(update_fields=["state", "hall"])
        # it may have been cancelled with its seats given: the slots go, and they with them
        batch.candidates.update(slot=None, room=None, seat=None, slip_no=None)
        batch_verb = "reopen"
    batch.slots.all().delete()
    decided_at = clock.now()
    Slot.objects.bulk_create(
        Slot(
            batch=batch,
            number=number,
            starts_at=window.starts_at,
            ends_at=window.ends_at,
            planned=window.persons,
            decided_by=f"{by.organisation_name} {by.name}".strip(),
            decided_at=decided_at,
        )
        for number, window in enumerate(windows, 1)
    )
    application.save(update_fields=["state"])
    times = _(", ").join(f"{shanghai(w.starts_at)}–{shanghai(w.ends_at, 'time')}" for w in windows)
    note = times if not opinion else f"{times}\n{opinion}"
    step(application, verb, by=by, opinion=note)
    batch_step(batch, batch_verb, by=by, note=note)
    record(
        events.SLOT_MOVED if verb == "reschedule" else events.SLOT_GIVEN,
        by=by,
        on=batch,
        organisation_id=application.institution.organisation_id,
        before={"state": before},
        after={"state": application.state, "slots": [[w.starts_at, w.ends_at, w.persons] for w in windows]},
        reason=opinion,
    )
    telling.tell_unit(
        application.institution.organisation_id,
        telling.OWNERS,
        kind="exams.slot",
        title=_("Batch %(batch)s has its test time") % {"batch": batch},
        text=times,
        to="exams:batch",
        pk=batch.pk,
    )
    return batch


@transaction.atomic
def return_application(application: BankApplication, *, opinion: str, by: Actor) -> BankApplication:
    """Send an application back with the reason. A slot already given is free again; the batch keeps its number."""
    by.require(*CENTRE_ROLES)
    application = locked(application)
    if application.state == ApplicationState.LATE:
        by.require(Role.CENTRE_APPROVER)
    if not opinion.strip():
        raise Refusal("no_opinion", _("Say why it is returned and what to change."), field="opinion")
    before = application.state
    application.state = APPLICATION.after(application.state, "return")
    batch = Batch.objects.select_for_update().filter(application=application).first()
    if batch is not None and batch.state != BatchState.CANCELLED:
        if batch.state != BatchState.PREPARING:
            text = _("The candidates of batch %(batch)s are fixed. Open the batch for changes first.") % {
                "batch": batch
            }
            raise Conflict("batch_locked", text)
        batch.state = BATCH.after(batch.state, "cancel")
        batch.save(update_fields=["state"])
        batch_step(batch, "cancel", by=by, note=opinion)
    application.save(update_fields=["state"])
    step(application, "return", by=by, opinion=opinion)
    record(
        events.APPLICATION_RETURNED,
        by=by,
        on=application,
        organisation_id=application.institution.organisation_id,
        before={"state": before},
        after={"state": application.state},
        reason=opinion,
    )
    telling.tell_unit(
        application.institution.organisation_id,
        telling.OWNERS,
        kind="exams.returned",
        title=_("The application for the test on %(day)s was returned")
        % {"day": shanghai(application.first_day)},
        text=opinion,
        to="exams:application",
        pk=application.pk,
    )
    return application


@transaction.atomic
def file_with_office(application: BankApplication, *, by: Actor) -> Filing:
    """File the arranged use of the bank with the education office 宣教处 (R047)."""
    by.require(*CENTRE_ROLES)
    application = locked(application)
    application.state = APPLICATION.after(application.state, "file")
    application.save(update_fields=["state"])
    filing = Filing.objects.create(
        kind=FilingKind.BANK_USE,
        application=application,
        filed_by=f"{by.organisation_name} {by.name}".strip(),
        filed_at=clock.now(),
    )
    step(application, "file", by=by)
    record(
        events.FILED,
        by=by,
        on=filing,
        organisation_id=application.institution.organisation_id,
        after={"state": application.state},
    )
    telling.tell_office(
        OrganisationKind.CITY,
        (Role.CITY_EDUCATION_OFFICE,),
        kind="exams.filing",
        title=_("Filing: batch %(batch)s of %(unit)s")
        % {"batch": application.batch, "unit": application.institution_name},
        url=reverse("exams:filings"),
    )
    return filing


@transaction.atomic
def receive_filing(filing: Filing, receipt_no: str, *, by: Actor) -> Filing:
    """Acknowledge a filing under a receipt number (education office, R047)."""
    by.require(Role.CITY_EDUCATION_OFFICE)
    filing = Filing.objects.select_for_update().select_related("application__institution").get(pk=filing.pk)
    if filing.received_at is not None:
        raise Conflict("wrong_state", _("This filing was acknowledged already."))
    receipt_no = receipt_no.strip()
    if not receipt_no:
        raise Refusal("no_receipt", _("Enter the receipt number."), field="receipt_no")
    if Filing.objects.filter(receipt_no=receipt_no).exists():
        raise Refusal(
            "receipt_taken", _("This receipt number is used already."), field="receipt_no", status=409
        )
    filing.receipt_no, filing.received_at = receipt_no, clock.now()
    filing.received_by = f"{by.organisation_name} {by.name}".strip()
    filing.save(update_fields=["receipt_no", "received_at", "received_by"])
    step(filing.application, "receive_filing", by=by, opinion=receipt_no)
    record(
        events.FILING_RECEIVED,
        by=by,
        on=filing,
        organisation_id=filing.application.institution.organisation_id,
        after={"receipt_no": receipt_no},
    )
    return filing


def require_filing(batch: Batch, when: str) -> None:
    """Raises ``Conflict`` while the rule wants the filing received first (R047). ``when`` says what cannot be done yet."""
    filing = Filing.objects.filter(application_id=batch.application_id).first()
    if not parameter("filing_before_test"):
        return
    if filing is None:
        text = _("%(what)s: batch %(batch)s is not yet filed with the education office. The centre files it on the "
                 "application's page.") % {"what": when, "batch": batch}  # fmt: skip
        raise Conflict("filing_missing", text, clause=CLAUSE)
    if filing.received_at is None:
        text = _("%(what)s: the education office has not yet acknowledged the filing of batch %(batch)s.") % {
            "what": when,
            "batch": batch,
        }
        raise Conflict("filing_not_received", text, clause=CLAUSE)
