"""Every write on hours. An entry is appended, never edited; a correction reverses one and, if need be, credits anew."""

from __future__ import annotations

import logging
from datetime import date
from decimal import Decimal, InvalidOperation

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from zhupei.accounts.api import User
from zhupei.audit.api import record
from zhupei.evidence.api import Retention, store
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import CENTRE, CITY, DISTRICT, Role
from zhupei.notices.api import notify
from zhupei.organisations.api import in_force
from zhupei.people.api import Person

from . import events
from .choices import CREDIT_TRANSITIONS
from .models import CreditState, HourEntry, HourException, HourSource, Ledger, ManualCredit
from .queries import CENT, LedgerReport, accepted_hours, digest_of, needed_hours, seal_of, verify_ledger

CREDITORS = (Role.TEACHER, Role.TEACHING_HEAD, Role.REGISTRAR)
PROPOSERS = (Role.REGISTRAR, Role.TEACHER, Role.TEACHING_HEAD)
DECIDERS = (Role.TEACHING_HEAD, Role.INSTITUTION_HEAD)
REVERSERS = (Role.CENTRE_APPROVER, Role.TEACHING_HEAD)
MAX_EVIDENCE = 10 * 1024 * 1024
EVIDENCE_TYPES = ("application/pdf", "image/jpeg", "image/png")
_LIMIT = Decimal(1000)
_ATTEMPTS = 40
SHOWN = 50
log = logging.getLogger(__name__)


def _who(by: Actor) -> str:
    return f"{by.name} · {by.organisation_name}"[:200] if by.organisation_name else by.name[:200]


def _hours(value: Decimal | int | str, limit: Decimal = _LIMIT) -> Decimal:
    try:
        hours = Decimal(value)
    except InvalidOperation:
        hours = Decimal("NaN")
    if not hours.is_finite() or not 0 < hours <= limit or hours != hours.quantize(CENT):
        raise Refusal(
            "bad_hours",
            _("Class hours are more than 0 and at most %(limit)s, with at most two decimals.")
            % {"limit": f"{limit:f}"},
            field="hours",
            clause="二（三）",
        )
    return hours.quantize(CENT)


def _reason(text: str) -> str:
    text = text.strip()
    if len(text) < 4:
        raise Refusal("reason_missing", _("Say why, in a few words."), field="reason", clause="二（三）")
    return text


def _day(day: date) -> date:
    if day > clock.today():
        raise Refusal(
            "day_to_come",
            _("The day still lies ahead; hours count for what has taken place."),
            field="occurred_on",
        )
    return day


# ── the ledger ──────────────────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def open_ledger(*, person: Person, enrolment_id: int, post_code: str, organisation_id: int) -> Ledger:
    """The hours account of an enrolment, opened at the first call. Called by training when an enrolment is accepted.

    Raises ``Conflict`` if the enrolment's account belongs to another person, post or institution.
    """
    ledger = Ledger(
        enrolment_id=enrolment_id,
        person=person,
        post_code=post_code,
        organisation_id=organisation_id,
        opened_at=clock.now(),
    )
    found = Ledger.objects.filter(enrolment_id=enrolment_id).first()
    if found is None:
        ledger.seal = seal_of(ledger)
        try:
            with transaction.atomic():
                ledger.save(force_insert=True)
            return ledger
        except IntegrityError:  # another opened it in the same moment
            found = Ledger.objects.get(enrolment_id=enrolment_id)
    if (found.person_id, found.post_code, found.organisation_id) != (person.pk, post_code, organisation_id):
        raise Conflict(
            "other_ledger", _("This enrolment's hours belong to another person, post or institution.")
        )
    return found


