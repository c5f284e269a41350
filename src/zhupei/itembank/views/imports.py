"""Files of items: handed in, looked at, taken in."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from zhupei.itembank import access, actions, formats, jobs
from zhupei.itembank.choices import ImportState, ItemKind
from zhupei.itembank.fileforms import TakeForm, UploadForm
from zhupei.itembank.formats import xlsx
from zhupei.itembank.formats.sheetwriter import template as empty_template
from zhupei.itembank.models import ItemImport
from zhupei.rulebook.api import Subject
from zhupei.web.paging import page_by_key
from zhupei.web.views import file_response, perform, refusals, status_of

GOING = (ImportState.READING, ImportState.TAKING)


def imports(request: HttpRequest) -> HttpResponse:
    """Hand in a file; the files handed in before."""
    posted = request.method == "POST"
    form = UploadForm(request.POST if posted else None, request.FILES if posted else None)
    if posted and form.is_valid():
        file = form.cleaned_data["file"]
        with refusals(form) as outcome:
            staged = actions.stage_import(
                file.read(),
                name=file.name,
                format=form.cleaned_data["format"] or formats.AUTO,
                defaults=form.defaults(),
                by=request.actor,
            )
        if outcome.ok:
            if staged.state == ImportState.READING:
                jobs.read_import.enqueue(staged.pk)
            return redirect("itembank:import", pk=staged.pk)
    context = {"form": form, "page": page_by_key(access.imports_for(request.actor), request, size=20)}
    return render(request, "itembank/imports.html", context, status=status_of(form))


def template(request: HttpRequest) -> HttpResponse:
    return file_response(empty_template(), "题库导入模板.xlsx", xlsx.CONTENT_TYPE)


def _staged(request: HttpRequest, pk: int) -> ItemImport:
    return get_object_or_404(access.imports_for(request.actor), pk=pk)


def import_page(request: HttpRequest, pk: int) -> HttpResponse:
    """What a staged file would bring in, and everything in it that is refused."""
    staged = _staged(request, pk)
    if request.headers.get("HX-Request"):
        response = render(
            request, "itembank/_reading.html", {"staged": staged, "going": staged.state in GOING}
        )
        if staged.state not in GOING:
            response["HX-Refresh"] = "true"
        return response
    return render(request, "itembank/import.html", _context(staged, TakeForm(label=_take_label(staged))))


def _take_label(staged: ItemImport) -> str:
    places = staged.report.get("places_refused", 0)
    return _("Take in the %(good)d good items, leave out the %(bad)d refused") % {
        "good": staged.item_count,
        "bad": places,
    }


def _context(staged: ItemImport, form: TakeForm) -> dict[str, Any]:
    report = staged.report
    is_open = staged.state == ImportState.STAGED
    shown = is_open or staged.state == ImportState.CONFIRMED
    refused = report.get("refused", []) if shown else []
    figures = [
        (_("Items that may come in"), staged.item_count),
        (_("Items refused"), report.get("places_refused", 0)),
        (_("Of kinds that the bank does not have"), sum(report.get("unsupported", {}).values())),
        (_("Pictures"), report.get("pictures", 0)),
    ]
    return {
        "staged": staged,
        "form": form,
        "going": staged.state in GOING,
        "open": is_open,
        "figures": figures if shown else [],
        "refused": refused,
        "more_refused": max(report.get("refused_count", 0) - len(refused), 0) if shown else 0,
        "unsupported": sorted(report.get("unsupported", {}).items()) if shown else [],
        "notes": report.get("notes", []) if shown else [],
        "more_notes": max(report.get("note_count", 0) - len(report.get("notes", [])), 0) if shown else 0,
        "rows": [_previewed(row) for row in report.get("preview", [])] if is_open else [],
        "may_take": is_open and staged.item_count > 0,
    }


def _previewed(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "subject": Subject(row["subject"]).label, "kind": ItemKind(row["kind"]).label}


@require_POST
def confirm_import(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Take a file in: whole, or without what is refused if that was ticked."""
    staged = _staged(request, pk)
    form = TakeForm(request.POST, label=_take_label(staged))
    partial = form.is_valid() and form.cleaned_data["partial"]
    with refusals(form) as outcome:
        if actions.begin_import(staged, partial=partial, by=request.actor):
            jobs.take_import.enqueue(staged.pk, partial, request.actor.user_id)
            messages.success(request, _("The items are being taken in. You may leave this page."))
            return redirect("itembank:import", pk=pk)
        count = actions.confirm_import(staged, partial=partial, by=request.actor)
    if not outcome.ok:
        staged.refresh_from_db()
        return render(request, "itembank/import.html", _context(staged, form), status=status_of(form))
    messages.success(
        request,
        ngettext(
            "%(n)d item taken in as a draft. Another person reviews it next.",
            "%(n)d items taken in as drafts. Another person reviews them next.",
            count,
        )
        % {"n": count},
    )
    return redirect("itembank:items")


@require_POST
def discard_import(request: HttpRequest, pk: int) -> HttpResponseBase:
    staged = _staged(request, pk)
    return perform(
        request,
        lambda: actions.discard_import(staged, by=request.actor),
        success=_("Discarded. Nothing was taken in."),
        to="itembank:imports",
    )
