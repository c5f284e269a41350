"""What is printed: annex 4, slips, seat lists, score lists. The rooms of paper stand in ``documents``."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import override

from zhupei.delivery import api as delivery
from zhupei.documents import api as documents
from zhupei.evidence.api import StoredFile, read
from zhupei.kernel import clock
from zhupei.kernel.errors import Refusal
from zhupei.kernel.identity import mask_id
from zhupei.people import api as people
from zhupei.rulebook.api import Subject, parameter

from .choices import ResultState
from .models import ApplicationSession, BankApplication, Batch, Candidate, Result, Slot
from .queries import active_candidates


def _picture(file: StoredFile | None) -> bytes | None:
    return read(file) if file is not None else None


def _session_text(session: ApplicationSession | Slot) -> str:
    start, end = clock.local(session.starts_at), clock.local(session.ends_at)
    return f"{start.year}年{start.month}月{start.day}日{start:%H:%M}-{end:%H:%M}"


def bank_form(application: BankApplication) -> documents.BankForm:
    """The application as annex 4 (R182–R197): with the batch's number and slots once they are given."""
    batch = Batch.objects.filter(application=application).first()
    sessions = list(batch.slots.all()) if batch is not None else []
    rows = application.rows.select_related("post").order_by("post__position", "post_id")
    return documents.BankForm(
        institution=application.institution_name,
        address=application.address,
        test_time="\n".join(_session_text(one) for one in sessions or application.sessions.all()),
        computers=application.clients_available,
        batch=str(batch) if batch is not None else application.draft_number,
        rows=tuple(documents.BankRow(post=row.post.name, count=row.count) for row in rows),
        lead=application.lead,
        lead_mobile=application.lead_mobile,
        contact=application.contact,
        contact_mobile=application.contact_mobile,
        signed_on=application.signed_on,
        signature=_picture(application.signature),
        seal=_picture(application.seal),
    )


def slip_of(candidate: Candidate) -> documents.AdmissionSlip:
    """A candidate's admission slip. The identity number is masked: the person brings the card."""
    if candidate.slot is None or candidate.room is None or candidate.seat is None:
        text = _("The seats of this batch are not given yet. The slip is ready once they are.")
        raise Refusal("no_seat", text, status=409)
    return documents.AdmissionSlip(
        name=candidate.person.name,
        id_number=mask_id(candidate.person.identity_number),
        slip_number=candidate.slip_no or "",
        post=candidate.post.name,
        hall=candidate.batch.hall.name,
        hall_address=candidate.batch.hall.address,
        room=candidate.room.name,
        seat=f"{candidate.seat:02d}",
        starts_at=candidate.slot.starts_at,
        ends_at=candidate.slot.ends_at,
        organiser=candidate.batch.institution.full_name,
        batch=str(candidate.batch),
        photo=people.photo_bytes(candidate.person),
        rules=slip_rules(candidate.carried_subject),
    )


def slip_rules(carried: str | None) -> tuple[str, ...]:
    """The candidate's rules with the rulebook's numbers. ``carried``: the subject that is not sat again, None if both are."""
    leave_after = int(parameter("min_minutes_before_hand_in"))
    rules = documents.candidate_rules(
        opens_before=int(parameter("check_in_opens_minutes")),
        late_after=int(parameter("late_entry_minutes")),
        leave_after=leave_after,
        minutes=minutes_of(carried),
        pass_mark=int(Decimal(str(parameter("subject_pass_mark")))),
        subject=_other(carried),
    )
    if leave_after:
        return rules
    return tuple(rule.replace("；开考0分钟后才能交卷离场", "") for rule in rules)


def minutes_of(carried: str | None) -> int:
    """Minutes for both subjects, or for the one that is sat when the other one counts from before."""
    rules = delivery.Rules(
        minutes=int(parameter("exam_minutes_total")), subjects=tuple(parameter("subjects"))
    )
    return rules.minutes_for([one for one in rules.subjects if one != carried])


def _other(carried: str | None) -> str:
    """The name of the only subject that is sat, in the language of the papers; "" if both are."""
    with override("zh-hans"):
        return str(next(one.label for one in Subject if one != carried)) if carried else ""


def slips_of(batch: Batch) -> documents.AdmissionSlips:
    """Every slip of a batch, in the order of their numbers."""
    rows = seated(batch)
    if not rows:
        raise Refusal(
            "no_seat",
            _("The seats of this batch are not given yet. The slip is ready once they are."),
            status=409,
        )
    return documents.AdmissionSlips(slips=tuple(slip_of(one) for one in rows))


def seated(batch: Batch) -> list[Candidate]:
    """The candidates of a batch who have a seat, by slip number."""
    return list(
        active_candidates(batch)
        .filter(seat__isnull=False)
        .select_related("batch__hall", "batch__institution", "person__photo", "post", "slot", "room")
        .order_by("slip_no")
    )


def seat_list(batch: Batch, slot: Slot, room_id: int) -> documents.SeatList:
    """The sign-in list of one room in one session."""
    rows = [one for one in seated(batch) if one.slot_id == slot.pk and one.room_id == room_id]
    if not rows:
        raise Refusal("nobody_here", _("Nobody sits in this room in this session."), status=404)
    assert rows[0].room is not None
    return documents.SeatList(
        batch=str(batch),
        hall=batch.hall.name,
        room=rows[0].room.name,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        rows=tuple(
            documents.SeatRow(
                seat=f"{one.seat:02d}",
                slip_number=one.slip_no or "",
                name=one.person.name,
                id_number=mask_id(one.person.identity_number),
                post=one.post.name,
            )
            for one in sorted(rows, key=lambda one: one.seat or 0)
        ),
        organiser=batch.institution.full_name,
    )


def outcome_words(result: Result | None) -> str:
    """What a result says, in a word: 合格, 不合格, 缺考, 作废, 存疑."""
    if result is None:
        return _("Did not come")
    if result.state == ResultState.VOID:
        return _("Void")
    if result.state == ResultState.DOUBTFUL:
        return _("In doubt")
    return _("Passed") if result.passed else _("Not passed")


def score_list(batch: Batch, slot: Slot, room_id: int) -> documents.ScoreList:
    """The score list of one room in one session, for the board (R038)."""
    rows = list(
        active_candidates(batch)
        .filter(slot=slot, room_id=room_id)
        .select_related("person", "post", "room", "result")
        .order_by("seat")
    )
    if not rows:
        raise Refusal("nobody_here", _("Nobody sits in this room in this session."), status=404)
    assert rows[0].room is not None
    lines = []
    with override("zh-hans"):  # a paper for the board, in the language of the rule
        for one in rows:
            result = getattr(one, "result", None)
            shown = result is not None and result.state != ResultState.VOID
            lines.append(
                documents.ScoreRow(
                    seat=f"{one.seat:02d}",
                    slip_number=one.slip_no or "",
                    name=one.person.name,
                    post=one.post.name,
                    general=result.general if shown else None,
                    professional=result.professional if shown else None,
                    outcome=outcome_words(result),
                )
            )
        note = "" if batch.confirmed_at else _("Provisional until the centre has confirmed the results.")
        kept = [one.slip_no or "" for one in rows if one.carried_subject]
        if kept:
            note += _("One subject was passed before and counts again: %(slips)s.") % {
                "slips": "、".join(kept)
            }
    return documents.ScoreList(
        batch=str(batch),
        hall=batch.hall.name,
        room=rows[0].room.name,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        rows=tuple(lines),
        organiser=batch.institution.full_name,
        note=note,
    )
