from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.itembank.api import ItemKind, latest_release
from zhupei.kernel.errors import Refusal
from zhupei.rulebook.api import parameter
from zhupei.web.paging import page_by_key
from zhupei.web.views import message_of, perform, refusals, status_of

from . import access, actions
from .drawing import plan_of
from .forms import RULES, BlueprintForm, values_of
from .models import Blueprint
from .queries import check_fillable, posts_with_items


def _rows(blueprint: Blueprint) -> list[dict[str, Any]]:
    """The sections of a blueprint for a table."""
    words = dict(RULES)
    return [
        {
            "kind": ItemKind(s.kind).label,
            "count": s.count,
            "children": s.children,
            "marks": s.marks,
            "total": s.total,
            "rule": words[s.rule] if s.kind in (ItemKind.MULTIPLE, ItemKind.CASE) else "",
        }
        for s in plan_of(blueprint.sections)
    ]


def blueprints(request: HttpRequest) -> HttpResponse:
    """The blueprints in force, and whether the latest release can fill them."""
    rows = list(
        access.blueprints_for(request.actor).filter(is_current=True).order_by("subject", "post__position")
    )
    release = latest_release()
    checks = []
    if release is not None and rows:
        for subject in parameter("subjects"):
            for post in posts_with_items(release, subject):
                fault = ""
                try:
                    check_fillable(post, subject, release)
                except Refusal as refusal:
                    fault = message_of(refusal)
                checks.append({"post": post, "subject": subject, "fault": fault})
    context = {
        "blueprints": [{"row": row, "sections": _rows(row)} for row in rows],
        "release": release,
        "checks": checks,
        "filled": [c for c in checks if not c["fault"]],
        "faults": [c["fault"] for c in checks if c["fault"]],
    }
    return render(request, "papers/blueprints.html", context)


def blueprint(request: HttpRequest, pk: int) -> HttpResponse:
    """One version of a blueprint, and the others of the same paper."""
    found = get_object_or_404(access.blueprints_for(request.actor), pk=pk)
    versions = (
        access.blueprints_for(request.actor)
        .filter(post=found.post, subject=found.subject)
        .order_by("-version")
    )
    return render(
        request,
        "papers/blueprint.html",
        {"blueprint": found, "sections": _rows(found), "versions": versions},
    )


def new_blueprint(request: HttpRequest) -> HttpResponse:
    """Save a new version; ``?from=`` starts with an existing one."""
    source = request.GET.get("from", "")
    values: dict[str, Any] = {
        "multiple_rule": parameter("multiple_choice_rule"),
        "case_rule": parameter("multiple_choice_rule"),
    }
    if source.isdecimal() and len(source) < 18:
        old = get_object_or_404(access.blueprints_for(request.actor), pk=int(source))
        values |= {"post": old.post_id, "subject": old.subject, "name": old.name, **values_of(old.sections)}
    form = BlueprintForm(request.POST if request.method == "POST" else None, instance_values=values)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        with refusals(form) as outcome:
            saved = actions.save_blueprint(
                post=data["post"],
                subject=data["subject"],
                name=data["name"],
                sections=form.typed_sections(),
                by=request.actor,
            )
        if outcome.ok:
            messages.success(request, _("Saved. Papers drawn from now on follow this version."))
            return redirect("papers:blueprint", pk=saved.pk)
    return render(request, "papers/blueprint_form.html", {"form": form}, status=status_of(form))


@require_POST
def load_defaults(request: HttpRequest) -> HttpResponseBase:
    return perform(
        request,
        lambda: actions.load_default_blueprints(by=request.actor),
        success=_("The default blueprints are set up."),
        to=reverse("papers:blueprints"),
    )


def draws(request: HttpRequest) -> HttpResponse:
    """Every drawing of papers, newest first."""
    return render(
        request, "papers/draws.html", {"page": page_by_key(access.draws_for(request.actor), request)}
    )


def draw(request: HttpRequest, pk: int) -> HttpResponse:
    """How even a draw came out, and the seed's commitment."""
    found = get_object_or_404(access.draws_for(request.actor), pk=pk)
    return render(request, "papers/draw.html", {"draw": found, "figures": found.figures})
