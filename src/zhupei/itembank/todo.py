"""What waits in the item bank."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import reverse
from django.utils.translation import gettext as _

from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import Role
from zhupei.web.todo import Task

from .choices import ItemState
from .models import DuplicatePair, Item
from .queries import expiring, open_pairs, outdated


def tasks_for(actor: Actor) -> Iterable[Task]:
    """Drafts to review, reviewed items to publish, alike items to compare, items whose ground is going."""
    url = reverse("itembank:queue")
    if actor.has(Role.ITEM_REVIEWER):
        count = Item.objects.filter(state=ItemState.DRAFT).count()
        yield Task(_("Items to review"), count, url)
    if actor.has(Role.BANK_KEEPER):
        count = Item.objects.filter(state=ItemState.REVIEWED).count()
        yield Task(_("Items to publish"), count, url)
        count = open_pairs(DuplicatePair.objects.all()).count()
        yield Task(_("Items that look alike, to compare"), count, reverse("itembank:duplicates"))
    if actor.has(Role.BANK_KEEPER, Role.ITEM_AUTHOR):
        items = reverse("itembank:items")
        rows = Item.objects.order_by()
        yield Task(
            _("Items that cite what is out of force"), outdated(rows).count(), f"{items}?only=outdated"
        )
        yield Task(
            _("Items whose last day is near or past"), expiring(rows).count(), f"{items}?only=expiring"
        )
