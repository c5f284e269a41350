from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.forms.utils import ErrorDict, ErrorList
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.audit.api import events_on, label_of
from zhupei.kernel.roles import Role
from zhupei.rulebook.api import Subject
from zhupei.web.access import may_open
from zhupei.web.forms import row_numbers, with_added_row
from zhupei.web.paging import page_by_key
from zhupei.web.views import file_response, perform, refusals, status_of

from . import access, actions, excel
from .actions.loading import preview_import
from .choices import ITEM, ImportState, ItemKind, ItemState
from .forms import (
    FORMS,
    ChildFormSet,
    ItemFilter,
    ReasonForm,
    ReleaseForm,
    UploadForm,
    child_values,
    values_of,
    with_children,
)
from .models import Item, ItemVersion
from .queries import all_chapters, counts, latest_release, newest_version, publishable, text_of_version

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHOWN_ERRORS = 200


def items(request: HttpRequest) -> HttpResponse:
    """The items of the bank, by number."""
    filters = ItemFilter(request.GET)
    rows = access.items_for(request.actor)
    if filters.is_valid():
        data = filters.cleaned_data
        if data["q"]:
            rows = rows.filter(Q(stem__icontains=data["q"]) | Q(uid__icontains=data["q"]))
        rows = rows.filter(
            **{name: data[name] for name in ("subject", "kind", "state", "chapter") if data[name]}
        )
    context = {
        "page": page_by_key(rows, request, order=("uid",)),
        "filters": filters,
        "filtered": any(request.GET.get(name) for name in filters.fields),
        "may_write": may_open(request.actor, "itembank:kinds"),
        "empty_bank": not access.items_for(request.actor).exists(),
    }
    return render(request, "itembank/items.html", context)


def _item(request: HttpRequest, pk: int) -> Item:
    return get_object_or_404(access.items_for(request.actor), pk=pk)


def _item_page(request: HttpRequest, item: Item, shown: ItemVersion | None = None) -> HttpResponse:
    """An item with its versions; the key of ``shown`` only."""
    versions = list(item.versions.order_by("-number"))
    version = shown or versions[0]
    right: set[str] = set()
    if shown is not None:
        right = set(shown.key.get("answer", ()))
        right |= {f"{no}/{id_}" for no, ids in shown.key.get("children", {}).items() for id_ in ids}
    actor = request.actor
    entries = [
        {
            "at": e.at,
            "who": e.actor_name,
            "what": label_of(e.code),
            "why": e.reason,
            "tone": e.after.get("state", ""),
        }
        for e in events_on(item)
    ]
    own = version.author_id is not None and version.author_id == actor.user_id
    context = {
        "item": item,
        "chapter_title": all_chapters().get(item.subject, {}).get(item.chapter, ""),
        "posts": item.posts.order_by("position"),
        "version": version,
        "versions": versions,
        "questions": _questions(version, right if shown else None),
        "shown": shown is not None,
        "entries": entries,
        "own": own,
        "newest": version.pk == versions[0].pk,
        "may": {
            "edit": actor.has(Role.ITEM_AUTHOR) and ITEM.allows(item.state, "edit"),
            "review": actor.has(Role.ITEM_REVIEWER) and ITEM.allows(item.state, "review") and not own,
            "return_item": actor.has(Role.ITEM_REVIEWER, Role.BANK_KEEPER)
            and ITEM.allows(item.state, "reject"),
            "publish": actor.has(Role.BANK_KEEPER) and ITEM.allows(item.state, "publish"),
            "retire": actor.has(Role.BANK_KEEPER) and ITEM.allows(item.state, "retire"),
        },
    }
    return render(request, "itembank/item.html", context)


def _questions(version: ItemVersion, right: set[str] | None) -> list[dict[str, Any]]:
    """The question or sub-questions of a version for the page; ``right`` marks options, None hides the key."""

    def options(source: dict[str, Any], prefix: str) -> list[dict[str, Any]]:
        return [
            {
                "letter": chr(65 + n) if option["id"] not in ("t", "f") else "",
                "text": option["text"],
                "anchored": option["id"] in source.get("anchored", ()),
                "right": right is not None and prefix + option["id"] in right,
            }
            for n, option in enumerate(source["options"])
        ]

    children = version.content["children"]
    if not children:
        return [{"no": 0, "options": options(version.content, "")}]
    return [
        {
            "no": child["no"],
            "kind": ItemKind(child["kind"]).label,
            "stem": child["stem"],
            "options": options(child, f"{child['no']}/"),
        }
        for child in children
    ]


def item(request: HttpRequest, pk: int) -> HttpResponse:
    return _item_page(request, _item(request, pk))


