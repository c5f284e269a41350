from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.hall import access, actions
from zhupei.hall.forms import StaffForm
from zhupei.hall.queries import FILED_ROLES, missing_filings
from zhupei.kernel import clock
from zhupei.kernel.roles import CENTRE
from zhupei.organisations.api import Membership, Organisation, RoleName, in_force
from zhupei.web.paging import page_by_key
from zhupei.web.views import perform

from .pieces import act_page, actor_of, posted


def staff_list(request: HttpRequest) -> HttpResponse:
    """Technical heads and room administrators, reported and filed (R146–R148)."""
    actor = actor_of(request)
    page = page_by_key(access.filings_for(actor), request)
    units = Organisation.objects.in_bulk({row.organisation_id for row in page.items})
    for row in page.items:
        row.unit, row.role_label = units.get(row.organisation_id), RoleName(row.role).label
    missing = []
    if actor.has(*actions.REPORTERS) and actor.organisation_id is not None:
        missing = [RoleName(role).label for role in missing_filings(actor.organisation_id)]
    context = {
        "page": page,
        "missing": _(", ").join(map(str, missing)),
        "may_report": actor.has(*actions.REPORTERS),
        "may_file": actor.has(*CENTRE),
    }
    return render(request, "hall/staff.html", context)


def staff_report(request: HttpRequest) -> HttpResponse:
    """Report somebody to the centre."""
    actor = actor_of(request)
    held = Membership.objects.filter(
        in_force(clock.today()),
        organisation_id=actor.organisation_id,
        role__in=FILED_ROLES,
        user__is_active=True,
    ).select_related("user")
    people = [
        (f"{one.user_id}/{one.role}", f"{one.user.display_name} · {one.get_role_display()}")
        for one in held.order_by("role", "pk")
    ]

    def act(data: dict[str, Any]) -> None:
        user_id, _slash, role = data["person"].partition("/")
        actions.report_staff(
            int(user_id), role, trained_on=data["trained_on"], training=data["training"], by=actor
        )

    lead = _(
        "Every hall needs a technical head and a room administrator who were trained and are filed with the centre."
    )
    if not people:
        lead = _("Nobody in your unit holds the role of technical head or room administrator yet. Give the roles first, under "
                 "“Staff and roles”.")  # fmt: skip
    return act_page(
        request,
        StaffForm(posted(request), people=people),
        act,
        done=_("Reported. The centre files it."),
        to=reverse("hall:staff"),
        heading=_("Report hall staff"),
        lead=lead,
        submit_label=_("Report"),
        cancel="hall:staff",
    )


@require_POST
def staff_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """File a reported person (the centre)."""
    row = get_object_or_404(access.filings_for(actor_of(request)), pk=pk)
    return perform(
        request,
        lambda: actions.file_staff(row, request.POST.get("filing_no", ""), by=actor_of(request)),
        success=_("Filed."),
        to="hall:staff",
    )
