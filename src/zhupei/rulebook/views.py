from __future__ import annotations

import calendar as months
from datetime import date
from typing import Any

from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.kernel import clock
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role
from zhupei.web.access import may_open
from zhupei.web.views import file_response, perform, refusals, status_of

from . import actions, queries, sheets
from .actions import Day
from .choices import DayKind, DivisionKind, PostFamily
from .forms import CalendarImportForm, ParameterForm, RuleDocumentForm
from .labels import GROUPS, label_of, value_words
from .models import CalendarVersion, Division, Post, RuleSet

PREVIEW_SALT = "calendar-import"
PREVIEW_SECONDS = 3600


def _tabs(request: HttpRequest, here: str) -> list[dict[str, Any]]:
    pages = [
        ("basis", _("Rule and basis")),
        ("parameters", _("Parameters")),
        ("posts", _("Posts")),
        ("divisions", _("Divisions")),
        ("calendar", _("Working days")),
    ]
    actor = request.actor
    return [
        {"url": reverse(f"rulebook:{name}"), "label": label, "active": name == here}
        for name, label in pages
        if may_open(actor, f"rulebook:{name}")
    ]


def basis(request: HttpRequest) -> HttpResponse:
    """The rule, the day from which it is in force, and what it rests on (R002, R003)."""
    rule_set = queries.current_rule_set()
    context = {
        "tabs": _tabs(request, "basis"),
        "rule_set": rule_set,
        "basis": rule_set.legal_basis.order_by("pk"),
        "others": RuleSet.objects.exclude(pk=rule_set.pk).order_by("-effective_from"),
        "may_edit": may_open(request.actor, "rulebook:rule_document"),
    }
    return render(request, "rulebook/basis.html", context)


def rule_document(request: HttpRequest) -> HttpResponseBase:
    rule_set = queries.current_rule_set()
    values = {"doc_no": rule_set.doc_no, "issued_on": rule_set.issued_on}
    form = RuleDocumentForm(request.POST or None, instance_values=values)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.set_rule_document(rule_set, **form.cleaned_data, by=request.actor)
        if outcome.ok:
            return redirect("rulebook:basis")
    context = {
        "form": form,
        "title": _("Document number of the rule"),
        "submit_label": _("Save"),
        "cancel_url": reverse("rulebook:basis"),
    }
    return render(request, "rulebook/form.html", context, status=status_of(form))


def posts(request: HttpRequest) -> HttpResponse:
    """The catalogue of posts (R004, R018)."""
    today = clock.today()
    rows = []
    for post in Post.objects.order_by("position"):
        is_active = (post.active_from is None or post.active_from <= today) and (
            post.active_to is None or post.active_to >= today
        )
        rows.append({"post": post, "is_active": is_active})
    groups = [
        (label, [row for row in rows if row["post"].family == family]) for family, label in PostFamily.choices
    ]
    context = {
        "tabs": _tabs(request, "posts"),
        "groups": [g for g in groups if g[1]],
        "count": sum(row["is_active"] for row in rows),
    }
    return render(request, "rulebook/posts.html", context)


def divisions(request: HttpRequest) -> HttpResponse:
    """The divisions and functional zones of today, and those that came before with their successors."""
    today = clock.today()
    rows = list(Division.objects.prefetch_related("successors").order_by("code"))
    ended = [row for row in rows if row.valid_to is not None and row.valid_to < today]
    present = [
        row for row in rows if row not in ended and (row.valid_from is None or row.valid_from <= today)
    ]
    groups = [(label, [row for row in present if row.kind == kind]) for kind, label in DivisionKind.choices]
    context = {
        "tabs": _tabs(request, "divisions"),
        "groups": [g for g in groups if g[1]],
        "ended": ended,
        "count": sum(row.kind != DivisionKind.ZONE for row in present),
    }
    return render(request, "rulebook/divisions.html", context)


