"""Who may see the bank: its authors, reviewers and keepers, and nobody else (R033). Institutions never see an item."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import BANK, CENTRE, Role
from zhupei.web.access import Nav, roles

from .models import BankRelease, DuplicatePair, DuplicateRun, Item, ItemImport, Media, Standard

PAGES = {
    "itembank:items": roles(*BANK),
    "itembank:item": roles(*BANK),
    "itembank:show_key": roles(*BANK),
    "itembank:differences": roles(*BANK),
    "itembank:similar": roles(*BANK),
    "itembank:enemies": roles(*BANK),
    "itembank:remove_enemy": roles(Role.ITEM_REVIEWER, Role.BANK_KEEPER),
    "itembank:standards": roles(*BANK),
    "itembank:standard": roles(*BANK),
    "itembank:standard_new": roles(Role.ITEM_REVIEWER, Role.BANK_KEEPER),
    "itembank:standard_edit": roles(Role.ITEM_REVIEWER, Role.BANK_KEEPER),
    "itembank:media": roles(*BANK, *CENTRE),  # the centre looks at items whose key is said to be wrong
    "itembank:picture": roles(Role.ITEM_AUTHOR),
    "itembank:duplicates": roles(Role.BANK_KEEPER),
    "itembank:seek_duplicates": roles(Role.BANK_KEEPER),
    "itembank:duplicate": roles(Role.BANK_KEEPER),
    "itembank:decide_pair": roles(Role.BANK_KEEPER),
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
    "itembank:export": roles(Role.BANK_KEEPER),
    "itembank:releases": roles(Role.BANK_KEEPER),
    "itembank:release": roles(Role.BANK_KEEPER),
    "itembank:make_release": roles(Role.BANK_KEEPER),
}
NAV = [
    Nav("itembank:items", _("Item bank"), "book", 40),
    Nav("itembank:queue", _("Items to review and publish"), "clipboard-check", 41),
    Nav("itembank:imports", _("Import items"), "upload", 42),
    Nav("itembank:standards", _("Laws and standards"), "journal-text", 42),
    Nav("itembank:duplicates", _("Duplicates"), "list-check", 42),
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


def standards_for(actor: Actor) -> QuerySet[Standard]:
    return Standard.objects.all() if actor.has(*BANK) else Standard.objects.none()


def media_for(actor: Actor) -> QuerySet[Media]:
    """The pictures of items, which may give an item away: for people of the bank."""
    return Media.objects.all() if actor.has(*BANK, *CENTRE) else Media.objects.none()


def runs_for(actor: Actor) -> QuerySet[DuplicateRun]:
    return DuplicateRun.objects.all() if actor.has(Role.BANK_KEEPER) else DuplicateRun.objects.none()


def pairs_for(actor: Actor) -> QuerySet[DuplicatePair]:
    return DuplicatePair.objects.all() if actor.has(Role.BANK_KEEPER) else DuplicatePair.objects.none()
