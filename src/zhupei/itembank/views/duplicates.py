"""Items that ask the same: the search over the bank, and the pairs it found, side by side."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.itembank import access, actions, alike, jobs
from zhupei.itembank.choices import ItemState, RunState, Verdict
from zhupei.itembank.forms import PairFilter
from zhupei.itembank.models import DuplicatePair, DuplicateRun, Item
from zhupei.itembank.queries import newest_version, open_pairs
from zhupei.web.paging import page_by_key
from zhupei.web.views import perform

from .items import questions_of


def duplicates(request: HttpRequest) -> HttpResponse:
    """The last search, the pairs to decide on, and the button that searches anew."""
    run = access.runs_for(request.actor).order_by("-pk").first()
    if request.headers.get("HX-Request"):
        response = render(request, "itembank/_run.html", _run_context(run))
        if run is None or not _is_open(run):
            response["HX-Refresh"] = "true"
        return response
    filters = PairFilter(request.GET)
    verdict = Verdict.OPEN
    if filters.is_valid():
        verdict = filters.cleaned_data["verdict"] or Verdict.OPEN
    rows = access.pairs_for(request.actor)
    rows = open_pairs(rows) if verdict == Verdict.OPEN else rows.filter(verdict=verdict)
    page = page_by_key(rows.select_related("first", "second"), request, order=("-likeness", "pk"), size=20)
    for pair in page.items:
        pair.why = alike.REASONS.get(pair.reason, "")
    context = {**_run_context(run), "page": page, "filters": filters, "verdict": verdict}
    return render(request, "itembank/duplicates.html", context)


def _is_open(run: DuplicateRun) -> bool:
    return run.state in (RunState.QUEUED, RunState.RUNNING)


def _run_context(run: DuplicateRun | None) -> dict[str, object]:
    return {"run": run, "running": run is not None and _is_open(run)}


@require_POST
def seek_duplicates(request: HttpRequest) -> HttpResponseBase:
    """Search the bank anew, as a job."""
    run = actions.start_duplicate_run(by=request.actor)
    jobs.seek_duplicates.enqueue(run.pk)
    messages.success(request, _("The search has begun. You may leave this page."))
    return redirect("itembank:duplicates")


def _pair(request: HttpRequest, pk: int) -> DuplicatePair:
    return get_object_or_404(access.pairs_for(request.actor).select_related("first", "second"), pk=pk)


def duplicate(request: HttpRequest, pk: int) -> HttpResponse:
    """Two alike items side by side, without their keys."""
    pair = _pair(request, pk)
    context = {
        "pair": pair,
        "reason": alike.REASONS.get(pair.reason, ""),
        "sides": [_side(pair.first), _side(pair.second)],
        "is_open": pair.verdict == Verdict.OPEN,
    }
    return render(request, "itembank/duplicate.html", context)


def _side(item: Item) -> dict[str, object]:
    version = newest_version(item)
    return {
        "item": item,
        "version": version,
        "questions": questions_of(version.content, None),
        "retired": item.state == ItemState.RETIRED,
    }


@require_POST
def decide_pair(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Remember that two items are no duplicates, or keep them out of one paper."""
    pair = _pair(request, pk)
    verdict = Verdict.ENEMIES if request.POST.get("verdict") == Verdict.ENEMIES else Verdict.DIFFERENT
    words = {
        Verdict.ENEMIES: _("They stand in no paper together, from the next release on."),
        Verdict.DIFFERENT: _("Remembered. The pair is not shown again while both stay as they are."),
    }
    return perform(
        request,
        lambda: actions.decide_pair(pair, verdict, by=request.actor),
        success=words[verdict],
        to=reverse("itembank:duplicates"),
    )
