"""What several pages share: time lines, filters, downloads of pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.http import HttpRequest

from zhupei.exams.choices import VERBS
from zhupei.kernel.actor import Actor


def actor_of(request: HttpRequest) -> Actor:
    """The actor that the middleware put on the request."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


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
