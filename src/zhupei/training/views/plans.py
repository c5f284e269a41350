"""Pages of training plans."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET, require_POST

from zhupei.documents.api import PlanForm as PlanDocument
from zhupei.documents.api import PlanRow as PlanDocumentRow
from zhupei.documents.api import render_docx, render_pdf
from zhupei.evidence.api import read
from zhupei.institutions.api import institution_of
from zhupei.kernel import clock
from zhupei.kernel.roles import Role
from zhupei.kernel.workdays import Calendar
from zhupei.rulebook.api import calendar, workdays_left
from zhupei.training import access, actions, queries
from zhupei.training.choices import PLAN, PlanState
from zhupei.training.forms.classes import PlanFilters
from zhupei.training.forms.plans import OpinionForm, PlanForm, PlanRows, ReasonForm, SubmitForm, plan_input
from zhupei.training.models import PlanStep, TrainingPlan
from zhupei.web.forms import with_added_row
from zhupei.web.paging import page_by_key
from zhupei.web.views import file_response, perform, refusals, status_of

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def term_words(plan: TrainingPlan) -> str:
    """2026年第3期, with the version from the second on."""
    words = _("%(year)d, term %(n)d") % {"year": plan.year, "n": plan.sequence}
    return words if plan.version == 1 else f"{words}（{_version_words(plan)}）"


def _version_words(plan: TrainingPlan) -> str:
    return _("version %(n)d") % {"n": plan.version}


def _deadline_cell(plan: TrainingPlan, days: Calendar) -> Any:
    if plan.deadline is None:
        return "—"
    waiting = plan.state in (PlanState.DRAFT, PlanState.RETURNED)
    return {
        "deadline": plan.deadline,
        "workdays_left": days.workdays_between(clock.today(), plan.deadline) if waiting else None,
        "provisional": plan.deadline_is_provisional,
    }


def _row(plan: TrainingPlan, days: Calendar) -> dict[str, Any]:
    names = "、".join(dict.fromkeys(row.post.name for row in plan.rows.all()))
    return {
        "url": reverse("training:plan", kwargs={"pk": plan.pk}),
        "cells": [
            term_words(plan),
            plan.institution_name,
            names or "—",
            {"deadline": plan.first_day, "workdays_left": None} if plan.first_day else "—",
            _deadline_cell(plan, days),
            {
                "state": plan.state,
                "text": plan.get_state_display(),
                "tone": "problem" if plan.state == PlanState.LATE else "",
            },
        ],
    }


def _columns() -> list[dict[str, Any]]:
    labels = [_("Term"), _("Institution"), _("Posts"), _("Opens"), _("File by"), _("State")]
    return [{"label": label} for label in labels]


def _filtered(request: HttpRequest, filters: PlanFilters) -> Any:
    rows = access.plans_for(request.actor).prefetch_related("rows__post")  # type: ignore[attr-defined]
    if filters.is_valid():
        values = filters.cleaned_data
        if values["q"]:
            rows = rows.filter(
                Q(institution_name__icontains=values["q"])
                | Q(address__icontains=values["q"])
                | Q(pk__in=TrainingPlan.objects.filter(rows__post__name__icontains=values["q"]).values("pk"))
            )
        if values["state"]:
            rows = rows.filter(state=values["state"])
        if values["year"]:
            rows = rows.filter(year=values["year"])
        if values["division"]:
            rows = rows.filter(site__division_code=values["division"])
    return rows


@require_GET
def plans(request: HttpRequest) -> HttpResponse:
    filters = PlanFilters(request.GET)
    page = page_by_key(_filtered(request, filters), request)
    days = calendar()
    context = {
        "filters": filters,
        "filtered": any(request.GET.get(name) for name in filters.fields),
        "page": page,
        "columns": _columns(),
        "rows": [_row(plan, days) for plan in page.items],
        "may_file": request.actor.has(*access.FILERS),  # type: ignore[attr-defined]
    }
    return render(request, "training/plans.html", context)


@require_GET
def plan_queue(request: HttpRequest) -> HttpResponse:
    """What waits for the centre: late plans for the approver, others for the officer; the nearest opening first."""
    actor = request.actor  # type: ignore[attr-defined]
    rows = access.plans_for(actor).prefetch_related("rows__post")
    days = calendar()
    if (
        rows.filter(state__in=(PlanState.SUBMITTED, PlanState.LATE))
        .exclude(calendar_version=days.version)
        .exists()
    ):
        actions.recompute_deadlines()
    mine = [
        *([PlanState.SUBMITTED] if actor.has(Role.CENTRE_OFFICER) else []),
        *([PlanState.LATE] if actor.has(Role.CENTRE_APPROVER) else []),
    ]
    page = page_by_key(
        rows.filter(state__in=mine, first_day__isnull=False), request, order=("first_day", "pk")
    )
    table = []
    for plan in page.items:
        row = _row(plan, days)
        age = days.workdays_between(clock.local(plan.submitted_at).date(), clock.today())
        row["cells"][4] = {"at": plan.submitted_at, "note": _("waiting for %(n)d working days") % {"n": age}}
        row["tone"] = "problem" if plan.state == PlanState.LATE else ""
        table.append(row)
    columns = _columns()
    columns[4] = {"label": pgettext("training", "Filed")}
    return render(request, "training/plan_queue.html", {"page": page, "columns": columns, "rows": table})


def _timeline(plan: TrainingPlan, *, own: bool) -> list[dict[str, Any]]:
    verbs = {
        "create": _("Drawn up"),
        "change": _("Change begun"),
        "submit": pgettext("training", "Filed"),
        "submit_late": _("Filed late with a reason"),
        "receive": _("Received by the centre"),
        "return": _("Returned"),
        "withdraw": _("Withdrawn"),
        "supersede": _("Replaced by a newer version"),
    }
    steps = (
        PlanStep.objects.filter(
            plan__institution=plan.institution, plan__year=plan.year, plan__sequence=plan.sequence
        )
        .select_related("plan")
        .order_by("-at", "-pk")
    )
    if not own:  # what was never filed is the institution's own affair
        steps = steps.exclude(plan__submitted_at=None)
    return [
        {
            "at": step.at,
            "who": " ".join(part for part in (step.unit, step.person) if part),
            "what": f"{verbs.get(step.verb, step.verb)}（{_version_words(step.plan)}）",
            "why": step.opinion,
            "tone": step.state,
        }
        for step in steps
    ]


@require_GET
def plan(request: HttpRequest, pk: int) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    found = get_object_or_404(access.plans_for(actor), pk=pk)
    own = actor.organisation_id == found.institution.organisation_id and actor.has(*access.FILERS)
    rows = list(found.rows.select_related("post", "syllabus", "training_class"))
    newer = TrainingPlan.objects.filter(supersedes=found).first()
    if newer is not None and newer.submitted_at is None and not own:
        newer = None
    editable = found.state in (PlanState.DRAFT, PlanState.RETURNED)
    decides = (
        actor.has(Role.CENTRE_APPROVER) if found.state == PlanState.LATE else actor.has(Role.CENTRE_OFFICER)
    )
    context = {
        "plan": found,
        "term": term_words(found),
        "facts": _facts(found),
        "rows": rows,
        "warnings": queries.plan_warnings(found) if editable and own else [],
        "workdays_left": workdays_left(found.deadline) if found.deadline and editable else None,
        "own": own,
        "editable": own and editable,
        "changeable": own and newer is None and PLAN.allows(found.state, "supersede"),
        "withdrawable": own and PLAN.allows(found.state, "withdraw"),
        "may_receive": decides and PLAN.allows(found.state, "receive"),
        "may_return": decides and PLAN.allows(found.state, "return"),
        "may_open": actor.has(*access.MANAGERS) and own and queries.is_in_force(found),
        "newer": newer,
        "entries": _timeline(found, own=own),
        "opinion_form": OpinionForm(auto_id="receive_%s"),
        "reason_form": ReasonForm(auto_id="return_%s"),
    }
    return render(request, "training/plan.html", context)


def _facts(found: TrainingPlan) -> list[Any]:
    facts = [
        (_("Training institution (full name)"), found.institution_name),
        (_("Address of the class (detailed)"), found.address),
        (_("Date filled in"), queries.day_words(found.filled_on)),
        (_("Teaching head"), f"{found.teaching_head} {found.teaching_head_phone}"),
        (pgettext("training", "Contact"), f"{found.contact} {found.contact_phone}"),
        (_("Institution's opinion"), found.opinion or "—"),
        (_("Person in charge (signature)"), found.signed_by or "—"),
    ]
    for name, label in (("signature", _("Picture of the signature")), ("seal", _("Seal"))):
        file = getattr(found, name)
        if file is not None:
            facts.append(
                {
                    "label": label,
                    "value": file.name,
                    "url": reverse("training:plan_file", kwargs={"pk": found.pk, "which": name}),
                }
            )
    if found.change_reason:
        facts.append((_("What changed and why"), found.change_reason))
    if found.late_reason:
        facts.append(
            (
                _("Filed late"),
                _("%(n)d working days late: %(why)s") % {"n": found.lateness_days, "why": found.late_reason},
            )
        )
    return facts


def _plan_page(
    request: HttpRequest, form: PlanForm, rows: Any, found: TrainingPlan | None, *, show_errors: bool = True
) -> HttpResponse:
    institution = found.institution if found else institution_of(request.actor)  # type: ignore[attr-defined]
    context = {
        "form": form,
        "formset": rows,
        "plan": found,
        "term": term_words(found) if found else "",
        "institution": institution,
        "show_errors": show_errors,
        "keep": f"plan-{found.pk}-{found.revision}" if found else "plan-new",
    }
    status = 200
    if show_errors and form.is_bound:
        status = status_of(form) if form.errors else (422 if rows.total_error_count() else 200)
    return render(request, "training/plan_edit.html", context, status=status)


def plan_new(request: HttpRequest) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    institution = institution_of(actor)
    if institution is None:
        raise Http404
    if request.method != "POST":
        values = {
            "filled_on": clock.today(),
            "contact": institution.contact,
            "contact_phone": institution.contact_phone,
            "key": str(uuid.uuid4()),
        }
        return _plan_page(
            request, PlanForm(institution=institution, instance_values=values), PlanRows(prefix="rows"), None
        )
    if "add_row" in request.POST:
        form = PlanForm(with_added_row(request.POST, "rows"), institution=institution)
        return _plan_page(
            request,
            form,
            PlanRows(with_added_row(request.POST, "rows"), prefix="rows"),
            None,
            show_errors=False,
        )
    form = PlanForm(request.POST, request.FILES, institution=institution)
    rows = PlanRows(request.POST, prefix="rows")
    if all([form.is_valid(), rows.is_valid()]):
        with refusals(form) as outcome:
            key = form.cleaned_data["key"] or str(uuid.uuid4())
            made = actions.create_plan(institution, plan_input(form, rows), key=key, by=actor)
        if outcome.ok:
            messages.success(request, _("The plan is saved as a draft. Check it, then file it."))
            return redirect("training:plan", pk=made.pk)
    return _plan_page(request, form, rows, None)


def plan_edit(request: HttpRequest, pk: int) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    found = get_object_or_404(access.plans_for(actor), pk=pk)
    institution = found.institution
    if request.method != "POST":
        if found.state not in (PlanState.DRAFT, PlanState.RETURNED):
            messages.info(request, _("A filed plan is changed by a new version."))
            return redirect("training:plan", pk=found.pk)
        names = (
            "site",
            "filled_on",
            "teaching_head",
            "teaching_head_phone",
            "contact",
            "contact_phone",
            "change_reason",
            "opinion",
        )
        values = {name: getattr(found, name) for name in (*names, "signed_by", "revision")}
        initial = [
            {"post": row.post_id, "expected": row.expected, "fee": row.fee, "time_text": row.time_text}
            for row in found.rows.all()
        ]
        form = PlanForm(institution=institution, plan=found, instance_values=values)
        return _plan_page(request, form, PlanRows(prefix="rows", initial=initial), found)
    if "add_row" in request.POST:
        form = PlanForm(request.POST, institution=institution, plan=found)
        return _plan_page(
            request,
            form,
            PlanRows(with_added_row(request.POST, "rows"), prefix="rows"),
            found,
            show_errors=False,
        )
    form = PlanForm(request.POST, request.FILES, institution=institution, plan=found)
    rows = PlanRows(request.POST, prefix="rows")
    if all([form.is_valid(), rows.is_valid()]):
        with refusals(form) as outcome:
            actions.edit_plan(
                found, plan_input(form, rows), revision=form.cleaned_data["revision"] or 0, by=actor
            )
        if outcome.ok:
            messages.success(request, _("The plan is saved."))
            return redirect("training:plan", pk=found.pk)
    return _plan_page(request, form, rows, found)


def plan_submit(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what filing means, then file."""
    actor = request.actor  # type: ignore[attr-defined]
    found = get_object_or_404(access.plans_for(actor), pk=pk)
    form = SubmitForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            done = actions.submit_plan(found, late_reason=form.cleaned_data["late_reason"], by=actor)
        if outcome.ok:
            late = done.state == PlanState.LATE
            messages.success(
                request,
                _("Filed late; the centre's approver decides.")
                if late
                else _("The plan is filed with the centre."),
            )
            return redirect("training:plan", pk=found.pk)
    if request.method != "POST" and not PLAN.allows(found.state, "submit"):
        messages.info(request, _("This plan has been filed already."))
        return redirect("training:plan", pk=found.pk)
    late = found.deadline is not None and clock.today() > found.deadline and found.supersedes_id is None
    if not late and not form.is_bound:
        del form.fields["late_reason"]  # asked for only where it is needed
    context = {
        "plan": found,
        "term": term_words(found),
        "form": form,
        "warnings": queries.plan_warnings(found),
        "late_text": actions.too_late_text(found) if late else "",
        "workdays_left": workdays_left(found.deadline) if found.deadline else None,
    }
    return render(request, "training/plan_submit.html", context, status=status_of(form))


