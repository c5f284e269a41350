"""From draft to publication, and out of the bank."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.itembank import access, actions
from zhupei.itembank.choices import ItemState
from zhupei.itembank.forms import ReasonForm
from zhupei.itembank.models import Item
from zhupei.kernel.roles import Role
from zhupei.web.forms import row_numbers
from zhupei.web.paging import page_by_key
from zhupei.web.views import perform, refusals, status_of


def _item(request: HttpRequest, pk: int) -> Item:
    return get_object_or_404(access.items_for(request.actor), pk=pk)


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
