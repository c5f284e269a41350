"""Who may see the bank: its authors, reviewers and keepers, and nobody else (R033). Institutions never see an item."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import BANK, Role
from zhupei.web.access import Nav, roles

from .models import BankRelease, Item, ItemImport

PAGES = {
    "itembank:items": roles(*BANK),
    "itembank:item": roles(*BANK),
    "itembank:show_key": roles(*BANK),
    "itembank:kinds": roles(Role.ITEM_AUTHOR),
    "itembank:new": roles(Role.ITEM_AUTHOR),
    "itembank:edit": roles(Role.ITEM_AUTHOR),
    "itembank:queue": roles(Role.ITEM_REVIEWER, Role.BANK_KEEPER),
    "itembank:review": roles(Role.ITEM_REVIEWER),
    "itembank:return_item": roles(Role.ITEM_REVIEWER, Role.BANK_KEEPER),
    "itembank:publish": roles(Role.BANK_KEEPER),
    "itembank:publish_reviewed": roles(Role.BANK_KEEPER),
    "itembank:retire": roles(Role.BANK_KEEPER),
    "itembank:imports": roles(Role.ITEM_AUTHOR),
    "itembank:template": roles(Role.ITEM_AUTHOR),
    "itembank:import": roles(Role.ITEM_AUTHOR),
    "itembank:confirm_import": roles(Role.ITEM_AUTHOR),
    "itembank:discard_import": roles(Role.ITEM_AUTHOR),
    "itembank:releases": roles(Role.BANK_KEEPER),
    "itembank:release": roles(Role.BANK_KEEPER),
    "itembank:make_release": roles(Role.BANK_KEEPER),
}
NAV = [
    Nav("itembank:items", _("Item bank"), "book", 40),
    Nav("itembank:queue", _("Items to review and publish"), "clipboard-check", 41),
    Nav("itembank:imports", _("Import items"), "upload", 42),
    Nav("itembank:releases", _("Releases of the bank"), "archive", 43),
]


def items_for(actor: Actor) -> QuerySet[Item]:
    """All items for people of the bank, none for others."""
    return Item.objects.all() if actor.has(*BANK) else Item.objects.none()


def imports_for(actor: Actor) -> QuerySet[ItemImport]:
    """The files that the author handed in."""
    if actor.has(Role.ITEM_AUTHOR):
        return ItemImport.objects.filter(created_by_id=actor.user_id).select_related("file")
    return ItemImport.objects.none()


def releases_for(actor: Actor) -> QuerySet[BankRelease]:
    return BankRelease.objects.all() if actor.has(Role.BANK_KEEPER) else BankRelease.objects.none()