def _append(entry: HourEntry) -> HourEntry:
    """Append ``entry`` to the chain of its enrolment, whoever else appends at the same time.

    Two writers that follow the same entry meet in the unique key of ``previous_digest``; the later one reads the new head
    and tries again. A row that is there already under the entry's source is returned instead.
    """
    for _attempt in range(_ATTEMPTS):
        existing = _existing(entry)
        if existing is not None:
            return existing
        ledger = Ledger.objects.get(enrolment_id=entry.enrolment_id)
        entry.pk = None
        entry.entered_at = clock.now()
        entry.previous_digest = ledger.head
        entry.digest = digest_of(entry)
        seen = ledger.head
        ledger.entries, ledger.accepted, ledger.head = (
            ledger.entries + 1,
            ledger.accepted + entry.hours,
            entry.digest,
        )
        ledger.seal = seal_of(ledger)
        try:
            with transaction.atomic():
                entry.save(force_insert=True)
                moved = Ledger.objects.filter(pk=ledger.pk, head=seen).update(
                    entries=ledger.entries, accepted=ledger.accepted, head=ledger.head, seal=ledger.seal
                )
                if not moved:
                    raise IntegrityError("another entry came first")
            return entry
        except IntegrityError:
            continue
    raise Conflict("ledger_busy", _("Many hours of this person are being written at once. Try again."))


def _existing(entry: HourEntry) -> HourEntry | None:
    if entry.reverses_id is not None:
        return HourEntry.objects.filter(reverses_id=entry.reverses_id).first()
    return HourEntry.objects.filter(
        enrolment_id=entry.enrolment_id, source_key=entry.source_key, reverses=None
    ).first()


def _credit(
    *,
    person: Person,
    enrolment_id: int,
    organisation_id: int,
    post_code: str,
    hours: Decimal,
    source: HourSource,
    source_key: str,
    occurred_on: date,
    note: str,
    by: Actor,
) -> HourEntry:
    open_ledger(
        person=person, enrolment_id=enrolment_id, post_code=post_code, organisation_id=organisation_id
    )
    entry = HourEntry(
        person=person,
        enrolment_id=enrolment_id,
        organisation_id=organisation_id,
        post_code=post_code,
        hours=hours,
        source=source,
        source_key=source_key,
        note=note[:300],
        occurred_on=occurred_on,
        entered_by=_who(by),
    )
    kept = _append(entry)
    if kept is entry:
        record(
            events.CREDITED,
            by=by,
            on=entry,
            organisation_id=organisation_id,
            after={"enrolment_id": enrolment_id, "hours": hours, "source_key": source_key},
        )
    elif kept.hours != hours:
        raise Conflict(
            "credited_differently",
            _(
                "Hours from this source are in the ledger already, with another number. Reverse that entry first."
            ),
        )
    return kept


@transaction.atomic
def credit_attendance(
    *,
    person: Person,
    enrolment_id: int,
    organisation_id: int,
    post_code: str,
    hours: Decimal,
    source_key: str,
    occurred_on: date,
    note: str = "",
    by: Actor,
) -> HourEntry:
    """Credit attended class hours (R022, R025). The same enrolment and ``source_key`` give one row, however often called.

    ``by`` is ``SYSTEM`` (settlement of attendance) or a teacher, teaching head or registrar of the institution. After a
    reversal the same hours are credited again under a new key. Raises ``Conflict`` if the key was credited with other hours.
    """
    if by != SYSTEM:
        by.require(*CREDITORS, organisation_id=organisation_id)
    return _credit(
        person=person,
        enrolment_id=enrolment_id,
        organisation_id=organisation_id,
        post_code=post_code,
        hours=_hours(hours),
        source=HourSource.ATTENDANCE,
        source_key=source_key,
        occurred_on=_day(occurred_on),
        note=note,
        by=by,
    )


@transaction.atomic
def reverse_entry(entry: HourEntry, *, reason: str, by: Actor) -> HourEntry:
    """Take an entry's hours back with a new entry that names it. Once for each entry, never for a reversal.

    The centre's approver, or the teaching head of the institution (R025).
    """
    if not by.has(Role.CENTRE_APPROVER):
        by.require(*REVERSERS, organisation_id=entry.organisation_id)
    if entry.reverses_id is not None:
        raise Conflict(
            "is_reversal",
            _("This entry reverses another; it cannot be reversed itself. Credit the hours anew instead."),
        )
    reason = _reason(reason)
    already = Conflict("reversed_already", _("This entry was reversed already."))
    if HourEntry.objects.filter(reverses_id=entry.pk).exists():
        raise already
    new = HourEntry(
        person_id=entry.person_id,
        enrolment_id=entry.enrolment_id,
        organisation_id=entry.organisation_id,
        post_code=entry.post_code,
        hours=-entry.hours,
        source=HourSource.REVERSAL,
        source_key=f"reversal:{entry.pk}",
        note=reason[:300],
        occurred_on=clock.today(),
        reverses=entry,
        entered_by=_who(by),
    )
    if _append(new) is not new:
        raise already
    record(
        events.REVERSED,
        by=by,
        on=entry,
        organisation_id=entry.organisation_id,
        after={"reversal": new.pk, "hours": new.hours},
        reason=reason,
    )
    _tell(
        entry.person,
        "hours.reversed",
        _("%(hours)s class hours were taken back.") % {"hours": f"{entry.hours:f}"},
        reason,
    )
    return new


