"""Decisions on results: confirm, doubt, void by two persons (R032, R160). No act here writes a mark."""

from __future__ import annotations

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.evidence.api import Retention, store
from zhupei.exams import events, telling
from zhupei.exams.choices import BATCH, RESULT, BatchState, ResultState
from zhupei.exams.models import Batch, ExamsEvent, Result, ResultStep, ReturnIn, VoidProposal
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role

from .applications import CENTRE_ROLES, Upload
from .batches import locked_batch
from .scheduling import batch_step

CONFIRMED, VOIDED, RESCORED = "result_confirmed", "result_voided", "result_rescored"


def _who(by: Actor) -> str:
    return f"{by.organisation_name} {by.name}".strip()


def _locked(result: Result) -> Result:
    return (
        Result.objects.select_for_update(of=("self",))
        .select_related("candidate__batch__institution", "candidate__person__user")
        .get(pk=result.pk)
    )


def _step(result: Result, verb: str, *, by: Actor, reason: str = "", second: str = "") -> None:
    ResultStep.objects.create(
        result=result,
        verb=verb,
        state=result.state,
        person=_who(by),
        person_id=by.user_id,
        second_person=second,
        reason=reason,
        at=clock.now(),
    )


def _need_reason(reason: str) -> str:
    if not reason.strip():
        raise Refusal("no_reason", _("Give the reason."), field="reason")
    return reason.strip()


@transaction.atomic
def confirm_batch(batch: Batch, *, by: Actor) -> int:
    """Confirm a batch's provisional results (the centre's approver); returns how many.

    Refused while differences stand or a proposal to void is open. Results in doubt stay so and are decided one by one.
    """
    by.require(Role.CENTRE_APPROVER)
    batch = locked_batch(batch)
    before = batch.state
    state = BATCH.after(batch.state, "confirm")
    row = ReturnIn.objects.get(batch=batch)
    if row.differences_stand:
        text = _(
            "The hall's return does not agree with its journal, the rules or the centre's scores in %(n)d places. "
            "Clear that up, or accept the centre's scores with a reason, before confirming."
        ) % {"n": row.difference_count}
        raise Conflict("differences_stand", text, clause="三（二）")
    if VoidProposal.objects.filter(result__candidate__batch=batch, decided_at=None).exists():
        raise Conflict(
            "void_open", _("A proposal to void a result of this batch is still open. Decide it first.")
        )
    now = clock.now()
    results = list(
        Result.objects.select_for_update(of=("self",))
        .filter(candidate__batch=batch, state=ResultState.PROVISIONAL)
        .select_related("candidate__person__user")
    )
    for result in results:
        result.state, result.confirmed_at = RESULT.after(result.state, "confirm"), now
    Result.objects.bulk_update(results, ["state", "confirmed_at"], batch_size=200)
    ResultStep.objects.bulk_create(
        ResultStep(result=one, verb="confirm", state=one.state, person=_who(by), person_id=by.user_id, at=now)
        for one in results
    )
    ExamsEvent.objects.bulk_create(ExamsEvent(kind=CONFIRMED, result=one, at=now) for one in results)
    batch.state, batch.confirmed_at = state, now
    batch.save(update_fields=["state", "confirmed_at"])
    batch_step(batch, "confirm", by=by, note=_("%(n)d results") % {"n": len(results)})
    record(
        events.BATCH_CONFIRMED,
        by=by,
        on=batch,
        organisation_id=batch.institution.organisation_id,
        before={"state": before},
        after={"state": state, "results": len(results)},
    )
    telling.tell_unit(
        batch.institution.organisation_id,
        telling.OWNERS,
        kind="exams.confirmed",
        title=_("The results of batch %(batch)s are confirmed") % {"batch": batch},
        to="exams:results",
        pk=batch.pk,
    )
    telling.tell_persons(
        [one.candidate.person for one in results],
        kind="exams.confirmed",
        title=_("Your test result is confirmed"),
        url=reverse("exams:my_results"),
    )
    return len(results)


@transaction.atomic
def doubt_result(result: Result, *, reason: str, by: Actor) -> Result:
    """Put a result in doubt: nothing is issued on it until it is confirmed or voided."""
    by.require(*CENTRE_ROLES)
    result = _locked(result)
    before = result.state
    result.state = RESULT.after(result.state, "doubt")
    reason = _need_reason(reason)
    result.save(update_fields=["state"])
    _step(result, "doubt", by=by, reason=reason)
    record(
        events.RESULT_DOUBTED,
        by=by,
        on=result,
        organisation_id=result.candidate.batch.institution.organisation_id,
        before={"state": before},
        after={"state": result.state},
        reason=reason,
    )
    return result


