"""The registration of an institution: its own page, and the reviewers' queue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from zhupei.institutions import access, actions, queries
from zhupei.institutions.actions.registration import EDITABLE, STANDING, submission_problems
from zhupei.institutions.choices import (
    LICENCE_KINDS,
    REGISTRATION,
    InstitutionType,
    LicenceKind,
    RegistrationState,
)
from zhupei.institutions.forms import (
    ContactForm,
    InstitutionFilter,
    LicenceForm,
    OpinionForm,
    QualificationForm,
    RegisterForm,
    RegistrationForm,
)
from zhupei.institutions.models import Institution, Licence, Qualification
from zhupei.institutions.words import timeline
from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import Role
from zhupei.rulebook.api import division_names
from zhupei.web.access import may_open
from zhupei.web.paging import page_by_key
from zhupei.web.views import file_response, perform, refusals, status_of

from .public import search

TONES = {
    RegistrationState.DISTRICT_REVIEW: "waiting",
    RegistrationState.CITY_REVIEW: "waiting",
    RegistrationState.REGISTERED: "active",
    RegistrationState.PUBLISHED: "done",
}


def _fetch(request: HttpRequest, pk: int) -> Institution:
    return get_object_or_404(access.institutions_for(request.actor), pk=pk)


def institution_list(request: HttpRequest) -> HttpResponse:
    """The institutions that the reviewer may see, newest first, with search and filters."""
    names = division_names()
    actor: Actor = request.actor
    codes = sorted(names if actor.has(*access.EVERYWHERE) else actor.divisions)
    filters = InstitutionFilter(request.GET, divisions=[(code, names.get(code, code)) for code in codes])
    found = access.institutions_for(actor)
    if filters.is_valid():
        data = filters.cleaned_data
        if data["q"]:
            found = found.filter(search(data["q"]))
        wanted = {"state": data["state"], "type": data["type"], "division_code": data["division"]}
        found = found.filter(**{name: value for name, value in wanted.items() if value})
    page = page_by_key(found, request)
    rows = [
        {
            "url": reverse("institutions:detail", args=[row.pk]),
            "cells": [
                row.full_name,
                row.get_type_display(),
                names.get(row.division_code, row.division_code),
                row.registration_no or "—",
                {
                    "state": row.state,
                    "text": row.get_state_display(),
                    "tone": TONES.get(RegistrationState(row.state), ""),
                },
            ],
        }
        for row in page.items
    ]
    columns = [_("Institution"), _("Type"), _("Division"), _("Registration number"), _("State")]
    context = {
        "page": page,
        "rows": rows,
        "columns": [{"label": label} for label in columns],
        "filters": filters,
        "filtered": any(request.GET.get(name) for name in filters.fields),
    }
    return render(request, "institutions/list.html", context)


def mine(request: HttpRequest) -> HttpResponseBase:
    """The own institution's page."""
    institution = queries.institution_of(request.actor)
    if institution is None:
        return render(request, "institutions/none.html")
    return redirect("institutions:detail", pk=institution.pk)


def _acts(institution: Institution, actor: Actor) -> list[dict[str, Any]]:
    """The decisions that this actor may take now."""
    shown = []
    for verb in REGISTRATION.possible(institution.state):
        name = f"institutions:{verb}"
        if verb in ("submit", "publish") or not may_open(actor, name):
            continue
        district = institution.state == RegistrationState.DISTRICT_REVIEW
        if verb == "return" and not actor.has(
            Role.DISTRICT_OFFICER if district else Role.CITY_EDUCATION_OFFICE
        ):
            continue
        decision = DECISIONS[verb]
        kind = (
            "btn-primary"
            if decision.main
            else "btn-outline-danger"
            if decision.danger
            else "btn-outline-primary"
        )
        shown.append({"url": reverse(name, args=[institution.pk]), "label": decision.label, "kind": kind})
    return shown


def _members_url(actor: Actor) -> str:
    try:
        return reverse("organisations:members") if may_open(actor, "organisations:members") else ""
    except NoReverseMatch:
        return ""


