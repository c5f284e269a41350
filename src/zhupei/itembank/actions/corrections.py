"""A wrong key, put right: a new version, published by the two persons who stand for it (I07)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.itembank import events
from zhupei.itembank.choices import ItemState
from zhupei.itembank.models import Item, ItemVersion
from zhupei.itembank.queries import text_of_version
from zhupei.itembank.rules import ItemText, Place, check_item
from zhupei.itembank.search import index_items
from zhupei.itembank.standards import link_standards
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import CENTRE, Role
from zhupei.rulebook.api import Post

from .items import version_of


def corrected(text: ItemText, right: Mapping[int, Sequence[str]]) -> ItemText:
    """``text`` with other right answers: option ids by child number, 0 for an item that is no case.

    Raises ``Refusal`` when a number or option does not exist or the kind does not allow the key (R036).
    """
    if not right or not set(right) <= (set(range(1, len(text.children) + 1)) if text.is_case else {0}):
        raise Refusal("correction_place", _("The item has no such question."), field="key")
    if text.is_case:
        children = tuple(
            replace(child, answer=tuple(right.get(no, child.answer)))
            for no, child in enumerate(text.children, 1)
        )
        new = replace(text, children=children)
    else:
        new = replace(text, answer=tuple(right[0]))
    check_item(new)
    return new


@transaction.atomic
def correct_key(
    uid: str, number: int, right: Mapping[int, Sequence[str]], *, reason: str, proposed_by: Actor, by: Actor
) -> ItemVersion:
    """Publish a new version of an item with another key than version ``number`` had; the version itself stays as it was.

    ``proposed_by`` counts as its author, ``by`` as its reviewer. A draft being written meanwhile is put aside: it stays among
    the versions, and the corrected one goes before it. Raises ``Refusal`` unless two persons stand for it.
    """
    by.require(Role.BANK_KEEPER, *CENTRE)
    if proposed_by.user_id == by.user_id:
        raise Refusal(
            "two_persons",
            _("You proposed this correction yourself. Another person must approve it."),
            status=409,
        )
    item = Item.objects.select_for_update().get(uid=uid)
    old = item.versions.get(number=number)
    text = corrected(text_of_version(old), right)
    codes = tuple(code for code in old.post_codes.split(",") if code)
    place = Place(old.subject, old.chapter, codes)
    latest = item.versions.order_by("-number").values_list("number", flat=True)[0]
    version = version_of(
        item, latest + 1, text, place, author=proposed_by.name, author_id=proposed_by.user_id
    )
    version.reviewer, version.reviewer_id, version.published_at = by.name[:100], by.user_id, clock.now()
    version.save(force_insert=True)
    before = item.state
    if item.state != ItemState.RETIRED:
        item.state = ItemState.PUBLISHED
    item.subject, item.chapter, item.level, item.stem = old.subject, old.chapter, text.level, text.stems()
    item.save(update_fields=["state", "subject", "chapter", "level", "stem"])
    item.posts.set(Post.objects.filter(code__in=codes))
    link_standards([item.pk])
    index_items([item.pk])
    record(
        events.KEY_CORRECTED,
        by=by,
        on=item,
        before={"state": before, "version": number},
        after={"state": item.state, "version": version.number},
        reason=reason,
    )
    return version
