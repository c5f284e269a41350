"""A hall's return: opened, checked from its journal up, scored again from the raw answers (R032, R038, R042)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.delivery import api as delivery
from zhupei.evidence.api import Retention, read, store
from zhupei.exams import events, keys, telling
from zhupei.exams.choices import BATCH, ResultState
from zhupei.exams.models import Batch, BundleOut, Candidate, HallKey, Result, ResultStep, ReturnIn
from zhupei.exams.queries import active_candidates
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.crypto import Sm2Verifier, sm3
from zhupei.kernel.digests import digest
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role

from .applications import CENTRE_ROLES
from .batches import locked_batch
from .bundles import BUNDLE_TYPE, HALL_ROLES, bundle_key, candidate_key
from .rescoring import rescore_fresh
from .scheduling import batch_step

GENERAL, PROFESSIONAL = "general", "professional"


LISTED, LISTED_OF_A_KIND = 500, 100
"""How many differences are kept line by line, in all and of one kind; all are counted."""


def _moment(milliseconds: int | None) -> datetime | None:
    if milliseconds is None:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        raise Refusal("moment_invalid", _why("moment_invalid"), field="file") from None


def _why(code: str) -> str:
    """What a damaged or foreign file means for the person who brought it."""
    texts = {
        "not_this_kind": _("This file is no return of an exam hall. Choose the file that the hall's server made (.zpr)."),
        "version_unknown": _("This file was made by a newer version of the program."),
        "too_large": _("This file is too large for a return."),
        "truncated": _("The file ends too early. Copy it again from the hall's server."),
        "trailing": _("The file was lengthened on the way. Copy it again from the hall's server."),
        "signature_invalid": _("The signature is not that of this hall: the file was changed, or the hall's key is not "
                               "registered with the centre."),
        "key_wrong": _("The file is not sealed under the key of this batch."),
        "moment_invalid": _("The return tells of a moment that no clock shows. Have the hall look at its server's clock."),
    }  # fmt: skip
    return texts.get(code, _("The return contradicts itself and cannot be used: %(code)s.") % {"code": code})


def _open(batch: Batch, data: bytes) -> tuple[delivery.Return, delivery.Bundle]:
    """The return and the bundle it answers. Raises ``Refusal`` unless signature, seal and manifest hold and both agree."""
    key = bundle_key(batch)
    row = BundleOut.objects.select_related("file").get(batch=batch)
    known = list(
        HallKey.objects.filter(hall_id=batch.hall_id, ended_at=None).values_list("public_key", flat=True)
    )
    if not known:
        text = _(
            "The hall's key is not registered with the centre. Register it under “Keys” and hand the return in again."
        )
        raise Refusal("hall_key_missing", text, status=409)
    content: delivery.Return | None = None
    for public_key in known:
        try:
            content = delivery.open_return(data, bundle_key=key, verifier=Sm2Verifier(public_key))
            break
        except Refusal as refusal:  # SealError, FormatError
            if refusal.code != "signature_invalid":
                raise Refusal(refusal.code, _why(refusal.code), field="file") from None
    if content is None:
        raise Refusal("signature_invalid", _why("signature_invalid"), field="file")
    bundle = delivery.open_bundle(read(row.file), bundle_key=key, verifier=keys.centre_verifier())
    if (content.bundle_id, content.batch_no, content.hall_id) != (
        bundle.bundle_id,
        bundle.batch_no,
        bundle.hall.id,
    ):
        text = _("This return belongs to batch %(other)s, not to %(batch)s.") % {
            "other": content.batch_no,
            "batch": batch,
        }
        raise Refusal("other_batch", text, field="file", status=409)
    if content.bundle_digests != bundle.digests:
        text = _("The hall worked with another content of the bundle than the centre sealed. Do not use this return; tell the "
                 "security officer.")  # fmt: skip
        raise Refusal("bundle_differs", text, field="file", status=409)
    return content, bundle


def _difference(
    planned: delivery.Candidate, what: str, subject: str = "", hall: Any = "", centre: Any = ""
) -> dict[str, Any]:
    return {
        "slip_no": planned.slip_no,
        "what": what,
        "subject": subject,
        "hall": str(hall)[:120],
        "centre": str(centre)[:120],
    }


def _bounded(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first differences of every kind, so that many of one do not hide another."""
    told: Counter[str] = Counter()
    kept = []
    for one in found:
        told[one["what"]] += 1
        if told[one["what"]] <= LISTED_OF_A_KIND:
            kept.append(one)
    if len(kept) > LISTED:
        firsts = {one["what"]: one for one in reversed(kept)}
        kept = [*firsts.values(), *(one for one in kept if firsts[one["what"]] is not one)][:LISTED]
    return kept


