"""Tags and filters of every page: states, dates, masks, icons, rings, deadlines, tables and charts."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.core.serializers.json import DjangoJSONEncoder
from django.forms import BaseForm, BoundField, CheckboxInput, ClearableFileInput, FileInput
from django.forms.formsets import BaseFormSet
from django.forms.widgets import ChoiceWidget
from django.http import QueryDict
from django.templatetags.static import static
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from zhupei.kernel import clock, identity, phones

register = template.Library()

# ── states ──────────────────────────────────────────────────────────────────────────────────────────────

TONES = {  # tone → icon. The colours stand in zhupei.css; the word is the state's own label.
    "draft": "pencil-square",
    "waiting": "hourglass-split",
    "active": "play-circle",
    "done": "check-circle",
    "problem": "exclamation-triangle",
    "void": "slash-circle",
    "neutral": "circle",
}
_STATES = {
    "draft": "draft new editing not_started planned prepared unanswered unassigned",
    "waiting": "waiting submitted pending queued requested applied scheduled vetting vetted forwarded in_review"
    " under_review reviewing hearing proposed awaiting_confirmation to_confirm marking responded disputed",
    "active": "active open opened running ongoing in_progress in_session started enrolling enrolled authorised"
    " released answering checked_in seated ready present invited rectifying loaded effective",
    "done": "done accepted received approved passed confirmed valid registered published filed acknowledged complete"
    " completed closed finished archived issued handed_in scored met verified ok resolved delivered credited decided"
    " upheld",
    "problem": "problem rejected refused returned failed overdue suspended shielded in_doubt doubtful incident missing"
    " not_met not_passed locked late gap violation needs_retraining needs_rectification offline broken blocked",
    "void": "void voided cancelled withdrawn revoked deregistered expired superseded disposed absent reversed removed"
    " retired discarded inactive",
}
TONE_OF = {state: tone for tone, states in _STATES.items() for state in states.split()}


def tone_of(value: Any) -> str:
    """The tone of a state's stored value; a tone's own name is its tone; anything unknown is neutral."""
    text = str(value or "")
    return text if text in TONES else TONE_OF.get(text, "neutral")


@register.inclusion_tag("web/_state.html")
def state(value: Any, label: Any = "", tone: str = "") -> dict[str, Any]:
    """A badge: colour, icon and word. ``tone`` overrides what the value's name says."""
    tone = tone if tone in TONES else tone_of(value)
    return {"tone": tone, "icon": TONES[tone], "label": label or value}


@register.filter
def tone_icon(value: Any) -> str:
    """The icon of a tone or state."""
    return TONES[tone_of(value)]


@register.filter
def tone(value: Any) -> str:
    """The tone of a state, for a class name."""
    return tone_of(value)


# ── icons ───────────────────────────────────────────────────────────────────────────────────────────────


@register.simple_tag
def icon(name: str, label: Any = "") -> SafeString:
    """An icon of the sprite: hidden from screen readers, unless ``label`` says what it stands for."""
    href = static("web/vendor/icons.svg")
    if label:
        return format_html(
            '<svg class="z-icon" role="img" aria-label="{}"><use href="{}#{}"></use></svg>', label, href, name
        )
    return format_html(
        '<svg class="z-icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>', href, name
    )


# ── dates ───────────────────────────────────────────────────────────────────────────────────────────────

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _day(day: date) -> str:
    if (get_language() or "").startswith("zh"):
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


@register.filter
def shanghai(moment: date | datetime | None, part: str = "") -> str:
    """A date, or a moment on the clock of Shanghai: 2026年11月22日 14:30. ``part`` may be "date" or "time"."""
    if not moment:
        return ""
    if not isinstance(moment, datetime):
        return _day(moment)
    moment = clock.local(moment)
    hour = f"{moment:%H:%M}"
    return hour if part == "time" else _day(moment) if part == "date" else f"{_day(moment)} {hour}"


@register.filter
def iso(moment: date | datetime | None) -> str:
    """What stands in ``<time datetime>``."""
    if not moment:
        return ""
    return (
        clock.local(moment).isoformat(timespec="minutes")
        if isinstance(moment, datetime)
        else moment.isoformat()
    )


@register.inclusion_tag("web/_deadline.html")
def deadline(
    day: date | datetime | None, workdays_left: int | None = None, provisional: bool = False, soon: int = 3
) -> dict[str, Any]:
    """A date and the working days left until it (0: today; below 0: overdue).

    ``provisional`` marks a date that rests on a calendar year not yet published. ``soon`` is the number of working
    days from which it stands out.
    """
    if workdays_left is None:
        words, tone = "", "neutral"
    elif workdays_left < 0:
        over = -workdays_left
        words = ngettext("%(n)d working day overdue", "%(n)d working days overdue", over) % {"n": over}
        tone = "problem"
    elif workdays_left == 0:
        words, tone = _("due today"), "problem"
    else:
        words = ngettext("%(n)d working day left", "%(n)d working days left", workdays_left) % {
            "n": workdays_left
        }
        tone = "waiting" if workdays_left <= soon else "neutral"
    icon = {"problem": "exclamation-triangle", "waiting": "hourglass-split"}.get(tone, "calendar-event")
    return {"date": day, "words": words, "tone": tone, "icon": icon, "provisional": provisional}


