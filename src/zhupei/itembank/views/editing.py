"""Writing items: the form, its preview, and the pictures in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import messages
from django.forms.utils import ErrorDict, ErrorList
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from zhupei.itembank import actions, alike
from zhupei.itembank.choices import ItemKind
from zhupei.itembank.forms import (
    FORMS,
    ChildFormSet,
    PictureForm,
    child_values,
    keys_typed,
    values_of,
    with_children,
)
from zhupei.itembank.media import MAX_BYTES
from zhupei.itembank.models import Item
from zhupei.itembank.queries import newest_version, text_of_version
from zhupei.itembank.rules import ItemText, faults_of
from zhupei.web.forms import with_added_row
from zhupei.web.views import refusals, status_of

from .items import item_of, questions_of


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
    """Write the next version of an item. Key and explanation, left empty, stay; they are shown on request, which is recorded."""
    found = item_of(request, pk)
    return _write(request, found.kind, found)


def _act_of(request: HttpRequest, found: Item | None) -> str:
    """What the pressed button asks for; empty for the page itself."""
    if request.method != "POST":
        return ""
    acts = ("add_row", "preview", *(("load_key",) if found else ()))
    return next((name for name in acts if name in request.POST), "save")


def _write(request: HttpRequest, kind: str, found: Item | None) -> HttpResponse:
    version = newest_version(found) if found else None
    old = text_of_version(version) if version else None
    initial, children = {}, []
    if found is not None and version is not None and old is not None:
        posts = list(found.posts.values_list("pk", flat=True))
        initial = values_of(old, f"{found.subject}/{found.chapter}", posts)
        children = child_values(old)
    act = _act_of(request, found)
    data: QueryDict | None = request.POST if act else None
    if act == "add_row":
        data = with_added_row(request.POST, "children")
    elif act == "load_key" and version is not None and old is not None:
        actions.read_key(version, by=request.actor)
        data = keys_typed(request.POST, old)
    form = FORMS[kind](data, kind=kind, old=old, instance_values=initial)
    formset = None
    if kind == ItemKind.CASE:
        formset = ChildFormSet(data, initial=None if act else children, prefix="children")
    context: dict[str, Any] = {
        "form": form,
        "formset": formset,
        "item": found,
        "kind": kind,
        "kind_label": ItemKind(kind).label,
        "key_loaded": act == "load_key",
        "picture_form": PictureForm(),
    }
    status = 200
    if act in ("add_row", "load_key"):
        _quiet(form, formset)
    elif act:
        # both are checked, so that all errors show at once
        valid = all([form.is_valid(), formset is None or formset.is_valid()])
        if act == "preview":
            text = _text(form, formset, old) if valid else None
            context["preview"] = _preview(form, formset)
            if text is not None:
                _show_faults(form, text)
            if request.headers.get("HX-Request"):
                return render(request, "itembank/_preview.html", context)
        else:
            saved = _save(request, form, formset, found, old, context) if valid else None
            if saved is not None:
                messages.success(request, _("Saved as a draft. Another person reviews it next."))
                return redirect("itembank:item", pk=saved.pk)
            status = status_of(form) if form.errors else 422
    return render(request, "itembank/item_form.html", context, status=status)


def _text(form: Any, formset: Any, old: ItemText | None) -> ItemText:
    text: ItemText = form.text()
    return with_children(text, formset, old) if formset is not None else text


def _save(
    request: HttpRequest,
    form: Any,
    formset: Any,
    found: Item | None,
    old: ItemText | None,
    context: dict[str, Any],
) -> Item | None:
    """The item as saved; None when a rule refuses it or it resembles others and nobody said that it may."""
    text = _text(form, formset, old)
    subject, chapter = form.place_of()
    posts = list(form.cleaned_data["posts"])
    where = {"subject": subject, "chapter": chapter, "posts": posts}
    if found is None and not faults_of(text):
        rows = alike.alike_to_text(text, subject, [post.code for post in posts])
        seen = set(request.POST.get("not_duplicate", "").split(","))
        if not {row.uid for row in rows} <= seen:
            context["alike"] = rows
            form.fields["not_duplicate"] = forms.BooleanField(
                label=_("I have compared them: mine asks something else. Save it."),
                required=False,
                widget=forms.CheckboxInput(attrs={"value": ",".join(row.uid for row in rows)}),
            )
            form.add_error("not_duplicate", _("Items of the bank ask nearly the same. Compare them first."))
            return None
    saved = None
    with refusals(form):
        if found is None:
            saved = actions.write_item(text, **where, uid=form.cleaned_data["uid"], by=request.actor)
        else:
            saved = actions.edit_item(found, text, **where, by=request.actor)
    return saved


def _show_faults(form: Any, text: ItemText) -> None:
    for _code, name, message in faults_of(text):
        form.add_error(name if name in form.fields else None, message)


def _filled(form: Any) -> None:
    """Give the fields that were not accepted an empty value: a preview shows what there is."""
    empty = {**dict.fromkeys(form.fields, ""), "kind": ItemKind.SINGLE}
    form.cleaned_data = {**empty, **getattr(form, "cleaned_data", {})}


def _preview(form: Any, formset: Any) -> dict[str, Any]:
    """The item as typed, with the key as typed: never the one that is kept."""
    form.old = None
    _filled(form)
    text: ItemText = form.text()
    if formset is not None:
        rows = [row for row in formset.forms if row.has_changed()]
        for row in rows:
            _filled(row)
        text = replace(text, children=tuple(row.question(None) for row in rows))
    return {
        "stem": text.stem,
        "questions": questions_of(text.content(), text.key()),
        "explanation": text.explanation,
    }


def _quiet(form: Any, formset: Any) -> None:
    """A page that only asked for another row complains about nothing yet."""
    form._errors = ErrorDict()
    if formset is not None:
        formset._errors = [ErrorDict() for _form in formset.forms]
        formset._non_form_errors = ErrorList()
        for row in formset.forms:
            row._errors = ErrorDict()


def picture(request: HttpRequest) -> HttpResponse:
    """Upload a picture; the answer is the line to paste into the text."""
    posted = request.method == "POST"
    form = PictureForm(request.POST if posted else None, request.FILES if posted else None)
    context: dict[str, Any] = {"form": form}
    if posted and form.is_valid():
        with refusals(form) as outcome:
            data = form.cleaned_data
            context["markup"] = actions.add_picture(
                data["picture"].read(MAX_BYTES + 1), alt=data["alt"], by=request.actor
            )
        if outcome.ok:
            context["form"] = PictureForm()
    name = "itembank/_picture.html" if request.headers.get("HX-Request") else "itembank/picture.html"
    return render(request, name, context, status=status_of(form))