def _compare(
    record_: delivery.SittingRecord, mine: delivery.SittingScore, planned: delivery.Candidate
) -> list[dict[str, Any]]:
    """Where the hall's scores and the centre's scoring disagree; values as text, no names."""
    found: list[dict[str, Any]] = []

    def differ(what: str, subject: str, hall: Any, centre: Any) -> None:
        found.append(_difference(planned, what, subject, hall, centre))

    if record_.state == "submitted" and record_.scores is None:
        differ("no_score", "", "", "")
    if record_.scores is not None:
        for subject, score in mine.subjects.items():
            theirs = record_.scores.subjects.get(subject)
            if theirs is None or theirs.marks != score.marks:
                differ("marks", subject, "" if theirs is None else theirs.marks, score.marks)
            elif [(s.key, s.marks) for s in theirs.per_unit] != [(s.key, s.marks) for s in score.per_unit]:
                differ("items", subject, theirs.marks, score.marks)
        if record_.scores.passed != mine.passed:
            differ("passed", "", record_.scores.passed, mine.passed)
    return found


def _carried(candidate: Candidate, subjects: Iterable[str], rules: delivery.Rules) -> dict[str, Result]:
    """Of the ``subjects`` that were not sat, the one that counts from an earlier result, if that still stands and passes."""
    subject, earlier = candidate.carried_subject, candidate.carried_from
    if earlier is None or subject is None or subject not in subjects:
        return {}
    stands = earlier.state == ResultState.CONFIRMED and getattr(earlier, subject) >= rules.pass_mark
    return {subject: earlier} if stands else {}


def _require_same_people(content: delivery.Return, candidates: dict[str, Candidate]) -> None:
    came = [one.candidate_id for one in content.sittings]
    if len(set(came)) != len(came) or set(came) != set(candidates):
        text = _(
            "The return does not tell of exactly the candidates of this batch: %(missing)d missing, %(extra)d too many."
        ) % {
            "missing": len(set(candidates) - set(came)),
            "extra": len(came) - len(set(came) & set(candidates)),
        }
        raise Refusal("candidates_differ", text, field="file", status=409)


def _may_bring(batch: Batch, by: Actor) -> None:
    if by is SYSTEM or by.has(*CENTRE_ROLES):
        return
    by.require(*HALL_ROLES, organisation_id=batch.hall.institution.organisation_id)


def receive_return(batch: Batch, data: bytes, *, by: Actor) -> ReturnIn:
    """Take in a hall's return and score it (R032, R038, R042). The same file again changes nothing.

    Raises ``Refusal`` (kept in the record) when the file is damaged, of another batch, hall or bundle, or does not tell of
    exactly the batch's candidates. Who sat one subject only has the mark of the other from the result that was noted at
    the draw (J03, where the rulebook carries it over), if that still stands. What does not agree between the hall's
    records, its journal, the bundle, the rules and the centre's own scoring is listed, never mended; it holds the batch
    until somebody has decided on it.
    """
    _may_bring(batch, by)
    try:
        return _receive(batch, data, by)
    except Refusal as refusal:
        record(
            events.RETURN_REFUSED,
            by=by,
            on=batch,
            organisation_id=batch.institution.organisation_id,
            after={"code": refusal.code, "digest": sm3(data), "size": len(data)},
        )
        raise