def parameters(request: HttpRequest) -> HttpResponse:
    """Every number of the rule with its clause, since when, and what comes next."""
    today = clock.today()
    queries.current_rule_set()
    now, last = queries.parameters_on(today), queries.parameters_on(date.max)
    groups = []
    for title, rows in GROUPS:
        shown = []
        for key, label in rows:
            row = now.get(key)
            if row is None:
                continue
            coming = last.get(key)
            coming = coming if coming is not None and coming.pk != row.pk else None
            shown.append(
                {
                    "key": key,
                    "label": label,
                    "row": row,
                    "words": value_words(key, row.value),
                    "coming": coming,
                    "coming_words": value_words(key, coming.value) if coming else "",
                }
            )
        groups.append((title, shown))
    return render(
        request, "rulebook/parameters.html", {"tabs": _tabs(request, "parameters"), "groups": groups}
    )


def _history(key: str) -> list[Any]:
    rows = queries.history_of(key)
    if not rows:
        raise Http404
    return rows


def parameter(request: HttpRequest, key: str) -> HttpResponse:
    """One parameter with every value it had, has or will have."""
    rows, today = _history(key), clock.today()
    entries = []
    for row in rows:
        if row.effective_from > today:
            state, words = "waiting", _("to come")
        elif row.effective_to is None or row.effective_to >= today:
            state, words = "done", _("in force")
        else:
            state, words = "void", _("ended")
        entries.append(
            {"row": row, "words": value_words(key, row.value), "state": state, "state_words": words}
        )
    context = {
        "tabs": _tabs(request, "parameters"),
        "key": key,
        "label": label_of(key),
        "row": rows[0],
        "entries": entries,
        "may_change": request.actor.has(Role.SYSTEM_ADMINISTRATOR),
    }
    return render(request, "rulebook/parameter.html", context)


def parameter_change(request: HttpRequest, key: str) -> HttpResponseBase:
    row = _history(key)[0]
    initial = (
        row.value
        if isinstance(row.value, list)
        else str(row.value).lower()
        if isinstance(row.value, bool)
        else row.value
    )
    form = ParameterForm(
        request.POST or None, key=key, old=row.value, unit=row.unit, instance_values={"value": initial}
    )
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.change_parameter(
                key,
                form.value_text(),
                effective_from=form.cleaned_data["effective_from"],
                reason=form.cleaned_data["reason"],
                by=request.actor,
            )
        if outcome.ok:
            return redirect("rulebook:parameter", key=key)
    context = {
        "form": form,
        "title": _("Change: %(name)s") % {"name": label_of(key)},
        "lead": _("Now: %(value)s %(unit)s (%(clause)s)")
        % {"value": value_words(key, row.value), "unit": row.unit, "clause": row.clause},
        "warning": _("The rule says “in principle” (原则上): a change needs the word of the city commission.")
        if row.is_principle
        else "",
        "submit_label": _("Change the parameter"),
        "cancel_url": reverse("rulebook:parameter", args=[key]),
    }
    return render(request, "rulebook/form.html", context, status=status_of(form))


def _year_of(request: HttpRequest) -> int:
    text = request.GET.get("year", "")
    year = int(text) if text.isascii() and text.isdigit() and len(text) == 4 else clock.today().year
    return min(max(year, 2004), 2100)


def _months(year: int) -> list[dict[str, Any]]:
    days, known, today = queries.announced_days(year), queries.calendar(), clock.today()
    sheets_of_year = []
    for month in range(1, 13):
        weeks = []
        for week in months.Calendar().monthdatescalendar(year, month):
            cells = []
            for day in week:
                if day.month != month:
                    cells.append(None)
                    continue
                row, working = days.get(day), known.is_working(day)
                if row is not None and row.kind == DayKind.MAKE_UP:
                    mark = "work"
                elif not working and (row is not None and row.kind == DayKind.HOLIDAY):
                    mark = "holiday"
                elif not working and day.weekday() < 5:
                    mark = "holiday"  # a statutory day of a year not yet announced
                else:
                    mark = "" if working else "off"
                cells.append(
                    {"day": day, "mark": mark, "name": row.name if row else "", "today": day == today}
                )
            weeks.append(cells)
        sheets_of_year.append({"number": month, "first": date(year, month, 1), "weeks": weeks})
    return sheets_of_year


