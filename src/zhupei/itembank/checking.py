"""What of a file may come into the bank: its drafts filled up by what was chosen for the file, and checked against the bank."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.translation import gettext as _

from zhupei.kernel import richtext
from zhupei.rulebook.api import Post, Subject, active_posts

from .formats.common import Draft, Reading, Refused, tick
from .formats.labels import COLUMNS
from .media import Picture
from .models import Item, Media
from .queries import chapters_of
from .rules import ItemText, Place, faults_of, pictures_of

SHOWN, SHOWN_NOTES, PREVIEWED = 500, 200, 50
"""Refusals, notes and items that a report keeps."""


@dataclass(frozen=True)
class Defaults:
    """Where items of a file go that do not say it themselves."""

    subject: str = ""
    chapter: str = ""
    level: str = ""
    posts: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "subject": self.subject,
            "chapter": self.chapter,
            "level": self.level,
            "posts": list(self.posts),
        }

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Defaults:
        return cls(
            str(facts.get("subject", "")),
            str(facts.get("chapter", "")),
            str(facts.get("level", "")),
            tuple(facts.get("posts", ())),
        )


@dataclass(frozen=True)
class NewItem:
    """An item to create, checked already. Without ``uid`` it gets the next free number."""

    uid: str
    subject: str
    chapter: str
    posts: tuple[Post, ...]
    text: ItemText

    @property
    def place(self) -> Place:
        return Place(self.subject, self.chapter, tuple(post.code for post in self.posts))


@dataclass(frozen=True)
class CheckedItem:
    """A proper item of a file, and where it stands there."""

    where: str
    new: NewItem


@dataclass
class Checked:
    """What of a file may come in, and what of it may not."""

    items: list[CheckedItem] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    unsupported: Counter[str] = field(default_factory=Counter)
    notes: list[Refused] = field(default_factory=list)
    pictures: dict[str, Picture] = field(default_factory=dict)
    """New pictures that the items show, by digest."""

    @property
    def places_refused(self) -> int:
        """How many items of the file were refused: several faults of one count once."""
        return len({refused.where for refused in self.refused})

    def report(self) -> dict[str, Any]:
        """As ``ItemImport.report`` keeps it; never a key or an explanation."""
        return {
            "refused": [[one.where, one.column, one.reason] for one in self.refused[:SHOWN]],
            "refused_count": len(self.refused),
            "places_refused": self.places_refused,
            "unsupported": dict(self.unsupported.most_common(50)),
            "notes": [[one.where, one.reason] for one in self.notes[:SHOWN_NOTES]],
            "note_count": len(self.notes),
            "pictures": len(self.pictures),
            "preview": [_previewed(one) for one in self.items[:PREVIEWED]],
        }


def _previewed(item: CheckedItem) -> dict[str, Any]:
    new = item.new
    return {
        "where": item.where,
        "uid": new.uid,
        "subject": new.subject,
        "chapter": new.chapter,
        "kind": new.text.kind,
        "stem": richtext.plain(new.text.stem)[:200],
        "children": len(new.text.children),
    }


def kept_pictures(digests: Iterable[str]) -> set[str]:
    """Those of the digests whose pictures the bank has."""
    wanted = sorted(set(digests))
    found: set[str] = set()
    for start in range(0, len(wanted), 500):
        rows = Media.objects.filter(digest__in=wanted[start : start + 500])
        found.update(rows.values_list("digest", flat=True))
    return found


def is_kept(digest: str) -> bool:
    """The bank has a picture of these very bytes."""
    return Media.objects.filter(digest=digest).exists()


def check_drafts(reading: Reading, defaults: Defaults) -> Checked:
    """Fill the drafts up by ``defaults`` and check each: text, subject, posts, chapter, number, pictures."""
    checked = Checked(
        refused=list(reading.refused), unsupported=reading.unsupported, notes=list(reading.notes)
    )
    checker = _Checker(reading, defaults, checked)
    shown: set[str] = set()
    for n, draft in enumerate(reading.drafts, 1):
        if n % 200 == 0:
            tick(n, len(reading.drafts))
        shown |= checker.take(draft)
    checked.pictures = {digest: reading.media.pictures[digest] for digest in sorted(shown & checker.new)}
    return checked


class _Checker:
    def __init__(self, reading: Reading, defaults: Defaults, checked: Checked) -> None:
        self.defaults, self.checked = defaults, checked
        posts = list(active_posts())
        self.posts = {**{p.code: p for p in posts}, **{p.name: p for p in posts}}
        self.chapters: dict[tuple[int, str], dict[str, str]] = {}
        self.seen: dict[str, str] = {}
        self.taken: set[str] = set()
        uids = sorted({draft.uid.strip() for draft in reading.drafts if draft.uid.strip()})
        for start in range(0, len(uids), 500):
            rows = Item.objects.filter(uid__in=uids[start : start + 500])
            self.taken.update(rows.values_list("uid", flat=True))
        self.new = set(reading.media.pictures)
        known: set[str] = set()
        for draft in reading.drafts:
            known |= pictures_of(draft.text)
        self.kept = kept_pictures(known - self.new)

    def take(self, draft: Draft) -> set[str]:
        """Check one; returns the digests that it shows if it may come in."""
        faults: list[tuple[str, str]] = []
        defaults = self.defaults
        text = replace(draft.text, level=draft.text.level or defaults.level)
        uid = self._uid(draft, faults)
        subject = draft.subject or defaults.subject
        if subject not in Subject.values:
            faults.append(("subject", _("The subject is 通用知识 or 专业知识.")))
        posts = self._posts(draft.post_codes or defaults.posts, faults)
        chapter = ""
        if subject in Subject.values:
            default = defaults.chapter if subject == (defaults.subject or subject) else ""
            chapter = self._chapter(draft, subject, posts, default, faults)
        faults += [(name, message) for _code, name, message in faults_of(text)]
        shown = pictures_of(text)
        if shown - self.new - self.kept:
            faults.append(("stem", _("It shows a picture that neither the file nor the bank has.")))
        if faults:
            self.checked.refused += [
                Refused(draft.where, message, COLUMNS.get(name, name)) for name, message in faults
            ]
            return set()
        new = NewItem(uid, subject, chapter, tuple(posts), text)
        self.checked.items.append(CheckedItem(draft.where, new))
        return shown

    def _uid(self, draft: Draft, faults: list[tuple[str, str]]) -> str:
        uid = draft.uid.strip()
        if not uid:
            return ""
        if len(uid) > 40:
            faults.append(("uid", _("The number has more than 40 characters.")))
        elif uid in self.seen:
            faults.append(
                (
                    "uid",
                    _("The number %(uid)s stands in the file already: %(where)s.")
                    % {"uid": uid, "where": self.seen[uid]},
                )
            )
        elif uid in self.taken:
            faults.append(("uid", _("The number %(uid)s is in the bank already.") % {"uid": uid}))
        self.seen.setdefault(uid, draft.where)
        return uid

    def _posts(self, names: Sequence[str], faults: list[tuple[str, str]]) -> list[Post]:
        posts: list[Post] = []
        for name in names:
            post = self.posts.get(name.strip())
            if post is None:
                faults.append(
                    ("posts", _("The catalogue has no post “%(name)s”.") % {"name": name.strip()[:30]})
                )
            elif post not in posts:
                posts.append(post)
        if not names:
            faults.append(
                ("posts", _("The post is missing. Write it in the file, or choose one for all of it."))
            )
        return posts

    def _known(self, post: Post, subject: str) -> dict[str, str]:
        """Chapter numbers by number and by title."""
        if (post.pk, subject) not in self.chapters:
            entries = list(chapters_of(post, subject))
            self.chapters[post.pk, subject] = {
                **{entry.title: entry.number for entry in entries},
                **{entry.number: entry.number for entry in entries},
            }
        return self.chapters[post.pk, subject]

    def _chapter(
        self, draft: Draft, subject: str, posts: Sequence[Post], default: str, faults: list[tuple[str, str]]
    ) -> str:
        told = draft.chapter or default
        for post in posts:
            known = self._known(post, subject)
            if not known:
                continue
            if told not in known and default in known:
                self.checked.notes.append(
                    Refused(
                        draft.where,
                        _("“%(text)s” is no chapter of the syllabus; it goes to chapter %(chapter)s.")
                        % {"text": told[:40], "chapter": default},
                    )
                )
                told = default
            if told not in known:
                faults.append(
                    (
                        "chapter",
                        _("The syllabus of %(post)s has no chapter “%(chapter)s”.")
                        % {"post": post.name, "chapter": told[:20]},
                    )
                )
            else:
                told = known[told]
        if len(told) > 20:
            faults.append(("chapter", _("The chapter has more than 20 characters.")))
        return told
