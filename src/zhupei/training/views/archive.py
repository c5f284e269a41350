"""Pages of a class's archive."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from zhupei.evidence.api import read
from zhupei.training import access, actions, queries
from zhupei.training.choices import REQUIRED_ARCHIVE, ArchiveKind, ClassState
from zhupei.training.forms.classes import ArchiveForm
from zhupei.training.forms.plans import upload_of
from zhupei.training.models import TrainingClass
from zhupei.web.views import file_response, perform, refusals, status_of


def _page(request: HttpRequest, found: TrainingClass, form: ArchiveForm) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    own = actor.organisation_id == found.institution.organisation_id
    items: dict[str, list[Any]] = {}
    for item in found.archive.select_related("file").order_by("added_at", "pk"):
        items.setdefault(item.kind, []).append(item)
    context = {
        "training_class": found,
        "kinds": [
            {
                "kind": kind,
                "label": kind.label,
                "needed": kind in REQUIRED_ARCHIVE,
                "items": items.get(kind, []),
            }
            for kind in ArchiveKind
        ],
        "retain_until": queries.retention_of(found),
        "missing": queries.missing_archive(found),
        "form": form,
        "may_add": own
        and actor.has(*access.ARCHIVISTS)
        and found.state in (ClassState.ENROLLING, ClassState.RUNNING, ClassState.FINISHED),
        "may_close": own and actor.has(*access.MANAGERS) and found.state == ClassState.FINISHED,
    }
    return render(request, "training/archive.html", context, status=status_of(form))


@require_GET
def archive(request: HttpRequest, pk: int) -> HttpResponse:
    """The archive of a class; a supervisor's look into it is put on record (R029)."""
    found = get_object_or_404(access.classes_for(request.actor), pk=pk)  # type: ignore[attr-defined]
    actions.note_reading(found, by=request.actor)  # type: ignore[attr-defined]
    return _page(request, found, ArchiveForm())


@require_POST
def archive_add(request: HttpRequest, pk: int) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    found = get_object_or_404(access.classes_for(actor), pk=pk)
    form = ArchiveForm(request.POST, request.FILES)
    if form.is_valid():
        values = form.cleaned_data
        with refusals(form) as outcome:
            actions.add_to_archive(
                found,
                values["kind"],
                upload=upload_of(values["file"]),
                paper_location=values["paper_location"],
                by=actor,
            )
        if outcome.ok:
            messages.success(request, _("Added to the archive."))
            return redirect("training:archive", pk=pk)
    return _page(request, found, form)


@require_GET
def archive_file(request: HttpRequest, pk: int) -> HttpResponse:
    item = get_object_or_404(access.archive_for(request.actor), pk=pk)  # type: ignore[attr-defined]
    if item.file is None:
        raise Http404
    actions.note_reading(item.training_class, item=item, by=request.actor)  # type: ignore[attr-defined]
    return file_response(read(item.file), item.file.name, item.file.content_type)


@require_POST
def archive_close(request: HttpRequest, pk: int) -> Any:
    found = get_object_or_404(access.classes_for(request.actor), pk=pk)  # type: ignore[attr-defined]
    return perform(
        request,
        lambda: actions.archive_class(found, by=request.actor),  # type: ignore[attr-defined]
        success=_("The class is archived."),
        to="training:archive",
        pk=pk,
    )
