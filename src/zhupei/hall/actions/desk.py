"""The check-in desk: who comes, with which document, whether it is the person (R049, R050, I11)."""

from __future__ import annotations

from dataclasses import dataclass

from django.core import signing
from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.delivery import api as delivery
from zhupei.hall import events
from zhupei.hall.choices import CheckInDecision, CheckInMethod
from zhupei.hall.models import CheckIn, HallBatch
from zhupei.hall.process import engine, identify
from zhupei.hall.queries import bundle_of, check_in_opens, open_check_in, session_of
from zhupei.hall.words import told
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.web.templatetags.web import shanghai

from .common import (
    DESK,
    HEADS,
    another,
    candidate_in,
    keep_photo,
    locked,
    need,
    person,
    require,
    require_open,
    who,
)

CARD_SECONDS = 10 * 60
CLAUSE = "三（六）"
_SALT = "hall.card"


@dataclass(frozen=True)
class Found:
    """Somebody at the desk. ``card`` proves for ten minutes that his card was read; "" when found by slip number."""

    candidate: delivery.Candidate
    card: str


def find_candidate(hall_batch: HallBatch, text: str, *, by: Actor) -> Found:
    """Find a candidate by slip number, or by the number that the card reader sends. Raises ``Refusal`` 404."""
    require(hall_batch, *DESK, by=by)
    bundle = bundle_of(hall_batch)
    text = text.strip()
    slip = "".join(text.split()).upper()
    mark = identify(text) if text else ""
    for one in bundle.candidates:
        if one.slip_no.upper() == slip:
            return Found(one, "")
        if delivery.is_person(bundle, one, mark):
            return Found(one, signing.dumps([hall_batch.pk, one.candidate_id], salt=_SALT))
    text = _("Nobody in this batch has this slip number or document number. Read the card again, or look at the slip: batch, "
             "hall and day.")  # fmt: skip
    raise Refusal("not_found", text, field="q", status=404)


def card_was_read(hall_batch: HallBatch, candidate_key: str, card: str) -> bool:
    """True if ``card`` proves that this candidate's card was read here within ten minutes."""
    try:
        return bool(signing.loads(card, salt=_SALT, max_age=CARD_SECONDS) == [hall_batch.pk, candidate_key])
    except signing.BadSignature:
        return False


def _require_window(bundle: delivery.Bundle, candidate: delivery.Candidate) -> None:
    opens = check_in_opens(session_of(bundle, candidate.session_id))
    if clock.now() < opens:
        text = _("Check-in for this session opens at %(opens)s.") % {"opens": shanghai(opens)}
        raise Conflict("check_in_early", text, clause=CLAUSE)


def _late(by: Actor, late_reason: str) -> str:
    late_reason = late_reason.strip()[:300]
    if late_reason and not by.has(*HEADS):
        text = _("Only the hall's technical head or the exam officer may let somebody in late.")
        raise Forbidden("late_not_yours", text, clause=CLAUSE)
    return late_reason


@transaction.atomic
def check_in(
    hall_batch: HallBatch,
    candidate_key: str,
    *,
    method: str,
    card: str = "",
    alike: bool = True,
    accept: bool = True,
    reason: str = "",
    photo: bytes | None = None,
    late_reason: str = "",
    by: Actor,
) -> CheckIn:
    """Check a candidate in, or turn him away (R049, R050).

    A card that was read and a face that fits: accepted at once. A document instead of the card, or a face that leaves doubts
    (``alike`` False): waits for a second person, with the reason. ``accept`` False turns away, with the reason. Raises
    ``Refusal``: too early, too late, checked in already, card not read.
    """
    require(hall_batch, *DESK, by=by)
    first = person(by)
    row = locked(hall_batch)
    require_open(row)
    bundle = bundle_of(row)
    candidate = candidate_in(bundle, candidate_key)
    _require_window(bundle, candidate)
    known = open_check_in(row, candidate_key)
    if known is not None:
        if known.decision == CheckInDecision.PENDING:
            text = _("%(name)s waits for the decision of a second person; see the list at the desk.") % {
                "name": candidate.name
            }
            raise Conflict("check_in_pending", text)
        raise Conflict("checked_in", _("%(name)s is checked in already.") % {"name": candidate.name})
    if method not in CheckInMethod.values:
        raise Refusal("bad_method", _("Choose how the person was identified."), field="method")
    if method == CheckInMethod.CARD and not card_was_read(row, candidate_key, card):
        text = _("The card was not read here within the last ten minutes. Read it again, or choose “document” and call a second "
                 "person.")  # fmt: skip
        raise Refusal("card_not_read", text, clause=CLAUSE, field="method")
    straight = method == CheckInMethod.CARD and alike
    if not accept or not straight:
        reason = need(reason)
    late_reason = _late(by, late_reason)
    if not accept:
        decision = CheckInDecision.REFUSED
    else:
        decision = CheckInDecision.ACCEPTED if straight else CheckInDecision.PENDING
    file = (
        keep_photo(photo, purpose="hall.check_in", name=f"{candidate.slip_no}.jpg", by=by) if photo else None
    )
    result = CheckIn.objects.create(
        hall_batch=row,
        candidate_key=candidate_key,
        method=method,
        name_match=alike,
        photo=file,
        decision=decision,
        by_1=who(by),
        by_1_id=first,
        reason=reason.strip()[:300],
        late_reason=late_reason,
        at=clock.now(),
        decided_at=None if decision == CheckInDecision.PENDING else clock.now(),
    )
    record(
        events.CHECKED_IN,
        by=by,
        on=result,
        organisation_id=row.organisation_id,
        after={
            "slip_no": candidate.slip_no,
            "method": method,
            "alike": alike,
            "decision": decision,
            "photo": file is not None,
        },
        reason=reason.strip() or late_reason,
    )
    if decision == CheckInDecision.ACCEPTED:
        with told():
            engine().admit(candidate_key, by=who(by), method="id_card", late_reason=late_reason)
    return result


@transaction.atomic
def decide_check_in(
    check: CheckIn, *, accept: bool, reason: str = "", late_reason: str = "", by: Actor
) -> CheckIn:
    """Decide a check-in that waits, as the second of two persons (R050). A refusal needs a reason."""
    require(check.hall_batch, *DESK, by=by)
    second = person(by)
    batch = locked(check.hall_batch)
    check = CheckIn.objects.select_for_update(of=("self",)).get(pk=check.pk)
    if check.decision != CheckInDecision.PENDING:
        raise Conflict("wrong_state", _("This check-in was decided already."))
    require_open(batch)
    another(by, check.by_1_id)
    candidate = candidate_in(bundle_of(batch), check.candidate_key)
    if not accept:
        reason = need(reason)
    check.decision = CheckInDecision.ACCEPTED if accept else CheckInDecision.REFUSED
    check.by_2, check.by_2_id, check.second_reason = who(by), second, reason.strip()[:300]
    check.late_reason = check.late_reason or _late(by, late_reason)
    check.decided_at = clock.now()
    check.save(update_fields=["decision", "by_2", "by_2_id", "second_reason", "late_reason", "decided_at"])
    record(
        events.CHECK_IN_DECIDED,
        by=by,
        on=check,
        organisation_id=batch.organisation_id,
        before={"decision": CheckInDecision.PENDING},
        after={"slip_no": candidate.slip_no, "decision": check.decision},
        reason=reason.strip(),
    )
    if accept:
        with told():
            engine().admit(
                check.candidate_key,
                by=f"{check.by_1}; {check.by_2}",
                method="manual",
                late_reason=check.late_reason,
            )
    return check
