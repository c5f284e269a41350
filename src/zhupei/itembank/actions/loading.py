"""Many items at once, and the demonstration bank."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.itembank import demo, events
from zhupei.itembank.checking import NewItem
from zhupei.itembank.choices import ItemState
from zhupei.itembank.models import Item, ItemVersion
from zhupei.itembank.rules import check_item
from zhupei.itembank.search import index_items
from zhupei.itembank.standards import link_standards, load_standards
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role
from zhupei.rulebook.api import Post, SyllabusEntry, syllabus_of

from .items import version_of


def create_items(
    rows: Sequence[NewItem], *, author: str, author_id: int | None, state: str, is_demo: bool = False
) -> list[ItemVersion]:
    """Create items with their first version, in few statements."""
    now = clock.now()
    items = Item.objects.bulk_create(
        [
            Item(
                uid=row.uid,
                subject=row.subject,
                kind=row.text.kind,
                chapter=row.chapter,
                level=row.text.level,
                stem=row.text.stems(),
                state=state,
                is_demo=is_demo,
                created_at=now,
            )
            for row in rows
        ],
        batch_size=500,
    )
    through = Item.posts.through
    through.objects.bulk_create(
        [
            through(item_id=item.pk, post_id=post.pk)
            for item, row in zip(items, rows, strict=True)
            for post in row.posts
        ],
        batch_size=1000,
    )
    versions = [
        version_of(item, 1, row.text, row.place, author=author, author_id=author_id)
        for item, row in zip(items, rows, strict=True)
    ]
    if is_demo:
        for version in versions:
            version.reviewer, version.published_at = demo.REVIEWER, now
    versions = ItemVersion.objects.bulk_create(versions, batch_size=500)
    pks = [item.pk for item in items]
    link_standards(pks)
    index_items(pks)
    return versions


@transaction.atomic
def load_demo_bank(*, by: Actor) -> int:
    """Load the demonstration items of every post that has some, with the chapters of its syllabus; returns how many are new.

    A second call adds nothing. The items are marked as not of the official bank, and carry the names of an author, a reviewer
    and a keeper of the demonstration.
    """
    if by != SYSTEM:
        by.require(Role.BANK_KEEPER)
    load_standards()
    known = set(Item.objects.values_list("uid", flat=True))
    rows: list[NewItem] = []
    for folder in sorted(path for path in demo.DATA.iterdir() if path.is_dir()):
        post = Post.objects.filter(code=folder.name).first()
        if post is None:
            raise Refusal(
                "post_unknown",
                _("The post %(code)s is not in the catalogue. Load the rulebook first.")
                % {"code": folder.name},
            )
        syllabus = syllabus_of(post)
        for chapter in demo.chapters(folder.name):
            if syllabus is not None:
                SyllabusEntry.objects.get_or_create(
                    syllabus=syllabus,
                    subject=chapter.subject,
                    number=chapter.number,
                    defaults={"title": chapter.title, "weight": chapter.weight},
                )
            for uid, text in chapter.items:
                if uid not in known:
                    check_item(text)
                    rows.append(NewItem(uid, chapter.subject, chapter.number, (post,), text))
    if rows:
        create_items(rows, author=demo.AUTHOR, author_id=None, state=ItemState.PUBLISHED, is_demo=True)
        people = {"author": demo.AUTHOR, "reviewer": demo.REVIEWER, "keeper": demo.KEEPER}
        record(events.DEMO_LOADED, by=by, after={"items": len(rows), **people})
    return len(rows)
