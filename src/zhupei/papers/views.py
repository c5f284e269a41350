from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from zhupei.audit.api import events_on, label_of
from zhupei.itembank.api import chapters_of, latest_release
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.rulebook.api import active_posts, parameter
from zhupei.web.access import may_open
from zhupei.web.forms import row_numbers
from zhupei.web.paging import page_by_key
from zhupei.web.views import message_of, perform, refusals, status_of

from . import access, actions, events, showing
from .choices import DEFAULT_NAMES, DEFAULT_SECTIONS, DEFAULT_TARGETS, HUBEI_SECTIONS
from .drawing import Seat, targets_of
from .forms import BlueprintForm, TrialForm, values_of
from .models import Blueprint, Draw
from .queries import check_fillable, posts_with_items, weights_of
from .rehearsal import rehearse, released_form

TRIAL_PEOPLE = 220
BUSY_SECONDS = 120
SHOWN_DIFFERING = 50


@contextmanager
def _alone(actor: Actor) -> Iterator[None]:
    """One assembly at a time for a person. Raises ``Refusal`` (429) while another is under way."""
    key = f"papers:assembling:{actor.user_id}"
    if not cache.add(key, 1, BUSY_SECONDS):
        raise Refusal(
            "assembling",
            _("Papers are being assembled for you already. Wait until they are done."),
            status=429,
        )
    try:
        yield
    finally:
        cache.delete(key)


# ── blueprints ──────────────────────────────────────────────────────────────────────────────────────────


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
        "blueprints": [{"row": row, "sections": showing.section_rows(row.sections)} for row in rows],
        "release": release,
        "checks": checks,
        "filled": [c for c in checks if not c["fault"]],
        "faults": [c["fault"] for c in checks if c["fault"]],
    }
    return render(request, "papers/blueprints.html", context)


def _versions(request: HttpRequest, found: Blueprint) -> list[dict[str, Any]]:
    """The versions of the same paper, newest first, each with what it changed."""
    rows = list(
        access.blueprints_for(request.actor)
        .filter(post=found.post, subject=found.subject)
        .order_by("-version")
    )
    return [
        {"row": row, "changes": showing.changes(before, row) if before else [], "first": before is None}
        for row, before in zip(rows, [*rows[1:], None], strict=True)
    ]


def blueprint(request: HttpRequest, pk: int) -> HttpResponse:
    """One version of a blueprint: sections, targets, chapters, and the other versions of the same paper."""
    found = get_object_or_404(access.blueprints_for(request.actor), pk=pk)
    entries = chapters_of(found.post, found.subject) if found.post else []
    weights = weights_of(found.post, found.subject) if found.post else {}
    context = {
        "blueprint": found,
        "sections": showing.section_rows(found.sections),
        "facts": showing.target_facts(found.targets),
        "levels": showing.level_rows(found.targets),
        "chapters": showing.chapter_rows(found, weights, {e.number: e.title for e in entries}),
        "own_chapters": bool(found.targets.get("chapters")),
        "versions": _versions(request, found),
    }
    return render(request, "papers/blueprint.html", context)


def _start(request: HttpRequest) -> dict[str, Any]:
    """The first values of the form: of a ready form or, by ``?from=`` with its number, of a blueprint."""
    rule = parameter("multiple_choice_rule")
    values: dict[str, Any] = {"multiple_rule": rule, "case_rule": rule}
    source = request.GET.get("from", "")
    if numbers := row_numbers([source]):
        old = get_object_or_404(access.blueprints_for(request.actor), pk=numbers[0])
        values |= {"post": old.post_id, "subject": old.subject, "name": old.name}
        return values | values_of(old.sections, old.targets)
    if source == "hubei":
        values |= {"name": _("National bank's form as used in Hubei")}
        return values | values_of(HUBEI_SECTIONS, DEFAULT_TARGETS)
    subject = source if source in DEFAULT_SECTIONS else next(iter(DEFAULT_SECTIONS))
    values |= {"subject": subject, "name": DEFAULT_NAMES[subject]}  # type: ignore[index]
    return values | values_of(DEFAULT_SECTIONS[subject], DEFAULT_TARGETS)