def calendar_year(request: HttpRequest) -> HttpResponse:
    """A year at a glance: holidays, make-up working days, and whether the year is announced at all (I02)."""
    year = _year_of(request)
    known = queries.years_known()
    days = queries.announced_days(year)
    holidays = [row for day, row in sorted(days.items()) if row.kind == DayKind.HOLIDAY]
    make_ups = [row for day, row in sorted(days.items()) if row.kind == DayKind.MAKE_UP]
    last = max([*known, clock.today().year]) + 1
    context = {
        "tabs": _tabs(request, "calendar"),
        "year": year,
        "previous": year - 1 if year > 2004 else None,
        "next": year + 1 if year < last else None,
        "provisional": year not in known,
        "months": _months(year),
        "holidays": holidays,
        "make_ups": make_ups,
        "versions": queries.versions_of_year(year),
        "may_import": may_open(request.actor, "rulebook:calendar_import"),
    }
    return render(request, "rulebook/calendar.html", context)


def calendar_import(request: HttpRequest) -> HttpResponseBase:
    """Upload a year; show what would change before anything does."""
    form = CalendarImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        data, file = form.cleaned_data, form.cleaned_data["file"]
        whole = data["scope"] == "whole"
        with refusals(form) as outcome:
            days = sheets.read_days(
                file.read(), is_excel=file.name.lower().endswith(".xlsx"), year=data["year"], whole=whole
            )
        if outcome.ok:
            return _preview(request, days, data, whole)
    context = {"form": form, "example_url": reverse("rulebook:calendar_example")}
    return render(request, "rulebook/calendar_import.html", context, status=status_of(form))


def _preview(request: HttpRequest, days: list[Day], data: dict[str, Any], whole: bool) -> HttpResponse:
    year = data["year"]
    rows = actions.preview_import(days, year=year, whole=whole)
    payload = {
        "days": [[day.date.isoformat(), day.kind, day.name] for day in days],
        "year": year,
        "whole": whole,
        "document": data["document"],
        "note": data["note"],
        "based_on": queries.calendar().version,
        "user": request.actor.user_id,
    }
    changed = [row for row in rows if row.changes]
    context = {
        "year": year,
        "whole": whole,
        "document": data["document"],
        "rows": rows,
        "changed": changed,
        "was_provisional": year not in queries.years_known(),
        "payload": signing.dumps(payload, salt=PREVIEW_SALT, compress=True),
        "kinds": dict(DayKind.choices),
    }
    return render(request, "rulebook/calendar_preview.html", context)


@require_POST
def calendar_apply(request: HttpRequest) -> HttpResponseBase:
    """Apply the import that was previewed."""

    def act() -> CalendarVersion:
        try:
            payload = signing.loads(
                request.POST.get("payload", ""), salt=PREVIEW_SALT, max_age=PREVIEW_SECONDS
            )
        except signing.BadSignature:
            raise Refusal(
                "preview_stale", _("The preview is too old. Upload the file again."), status=409
            ) from None
        if payload.pop("user") != request.actor.user_id:
            raise Refusal(
                "preview_of_another",
                _("This preview belongs to another person. Upload the file yourself."),
                status=403,
            )
        days = [Day(date.fromisoformat(day), kind, name) for day, kind, name in payload.pop("days")]
        return actions.import_calendar(days, **payload, by=request.actor)

    def to(version: CalendarVersion) -> str:
        first = version.days.order_by("date").first()
        year = version.years[0] if version.years else first.date.year if first else clock.today().year
        return f"{reverse('rulebook:calendar')}?year={year}"

    return perform(
        request, act, success=_("The calendar is imported. Deadlines follow it from now on."), to=to
    )


def calendar_example(request: HttpRequest) -> HttpResponse:
    return file_response(sheets.example(), _("calendar example.csv"), "text/csv; charset=utf-8")
