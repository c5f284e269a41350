from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.hall import access, actions
from zhupei.hall.forms import RehearsalForm
from zhupei.hall.models import Rehearsal, RehearsalState
from zhupei.hall.rehearsals import stage
from zhupei.institutions.api import Site
from zhupei.web.paging import page_by_key

from .pieces import act_on, act_page, actor_of, posted, with_halls


def _labels() -> dict[str, str]:
    return {
        "all_papers_ms": _("Everybody has the paper after"),
        "start_p99_ms": _("From pressing start to seeing the paper (99 of 100)"),
        "save_p99_ms": _("Saving an answer (99 of 100)"),
        "submit_p99_ms": _("From pressing hand-in to seeing the scores (99 of 100)"),
        "lost": _("Answers that were not kept"),
        "errors": _("Failures"),
        "rss_mb": _("Memory of the server"),
        "missing": _("Computers that did not finish"),
        "started": _("Candidates who started"),
        "handed_in": _("Candidates who handed in"),
        "answers": _("Answers kept"),
    }


def _amount(name: str, value: Any) -> str:
    """A figure with its unit, or a dash."""
    if value is None:
        return "–"
    number = f"{value:.0f}" if isinstance(value, float) else str(value)
    if name.endswith("_ms"):
        return _("%(n)s ms") % {"n": number}
    return _("%(n)s MB") % {"n": number} if name.endswith("_mb") else number


def _checks(results: dict[str, Any]) -> list[dict[str, Any]]:
    labels = _labels()
    return [
        {
            "label": labels.get(one["name"], one["name"]),
            "value": _amount(one["name"], one["value"]),
            "limit": _amount(one["name"], one["limit"]),
            "passed": one["passed"],
            "reported": one.get("reported", False),
        }
        for one in results.get("checks", [])
        if isinstance(one, dict) and {"name", "value", "limit", "passed"} <= one.keys()
    ]


def rehearsal_list(request: HttpRequest) -> HttpResponse:
    """The rehearsals of this hall, the last one first (R117, R131)."""
    actor = actor_of(request)
    page = page_by_key(access.rehearsals_for(actor), request)
    with_halls(page.items)
    context = {"page": page, "may_prepare": actor.has(*actions.BRINGERS)}
    return render(request, "hall/rehearsals.html", context)


def rehearsal_prepare(request: HttpRequest) -> HttpResponse:
    """How many computers, for how long."""
    actor = actor_of(request)
    sites = list(access.halls_for(actor).order_by("pk"))
    form = RehearsalForm(posted(request), sites=[(str(one.pk), one.name) for one in sites])
    if request.method != "POST" and sites:
        form.initial.update({"site": str(sites[0].pk), "seats": sites[0].exam_clients or 50})
    return act_page(
        request,
        form,
        lambda data: actions.prepare_rehearsal(
            site_id=int(data["site"]) if data.get("site") else None,
            seats=data["seats"],
            minutes=data["minutes"],
            by=actor,
        ),
        done=_("Prepared. Open the address on every exam computer now."),
        to=lambda row: reverse("hall:rehearsal", args=[row.pk]),
        heading=_("Prepare a rehearsal"),
        lead=_("The hall's own computers play invented candidates against this server. No real test, person or item is "
               "touched. A rehearsal that was prepared before is given up."),
        submit_label=_("Prepare"),
        cancel="hall:rehearsals",
    )  # fmt: skip


def rehearsal_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Address and code for the computers, the start, every computer with its figures, the limits."""
    actor = actor_of(request)
    row: Rehearsal = get_object_or_404(access.rehearsals_for(actor), pk=pk)
    is_on = actions.is_on_stage(row) and row.state in (RehearsalState.PREPARED, RehearsalState.STARTED)
    results, source, code, starts_in = row.results, row.source, "", None
    if is_on:
        source, results = actions.results_now(row)
        plan = stage().plan
        code = plan.code if plan is not None else ""
        milliseconds = stage().starts_in_ms()
        starts_in = None if milliseconds is None else max(-(-milliseconds // 1000), 0)
    here = actor.organisation_id == row.organisation_id
    may_act = here and actor.has(*actions.BRINGERS) and is_on
    context = {
        "row": row,
        "hall": Site.objects.filter(pk=row.site_id_ref).first() if row.site_id_ref else None,
        "is_on": is_on,
        "address": request.build_absolute_uri("/rehearsal/play"),
        "code": code if may_act else "",
        "starts_in": starts_in,
        "may_act": may_act,
        "source": source,
        "results": results,
        "seats": results.get("seats", []),
        "checks": _checks(results),
        "contradictions": [
            one | {"label": _labels().get(one["name"], one["name"])}
            for one in results.get("contradictions", [])
        ],
        "labels": {
            "joined": _("Joined, waits for the start"),
            "started": _("Answering"),
            "done": _("Finished"),
            "failed": _("Did not finish"),
        },
    }
    for one in context["seats"]:
        one["label"] = context["labels"].get(one["state"], one["state"])
    return render(request, "hall/rehearsal.html", context)


@require_POST
def rehearsal_start(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Everybody starts."""
    done = _("All computers start in ten seconds.")
    return act_on(request, access.rehearsals_for, pk, actions.start_rehearsal, done=done, to="hall:rehearsal")


@require_POST
def rehearsal_keep(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The result goes on the hall's record."""
    done = _("The result is on the hall's record.")
    return act_on(request, access.rehearsals_for, pk, actions.keep_rehearsal, done=done, to="hall:rehearsal")
