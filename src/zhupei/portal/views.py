"""The first page of everybody: what do I have to do next, by when?"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from zhupei.institutions.api import published_institutions
from zhupei.kernel.roles import Role
from zhupei.people.api import person_of
from zhupei.rulebook.api import current_rule_set
from zhupei.training.api import open_classes
from zhupei.web.todo import tasks_for

from .learner import next_step, path_of

SHOWN = 6
PRACTICE_URL = "/practice/"  # an application of its own, outside the address table


def home(request: HttpRequest) -> HttpResponse:
    """The public site for visitors, the next step for learners, the to-do list for staff."""
    actor = request.actor
    if not actor.is_signed_in:
        context = {
            "classes": open_classes().order_by("first_day", "pk")[:SHOWN],
            "institutions": published_institutions().count(),
            "practice_url": PRACTICE_URL,
        }
        return render(request, "portal/public.html", context)
    if actor.has(Role.LEARNER):
        step = next_step(person_of(actor))
        return render(request, "portal/learner.html", {"step": step.as_card(), "path": path_of(step.stage)})
    return render(request, "portal/staff.html", {"tasks": tasks_for(actor)})


def rule(request: HttpRequest) -> HttpResponse:
    """The rule that the platform carries out: name, number, date, what it rests on (R002, R003)."""
    rule_set = current_rule_set()
    return render(
        request, "portal/rule.html", {"rule_set": rule_set, "basis": rule_set.legal_basis.order_by("pk")}
    )
