"""Who may see blueprints and draws: the bank keeper (R033). Papers themselves have no page."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import Role
from zhupei.web.access import Nav, roles

from .models import Blueprint, Draw

KEEPER = roles(Role.BANK_KEEPER)
PAGES = {
    "papers:blueprints": KEEPER,
    "papers:blueprint": KEEPER,
    "papers:new_blueprint": KEEPER,
    "papers:load_defaults": KEEPER,
    "papers:draws": KEEPER,
    "papers:draw": KEEPER,
}
NAV = [
    Nav("papers:blueprints", _("Blueprints"), "list-check", 44),
    Nav("papers:draws", _("Draws of papers"), "bar-chart", 45),
]


def blueprints_for(actor: Actor) -> QuerySet[Blueprint]:
    return (
        Blueprint.objects.select_related("post") if actor.has(Role.BANK_KEEPER) else Blueprint.objects.none()
    )


def draws_for(actor: Actor) -> QuerySet[Draw]:
    return Draw.objects.select_related("release") if actor.has(Role.BANK_KEEPER) else Draw.objects.none()
