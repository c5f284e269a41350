"""Reviews of results: asked for by learners and institutions, answered by the centre (I07)."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.exams import access, actions, standing
from zhupei.exams.choices import ChallengeKind, ChallengeState
from zhupei.exams.rescoring_forms import AnswerForm, ChallengeFilter, ChallengeForm, SearchPaperForm
from zhupei.kernel.roles import CENTRE
from zhupei.rulebook.api import workdays_left
from zhupei.web.access import may_open
from zhupei.web.paging import page_by_key
from zhupei.web.views import refusals, status_of

from .pieces import act_on, act_page, actor_of, answers


def challenges(request: HttpRequest) -> HttpResponseBase:
    """Reviews: the centre's all, an institution's own."""
    actor = actor_of(request)
    filters = ChallengeFilter(request.GET)
    wanted, filtered = answers(filters)
    rows = access.challenges_for(actor)
    if wanted["state"]:
        rows = rows.filter(state=wanted["state"])
    context = {"page": page_by_key(rows, request), "filters": filters, "filtered": filtered}
    return render(request, "exams/challenges.html", context)


def challenge_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Ask for a review of one result."""
    actor = actor_of(request)
    result = get_object_or_404(access.results_for(actor), pk=pk)
    form = ChallengeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        with refusals(form) as outcome:
            challenge = actions.file_challenge(result, kind=data["kind"], text=data["text"], by=actor)
        if outcome.ok:
            messages.success(request, _("Your request is with the centre. You are told when it is answered."))
            return redirect("exams:challenge", pk=challenge.pk)
    context = {"form": form, "result": result, "until": standing.challenge_until(result)}
    return render(request, "exams/challenge_file.html", context, status=status_of(form))


def challenge(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One review: what is doubted, the recount, the answer; for the centre a search in the candidate's own paper."""
    actor = actor_of(request)
    row = get_object_or_404(access.challenges_for(actor), pk=pk)
    centre, is_open = actor.has(*CENTRE), row.state == ChallengeState.OPEN
    search = centre and is_open and row.kind == ChallengeKind.ITEM
    form = SearchPaperForm(request.GET if search and "words" in request.GET else None)
    found = None
    if form.is_bound and form.is_valid():
        found = actions.questions_of(row, form.cleaned_data["words"], by=actor)
    context = {
        "challenge": row,
        "result": row.result,
        "candidate": row.result.candidate,
        "rescoring": getattr(row, "rescoring", None),
        "centre": centre,
        "may_list": may_open(actor, "exams:challenges"),
        "is_open": is_open,
        "left": workdays_left(row.due),
        "search": form if search else None,
        "found": found,
        "may_withdraw": is_open and row.filed_by_id == actor.user_id,
        "may_recount": centre and is_open,
        "is_score": row.kind == ChallengeKind.SCORE,
    }
    return render(request, "exams/challenge.html", context, status=status_of(form))


@require_POST
def challenge_withdraw(request: HttpRequest, pk: int) -> HttpResponseBase:
    done = _("Taken back.")
    return act_on(
        request, access.challenges_for, pk, actions.withdraw_challenge, done=done, to="exams:challenge"
    )


@require_POST
def challenge_recount(request: HttpRequest, pk: int) -> HttpResponseBase:
    done = _("The answers are counted again.")
    return act_on(request, access.challenges_for, pk, actions.recount, done=done, to="exams:challenge")


def challenge_answer(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Answer a review with the reason."""
    actor = actor_of(request)
    row = get_object_or_404(access.challenges_for(actor), pk=pk)
    return act_page(
        request,
        AnswerForm(request.POST or None),
        lambda data: actions.answer_challenge(row, uphold=data["uphold"], answer=data["answer"], by=actor),
        done=_("Answered."),
        back=reverse("exams:challenge", args=[pk]),
        title=_("Answer the review"),
        lead=f"{row.result.candidate.person.name} · {row.result.candidate.slip_no}",
        words=row.text,
        submit_label=_("Send the answer"),
    )