def _tell(person: Person, kind: str, title: str, text: str) -> None:
    if person.user is not None:
        notify(person.user, kind=kind, title=title, text=text, url="/hours/mine/")


# ── manual credit: two persons and evidence ─────────────────────────────────────────────────────────────


@transaction.atomic
def propose_credit(
    *,
    person: Person,
    enrolment_id: int,
    organisation_id: int,
    post_code: str,
    hours: Decimal,
    occurred_on: date,
    reason: str,
    evidence: bytes,
    evidence_name: str,
    evidence_type: str,
    by: Actor,
) -> ManualCredit:
    """Propose hours that the attendance does not show, with evidence (PDF, JPG, PNG, at most 10 MB) (R025).

    At most the hours that one post needs; another person decides.
    """
    by.require(*PROPOSERS, organisation_id=organisation_id)
    if not evidence or len(evidence) > MAX_EVIDENCE:
        raise Refusal(
            "bad_evidence",
            _("Evidence is needed: one file of at most 10 MB."),
            field="evidence",
            clause="二（三）",
        )
    if evidence_type not in EVIDENCE_TYPES:
        raise Refusal("bad_evidence", _("The evidence must be a PDF, JPG or PNG file."), field="evidence")
    hours, reason, occurred_on = _hours(hours, needed_hours()), _reason(reason), _day(occurred_on)
    open_ledger(
        person=person, enrolment_id=enrolment_id, post_code=post_code, organisation_id=organisation_id
    )
    file = store(
        evidence,
        name=evidence_name,
        content_type=evidence_type,
        purpose="hours.evidence",
        retention=Retention.ARCHIVE,
        organisation_id=organisation_id,
        by=by,
    )
    credit = ManualCredit.objects.create(
        person=person,
        enrolment_id=enrolment_id,
        organisation_id=organisation_id,
        post_code=post_code,
        hours=hours,
        occurred_on=occurred_on,
        reason=reason,
        evidence=file,
        proposed_by_id=by.user_id or 0,
        proposed_by=_who(by),
        proposed_at=clock.now(),
    )
    record(
        events.CREDIT_PROPOSED,
        by=by,
        on=credit,
        organisation_id=organisation_id,
        after={"enrolment_id": enrolment_id, "hours": hours, "evidence": file.digest},
        reason=reason,
    )
    return credit


@transaction.atomic
def decide_credit(credit: ManualCredit, accept: bool, reason: str = "", *, by: Actor) -> ManualCredit:
    """Approve or refuse a proposed credit: the teaching head or the head of the institution, never who proposed it (R025).

    A refusal needs a reason. Approved hours go into the ledger at once.
    """
    by.require(*DECIDERS, organisation_id=credit.organisation_id)
    credit = ManualCredit.objects.select_for_update().get(pk=credit.pk)
    if by.user_id is None or by.user_id == credit.proposed_by_id:
        raise Refusal(
            "same_person",
            _("You proposed this credit; another person of the institution must decide on it."),
            clause="二（三）",
            status=403,
        )
    before = credit.state
    credit.state = CREDIT_TRANSITIONS.after(
        before, "approve" if accept else "refuse", message=_("This credit was decided already.")
    )
    credit.decision_reason = reason.strip() if accept else _reason(reason)
    credit.decided_by_id, credit.decided_by, credit.decided_at = by.user_id, _who(by), clock.now()
    credit.save(update_fields=["state", "decision_reason", "decided_by_id", "decided_by", "decided_at"])
    if accept:
        _credit(
            person=credit.person,
            enrolment_id=credit.enrolment_id,
            organisation_id=credit.organisation_id,
            post_code=credit.post_code,
            hours=credit.hours,
            source=HourSource.MANUAL,
            source_key=f"manual:{credit.pk}",
            occurred_on=credit.occurred_on,
            note=credit.reason,
            by=by,
        )
        _tell(
            credit.person,
            "hours.credited",
            _("%(hours)s class hours were credited.") % {"hours": f"{credit.hours:f}"},
            credit.reason,
        )
    record(
        events.CREDIT_APPROVED if accept else events.CREDIT_REFUSED,
        by=by,
        on=credit,
        organisation_id=credit.organisation_id,
        before={"state": before},
        after={"state": credit.state},
        reason=credit.decision_reason,
    )
    return credit