def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything about one institution that its own people and its reviewers need."""
    institution, actor = _fetch(request, pk), request.actor
    is_head = actor.has(Role.INSTITUTION_HEAD) and actor.organisation_id == institution.organisation_id
    is_reviewer = actor.has(*access.REVIEWERS)
    state = RegistrationState(institution.state)
    reviews = actor.has(Role.DISTRICT_OFFICER, Role.CITY_EDUCATION_OFFICE)
    context = {
        "institution": institution,
        "tone": TONES.get(state, ""),
        "division": division_names().get(institution.division_code, institution.division_code),
        "posts": institution.posts.order_by("position"),
        "is_contractor": institution.type == InstitutionType.CONTRACTOR,
        "qualifications": institution.qualifications.select_related("scan").order_by("pk"),
        "licences": institution.licences.select_related("scan").order_by("pk"),
        "sites": access.sites_for(actor).filter(institution=institution).order_by("kind", "name"),
        "teacher_count": queries.active_teachers(institution).count(),
        "timeline": timeline(institution.steps.order_by("-at", "-pk")),
        "may_edit": is_head and state in EDITABLE,
        "may_edit_contact": is_head and state in STANDING,
        "may_add_certificates": is_head and state in EDITABLE | STANDING,
        "may_see_scans": is_head or is_reviewer,
        "may_check": reviews and state != RegistrationState.DRAFT,
        "problems": submission_problems(institution) if is_head and state in EDITABLE else [],
        "warning": queries.uscc_warning(institution.uscc, institution.type) if is_reviewer else "",
        "acts": _acts(institution, actor),
        "may_publish": state == RegistrationState.REGISTERED and actor.has(Role.CITY_EDUCATION_OFFICE),
        "members_url": _members_url(actor) if is_head else "",
    }
    return render(request, "institutions/detail.html", context)


def _form_page(
    request: HttpRequest, form: Any, institution: Institution, title: Any, label: Any, **more: Any
) -> HttpResponse:
    context = {
        "form": form,
        "title": title,
        "lead": institution.full_name,
        "submit_label": label,
        "cancel_url": reverse("institutions:detail", args=[institution.pk]),
        **more,
    }
    return render(request, "institutions/form.html", context, status=status_of(form))


def edit(request: HttpRequest, pk: int) -> HttpResponseBase:
    institution = _fetch(request, pk)
    values = {name: getattr(institution, name) for name in RegistrationForm.base_fields if name != "posts"}
    values["posts"] = list(institution.posts.values_list("pk", flat=True))
    form = RegistrationForm(request.POST or None, instance_values=values)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.edit_registration(institution, form.cleaned_data, by=request.actor)
        if outcome.ok:
            messages.success(request, _("Saved."))
            return redirect("institutions:detail", pk=pk)
    return _form_page(request, form, institution, _("Registration data"), _("Save"), keep=f"institution-{pk}")


def contact(request: HttpRequest, pk: int) -> HttpResponseBase:
    institution = _fetch(request, pk)
    values = {name: getattr(institution, name) for name in ContactForm.base_fields}
    form = ContactForm(request.POST or None, instance_values=values)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.edit_contact(institution, form.cleaned_data, by=request.actor)
        if outcome.ok:
            messages.success(request, _("Saved."))
            return redirect("institutions:detail", pk=pk)
    return _form_page(request, form, institution, _("Contact and introduction"), _("Save"))


@require_POST
def submit(request: HttpRequest, pk: int) -> HttpResponseBase:
    institution = _fetch(request, pk)
    return perform(
        request,
        lambda: actions.submit(institution, by=request.actor),
        success=_("Handed in. The district commission vets it next."),
        to="institutions:detail",
        pk=pk,
    )


def _certificate_add(
    request: HttpRequest, pk: int, form: Any, add: Callable[..., Any], title: Any, label: Any
) -> HttpResponseBase:
    institution = _fetch(request, pk)
    if request.method == "POST" and form.is_valid():
        data = dict(form.cleaned_data)
        file = data.pop("scan")
        with refusals(form) as outcome:
            add(institution, data, file.read(), file.name, by=request.actor)
        if outcome.ok:
            messages.success(request, _("Saved."))
            return redirect("institutions:detail", pk=pk)
    return _form_page(request, form, institution, title, label)


def qualification_add(request: HttpRequest, pk: int) -> HttpResponseBase:
    form = QualificationForm(request.POST or None, request.FILES or None)
    label = _("Add the qualification")
    return _certificate_add(
        request, pk, form, actions.add_qualification, _("Construction qualification"), label
    )


def licence_add(request: HttpRequest, pk: int) -> HttpResponseBase:
    form = LicenceForm(request.POST or None, request.FILES or None)
    kinds = LICENCE_KINDS.get(InstitutionType(_fetch(request, pk).type))
    if kinds:
        form.fields["kind"].help_text = _("For your type: %(kinds)s") % {
            "kinds": _(" or ").join(str(LicenceKind(kind).label) for kind in kinds)
        }
    return _certificate_add(request, pk, form, actions.add_licence, _("Licence"), _("Add the licence"))


def _qualification(request: HttpRequest, pk: int) -> Qualification:
    rows = Qualification.objects.filter(institution__in=access.institutions_for(request.actor))
    return get_object_or_404(rows.select_related("institution", "scan"), pk=pk)


def _licence(request: HttpRequest, pk: int) -> Licence:
    rows = Licence.objects.filter(institution__in=access.institutions_for(request.actor))
    return get_object_or_404(rows.select_related("institution", "scan"), pk=pk)


@require_POST
def qualification_remove(request: HttpRequest, pk: int) -> HttpResponseBase:
    row = _qualification(request, pk)
    back = row.institution_id
    act = lambda: actions.remove_qualification(row, by=request.actor)  # noqa: E731
    return perform(request, act, success=_("Taken out."), to="institutions:detail", pk=back)


@require_POST
def licence_remove(request: HttpRequest, pk: int) -> HttpResponseBase:
    row = _licence(request, pk)
    back = row.institution_id
    act = lambda: actions.remove_licence(row, by=request.actor)  # noqa: E731
    return perform(request, act, success=_("Taken out."), to="institutions:detail", pk=back)


@require_POST
def qualification_check(request: HttpRequest, pk: int) -> HttpResponseBase:
    row = _qualification(request, pk)
    act = lambda: actions.check_qualification(row, by=request.actor)  # noqa: E731
    return perform(
        request, act, success=_("Marked as checked."), to="institutions:detail", pk=row.institution_id
    )


def _scan(request: HttpRequest, row: Qualification | Licence) -> HttpResponse:
    data = actions.read_scan(row, by=request.actor)
    if row.scan is None:  # read_scan has refused it already
        raise Http404
    return file_response(data, row.scan.name, row.scan.content_type, inline=True)


def qualification_scan(request: HttpRequest, pk: int) -> HttpResponse:
    return _scan(request, _qualification(request, pk))


def licence_scan(request: HttpRequest, pk: int) -> HttpResponse:
    return _scan(request, _licence(request, pk))


@dataclass(frozen=True)
class Decision:
    """A reviewer's act with an opinion: its words, and what it will do."""

    act: Callable[..., Any]
    label: Any
    title: Any
    field: Any
    success: Any
    consequences: tuple[Any, ...] = ()
    main: bool = False
    danger: bool = False
    required: bool = True


