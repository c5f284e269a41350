"""The teachers of an institution."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.institutions import access, actions
from zhupei.institutions.actions.teachers import EDITORS
from zhupei.institutions.forms import TeacherFilter, TeacherForm
from zhupei.institutions.models import Institution, Teacher
from zhupei.web.paging import page_by_key
from zhupei.web.views import perform, refusals, status_of

from .sites import _own_institution


def _fetch(request: HttpRequest, pk: int) -> Teacher:
    return get_object_or_404(access.teachers_for(request.actor), pk=pk)


def teacher_list(request: HttpRequest) -> HttpResponse:
    """Teachers by name; a reviewer may narrow the list to one institution with ``?institution=``."""
    filters = TeacherFilter(request.GET)
    active = request.GET.get("active") != "no"
    found = access.teachers_for(request.actor).filter(is_active=active).prefetch_related("posts")
    chosen = request.GET.get("institution", "")
    if chosen.isascii() and chosen.isdigit() and len(chosen) < 12:
        found = found.filter(institution_id=int(chosen))
    if filters.is_valid() and filters.cleaned_data["q"]:
        text = filters.cleaned_data["q"].strip()
        found = found.filter(Q(name__icontains=text) | Q(specialty__icontains=text))
    context = {
        "page": page_by_key(found, request, order=("name", "pk")),
        "filters": filters,
        "filtered": any(request.GET.get(name) for name in [*filters.fields, "institution"]),
        "may_edit": request.actor.has(*EDITORS),
        "own": request.actor.has(*access.OWN),
    }
    return render(request, "institutions/teachers.html", context)


def _form_page(
    request: HttpRequest, form: TeacherForm, institution: Institution, title: str, label: str
) -> HttpResponse:
    context = {
        "form": form,
        "title": title,
        "lead": institution.full_name,
        "submit_label": label,
        "cancel_url": reverse("institutions:teachers"),
    }
    return render(request, "institutions/form.html", context, status=status_of(form))


def teacher_add(request: HttpRequest) -> HttpResponseBase:
    institution = _own_institution(request)
    form = TeacherForm(
        request.POST or None, institution=institution, instance_values={"employment": "full_time"}
    )
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.add_teacher(institution, form.cleaned_data, by=request.actor)
        if outcome.ok:
            messages.success(request, _("The teacher is on the list."))
            return redirect("institutions:teachers")
    return _form_page(request, form, institution, _("New teacher"), _("Put on the list"))


def teacher_edit(request: HttpRequest, pk: int) -> HttpResponseBase:
    teacher = _fetch(request, pk)
    values = {
        name: getattr(teacher, name)
        for name in ("name", "phone", "title", "education", "specialty", "site_years", "employment")
    }
    values |= {"user": teacher.user_id, "posts": list(teacher.posts.values_list("pk", flat=True))}
    form = TeacherForm(request.POST or None, institution=teacher.institution, instance_values=values)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.edit_teacher(teacher, form.cleaned_data, by=request.actor)
        if outcome.ok:
            messages.success(request, _("Saved."))
            return redirect("institutions:teachers")
    return _form_page(request, form, teacher.institution, _("Teacher's data"), _("Save"))


@require_POST
def teacher_set_active(request: HttpRequest, pk: int) -> HttpResponseBase:
    teacher = _fetch(request, pk)
    is_active = request.POST.get("active") == "1"
    success = _("The teacher is on the list again.") if is_active else _("The teacher is off the list.")
    act = lambda: actions.set_teacher_active(teacher, is_active, by=request.actor)  # noqa: E731
    return perform(request, act, success=success, to="institutions:teachers")
