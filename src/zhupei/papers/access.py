"""Who may see blueprints and draws (R033): the bank keeper; draws also the centre's second person. Papers have no page."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import Role
from zhupei.web.access import Nav, roles

from .models import Blueprint, Draw

KEEPER = roles(Role.BANK_KEEPER)
DRAW_READERS = (Role.BANK_KEEPER, Role.CENTRE_APPROVER)
PAGES = {
    "papers:blueprints": KEEPER,
    "papers:blueprint": KEEPER,
    "papers:new_blueprint": KEEPER,
    "papers:load_defaults": KEEPER,
    "papers:trial": KEEPER,
    "papers:draws": roles(*DRAW_READERS),
    "papers:draw": roles(*DRAW_READERS),
    "papers:recheck": roles(*DRAW_READERS),
}
NAV = [
    Nav("papers:blueprints", _("Blueprints"), "list-check", 44),
    Nav("papers:draws", _("Draws of papers"), "bar-chart", 45),
]


def blueprints_for(actor: Actor) -> QuerySet[Blueprint]:
    if not actor.has(*DRAW_READERS):
        return Blueprint.objects.none()
    return Blueprint.objects.select_related("post")


def draws_for(actor: Actor) -> QuerySet[Draw]:
    if not actor.has(*DRAW_READERS):
        return Draw.objects.none()
    return Draw.objects.select_related("release")
