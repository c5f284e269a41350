"""The life of an item: written, reviewed by a second person, published, retired."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.itembank import events
from zhupei.itembank.choices import ITEM, ItemState
from zhupei.itembank.models import Item, ItemVersion, Media
from zhupei.itembank.queries import chapters_of, newest_version, text_of_version
from zhupei.itembank.rules import ItemText, Place, check_item, pictures_of, version_digest
from zhupei.itembank.search import index_items
from zhupei.itembank.standards import link_standards
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import BANK, Role
from zhupei.rulebook.api import Post, Subject


def version_of(
    item: Item, number: int, text: ItemText, place: Place, *, author: str, author_id: int | None
) -> ItemVersion:
    """A version ready to save; its digest covers all of it."""
    return ItemVersion(
        item=item,
        number=number,
        subject=place.subject,
        post_codes=place.joined_codes(),
        chapter=place.chapter,
        level=text.level,
        content=text.content(),
        key=text.key(),
        explanation=text.explanation,
        basis=text.basis,
        difficulty=text.difficulty,
        valid_to=text.valid_to,
        digest=version_digest(item.uid, number, text, place),
        author=author[:100],
        author_id=author_id,
        created_at=clock.now(),
    )


def check_place(subject: str, posts: Sequence[Post], chapter: str) -> None:
    """Raise ``Refusal`` unless there are posts, the subject exists and the chapter stands in each post's syllabus.

    A syllabus without chapters in the subject has nothing to compare with and accepts any.
    """
    if subject not in Subject.values:
        raise Refusal(
            "item_subject",
            _("The subject is general or professional knowledge."),
            field="subject",
            clause="R034",
        )
    if not posts:
        raise Refusal("item_posts", _("Choose at least one post."), field="posts")
    for post in posts:
        numbers = {entry.number for entry in chapters_of(post, subject)}
        if numbers and chapter not in numbers:
            raise Refusal(
                "item_chapter",
                (
                    _(
                        "The syllabus of %(post)s has no chapter “%(chapter)s” in this subject. It has: %(numbers)s."
                    )
                    if chapter
                    else _("Say which chapter of the syllabus of %(post)s: %(numbers)s.")
                )
                % {
                    "post": post.name,
                    "chapter": chapter,
                    "numbers": ", ".join(sorted(numbers, key=lambda n: (len(n), n))),
                },
                field="chapter",
            )


def check_pictures(text: ItemText) -> None:
    """Raise ``Refusal`` when the text shows a picture that the bank does not have."""
    shown = pictures_of(text)
    if Media.objects.filter(digest__in=shown).count() < len(shown):
        raise Refusal(
            "picture_unknown",
            _("A picture of this text is not in the bank. Upload it and paste the line that you get."),
            field="stem",
        )


def _next_uid(subject: str, posts: Sequence[Post]) -> str:
    """The next free number of the form ``101-G-0001``."""
    prefix = f"{posts[0].code}-{subject[:1].upper()}-"
    used = [
        int(tail)
        for uid in Item.objects.filter(uid__startswith=prefix).values_list("uid", flat=True)
        if (tail := uid[len(prefix) :]).isdecimal()
    ]
    return f"{prefix}{max(used, default=0) + 1:04d}"


@transaction.atomic
def write_item(
    text: ItemText, *, subject: str, posts: Sequence[Post], chapter: str = "", uid: str = "", by: Actor
) -> Item:
    """Write a new item as a draft. Raises ``Refusal`` for a wrong text, place or a number that is taken (R036)."""
    by.require(Role.ITEM_AUTHOR)
    check_item(text)
    check_pictures(text)
    check_place(subject, posts, chapter)
    uid = uid.strip() or _next_uid(subject, posts)
    item = Item(
        uid=uid,
        subject=subject,
        kind=text.kind,
        chapter=chapter,
        level=text.level,
        stem=text.stems(),
        state=ItemState.DRAFT,
        created_at=clock.now(),
    )
    try:
        with transaction.atomic():
            item.save(force_insert=True)
    except IntegrityError:
        raise Refusal(
            "item_uid", _("The number %(uid)s is taken.") % {"uid": uid}, field="uid", status=409
        ) from None
    item.posts.set(posts)
    place = Place(subject, chapter, tuple(post.code for post in posts))
    version = version_of(item, 1, text, place, author=by.name, author_id=by.user_id)
    version.save(force_insert=True)
    link_standards([item.pk])
    index_items([item.pk])
    record(
        events.ITEM_WRITTEN, by=by, on=item, after={"version": 1, "digest": version.digest, "kind": text.kind}
    )
    return item


@transaction.atomic
def edit_item(
    item: Item, text: ItemText, *, subject: str, posts: Sequence[Post], chapter: str = "", by: Actor
) -> Item:
    """Write a new version; the item is a draft again until it is reviewed and published. Old versions stay as they are.

    Raises ``Refusal`` for a wrong text or place and ``Conflict`` for a retired item or another kind.
    """
    by.require(Role.ITEM_AUTHOR)
    item = Item.objects.select_for_update().get(pk=item.pk)
    before = {"state": item.state, "chapter": item.chapter, "level": item.level}
    state = ITEM.after(item.state, "edit", message=_("A retired item cannot be edited. Write a new one."))
    if text.kind != item.kind:
        raise Conflict("item_kind_fixed", _("An item keeps its kind. Write a new item for another kind."))
    check_item(text)
    check_pictures(text)
    check_place(subject, posts, chapter)
    number = newest_version(item).number + 1
    place = Place(subject, chapter, tuple(post.code for post in posts))
    version = version_of(item, number, text, place, author=by.name, author_id=by.user_id)
    version.save(force_insert=True)
    item.state, item.subject, item.chapter, item.level = state, subject, chapter, text.level
    item.stem = text.stems()
    item.save(update_fields=["state", "subject", "chapter", "level", "stem"])
    item.posts.set(posts)
    link_standards([item.pk])
    index_items([item.pk])
    record(
        events.ITEM_EDITED,
        by=by,
        on=item,
        before=before,
        after={
            "state": state,
            "chapter": chapter,
            "level": text.level,
            "version": number,
            "digest": version.digest,
        },
    )
    return item


def _locked(item: Item) -> Item:
    return Item.objects.select_for_update().get(pk=item.pk)


@transaction.atomic
def review_item(item: Item, *, number: int | None = None, by: Actor) -> Item:
    """Approve the newest version. The reviewer is never its author (I08: two persons).

    ``number``: the version that the reviewer has read; ``Conflict`` if a newer one was written meanwhile.
    """
    by.require(Role.ITEM_REVIEWER)
    item = _locked(item)
    before, version = item.state, newest_version(item)
    if number is not None and number != version.number:
        raise Conflict("wrong_state")
    state = ITEM.after(item.state, "review", message=_("Only a draft is reviewed."))
    if version.author_id is not None and version.author_id == by.user_id:
        raise Refusal(
            "reviewer_is_author",
            _("You wrote this version yourself. Another person must review it."),
            clause="R036",
            status=409,
        )
    check_item(text_of_version(version))
    version.reviewer, version.reviewer_id = by.name[:100], by.user_id
    version.save(update_fields=["reviewer", "reviewer_id"])
    item.state = state
    item.save(update_fields=["state"])
    record(
        events.ITEM_REVIEWED,
        by=by,
        on=item,
        before={"state": before},
        after={"state": state, "version": version.number},
    )
    return item


@transaction.atomic
def return_item(item: Item, *, reason: str, by: Actor) -> Item:
    """Send a draft or a reviewed version back to its author, with the reason."""
    by.require(Role.ITEM_REVIEWER, Role.BANK_KEEPER)
    if not reason.strip():
        raise Refusal("reason_missing", _("Say what the author shall change."), field="reason")
    item = _locked(item)
    before, version = item.state, newest_version(item)
    item.state = ITEM.after(
        item.state, "reject", message=_("Only a draft or a reviewed item goes back to its author.")
    )
    version.reviewer, version.reviewer_id = "", None
    version.save(update_fields=["reviewer", "reviewer_id"])
    item.save(update_fields=["state"])
    record(
        events.ITEM_RETURNED,
        by=by,
        on=item,
        before={"state": before},
        after={"state": item.state, "version": version.number},
        reason=reason.strip(),
    )
    return item


@transaction.atomic
def publish_item(item: Item, *, by: Actor) -> Item:
    """Publish the reviewed version: it stands in the next release."""
    by.require(Role.BANK_KEEPER)
    item = _locked(item)
    _publish(item, by=by)
    return item


def _publish(item: Item, *, by: Actor) -> None:
    before, version = item.state, newest_version(item)
    item.state = ITEM.after(item.state, "publish", message=_("Only a reviewed item can be published."))
    version.published_at = clock.now()
    version.save(update_fields=["published_at"])
    item.save(update_fields=["state"])
    record(
        events.ITEM_PUBLISHED,
        by=by,
        on=item,
        before={"state": before},
        after={"state": item.state, "version": version.number},
    )


@transaction.atomic
def publish_reviewed(*, by: Actor) -> int:
    """Publish everything that is reviewed; returns how many items."""
    by.require(Role.BANK_KEEPER)
    rows: Iterable[Item] = Item.objects.select_for_update().filter(state=ItemState.REVIEWED).order_by("pk")
    count = 0
    for item in rows:
        _publish(item, by=by)
        count += 1
    return count


@transaction.atomic
def retire_item(item: Item, *, reason: str, by: Actor) -> Item:
    """Take an item out of the bank: later releases leave it out, earlier ones keep it."""
    by.require(Role.BANK_KEEPER)
    if not reason.strip():
        raise Refusal("reason_missing", _("Say why the item is retired."), field="reason")
    item = _locked(item)
    before = item.state
    item.state = ITEM.after(item.state, "retire", message=_("The item is retired already."))
    item.save(update_fields=["state"])
    record(
        events.ITEM_RETIRED,
        by=by,
        on=item,
        before={"state": before},
        after={"state": item.state},
        reason=reason.strip(),
    )
    return item


def read_key(version: ItemVersion, *, by: Actor) -> dict[str, Any]:
    """The key of a version for a person of the bank; every reading is recorded (I08)."""
    by.require(*BANK)
    record(events.KEY_READ, by=by, on=version.item, after={"version": version.number})
    key: dict[str, Any] = version.key
    return key
