"""Many items at once: the demonstration bank, and files in the Excel template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.evidence.api import Retention, read, store
from zhupei.itembank import demo, events, excel
from zhupei.itembank.choices import IMPORT, ImportState, ItemState
from zhupei.itembank.models import Item, ItemImport, ItemVersion
from zhupei.itembank.rules import ItemText, Place, check_item
from zhupei.itembank.search import index_items
from zhupei.itembank.standards import link_standards, load_standards
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role
from zhupei.rulebook.api import Post, SyllabusEntry, syllabus_of

from .items import version_of

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True)
class NewItem:
    """An item to create, checked already."""

    uid: str
    subject: str
    chapter: str
    posts: tuple[Post, ...]
    text: ItemText

    @property
    def place(self) -> Place:
        return Place(self.subject, self.chapter, tuple(post.code for post in self.posts))


def _create(
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
        _create(rows, author=demo.AUTHOR, author_id=None, state=ItemState.PUBLISHED, is_demo=True)
        people = {"author": demo.AUTHOR, "reviewer": demo.REVIEWER, "keeper": demo.KEEPER}
        record(events.DEMO_LOADED, by=by, after={"items": len(rows), **people})
    return len(rows)


@transaction.atomic
def stage_import(data: bytes, *, name: str, by: Actor) -> ItemImport:
    """Read a file in the Excel template, keep it, and say what it holds; nothing enters the bank yet.

    Raises ``Refusal`` for a file that is not the template or breaks its bounds; faults of single rows are counted and shown.
    """
    by.require(Role.ITEM_AUTHOR)
    sheet = excel.parse(data)
    row = ItemImport.objects.create(
        file=store(
            data, name=name, content_type=XLSX, purpose="item_import", retention=Retention.ARCHIVE, by=by
        ),
        row_count=sheet.row_count,
        error_count=len(sheet.errors),
        item_count=len(sheet.items),
        created_by_id=by.user_id or 0,
        created_by=by.name[:100],
        created_at=clock.now(),
    )
    record(
        events.IMPORT_STAGED,
        by=by,
        on=row,
        after={"rows": row.row_count, "errors": row.error_count, "digest": row.file.digest},
    )
    return row


def preview_import(row: ItemImport) -> excel.Sheet:
    """What the staged file holds, checked against the bank as it is now."""
    return excel.parse(read(row.file))


@transaction.atomic
def confirm_import(row: ItemImport, *, by: Actor) -> int:
    """Take a staged file into the bank as drafts, all or nothing; returns how many items.

    Raises ``Conflict`` unless it is still staged, ``Refusal`` if it has faults or is another person's.
    """
    by.require(Role.ITEM_AUTHOR)
    row = ItemImport.objects.select_for_update(of=("self",)).select_related("file").get(pk=row.pk)
    _require_own(row, by)
    state = IMPORT.after(row.state, "confirm", message=_("This file was decided already."))
    sheet = preview_import(row)
    if sheet.errors or not sheet.items:
        raise Refusal(
            "import_has_errors",
            _("The file has %(n)d faults; nothing was taken in. Correct it and hand it in again.")
            % {"n": len(sheet.errors)},
        )
    new = [NewItem(i.uid, i.subject, i.chapter, tuple(i.posts), i.text) for i in sheet.items]
    try:
        with transaction.atomic():
            _create(new, author=by.name, author_id=by.user_id, state=ItemState.DRAFT)
    except IntegrityError:
        raise Conflict(
            "item_uid", _("A number of the file was taken meanwhile. Nothing was taken in.")
        ) from None
    row.state, row.decided_at, row.item_count = state, clock.now(), len(new)
    row.save(update_fields=["state", "decided_at", "item_count"])
    record(
        events.IMPORT_CONFIRMED,
        by=by,
        on=row,
        before={"state": ImportState.STAGED},
        after={"state": state, "items": len(new), "first": new[0].uid, "last": new[-1].uid},
    )
    return len(new)


@transaction.atomic
def discard_import(row: ItemImport, *, by: Actor) -> ItemImport:
    """Decide that a staged file is not taken in."""
    by.require(Role.ITEM_AUTHOR)
    row = ItemImport.objects.select_for_update().get(pk=row.pk)
    _require_own(row, by)
    row.state = IMPORT.after(row.state, "discard", message=_("This file was decided already."))
    row.decided_at = clock.now()
    row.save(update_fields=["state", "decided_at"])
    record(
        events.IMPORT_DISCARDED,
        by=by,
        on=row,
        before={"state": ImportState.STAGED},
        after={"state": row.state},
    )
    return row


def _require_own(row: ItemImport, by: Actor) -> None:
    if row.created_by_id != by.user_id:
        raise Refusal(
            "import_of_another",
            _("Another author staged this file; only that person decides on it."),
            status=403,
        )
