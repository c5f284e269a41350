"""What everyone may see and begin: the published institutions, and a new registration."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from zhupei.institutions import actions, queries, throttle
from zhupei.institutions.choices import SiteKind
from zhupei.institutions.forms import ApplyForm, PublicFilter
from zhupei.kernel import phones
from zhupei.rulebook.api import division_names
from zhupei.web.paging import page_by_key
from zhupei.web.views import refusals, status_of


def public_list(request: HttpRequest) -> HttpResponse:
    """The institutions that anybody may choose from (R006)."""
    filters = PublicFilter(request.GET)
    found = queries.published_institutions()
    if filters.is_valid():
        data = filters.cleaned_data
        if data["q"]:
            found = found.filter(full_name__icontains=data["q"].strip())
        if data["post"]:
            found = found.filter(posts__code=data["post"])
        if data["division"]:
            found = found.filter(division_code=data["division"])
        if data["type"]:
            found = found.filter(type=data["type"])
    page = page_by_key(queries.with_active_posts(found), request, order=("full_name", "pk"))
    names = division_names()
    for institution in page.items:
        institution.division_name = names.get(institution.division_code, "")
    context = {
        "page": page,
        "filters": filters,
        "filtered": any(request.GET.get(name) for name in filters.fields),
    }
    return render(request, "institutions/public_list.html", context)


def public_detail(request: HttpRequest, pk: int) -> HttpResponse:
    institution = get_object_or_404(queries.with_active_posts(queries.published_institutions()), pk=pk)
    context = {
        "institution": institution,
        "division": division_names().get(institution.division_code, ""),
        "sites": queries.approved_sites(institution, SiteKind.TEACHING),
        "halls": queries.approved_sites(institution, SiteKind.HALL),
    }
    return render(request, "institutions/public_detail.html", context)


def apply(request: HttpRequest) -> HttpResponseBase:
    """Begin a registration: first a code to the applicant's mobile, then the account and the draft."""
    sending = "send_code" in request.POST
    demo_code = ""
    form = ApplyForm(request.POST or None, sending=sending)
    status = 200
    if request.method == "POST" and form.is_valid():
        data = dict(form.cleaned_data)
        code = data.pop("code")
        with refusals(form) as outcome:
            if sending:
                throttle.bound(request.actor.ip)
                code = actions.send_application_code(data)
                demo_code = code if settings.DEMO else ""
            else:
                actions.apply(data, code, by=request.actor)
        if outcome.ok and sending:
            number = phones.mask(data["mobile"])
            messages.success(
                request,
                _("A code was sent to %(number)s. Enter it below with a password.") % {"number": number},
            )
        elif outcome.ok:
            messages.success(request, _("The account is open. Sign in and complete the registration."))
            return redirect("accounts:sign_in")
    status = status_of(form)
    context = {"form": form, "sent": sending and form.is_valid(), "demo_code": demo_code}
    return render(request, "institutions/apply.html", context, status=status)


def search(text: str) -> Q:
    """Institutions whose name, credit code or number holds ``text``."""
    text = text.strip()
    return Q(full_name__icontains=text) | Q(uscc__icontains=text) | Q(registration_no__icontains=text)