DECISIONS = {
    "vet": Decision(
        actions.vet,
        gettext_lazy("Vouch and pass to the city"),
        gettext_lazy("Vet the registration"),
        gettext_lazy("Opinion of the district commission"),
        gettext_lazy("Passed to the city commission."),
        main=True,
    ),
    "return": Decision(
        actions.return_registration,
        gettext_lazy("Return"),
        gettext_lazy("Return the registration"),
        gettext_lazy("What is to be put right"),
        gettext_lazy("Returned to the institution."),
    ),
    "register": Decision(
        actions.register,
        gettext_lazy("Register"),
        gettext_lazy("Register the institution"),
        gettext_lazy("Note"),
        gettext_lazy("Registered. Publish it so that it may train."),
        main=True,
        required=False,
    ),
    "block": Decision(
        actions.block,
        gettext_lazy("Hide the registration"),
        gettext_lazy("Hide the registration"),
        gettext_lazy("Reason and document"),
        gettext_lazy("Hidden. It is off the public list."),
        (
            gettext_lazy("The institution is off the public list at once."),
            gettext_lazy("It can hand in no plan and no application until it is restored."),
            gettext_lazy("Its people are told, with the reason you write here."),
        ),
        danger=True,
    ),
    "restore": Decision(
        actions.restore,
        gettext_lazy("Restore the registration"),
        gettext_lazy("Restore the registration"),
        gettext_lazy("Reason and document"),
        gettext_lazy("Restored. Publish it so that it may train again."),
        main=True,
    ),
    "cancel": Decision(
        actions.cancel,
        gettext_lazy("Cancel the registration"),
        gettext_lazy("Cancel the registration"),
        gettext_lazy("Reason and document"),
        gettext_lazy("Cancelled."),
        (
            gettext_lazy("The registration ends for good; it cannot be restored."),
            gettext_lazy("Its people are told, with the reason you write here."),
        ),
        danger=True,
    ),
}


def _decide(request: HttpRequest, pk: int, verb: str) -> HttpResponseBase:
    institution, decision = _fetch(request, pk), DECISIONS[verb]
    if request.method != "POST":
        REGISTRATION.after(institution.state, verb)
    form_class = RegisterForm if verb == "register" else OpinionForm
    data = request.POST if request.method == "POST" else None  # an optional opinion may be posted empty
    form = form_class(data, label=decision.field, required=decision.required)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            decision.act(institution, **form.cleaned_data, by=request.actor)
        if outcome.ok:
            messages.success(request, decision.success)
            return redirect("institutions:detail", pk=pk)
    more = {
        "danger": decision.danger,
        "consequences": decision.consequences,
        "confirm": verb == "cancel",
    }
    return _form_page(request, form, institution, decision.title, decision.label, **more)


def vet(request: HttpRequest, pk: int) -> HttpResponseBase:
    return _decide(request, pk, "vet")


def return_registration(request: HttpRequest, pk: int) -> HttpResponseBase:
    return _decide(request, pk, "return")


def register(request: HttpRequest, pk: int) -> HttpResponseBase:
    return _decide(request, pk, "register")


def block(request: HttpRequest, pk: int) -> HttpResponseBase:
    return _decide(request, pk, "block")


def restore(request: HttpRequest, pk: int) -> HttpResponseBase:
    return _decide(request, pk, "restore")


def cancel(request: HttpRequest, pk: int) -> HttpResponseBase:
    return _decide(request, pk, "cancel")


@require_POST
def publish(request: HttpRequest, pk: int) -> HttpResponseBase:
    institution = _fetch(request, pk)
    act = lambda: actions.publish(institution, by=request.actor)  # noqa: E731
    return perform(
        request, act, success=_("Published. The institution may train now."), to="institutions:detail", pk=pk
    )