@transaction.atomic
def _receive(batch: Batch, data: bytes, by: Actor) -> ReturnIn:
    batch = locked_batch(batch)
    mark = sm3(data)
    known = ReturnIn.objects.filter(batch=batch).first()
    if known is not None:
        if known.digest == mark:
            return known
        raise Conflict(
            "return_exists", _("Another return of this batch was received already. It is not replaced.")
        )
    state = BATCH.after(
        batch.state, "receive", message=_("The key of this batch is not released, or the batch is over.")
    )
    content, bundle = _open(batch, data)
    candidates = {
        candidate_key(one): one
        for one in active_candidates(batch).select_related("carried_from__candidate__batch")
    }
    _require_same_people(content, candidates)
    planned = {one.candidate_id: one for one in bundle.candidates}
    file = store(
        data,
        name=f"{batch}.zpr",
        content_type=BUNDLE_TYPE,
        purpose="exams.return",
        retention=Retention.ARCHIVE,
        by=by,
    )
    row = ReturnIn(
        batch=batch,
        file=file,
        digest=mark,
        received_at=clock.now(),
        received_by=f"{by.organisation_name} {by.name}".strip(),
        sittings=len(content.sittings),
    )
    found = [msgspec.structs.asdict(one) for one in delivery.reconcile(bundle, content)]
    results = []
    notes = {sitting.candidate_id: sitting.void_reason for sitting in content.sittings}
    for sitting in content.sittings:
        one = planned[sitting.candidate_id]
        if sitting.state not in ("submitted", "voided"):  # absent, or admitted and never begun: no result
            if sitting.started_at is not None or any(sitting.answers.values()):
                found.append(_difference(one, "no_score"))  # begun, and not handed in: somebody has to look
            continue
        score = delivery.score_sitting(one.papers, bundle.keys, sitting.answers, bundle.rules)
        found += _compare(sitting, score, one)
        candidate = candidates[sitting.candidate_id]
        unsat = [subject for subject in bundle.rules.subjects if subject not in one.papers]
        carried = _carried(candidate, unsat, bundle.rules)
        found += [_difference(one, "carried", subject) for subject in unsat if subject not in carried]
        if carried and not notes[sitting.candidate_id]:
            earlier = sorted({str(result.candidate.batch) for result in carried.values()})
            notes[sitting.candidate_id] = _("One subject was sat; the other counts from batch %(batch)s.") % {
                "batch": ", ".join(earlier)
            }
        marks = {subject: getattr(result, subject) for subject, result in carried.items()}
        marks |= {subject: own.marks for subject, own in score.subjects.items()}
        general, professional = (marks.get(subject, Decimal(0)) for subject in (GENERAL, PROFESSIONAL))
        passed = score.passed and len(carried) == len(unsat)
        results.append(
            Result(
                candidate=candidate,
                organisation_id=batch.institution.organisation_id,
                general=general,
                professional=professional,
                passed=passed,
                announced_general=general,
                announced_professional=professional,
                announced_passed=passed,
                state=ResultState.VOID if sitting.state == "voided" else ResultState.PROVISIONAL,
                submitted_at=_moment(sitting.submitted_at),
                shown_at=_moment(sitting.shown_at),
                answers_digest=digest(sitting.answers),
            )
        )
    row.differences = _bounded(found)
    row.compared = {
        "candidates": len(content.sittings),
        "answers": content.counts.get("answers", 0),
        "entries": len(content.events),
        "differences": len(found),
        "kinds": dict(Counter(one["what"] for one in found)),
    }
    row.save()
    for result in results:
        result.hall_return = row
    Result.objects.bulk_create(results)
    ResultStep.objects.bulk_create(
        ResultStep(
            result=result,
            verb="void" if result.state == ResultState.VOID else "compute",
            state=result.state,
            person=row.received_by,
            reason=notes[candidate_key(result.candidate)],
            at=row.received_at,
        )
        for result in Result.objects.filter(hall_return=row).select_related("candidate")
    )
    rescore_fresh(batch, bundle, content)
    batch.state = state
    batch.save(update_fields=["state"])
    note = _("%(sat)d of %(all)d sat the test; %(differences)d differences") % {
        "sat": len(results),
        "all": len(content.sittings),
        "differences": len(found),
    }
    batch_step(batch, "receive", by=by, note=note)
    record(
        events.RETURN_RECEIVED,
        by=by,
        on=batch,
        organisation_id=batch.institution.organisation_id,
        after={"digest": mark, "results": len(results), "differences": len(found)},
    )
    telling.tell_unit(
        batch.institution.organisation_id,
        telling.OWNERS,
        kind="exams.return",
        title=_("The scores of batch %(batch)s are in") % {"batch": batch},
        text=_("They are provisional until the centre confirms them."),
        to="exams:results",
        pk=batch.pk,
    )
    return row


@transaction.atomic
def accept_differences(batch: Batch, *, reason: str, by: Actor) -> ReturnIn:
    """Go on with the centre's own scores although the hall's differ, for a stated reason (the centre's approver)."""
    by.require(Role.CENTRE_APPROVER)
    row = ReturnIn.objects.select_for_update().filter(batch=batch).first()
    if row is None or not row.differences_stand:
        raise Conflict("wrong_state", _("There are no differences to decide on."))
    if not reason.strip():
        raise Refusal("no_reason", _("Give the reason."), field="reason")
    row.accepted_by = f"{by.organisation_name} {by.name}".strip()
    row.accepted_at, row.accepted_reason = clock.now(), reason.strip()
    row.save(update_fields=["accepted_by", "accepted_at", "accepted_reason"])
    batch_step(batch, "accept_differences", by=by, note=reason)
    record(
        events.DIFFERENCES_ACCEPTED,
        by=by,
        on=batch,
        organisation_id=batch.institution.organisation_id,
        after={"differences": row.difference_count, "kinds": (row.compared or {}).get("kinds", {})},
        reason=reason,
    )
    return row