@transaction.atomic
def confirm_result(result: Result, *, reason: str, by: Actor) -> Result:
    """Confirm one result in doubt, or one that a re-scoring made a pass (the centre's approver), once its batch is."""
    by.require(Role.CENTRE_APPROVER)
    result = _locked(result)
    before = result.state
    if result.state not in (ResultState.DOUBTFUL, ResultState.PROVISIONAL):
        raise Conflict(
            "wrong_state", _("Only a result in doubt, or one scored again, is confirmed one by one.")
        )
    if result.candidate.batch.state != BatchState.CONFIRMED:
        raise Conflict("batch_not_confirmed", _("Confirm the batch first; the results in doubt stay so."))
    if result.void_proposals.filter(decided_at=None).exists():
        raise Conflict("void_open", _("A proposal to void this result is still open. Decide it first."))
    reason = _need_reason(reason)
    result.state = RESULT.after(result.state, "confirm")
    first_time = result.confirmed_at is None
    result.confirmed_at = result.confirmed_at or clock.now()
    result.save(update_fields=["state", "confirmed_at"])
    _step(result, "confirm", by=by, reason=reason)
    if first_time:
        ExamsEvent.objects.create(kind=CONFIRMED, result=result, at=clock.now())
    record(
        events.RESULT_CONFIRMED,
        by=by,
        on=result,
        organisation_id=result.candidate.batch.institution.organisation_id,
        before={"state": before},
        after={"state": result.state},
        reason=reason,
    )
    return result


@transaction.atomic
def propose_void(result: Result, *, reason: str, evidence: Upload | None = None, by: Actor) -> VoidProposal:
    """Propose that a result be voided; another person decides (R160)."""
    by.require(*CENTRE_ROLES)
    assert by.user_id is not None
    result = _locked(result)
    RESULT.after(result.state, "void", message=_("This result is void already."))
    if result.void_proposals.filter(decided_at=None).exists():
        raise Conflict("void_open", _("A proposal to void this result is still open. Decide it first."))
    reason = _need_reason(reason)
    file = None
    if evidence is not None:
        file = store(
            evidence.data,
            name=evidence.name,
            content_type=evidence.content_type,
            purpose="exams.void",
            retention=Retention.ARCHIVE,
            by=by,
        )
    proposal = VoidProposal.objects.create(
        result=result,
        reason=reason,
        evidence=file,
        proposed_by=_who(by),
        proposed_by_id=by.user_id,
        proposed_at=clock.now(),
    )
    _step(result, "propose_void", by=by, reason=reason)
    record(
        events.VOID_PROPOSED,
        by=by,
        on=result,
        organisation_id=result.candidate.batch.institution.organisation_id,
        reason=reason,
    )
    return proposal


@transaction.atomic
def decide_void(proposal: VoidProposal, *, accept: bool, reason: str, by: Actor) -> Result:
    """Accept or refuse a proposal to void, as another person than the one who made it (the centre's approver, R160)."""
    by.require(Role.CENTRE_APPROVER)
    proposal = VoidProposal.objects.select_for_update().get(pk=proposal.pk)
    if proposal.decided_at is not None:
        raise Conflict("wrong_state", _("This proposal was decided already."))
    if proposal.proposed_by_id == by.user_id:
        text = _("You proposed this yourself. Another person has to decide it.")
        raise Refusal("same_person", text, clause="四（二）", status=403)
    reason = _need_reason(reason)
    result = _locked(proposal.result)
    before = result.state
    proposal.decided_by, proposal.decided_by_id, proposal.decided_at = _who(by), by.user_id, clock.now()
    proposal.accepted, proposal.decision_reason = accept, reason
    proposal.save(update_fields=["decided_by", "decided_by_id", "decided_at", "accepted", "decision_reason"])
    if accept:
        result.state = RESULT.after(result.state, "void")
        result.save(update_fields=["state"])
        ExamsEvent.objects.create(kind=VOIDED, result=result, at=clock.now())
    _step(result, "void" if accept else "refuse_void", by=by, reason=reason, second=proposal.proposed_by)
    record(
        events.VOID_DECIDED,
        by=by,
        on=result,
        organisation_id=result.candidate.batch.institution.organisation_id,
        before={"state": before},
        after={"state": result.state, "accepted": accept},
        reason=reason,
    )
    if accept:
        telling.tell_persons(
            [result.candidate.person],
            kind="exams.voided",
            title=_("Your test result was voided"),
            text=reason,
            url=reverse("exams:my_results"),
        )
    return result