@require_POST
def plan_withdraw(request: HttpRequest, pk: int) -> Any:
    found = get_object_or_404(access.plans_for(request.actor), pk=pk)  # type: ignore[attr-defined]
    return perform(
        request,
        lambda: actions.withdraw_plan(found, reason=request.POST.get("reason", ""), by=request.actor),  # type: ignore[attr-defined]
        success=_("The plan is withdrawn."),
        to="training:plan",
        pk=found.pk,
    )


@require_POST
def plan_change(request: HttpRequest, pk: int) -> Any:
    found = get_object_or_404(access.plans_for(request.actor), pk=pk)  # type: ignore[attr-defined]
    return perform(
        request,
        lambda: actions.change_plan(found, by=request.actor),  # type: ignore[attr-defined]
        success=_("This is the draft of the new version. Change it, sign and seal it anew, and file it."),
        to=lambda made: reverse("training:plan_edit", kwargs={"pk": made.pk}),
    )


@require_GET
def plan_changes(request: HttpRequest, pk: int) -> HttpResponse:
    """Old and new version side by side."""
    found = get_object_or_404(access.plans_for(request.actor), pk=pk)  # type: ignore[attr-defined]
    if found.supersedes_id is None:
        raise Http404
    lines = queries.plan_differences(found)
    context = {
        "plan": found,
        "term": term_words(found),
        "lines": lines,
        "changed": sum(line.differs for line in lines),
    }
    return render(request, "training/plan_changes.html", context)


