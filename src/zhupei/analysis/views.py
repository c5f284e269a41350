from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.itembank.api import ItemKind
from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import BANK, Role
from zhupei.rulebook.api import division_names
from zhupei.web.access import may_open
from zhupei.web.paging import page_by_key
from zhupei.web.views import perform, refusals

from . import access, actions, charts, queries
from .choices import OPEN, TONES, RunKind, RunState
from .drift import EXPOSURE_LIMIT
from .forms import CalibrationForm, ItemFilter, OpinionForm, ScopeFilter
from .judging import LEAST
from .models import AnalysisRun, ItemStatistics, Report


def actor_of(request: HttpRequest) -> Actor:
    """The actor that the middleware put on the request."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


def _badges(row: ItemStatistics) -> list[dict[str, Any]]:
    return [{"code": flag, "label": flag.label, "tone": TONES.get(flag, "neutral")} for flag in row.flag_list]


def _noted(rows: list[ItemStatistics]) -> list[dict[str, Any]]:
    return [{"row": row, "flags": _badges(row)} for row in rows]


# ── items ───────────────────────────────────────────────────────────────────────────────────────────────


def items(request: HttpRequest) -> HttpResponse:
    """The questions of the newest calibrations, with flags."""
    filters = ItemFilter(request.GET)
    data = filters.cleaned_data if filters.is_valid() else {}
    mine = access.items_for(actor_of(request))
    if data.get("waiting"):  # alarms of a batch wait too, before anything is calibrated
        rows = mine.filter(pk__in=queries.waiting_items().values("pk"))
    else:
        rows = mine.filter(pk__in=queries.latest_items().values("pk"))
    rows = queries.matching(rows, data.get("q", ""))
    if data.get("scope"):
        post, _dash, subject = data["scope"].partition("-")
        rows = rows.filter(post=int(post), subject=subject)
    if data.get("flag"):
        rows = rows.filter(flags__contains=f",{data['flag']},")
    page = page_by_key(rows, request, order=("key", "pk"))
    context = {
        "page": page,
        "noted": _noted(page.items),
        "filters": filters,
        "filtered": any(data.values()),
        "least": LEAST,
    }
    return render(request, "analysis/items.html", context)


def item(request: HttpRequest, pk: int) -> HttpResponse:
    """One question: who chooses what, how its figures moved, what was decided. The reading is recorded."""
    row = get_object_or_404(access.items_for(actor_of(request)), pk=pk)
    actions.note_reading(row, by=actor_of(request))
    return _item_page(request, row, OpinionForm())


def _item_page(
    request: HttpRequest, row: ItemStatistics, form: OpinionForm, status: int = 200
) -> HttpResponse:
    actor = actor_of(request)
    words = queries.words_of(row) if actor.has(*BANK) else None
    found = queries.calibration_of(row)
    in_bank = queries.bank_key_of(row)
    divisions = division_names() if row.dif else {}
    context = {
        "row": row,
        "flags": _badges(row),
        "few": row.n < LEAST,
        "least": LEAST,
        "words": words,
        "options": [
            {
                **one,
                "name": charts.option_name(one, row.kind),
                "text": words.options.get(one["id"], "") if words else "",
            }
            for one in row.options
        ],
        "bank_url": in_bank and may_open(actor, "itembank:item") and reverse("itembank:item", args=[in_bank]),
        "correct_url": in_bank
        and may_open(actor, "exams:correct_key")
        and reverse("exams:correct_key", args=[row.item_uid, row.version]),
        "calibration": found,
        "charts": [
            *([charts.option_curves(row)] if row.n >= LEAST else []),
            *([charts.over_time(row)] if row.months else []),
            *([charts.curve(found)] if found else []),
        ],
        "dif": [{**one, "group": queries.group_name(one["by"], one["value"], divisions)} for one in row.dif],
        "neighbours": queries.neighbours_of(row),
        "settlements": queries.settlements_of(row),
        "may_settle": row.waiting and actor.has(Role.BANK_KEEPER),
        "form": form,
        "limit": EXPOSURE_LIMIT,
    }
    return render(request, "analysis/item.html", context, status=status)


@require_POST
def settle(request: HttpRequest, pk: int) -> HttpResponse:
    """Say what was found and decided on an item's alarms."""
    row = get_object_or_404(access.items_for(actor_of(request)), pk=pk)
    form = OpinionForm(request.POST)
    if form.is_valid():
        with refusals(form) as outcome:
            actions.settle(row, opinion=form.cleaned_data["opinion"], by=actor_of(request))
        if outcome.ok:
            messages.success(request, _("Noted. These alarms wait no more."))
            return redirect("analysis:item", pk=row.pk)
    return _item_page(request, row, form, 422)


def _scope_of(request: HttpRequest) -> tuple[ScopeFilter, tuple[int, str] | None]:
    filters = ScopeFilter(request.GET)
    return filters, filters.chosen


def item_map(request: HttpRequest) -> HttpResponse:
    """Facility against discrimination, every question a point."""
    filters, scope = _scope_of(request)
    rows: list[ItemStatistics] = []
    if scope is not None:
        found = access.items_for(actor_of(request)).filter(pk__in=queries.latest_items().values("pk"))
        rows = list(
            found.filter(
                post=scope[0], subject=scope[1], n__gte=LEAST, discrimination__isnull=False
            ).order_by("discrimination", "key")
        )
    context = {
        "filters": filters,
        "scope": scope,
        "rows": rows,
        "chart": charts.item_map(rows),
        "least": LEAST,
    }
    return render(request, "analysis/map.html", context)