@require_POST
def show_key(request: HttpRequest, pk: int) -> HttpResponse:
    """The item with the key and explanation of one version; the reading is recorded."""
    found = _item(request, pk)
    number = request.POST.get("version", "")
    version = (
        found.versions.filter(number=int(number)).first() if number.isdecimal() and len(number) < 9 else None
    )
    version = version or newest_version(found)
    actions.read_key(version, by=request.actor)
    return _item_page(request, found, version)


def kinds(request: HttpRequest) -> HttpResponse:
    """Choose the kind of a new item."""
    explained = {
        ItemKind.SINGLE: _("Two to six options, exactly one of them right."),
        ItemKind.MULTIPLE: _("Two or more right options and at least one wrong one."),
        ItemKind.TRUE_FALSE: _("A statement that is 正确 or 错误."),
        ItemKind.CASE: _("A background text with two or more sub-questions; drawn and scored as one unit."),
    }
    rows = [{"kind": kind, "label": kind.label, "text": explained[kind]} for kind in ItemKind]
    return render(request, "itembank/kinds.html", {"kinds": rows})


def new(request: HttpRequest, kind: str) -> HttpResponse:
    """Write a new item of one kind."""
    if kind not in FORMS:
        raise Http404
    return _write(request, kind, None)


def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Write the next version of an item. Key and explanation are not shown; left empty they stay."""
    found = _item(request, pk)
    return _write(request, found.kind, found)


def _write(request: HttpRequest, kind: str, found: Item | None) -> HttpResponse:
    old, initial, children = None, {}, []
    if found is not None:
        version = newest_version(found)
        old = text_of_version(version)
        children = child_values(old)
        place = f"{found.subject}/{found.chapter}"
        posts = found.posts.values_list("pk", flat=True)
        initial = values_of(old, place, list(posts), version.basis, version.difficulty)
        old = replace(old, explanation=version.explanation)  # whole: those of sub-questions are in it
    adding = "add_row" in request.POST
    posted = request.method == "POST"
    form = FORMS[kind](request.POST if posted else None, kind=kind, old=old, instance_values=initial)
    formset = None
    if kind == ItemKind.CASE:
        data = (with_added_row(request.POST, "children") if adding else request.POST) if posted else None
        formset = ChildFormSet(data, initial=None if posted else children, prefix="children")
    if adding:
        _quiet(form, formset)
    # both are checked, so that all errors show at once
    valid = posted and not adding and all([form.is_valid(), formset is None or formset.is_valid()])
    if valid:
        text = form.text()
        if formset is not None:
            text = with_children(text, formset, old)
        subject, chapter = form.place_of()
        where = {"subject": subject, "chapter": chapter, "posts": list(form.cleaned_data["posts"])}
        with refusals(form) as outcome:
            if found is None:
                saved = actions.write_item(text, **where, uid=form.cleaned_data["uid"], by=request.actor)
            else:
                saved = actions.edit_item(found, text, **where, by=request.actor)
        if outcome.ok:
            messages.success(request, _("Saved as a draft. Another person reviews it next."))
            return redirect("itembank:item", pk=saved.pk)
    context = {
        "form": form,
        "formset": formset,
        "item": found,
        "kind_label": ItemKind(kind).label,
    }
    status = 200 if adding or not posted else (status_of(form) if form.errors else 422)
    return render(request, "itembank/item_form.html", context, status=status)


def _quiet(form: Any, formset: Any) -> None:
    """A page that only asked for another row complains about nothing yet."""
    form._errors = ErrorDict()
    if formset is not None:
        formset._errors = [ErrorDict() for _form in formset.forms]
        formset._non_form_errors = ErrorList()
        for row in formset.forms:
            row._errors = ErrorDict()


def queue(request: HttpRequest) -> HttpResponse:
    """What waits for a reviewer or for the keeper."""
    actor = request.actor
    rows = access.items_for(actor)
    drafts = rows.filter(state=ItemState.DRAFT) if actor.has(Role.ITEM_REVIEWER) else rows.none()
    reviewed = rows.filter(state=ItemState.REVIEWED) if actor.has(Role.BANK_KEEPER) else rows.none()
    context = {
        "drafts": page_by_key(drafts, request, order=("pk",)),
        "reviewed": reviewed.order_by("pk")[:100],
        "reviewed_count": reviewed.count(),
        "is_reviewer": actor.has(Role.ITEM_REVIEWER),
        "is_keeper": actor.has(Role.BANK_KEEPER),
    }
    return render(request, "itembank/queue.html", context)


@require_POST
def review(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Approve the version that was on the page (none is named where nothing was read: refused)."""
    found = _item(request, pk)
    read = row_numbers([request.POST.get("version", "")])
    return perform(
        request,
        lambda: actions.review_item(found, number=read[0] if read else 0, by=request.actor),
        success=_("Approved. The keeper publishes it next."),
        to=reverse("itembank:queue"),
    )


