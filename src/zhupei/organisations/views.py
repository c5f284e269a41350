from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.web.forms import row_numbers
from zhupei.web.paging import page_by_key
from zhupei.web.views import perform, refusals, status_of

from . import access, actions
from .forms import InviteForm, OrganisationFilter


@require_POST
def act_as(request: HttpRequest) -> HttpResponse:
    """Choose the organisation that this session acts for."""
    chosen = row_numbers([request.POST.get("membership", "")])
    actions.act_as(request, chosen[0] if chosen else 0, by=request.actor)
    return redirect("/")


def organisations(request: HttpRequest) -> HttpResponse:
    """Every organisation, for the system administrator."""
    filters = OrganisationFilter(request.GET)
    rows = access.organisations_for(request.actor)
    if filters.is_valid() and filters.cleaned_data["q"]:
        rows = rows.filter(name__icontains=filters.cleaned_data["q"])
    context = {
        "page": page_by_key(rows, request, order=("kind", "pk")),
        "filters": filters,
        "filtered": bool(request.GET.get("q")),
    }
    return render(request, "organisations/list.html", context)


def members(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """Who holds which role in an organisation, now and before."""
    organisation = get_object_or_404(
        access.organisations_for(request.actor), pk=pk or request.actor.organisation_id
    )
    rows = organisation.memberships.select_related("user")
    context = {
        "organisation": organisation,
        "current": rows.filter(valid_to=None).order_by("role", "pk"),
        "former": rows.exclude(valid_to=None).order_by("-valid_to", "-pk")[:50],
    }
    return render(request, "organisations/members.html", context)


def invite(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a person a role, with a new account where there is none."""
    organisation = get_object_or_404(access.organisations_for(request.actor), pk=pk)
    form = InviteForm(request.POST or None, organisation=organisation)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.invite(organisation, **form.cleaned_data, by=request.actor)
        if outcome.ok:
            messages.success(
                request, _("The role is given. The person sets a password with the code sent to the mobile.")
            )
            return redirect("organisations:members_of", pk=organisation.pk)
    context = {"form": form, "organisation": organisation}
    return render(request, "organisations/invite.html", context, status=status_of(form))


@require_POST
def end_role(request: HttpRequest, pk: int) -> HttpResponseBase:
    membership = get_object_or_404(
        access.memberships_for(request.actor).select_related("organisation"), pk=pk
    )
    return perform(
        request,
        lambda: actions.end_role(membership, by=request.actor),
        success=_("The role has ended."),
        to=reverse("organisations:members_of", args=[membership.organisation_id]),
    )