def _in_order(cell: tuple[tuple[str, str], Any]) -> tuple[int, list[tuple[int, str]]]:
    """Kinds as papers have them; chapters by their numbers, 2 before 10."""
    (kind, chapter), _rows = cell
    parts = [(int(part) if part.isascii() and part.isdigit() else 0, part) for part in chapter.split(".")]
    return ItemKind.values.index(kind), parts


def exposure(request: HttpRequest) -> HttpResponse:
    """How often items are drawn, within cells of kind and chapter."""
    filters, scope = _scope_of(request)
    found = queries.exposures_of(*scope) if scope else []
    cells: dict[tuple[str, str], list[queries.Exposure]] = {}
    for one in found:
        cells.setdefault((one.item.kind, one.item.chapter), []).append(one)
    known = [one.ratio for one in found if one.ratio is not None]
    context = {
        "filters": filters,
        "scope": scope,
        "chart": charts.exposure(known) if known else None,
        "cells": [
            {
                "kind": ItemKind(kind).label,
                "chapter": chapter,
                "items": len(rows),
                "least": min(one.drawn for one in rows),
                "mean": round(rows[0].mean, 1),
                "most": max(one.drawn for one in rows),
                "ratio": max((one.ratio for one in rows if one.ratio is not None), default=None),
            }
            for (kind, chapter), rows in sorted(cells.items(), key=_in_order)
        ],
        "over": sorted(
            (one for one in found if one.ratio is not None and one.ratio > EXPOSURE_LIMIT),
            key=lambda one: -(one.ratio or 0),
        )[:50],
        "limit": EXPOSURE_LIMIT,
        "may_open_item": may_open(actor_of(request), "itembank:item"),
    }
    return render(request, "analysis/exposure.html", context)


# ── runs ────────────────────────────────────────────────────────────────────────────────────────────────


def runs(request: HttpRequest) -> HttpResponse:
    """Every run, newest first; what may be asked for."""
    actor = actor_of(request)
    page = page_by_key(access.runs_for(actor), request)
    may_ask = actor.has(*actions.ASKERS)
    form = CalibrationForm() if may_ask else None
    context = {
        "page": page,
        "offered": list(queries.offered()[:20]) if may_ask else [],
        "form": form if form is not None and form.scopes else None,
    }
    return render(request, "analysis/runs.html", context)


@require_POST
def request_batch(request: HttpRequest, pk: int) -> HttpResponseBase:
    batch = get_object_or_404(access.batches_for(actor_of(request)), pk=pk)
    return perform(
        request,
        lambda: actions.request_batch(batch, by=actor_of(request)),
        success=_("The analysis has been asked for."),
        to=lambda run: reverse("analysis:run", args=[run.pk]),
    )


@require_POST
def request_calibration(request: HttpRequest) -> HttpResponseBase:
    form = CalibrationForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose a post and subject."))
        return redirect("analysis:runs")
    post, subject = form.scopes[form.cleaned_data["scope"]]
    return perform(
        request,
        lambda: actions.request_calibration(post, subject, by=actor_of(request)),
        success=_("The analysis has been asked for."),
        to=lambda run: reverse("analysis:run", args=[run.pk]),
    )


def _run_context(found: AnalysisRun) -> dict[str, Any]:
    errors = {
        "cut_off": _("It was cut off: the server was stopped. Ask for it again."),
        "internal": _(
            "The program failed. Tell the system administrator; the details stand in the server's log."
        ),
    }
    return {
        "run": found,
        "open": found.state in OPEN,
        "finished": found.state == RunState.FINISHED,
        "is_calibration": found.kind == RunKind.CALIBRATION,
        "fault": errors.get(
            found.error, _("The answers could not be read (%(code)s).") % {"code": found.error}
        )
        if found.error
        else "",
    }


def run(request: HttpRequest, pk: int) -> HttpResponse:
    """One run: how far it is, or what it found."""
    found = get_object_or_404(access.runs_for(actor_of(request)), pk=pk)
    return render(request, "analysis/run.html", _run_context(found))


def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of a run's page that is asked for again while it goes on."""
    found = get_object_or_404(access.runs_for(actor_of(request)), pk=pk)
    return render(request, "analysis/_run.html", _run_context(found))


def _section(report: Report, divisions: dict[str, str]) -> dict[str, Any]:
    questions, few = queries.counts_of(report)
    return {
        "report": report,
        "few": report.n < LEAST,
        "share": charts.percent(report.passed / report.n) if report.n else "–",
        "chart": charts.scores(report) if report.n else None,
        "questions": questions,
        "few_questions": few,
        "all_few": questions == few,
        "noted": _noted(queries.worth_a_look(report)),
        "dif": [
            {"row": row, **one, "group": queries.group_name(one["by"], one["value"], divisions)}
            for row, one in queries.different_for_groups(report)
        ],
    }


def report(request: HttpRequest, pk: int) -> HttpResponse:
    """The report of a run, made to be printed."""
    found = get_object_or_404(access.runs_for(actor_of(request)).filter(state=RunState.FINISHED), pk=pk)
    divisions = division_names()
    rows = found.reports.select_related("post").order_by("post__position", "subject")
    context = {
        **_run_context(found),
        "sections": [_section(one, divisions) for one in rows],
        "least": LEAST,
    }
    return render(request, "analysis/report.html", context)
