"""Results: lists by batch and over all, one result with its decisions. No page here takes a mark (R032)."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _

from zhupei.evidence.api import read
from zhupei.exams import access, actions, queries
from zhupei.exams.choices import RESULT, RESULT_TONES, BatchState, ResultState
from zhupei.exams.forms import DecideForm, ReasonForm, ResultFilter, VoidForm, upload_of
from zhupei.exams.models import Result
from zhupei.kernel.roles import CENTRE
from zhupei.web.access import may_open
from zhupei.web.paging import page_by_key
from zhupei.web.views import file_response

from .learner import still_open
from .pieces import act_page, actor_of, answers, timeline


def _filtered(request: HttpRequest, rows: Any) -> tuple[Any, ResultFilter, bool]:
    filters = ResultFilter(request.GET)
    wanted, filtered = answers(filters)
    if wanted["q"]:
        q = wanted["q"]
        by_slip = q.isascii() and q.isdigit()  # no name is made of digits: found by an index
        rows = rows.filter(
            Q(candidate__slip_no__gte=q, candidate__slip_no__lte=q + "9" * 20)
            if by_slip
            else Q(candidate__person__name__icontains=q)
        )
    if wanted["state"]:
        rows = rows.filter(state=wanted["state"])
    if wanted["passed"]:
        rows = rows.filter(passed=wanted["passed"] == "1")
    return rows, filters, filtered


def results(request: HttpRequest, pk: int) -> HttpResponse:
    """The results of one batch, by slip number, and who was absent."""
    actor = actor_of(request)
    visible = access.batches_for(actor).filter(hall_return__isnull=False).select_related("hall_return")
    batch = get_object_or_404(visible, pk=pk)
    rows, filters, filtered = _filtered(request, access.results_for(actor).filter(candidate__batch=batch))
    page = page_by_key(rows, request, order=("candidate__slip_no", "pk"), size=100)
    absent = (
        queries.active_candidates(batch)
        .filter(result=None)
        .select_related("person", "post")
        .order_by("slip_no")
    )
    context = {
        "batch": batch,
        "page": page,
        "filters": filters,
        "filtered": filtered,
        "counts": queries.result_counts(batch),
        "absent": absent,
    }
    return render(request, "exams/results.html", context)


def all_results(request: HttpRequest) -> HttpResponse:
    """Results over all batches that the actor sees, newest first."""
    rows, filters, filtered = _filtered(request, access.results_for(actor_of(request)))
    page = page_by_key(rows, request)
    return render(request, "exams/all_results.html", {"page": page, "filters": filters, "filtered": filtered})


def result_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One result: marks, state, every decision, what may be decided."""
    actor = actor_of(request)
    result = get_object_or_404(access.results_for(actor), pk=pk)
    proposal = result.void_proposals.filter(decided_at=None).first()
    centre = actor.has(*CENTRE)
    approver = may_open(actor, "exams:confirm")
    candidate = result.candidate
    context = {
        "result": result,
        "candidate": candidate,
        "batch": candidate.batch,
        "proposal": proposal,
        "centre": centre,
        "may_doubt": centre and RESULT.allows(result.state, "doubt"),
        "may_propose": centre and proposal is None and RESULT.allows(result.state, "void"),
        "may_decide": approver and proposal is not None and proposal.proposed_by_id != actor.user_id,
        "may_confirm": approver
        and proposal is None
        and result.state in (ResultState.DOUBTFUL, ResultState.PROVISIONAL)
        and candidate.batch.state == BatchState.CONFIRMED,
        "may_challenge": may_open(actor, "exams:challenge_file")
        and result.organisation_id == actor.organisation_id
        and result.state != ResultState.VOID
        and still_open(result),
        "rescorings": [one for one in result.rescorings.order_by("pk") if one.moved],
        "entries": timeline(result.steps.order_by("at", "pk"), "reason", RESULT_TONES),
    }
    return render(request, "exams/result.html", context)


def _act(request: HttpRequest, result: Result, form: Any, act: Any, **words: Any) -> HttpResponseBase:
    candidate = result.candidate
    lead = f"{candidate.person.name} · {candidate.slip_no} · {candidate.post}"
    return act_page(request, form, act, back=reverse("exams:result", args=[result.pk]), lead=lead, **words)


def result_doubt(request: HttpRequest, pk: int) -> HttpResponseBase:
    actor = actor_of(request)
    result = get_object_or_404(access.results_for(actor), pk=pk)
    return _act(
        request,
        result,
        ReasonForm(request.POST or None),
        lambda data: actions.doubt_result(result, reason=data["reason"], by=actor),
        done=_("The result is in doubt."),
        title=_("Put the result in doubt"),
        submit_label=_("Put in doubt"),
    )


def result_confirm(request: HttpRequest, pk: int) -> HttpResponseBase:
    actor = actor_of(request)
    result = get_object_or_404(access.results_for(actor), pk=pk)
    in_doubt = result.state == ResultState.DOUBTFUL
    return _act(
        request,
        result,
        ReasonForm(request.POST or None),
        lambda data: actions.confirm_result(result, reason=data["reason"], by=actor),
        done=_("The result is confirmed."),
        title=_("Lift the doubt and confirm") if in_doubt else _("Confirm the result"),
        submit_label=_("Confirm the result"),
    )


def void_propose(request: HttpRequest, pk: int) -> HttpResponseBase:
    actor = actor_of(request)
    result = get_object_or_404(access.results_for(actor), pk=pk)
    return _act(
        request,
        result,
        VoidForm(request.POST or None, request.FILES or None),
        lambda data: actions.propose_void(
            result, reason=data["reason"], evidence=upload_of(data["evidence"]), by=actor
        ),
        done=_("Proposed. Another person of the centre has to decide."),
        title=_("Propose to void the result"),
        submit_label=_("Propose"),
        danger=True,
    )


def void_decide(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Decide a proposal; its own maker cannot."""
    actor = actor_of(request)
    proposal = get_object_or_404(access.proposals_for(actor), pk=pk)
    return _act(
        request,
        proposal.result,
        DecideForm(request.POST or None),
        lambda data: actions.decide_void(proposal, accept=data["accept"], reason=data["reason"], by=actor),
        done=_("Decided."),
        title=_("Decide the proposal to void"),
        submit_label=_("Decide now"),
        danger=True,
        words=_("Proposed by %(who)s: %(why)s") % {"who": proposal.proposed_by, "why": proposal.reason},
    )


def void_evidence(request: HttpRequest, pk: int) -> HttpResponse:
    """The evidence of a proposal to void."""
    proposal = get_object_or_404(access.proposals_for(actor_of(request)), pk=pk)
    if proposal.evidence is None:
        raise Http404
    file = proposal.evidence
    return file_response(read(file), file.name, file.content_type, inline=True)