@require_POST
def publish(request: HttpRequest, pk: int) -> HttpResponseBase:
    found = _item(request, pk)
    return perform(
        request,
        lambda: actions.publish_item(found, by=request.actor),
        success=_("Published. It stands in the next release."),
        to=reverse("itembank:item", args=[pk]),
    )


@require_POST
def publish_reviewed(request: HttpRequest) -> HttpResponseBase:
    count = actions.publish_reviewed(by=request.actor)
    messages.success(
        request,
        _("Items published: %(n)d.") % {"n": count} if count else _("Nothing was waiting to be published."),
    )
    return redirect("itembank:queue")


def return_item(request: HttpRequest, pk: int) -> HttpResponse:
    """Send an item back to its author with a reason."""
    found = _item(request, pk)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.return_item(found, reason=form.cleaned_data["reason"], by=request.actor)
        if outcome.ok:
            messages.success(request, _("The author sees your reason on the item."))
            return redirect("itembank:queue")
    return render(request, "itembank/return.html", {"form": form, "item": found}, status=status_of(form))


def retire(request: HttpRequest, pk: int) -> HttpResponse:
    """Take an item out of the bank, after showing what that means."""
    found = _item(request, pk)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.retire_item(found, reason=form.cleaned_data["reason"], by=request.actor)
        if outcome.ok:
            messages.success(request, _("Retired. Later releases leave it out."))
            return redirect("itembank:item", pk=pk)
    context = {
        "form": form,
        "item": found,
        "consequences": [
            _("No paper drawn from a later release will hold this item."),
            _("Releases and papers made before keep it, so that results stay explainable."),
            _("It cannot be edited or published again."),
        ],
    }
    return render(request, "itembank/retire.html", context, status=status_of(form))


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


def _cells(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Counts as table rows: subject and chapter, a column for each kind."""
    titles = all_chapters()
    found: dict[tuple[str, str], dict[str, int]] = {}
    for row in rows:
        found.setdefault((row["subject"], row["chapter"]), {})[row["kind"]] = row["n"]
    ordered = sorted(found.items(), key=lambda c: (c[0][0], len(c[0][1]), c[0][1]))
    return [
        {
            "subject": Subject(subject).label,
            "chapter": f"{chapter} {titles.get(subject, {}).get(chapter, '')}".strip(),
            "by_kind": [(kind.label, by_kind.get(kind, 0)) for kind in ItemKind],
            "total": sum(by_kind.values()),
        }
        for (subject, chapter), by_kind in ordered
    ]


def releases(request: HttpRequest) -> HttpResponse:
    """The releases, what the next one would hold, and the button that makes it."""
    return _releases(request, ReleaseForm())


def _releases(request: HttpRequest, form: ReleaseForm) -> HttpResponse:
    ready = publishable()
    context = {
        "form": form,
        "page": page_by_key(access.releases_for(request.actor), request, size=20),
        "ready": ready.count(),
        "demo": ready.filter(item__is_demo=True).count(),
        "waiting": access.items_for(request.actor).filter(state=ItemState.REVIEWED).count(),
        "cells": _cells(counts(ready)),
        "kinds": [kind.label for kind in ItemKind],
    }
    return render(request, "itembank/releases.html", context, status=status_of(form))


@require_POST
def make_release(request: HttpRequest) -> HttpResponse:
    """Freeze the published items as a release."""
    form = ReleaseForm(request.POST)
    before = latest_release()
    if form.is_valid():
        with refusals(form) as outcome:
            made = actions.make_release(note=form.cleaned_data["note"], by=request.actor)
        if outcome.ok:
            if before is not None and before.pk == made.pk:
                messages.info(
                    request,
                    _("Nothing changed since release %(n)d; no new one was needed.") % {"n": made.number},
                )
            else:
                messages.success(request, _("Release %(n)d made.") % {"n": made.number})
            return redirect("itembank:release", pk=made.pk)
    return _releases(request, form)


def release(request: HttpRequest, pk: int) -> HttpResponse:
    """One release: its digest and what it holds by cell."""
    found = get_object_or_404(access.releases_for(request.actor), pk=pk)
    versions = found.versions.all()
    context = {
        "release": found,
        "cells": _cells(counts(versions)),
        "kinds": [kind.label for kind in ItemKind],
        "total": versions.count(),
        "demo": versions.filter(item__is_demo=True).count(),
    }
    return render(request, "itembank/release.html", context)
