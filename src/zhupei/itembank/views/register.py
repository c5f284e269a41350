"""What surrounds the items: enemies, laws and standards, pictures."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count, Q, Value
from django.db.models.functions import Replace
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.evidence.api import read
from zhupei.itembank import access, actions
from zhupei.itembank.choices import ItemState
from zhupei.itembank.forms import EnemyForm, StandardFilter, StandardForm
from zhupei.itembank.models import Standard
from zhupei.itembank.queries import enemies_of
from zhupei.kernel import clock
from zhupei.web.access import may_open
from zhupei.web.paging import page_by_key
from zhupei.web.views import perform, refusals, status_of

from .items import item_of


def enemies(request: HttpRequest, pk: int) -> HttpResponse:
    """The items that must not stand in one paper with this one; another is added by its number."""
    found = item_of(request, pk)
    form = EnemyForm(
        request.POST if request.method == "POST" else None,
        instance_values={"other": request.GET.get("other", "")[:40]},
    )
    if request.method == "POST" and form.is_valid():
        uid = form.cleaned_data["other"].strip()
        other = access.items_for(request.actor).filter(uid__iexact=uid).first()
        if other is None:
            form.add_error("other", _("The bank has no item %(uid)s.") % {"uid": uid})
        else:
            with refusals(form) as outcome:
                actions.add_enemies(found, other, reason=form.cleaned_data["reason"], by=request.actor)
            if outcome.ok:
                messages.success(
                    request,
                    _("%(one)s and %(other)s stand in no paper together, from the next release on.")
                    % {"one": found.uid, "other": other.uid},
                )
                return redirect("itembank:item", pk=pk)
    context = {
        "form": form,
        "item": found,
        "enemies": enemies_of(found),
        "may_remove": may_open(request.actor, "itembank:remove_enemy"),
    }
    return render(request, "itembank/enemies.html", context, status=status_of(form))


@require_POST
def remove_enemy(request: HttpRequest, pk: int, other: int) -> HttpResponseBase:
    found, enemy = item_of(request, pk), item_of(request, other)
    return perform(
        request,
        lambda: actions.remove_enemies(found, enemy, by=request.actor),
        success=_("They may stand in one paper again, from the next release on."),
        to=reverse("itembank:enemies", args=[pk]),
    )


def standards(request: HttpRequest) -> HttpResponse:
    """The laws and standards that items cite."""
    filters = StandardFilter(request.GET)
    rows = access.standards_for(request.actor)
    today = clock.today()
    if filters.is_valid():
        data = filters.cleaned_data
        out = Q(in_force_to__lt=today)
        if data["force"]:
            rows = rows.filter(out) if data["force"] == "out" else rows.exclude(out)
        if data["q"]:
            rows = rows.alias(bare=Replace("code", Value(" "), Value("")))
            rows = rows.filter(Q(title__icontains=data["q"]) | Q(bare__icontains=data["q"].replace(" ", "")))
    page = page_by_key(rows, request, order=("code",))
    cited = dict(
        Standard.items.through.objects.filter(standard__in=[row.pk for row in page.items])
        .exclude(item__state=ItemState.RETIRED)
        .values_list("standard")
        .annotate(n=Count("pk"))
    )
    context = {
        "page": page,
        "rows": [
            {"row": row, "since": row.out_since(today), "cited": cited.get(row.pk, 0)} for row in page.items
        ],
        "filters": filters,
        "filtered": any(request.GET.get(name) for name in filters.fields),
        "may_edit": may_open(request.actor, "itembank:standard_new"),
    }
    return render(request, "itembank/standards.html", context)


def standard(request: HttpRequest, pk: int) -> HttpResponse:
    """A law or standard and the items that cite it."""
    found = get_object_or_404(access.standards_for(request.actor), pk=pk)
    citing = access.items_for(request.actor).filter(standards=found).exclude(state=ItemState.RETIRED)
    successor = access.standards_for(request.actor).filter(code=found.replaced_by).first()
    context = {
        "standard": found,
        "since": found.out_since(clock.today()),
        "successor": successor if found.replaced_by else None,
        "page": page_by_key(citing, request, order=("uid",)),
        "count": citing.count(),
        "may_edit": may_open(request.actor, "itembank:standard_edit"),
    }
    return render(request, "itembank/standard.html", context)


def standard_new(request: HttpRequest) -> HttpResponse:
    """Enter a law or standard."""
    return _write_standard(request, None)


def standard_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a law or standard, for instance when it is replaced."""
    return _write_standard(request, get_object_or_404(access.standards_for(request.actor), pk=pk))


def _write_standard(request: HttpRequest, found: Standard | None) -> HttpResponse:
    names = ("code", "title", "in_force_from", "in_force_to", "replaced_by")
    values: dict[str, Any] = {name: getattr(found, name) for name in names} if found else {}
    form = StandardForm(request.POST if request.method == "POST" else None, instance_values=values)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            saved = actions.save_standard(found, **form.cleaned_data, by=request.actor)
        if outcome.ok:
            messages.success(request, _("Saved. Items that cite it were found anew."))
            return redirect("itembank:standard", pk=saved.pk)
    context = {"form": form, "standard": found}
    return render(request, "itembank/standard_form.html", context, status=status_of(form))


def media(request: HttpRequest, digest: str) -> HttpResponse:
    """A picture of the bank. It never changes under its digest, so the person's own browser may keep it."""
    found = get_object_or_404(access.media_for(request.actor).select_related("file"), digest=digest)
    response = HttpResponse(read(found.file), content_type=found.content_type)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Disposition"] = "inline"
    response["Cache-Control"] = "private, max-age=31536000, immutable"
    response["ETag"] = f'"{digest}"'
    return response
