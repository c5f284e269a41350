"""What waits in the item bank."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import reverse
from django.utils.translation import gettext as _

from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import Role
from zhupei.web.todo import Task

from .choices import ItemState
from .models import Item


def tasks_for(actor: Actor) -> Iterable[Task]:
    """Drafts to review, reviewed items to publish."""
    url = reverse("itembank:queue")
    if actor.has(Role.ITEM_REVIEWER):
        count = Item.objects.filter(state=ItemState.DRAFT).count()
        yield Task(_("Items to review"), count, url)
    if actor.has(Role.BANK_KEEPER):
        count = Item.objects.filter(state=ItemState.REVIEWED).count()
        yield Task(_("Items to publish"), count, url)