def new_blueprint(request: HttpRequest) -> HttpResponse:
    """Save a new version, which begins as a ready form or as an existing version (``?from=``).

    The button ``show_chapters`` shows the chapters of the chosen post and checks nothing.
    """
    asks = request.method == "POST" and "show_chapters" in request.POST
    if asks:
        form = BlueprintForm(instance_values=request.POST.dict())
        if request.headers.get("HX-Request"):
            return render(request, "papers/_chapters.html", {"form": form})
    else:
        form = BlueprintForm(
            request.POST if request.method == "POST" else None, instance_values=_start(request)
        )
    if not asks and request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        with refusals(form) as outcome:
            saved = actions.save_blueprint(
                post=data["post"],
                subject=data["subject"],
                name=data["name"],
                sections=form.typed_sections(),
                targets=form.typed_targets(),
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


def trial(request: HttpRequest, pk: int) -> HttpResponse:
    """Assemble papers for a full hall from the latest release, show how even they come out, and keep none."""
    found = get_object_or_404(access.blueprints_for(request.actor), pk=pk)
    release = latest_release()
    context: dict[str, Any] = {"blueprint": found, "release": release, "people": TRIAL_PEOPLE}
    if release is None:
        return render(request, "papers/trial.html", context)
    posts = [found.post] if found.post else list(posts_with_items(release, found.subject))
    form = TrialForm(request.POST if request.method == "POST" else None, posts=posts)
    if request.method == "POST" and form.is_valid():
        post = form.chosen()
        with refusals(form), _alone(request.actor):
            seats = {f"{n:04d}": Seat("trial", n) for n in range(1, TRIAL_PEOPLE + 1)}
            result = rehearse(
                secrets.token_bytes(32),
                released_form(found, post, found.subject, release),
                seats,
                None,
                row_length=int(parameter("seats_in_row")),
            )
            aims = targets_of(found.targets, {})
            context |= {
                "report": showing.report(showing.of_rehearsal(result), aims, _("This blueprint")),
                "post": post,
                "seconds": f"{result['selection_s']:.1f}",
            }
    return render(request, "papers/trial.html", context | {"form": form}, status=status_of(form))


# ── draws ───────────────────────────────────────────────────────────────────────────────────────────────


def draws(request: HttpRequest) -> HttpResponse:
    """Every drawing of papers, newest first."""
    page = page_by_key(access.draws_for(request.actor).defer("inputs", "seed"), request)
    return render(
        request, "papers/draws.html", {"page": page, "rows": [showing.draw_row(row) for row in page.items]}
    )


def draw(request: HttpRequest, pk: int) -> HttpResponse:
    """How even a draw came out, the seed's commitment, and what happened to it."""
    found = get_object_or_404(access.draws_for(request.actor), pk=pk)
    return _draw_page(request, found)


def _draw_page(
    request: HttpRequest, found: Draw, differing: list[str] | None = None, status: int = 200
) -> HttpResponse:
    used = access.blueprints_for(request.actor).in_bulk([one["blueprint"] for one in found.figures])
    names = dict(active_posts().values_list("code", "name"))
    happened = list(events_on(found))
    context = {
        "draw": found,
        "reports": showing.draw_reports(found, used, names),
        "seen": showing.inputs_facts(found),
        "may_open_blueprint": may_open(request.actor, "papers:blueprint"),
        "entries": [_entry(event) for event in happened],
        "differing": showing.differing_words(differing or [])[:SHOWN_DIFFERING],
        "differing_more": max(len(differing or []) - SHOWN_DIFFERING, 0),
    }
    return render(request, "papers/draw.html", context, status=status)


def _entry(event: Any) -> dict[str, Any]:
    """An event of a draw for its time line; a comparison says what came of it."""
    who = _("the system") if event.actor_name == SYSTEM.name else event.actor_name
    entry = {"at": event.at, "who": who, "what": label_of(event.code), "tone": "neutral"}
    if event.code == events.DRAW_RECHECKED:
        count = event.after["differing"]
        entry["tone"] = "problem" if count else "done"
        if count:
            entry["why"] = ngettext("%(n)d differs", "%(n)d differ", count) % {"n": count}
        else:
            entry["why"] = _("All %(n)d papers are what the seed says.") % {"n": event.after["papers"]}
    return entry


@require_POST
def recheck(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Draw again from seed, release and inputs, and say whether every paper is the same."""
    found = get_object_or_404(access.draws_for(request.actor), pk=pk)
    with _alone(request.actor):
        differing = actions.recheck_draw(found, by=request.actor)
    if differing:
        return _draw_page(request, found, differing, status=Conflict("draw_differs").status)
    messages.success(request, _("All %(n)d papers are what the seed says.") % {"n": found.papers.count()})
    return redirect("papers:draw", pk=found.pk)
