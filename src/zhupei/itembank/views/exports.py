"""Items written out as a file, with their keys."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from zhupei.itembank import access, actions
from zhupei.itembank.actions.exporting import MAX_EXPORT
from zhupei.itembank.fileforms import ExportForm
from zhupei.itembank.forms import ItemFilter
from zhupei.web.views import file_response, refusals, status_of

from .items import narrowed


def export(request: HttpRequest) -> HttpResponse:
    """Choose a format for the items that the list's filters leave; the answer is the file."""
    filters = ItemFilter(request.GET)
    rows = narrowed(access.items_for(request.actor), filters)
    form = ExportForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            made = actions.export_items(
                rows,
                form.cleaned_data["format"],
                leave_out=form.cleaned_data["leave_out"],
                by=request.actor,
            )
        if outcome.ok:
            return file_response(made.data, made.name, made.content_type)
    count = rows[: MAX_EXPORT + 1].count()
    context = {
        "form": form,
        "count": min(count, MAX_EXPORT),
        "too_many": count > MAX_EXPORT,
        "limit": MAX_EXPORT,
        "query": request.GET.urlencode(),
        "narrowings": _narrowings(filters),
    }
    return render(request, "itembank/export.html", context, status=status_of(form))


def _narrowings(filters: ItemFilter) -> list[tuple[str, str]]:
    """What the list is narrowed by, as (label, value) for people."""
    if not filters.is_valid():
        return []
    found = []
    for name, value in filters.cleaned_data.items():
        if value:
            choices = dict(getattr(filters.fields[name], "choices", ()))
            found.append((str(filters.fields[name].label), str(choices.get(value, value))))
    return found
