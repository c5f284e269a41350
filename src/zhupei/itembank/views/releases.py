"""Releases of the bank: those made, and what the next one would hold."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.itembank import access, actions
from zhupei.itembank.choices import ItemKind, ItemState
from zhupei.itembank.forms import ReleaseForm
from zhupei.itembank.queries import all_chapters, counts, latest_release, publishable
from zhupei.itembank.upcoming import in_release, step_between, upcoming
from zhupei.rulebook.api import Subject
from zhupei.web.paging import page_by_key
from zhupei.web.views import refusals, status_of


def _cells(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Counts as table rows: subject and chapter, a column for each kind."""
    titles = all_chapters()
    found: dict[tuple[str, str], dict[str, int]] = {}
    for row in rows:
        found.setdefault((row["subject"], row["chapter"]), {})[row["kind"]] = row["n"]
    ordered = sorted(found.items(), key=lambda c: (c[0][0], len(c[0][1]), c[0][1]))
    return [
        {
            "subject": Subject(subject).label,
            "chapter": f"{chapter} {titles.get(subject, {}).get(chapter, '')}".strip(),
            "by_kind": [(kind.label, by_kind.get(kind, 0)) for kind in ItemKind],
            "total": sum(by_kind.values()),
        }
        for (subject, chapter), by_kind in ordered
    ]


def releases(request: HttpRequest) -> HttpResponse:
    """The releases, what the next one would hold, and the button that makes it."""
    return _releases(request, ReleaseForm())


def _releases(request: HttpRequest, form: ReleaseForm) -> HttpResponse:
    latest = latest_release()
    context = {
        "form": form,
        "page": page_by_key(access.releases_for(request.actor), request, size=20),
        "latest": latest,
        "next": upcoming(latest),
        "states": ItemState,
        "cells": _cells(counts(publishable())),
        "kinds": [kind.label for kind in ItemKind],
    }
    return render(request, "itembank/releases.html", context, status=status_of(form))


@require_POST
def make_release(request: HttpRequest) -> HttpResponse:
    """Freeze the published items as a release."""
    form = ReleaseForm(request.POST)
    before = latest_release()
    if form.is_valid():
        with refusals(form) as outcome:
            made = actions.make_release(note=form.cleaned_data["note"], by=request.actor)
        if outcome.ok:
            if before is not None and before.pk == made.pk:
                messages.info(
                    request,
                    _("Nothing changed since release %(n)d; no new one was needed.") % {"n": made.number},
                )
            else:
                messages.success(request, _("Release %(n)d made.") % {"n": made.number})
            return redirect("itembank:release", pk=made.pk)
    return _releases(request, form)


def release(request: HttpRequest, pk: int) -> HttpResponse:
    """One release: its digest and what it holds by cell."""
    found = get_object_or_404(access.releases_for(request.actor), pk=pk)
    versions = found.versions.all()
    before = access.releases_for(request.actor).filter(number__lt=found.number).order_by("-number").first()
    context = {
        "before": before,
        "step": step_between(in_release(before), in_release(found)) if before else None,
        "measured": found.rows.filter(b__isnull=False).count(),
        "enemies": len(found.enemies),
        "release": found,
        "cells": _cells(counts(versions)),
        "kinds": [kind.label for kind in ItemKind],
        "total": versions.count(),
        "demo": versions.filter(item__is_demo=True).count(),
    }
    return render(request, "itembank/release.html", context)