# ── personal data ───────────────────────────────────────────────────────────────────────────────────────


@register.filter
def masked_id(value: Any) -> str:
    """An identity document number with its middle hidden."""
    return identity.mask_id(str(value)) if value else ""


@register.filter
def masked_phone(value: Any) -> str:
    """A telephone number with its middle hidden."""
    return phones.mask(str(value)) if value else ""


@register.filter
def masked_name(value: Any) -> str:
    """A name of which only the first character shows."""
    text = str(value or "").strip()
    return text[:1] + "*" * min(len(text) - 1, 3) if text else ""


# ── figures ─────────────────────────────────────────────────────────────────────────────────────────────

_AROUND = 2 * math.pi * 42


def _plain(number: Any) -> str:
    """22.0 → "22", Decimal("22.50") → "22.5"."""
    text = format(Decimal(str(number)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


@register.inclusion_tag("web/_ring.html")
def ring(value: Any, total: Any, label: Any = "", unit: Any = "") -> dict[str, Any]:
    """A ring drawn by the server: how much of ``total`` is reached, in words too."""
    done, whole = Decimal(str(value or 0)), Decimal(str(total or 0))
    share = min(max(done / whole, Decimal(0)), Decimal(1)) if whole else Decimal(0)
    return {
        "value": _plain(done),
        "total": _plain(whole),
        "label": label,
        "unit": unit,
        "percent": int(share * 100),
        "dash": f"{_AROUND * float(share):.1f} {_AROUND:.1f}",
        "empty": share == 0,
        "met": bool(whole) and done >= whole,
        "missing": _plain(max(whole - done, Decimal(0))),
    }


class _ChartEncoder(DjangoJSONEncoder):
    def default(self, o: Any) -> Any:
        if isinstance(o, Decimal):
            return float(o)  # a figure to draw, never one to count with
        if isinstance(o, Promise):
            return str(o)
        return super().default(o)


@register.simple_tag
def json_for_chart(data: Any, element_id: str) -> SafeString:
    """``data`` as a JSON block that charts.js reads; never executed."""
    text = json.dumps(data, cls=_ChartEncoder, ensure_ascii=False)
    safe = text.replace("&", "\\u0026").replace("<", "\\u003C").replace(">", "\\u003E")
    return format_html('<script type="application/json" id="{}">{}</script>', element_id, mark_safe(safe))  # noqa: S308


@register.filter
def chart_rows(chart: Mapping[str, Any]) -> list[tuple[Any, list[Any]]]:
    """The same figures as table rows: (category, [one value for each series])."""
    return [
        (category, [series["data"][i] if i < len(series["data"]) else "" for series in chart["series"]])
        for i, category in enumerate(chart["categories"])
    ]


# ── lists ───────────────────────────────────────────────────────────────────────────────────────────────


@register.simple_tag(takes_context=True)
def query_with(context: template.Context, **changes: Any) -> str:
    """The page's own query string with some parameters set, or taken out (None or ""). Paging starts again."""
    request = context.get("request")
    query = request.GET.copy() if request else QueryDict(mutable=True)
    for name in ("after", "before"):
        query.pop(name, None)
    for name, value in changes.items():
        query.pop(name, None)
        if value not in (None, ""):
            query[name] = str(value)
    return f"?{query.urlencode()}"


@register.filter
def under(cells: Sequence[Any], columns: Sequence[Any]) -> list[tuple[Any, Any, bool]]:
    """Pair the cells of a row with their columns: (column, cell, is the cell a mapping?)."""
    return [(column, cell, isinstance(cell, Mapping)) for column, cell in zip(columns, cells, strict=True)]


# ── forms ───────────────────────────────────────────────────────────────────────────────────────────────


@register.filter
def field_kind(field: BoundField) -> str:
    """How a field is laid out: "options", "group", "check", "file" or "input"."""
    widget = field.field.widget
    if widget.use_fieldset:
        return "options" if isinstance(widget, ChoiceWidget) else "group"
    if isinstance(widget, CheckboxInput):
        return "check"
    return "file" if isinstance(widget, FileInput | ClearableFileInput) else "input"


def _links(form: BaseForm, row: str = "") -> Iterable[tuple[str, str, Any]]:
    for message in form.non_field_errors():
        yield "", row, message
    for field in form:
        label = f"{row} {field.label}".strip()
        for message in field.errors:
            yield ("" if field.is_hidden else field.id_for_label or field.auto_id), label, message


@register.filter
def error_links(thing: Any) -> list[tuple[str, str, Any]]:
    """Every error of a form or formset: (id of the field or "", its label or "", message)."""
    if isinstance(thing, BaseForm):
        return list(_links(thing))
    if not isinstance(thing, BaseFormSet):
        return []  # the template was given no form
    found = [("", "", message) for message in thing.non_form_errors()]
    for number, form in enumerate(thing.forms, 1):
        found += _links(form, _("Row %(n)d") % {"n": number})
    return found
