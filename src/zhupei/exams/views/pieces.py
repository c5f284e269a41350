"""What several pages share: acts with and without a form, time lines, filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render

from zhupei.exams.choices import VERBS
from zhupei.kernel.actor import Actor
from zhupei.web.views import perform, refusals, status_of


def actor_of(request: HttpRequest) -> Actor:
    """The actor that the middleware put on the request."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


def act_on(
    request: HttpRequest,
    rows: Callable[[Actor], Any],
    pk: int,
    act: Callable[..., Any],
    *,
    done: str,
    to: str,
) -> HttpResponseBase:
    """A button's ``act`` on one of the ``rows`` that the actor sees; the row's page ``to`` says what was ``done``."""
    actor = actor_of(request)
    row = get_object_or_404(rows(actor), pk=pk)
    return perform(request, lambda: act(row, by=actor), success=done, to=to, pk=pk)


def act_page(
    request: HttpRequest,
    form: forms.Form,
    act: Callable[[dict[str, Any]], Any],
    *,
    done: str,
    back: str,
    to: Callable[[Any], str] | None = None,
    **context: Any,
) -> HttpResponseBase:
    """The page of one act: what it does, to whom, its form.

    Once the form is posted and no rule refuses ``act`` (which gets its answers), the page ``back``, to which Cancel leads as
    well, says what was ``done``; ``to`` names another page by what the act gave.
    """
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            result = act(form.cleaned_data)
        if outcome.ok:
            messages.success(request, done)
            return redirect(to(result) if to else back)
    context |= {"form": form, "cancel_url": back}
    return render(request, "exams/act.html", context, status=status_of(form))


def timeline(steps: Iterable[Any], text: str, tones: Mapping[Any, str]) -> list[dict[str, Any]]:
    """Steps as entries of ``web/_timeline.html``; ``text`` names the field that says why,
    ``tones`` are those of states whose name says another."""
    return [
        {
            "at": step.at,
            "who": " ".join(part for part in (getattr(step, "unit", ""), step.person) if part),
            "what": VERBS.get(step.verb, step.verb),
            "why": getattr(step, text),
            "tone": tones.get(step.state, step.state),
        }
        for step in steps
    ]


def answers(form: forms.Form) -> tuple[dict[str, Any], bool]:
    """The cleaned answers of a filter form, and whether any is set; wrong ones count as empty."""
    form.is_valid()
    data = {name: form.cleaned_data.get(name) or "" for name in form.fields}
    return data, any(data.values())