@require_POST
def plan_receive(request: HttpRequest, pk: int) -> Any:
    found = get_object_or_404(access.plans_for(request.actor), pk=pk)  # type: ignore[attr-defined]
    return perform(
        request,
        lambda: actions.receive_plan(found, opinion=request.POST.get("opinion", "")[:1000], by=request.actor),  # type: ignore[attr-defined]
        success=_("The plan is received; the institution has been told."),
        to="training:plan",
        pk=found.pk,
    )


@require_POST
def plan_return(request: HttpRequest, pk: int) -> Any:
    found = get_object_or_404(access.plans_for(request.actor), pk=pk)  # type: ignore[attr-defined]
    return perform(
        request,
        lambda: actions.return_plan(found, reason=request.POST.get("reason", "")[:1000], by=request.actor),  # type: ignore[attr-defined]
        success=_("The plan is returned; the institution has been told why."),
        to="training:plan",
        pk=found.pk,
    )


def _document(found: TrainingPlan) -> PlanDocument:
    """Annex 2 as it stands (R181); pictures of seal and signature only where they are pictures."""

    def picture(file: Any) -> bytes | None:
        return read(file) if file is not None and file.content_type.startswith("image/") else None

    return PlanDocument(
        year=found.year,
        term=found.sequence,
        filled_on=found.filled_on,
        institution=found.institution_name,
        address=found.address,
        teaching_head=found.teaching_head,
        teaching_head_phone=found.teaching_head_phone,
        contact=found.contact,
        contact_phone=found.contact_phone,
        rows=tuple(
            PlanDocumentRow(post=row.post.name, expected=row.expected, period=row.time_text, fee=row.fee)
            for row in found.rows.select_related("post")
        ),
        opinion=found.opinion,
        signature=picture(found.signature),
        seal=picture(found.seal),
        reference=f"附件2 · {found.year}-{found.sequence} · v{found.version}",
    )


def _file_name(found: TrainingPlan, extension: str) -> str:
    return (
        f"培训计划表-{found.institution_name}-{found.year}年第{found.sequence}期-v{found.version}.{extension}"
    )


@require_GET
def plan_pdf(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(access.plans_for(request.actor), pk=pk)  # type: ignore[attr-defined]
    return file_response(
        render_pdf(_document(found)), _file_name(found, "pdf"), "application/pdf", inline=True
    )


@require_GET
def plan_docx(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(access.plans_for(request.actor), pk=pk)  # type: ignore[attr-defined]
    return file_response(render_docx(_document(found)), _file_name(found, "docx"), DOCX)


@require_GET
def plan_file(request: HttpRequest, pk: int, which: str) -> HttpResponse:
    """The signature or seal as it was uploaded."""
    found = get_object_or_404(access.plans_for(request.actor), pk=pk)  # type: ignore[attr-defined]
    file = getattr(found, which) if which in ("signature", "seal") else None
    if file is None:
        raise Http404
    return file_response(read(file), file.name, file.content_type)