# ── exception, reading ──────────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def grant_exception(enrolment_id: int, organisation_id: int, reason: str, *, by: Actor) -> HourException:
    """Allow one enrolment to be tested with fewer hours (R022, 原则上). The centre's approver, once, with a reason."""
    by.require(Role.CENTRE_APPROVER)
    reason = _reason(reason)
    ledger = Ledger.objects.filter(enrolment_id=enrolment_id).first()
    if ledger is not None and ledger.organisation_id != organisation_id:
        raise Conflict(
            "other_ledger", _("This enrolment's hours belong to another person, post or institution.")
        )
    if accepted_hours(enrolment_id) >= needed_hours():
        raise Conflict(
            "exception_not_needed", _("The hours are complete; no exception is needed."), clause="二（三）"
        )
    try:
        with transaction.atomic():
            row = HourException.objects.create(
                enrolment_id=enrolment_id,
                organisation_id=organisation_id,
                reason=reason,
                approved_by=_who(by),
                approved_at=clock.now(),
            )
    except IntegrityError:
        raise Conflict("exception_exists", _("An exception was granted already.")) from None
    record(events.EXCEPTION_GRANTED, by=by, on=row, organisation_id=organisation_id, reason=reason)
    if ledger is not None:
        _tell(ledger.person, "hours.exception", _("You may be tested with fewer class hours."), reason)
    return row


def note_reading(ledger: Ledger, *, by: Actor) -> None:
    """Record that a supervisor read a ledger (R029); an institution reading its own leaves no trace."""
    if by.has(*CITY, *CENTRE, *DISTRICT) and by.organisation_id != ledger.organisation_id:
        record(events.LEDGER_READ, by=by, on=ledger, organisation_id=ledger.organisation_id)


def report_differences() -> LedgerReport:
    """Recompute the whole ledger; record and tell the auditors and the centre's approvers of every difference."""
    report = verify_ledger()
    if report.whole:
        log.info("hours ledger: %d entries in %d ledgers, no difference", report.entries, report.ledgers)
        return report
    count, shown = len(report.differences), report.differences[:SHOWN]
    log.error("hours ledger: %d differences, first: %s", count, shown[0])
    enrolments = sorted({d.enrolment_id for d in report.differences})[:SHOWN]
    readers = User.objects.filter(
        in_force(clock.today(), "memberships__"),
        memberships__role__in=(Role.AUDITOR, Role.CENTRE_APPROVER),
        is_active=True,
    ).distinct()
    with transaction.atomic():
        rows = [{"enrolment": d.enrolment_id, "entry": d.entry_id, "what": d.what} for d in shown]
        record(events.LEDGER_DIFFERS, by=SYSTEM, after={"count": count, "differences": rows})
        notify(
            list(readers),
            kind="hours.ledger_differs",
            title=_("The hours ledger does not fit its own record: %(count)d differences.")
            % {"count": count},
            text=_("Enrolments: %(ids)s. Do not place these persons in a test before it is cleared up.")
            % {"ids": ", ".join(map(str, enrolments))},
        )
    return report


__all__ = [
    "CreditState",
    "credit_attendance",
    "decide_credit",
    "grant_exception",
    "note_reading",
    "open_ledger",
    "propose_credit",
    "report_differences",
    "reverse_entry",
]
