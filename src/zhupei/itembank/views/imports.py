"""Files of items: handed in, looked at, taken in."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.itembank import access, actions, excel
from zhupei.itembank.actions.loading import preview_import
from zhupei.itembank.choices import ImportState, ItemKind
from zhupei.itembank.forms import UploadForm
from zhupei.rulebook.api import Subject
from zhupei.web.paging import page_by_key
from zhupei.web.views import file_response, perform, refusals, status_of

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHOWN_ERRORS = 200


def imports(request: HttpRequest) -> HttpResponse:
    """Hand in a filled template; the files handed in before."""
    form = UploadForm(
        request.POST if request.method == "POST" else None,
        request.FILES if request.method == "POST" else None,
    )
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        with refusals(form) as outcome:
            staged = actions.stage_import(file.read(), name=file.name, by=request.actor)
        if outcome.ok:
            return redirect("itembank:import", pk=staged.pk)
    context = {"form": form, "page": page_by_key(access.imports_for(request.actor), request, size=20)}
    return render(request, "itembank/imports.html", context, status=status_of(form))


def template(request: HttpRequest) -> HttpResponse:
    return file_response(excel.template(), "题库导入模板.xlsx", XLSX)


def import_page(request: HttpRequest, pk: int) -> HttpResponse:
    """What a staged file would bring in, and every fault with row and column."""
    staged = get_object_or_404(access.imports_for(request.actor), pk=pk)
    sheet = preview_import(staged) if staged.state == ImportState.STAGED else None
    rows = [
        {
            "row": i.row,
            "uid": i.uid,
            "subject": Subject(i.subject).label,
            "kind": ItemKind(i.text.kind).label,
            "stem": i.text.stem,
            "children": len(i.text.children),
        }
        for i in (sheet.items[:50] if sheet else ())
    ]
    context = {
        "staged": staged,
        "sheet": sheet,
        "rows": rows,
        "errors": sheet.errors[:SHOWN_ERRORS] if sheet else [],
        "more_errors": max(len(sheet.errors) - SHOWN_ERRORS, 0) if sheet else 0,
        "clean": sheet is not None and not sheet.errors and bool(sheet.items),
    }
    return render(request, "itembank/import.html", context)


@require_POST
def confirm_import(request: HttpRequest, pk: int) -> HttpResponseBase:
    staged = get_object_or_404(access.imports_for(request.actor), pk=pk)
    return perform(
        request,
        lambda: actions.confirm_import(staged, by=request.actor),
        success=_("Taken in as drafts. Another person reviews them next."),
        to=reverse("itembank:items"),
    )


@require_POST
def discard_import(request: HttpRequest, pk: int) -> HttpResponseBase:
    staged = get_object_or_404(access.imports_for(request.actor), pk=pk)
    return perform(
        request,
        lambda: actions.discard_import(staged, by=request.actor),
        success=_("Discarded. Nothing was taken in."),
        to=reverse("itembank:imports"),
    )
