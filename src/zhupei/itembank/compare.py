"""What differs between two versions of an item, field by field, with the words that went and came."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from django.utils.translation import gettext as _

from zhupei.rulebook.api import Subject

from .choices import ItemKind, Level
from .models import ItemVersion
from .rules import OPTION_LETTERS

MAX_COMPARED = 1_000_000
"""Pieces times pieces of two texts that are compared word by word; beyond, one text stands whole against the other."""
_PIECES = re.compile(r"[A-Za-z0-9.]+|.", re.DOTALL)
_DIGEST = re.compile(r"\(media:([0-9a-f]{8})[0-9a-f]{56}\)")
Pieces = list[tuple[str, str]]


@dataclass(frozen=True)
class Change:
    """One field that differs. ``pieces``: runs of text marked ``=`` (in both), ``-`` (only in the older), ``+`` (newer)."""

    label: str
    pieces: Pieces


def pieces_of(old: str, new: str) -> Pieces:
    """How ``old`` became ``new``, letter by letter; a run of Latin letters and digits counts as one."""
    a, b = _PIECES.findall(old), _PIECES.findall(new)
    head = 0
    while head < min(len(a), len(b)) and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < min(len(a), len(b)) - head and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    found: Pieces = [("=", "".join(a[:head]))]
    middle_a, middle_b = a[head : len(a) - tail], b[head : len(b) - tail]
    if len(middle_a) * len(middle_b) > MAX_COMPARED:
        found += [("-", "".join(middle_a)), ("+", "".join(middle_b))]
    else:
        for tag, i, j, k, m in SequenceMatcher(None, middle_a, middle_b, autojunk=False).get_opcodes():
            if tag == "equal":
                found.append(("=", "".join(middle_a[i:j])))
            else:
                found += [("-", "".join(middle_a[i:j])), ("+", "".join(middle_b[k:m]))]
    found.append(("=", "".join(a[len(a) - tail :])))
    return [(sign, text) for sign, text in found if text]


def _letters(ids: Sequence[str], options: Sequence[Mapping[str, str]]) -> str:
    """Option ids as people read them: letters, or the words of true and false."""
    words = {option["id"]: option["text"] for option in options if option["id"] in ("t", "f")}
    return "、".join(words.get(id_, id_.upper()) for id_ in ids)


def _question(source: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    yield f"{prefix}{_('Stem')}", source["stem"]
    for letter, option in zip(OPTION_LETTERS, source["options"], strict=False):
        if option["id"] not in ("t", "f"):
            yield f"{prefix}{_('Option %(letter)s') % {'letter': letter}}", option["text"]
    yield (
        f"{prefix}{_('Options that keep their place')}",
        _letters(source.get("anchored", ()), source["options"]),
    )


def _fields(version: ItemVersion, *, with_key: bool) -> dict[str, str]:
    """What a version says, by label, in the order of the page."""
    content = version.content
    found = {
        str(_("Subject")): str(Subject(version.subject).label),
        str(_("Posts")): "、".join(code for code in version.post_codes.split(",") if code),
        str(_("Chapter")): version.chapter,
        str(_("Level")): str(Level(version.level).label),
        **dict(_question(content, "")),
    }
    for child in content["children"]:
        prefix = _("Sub-question %(no)s: ") % {"no": child["no"]}
        found[f"{prefix}{_('Item kind')}"] = str(ItemKind(child["kind"]).label)
        found |= dict(_question(child, prefix))
    found |= {
        str(_("Basis of the item")): version.basis,
        str(_("Expected share of right answers")): ""
        if version.difficulty is None
        else str(version.difficulty),
        str(_("Last day for drawing")): version.valid_to.isoformat() if version.valid_to else "",
    }
    found |= _secrets(version) if with_key else {}
    return {label: _DIGEST.sub(r"(media:\1…)", said) for label, said in found.items()}


def _secrets(version: ItemVersion) -> dict[str, str]:
    key, content = version.key, version.content
    if not content["children"]:
        found = {str(_("Answer")): _letters(key.get("answer", ()), content["options"])}
    else:
        found = {}
        for child in content["children"]:
            no = str(child["no"])
            prefix = _("Sub-question %(no)s: ") % {"no": no}
            found[f"{prefix}{_('Answer')}"] = _letters(key["children"].get(no, ()), child["options"])
            found[f"{prefix}{_('Explanation')}"] = key.get("explanations", {}).get(no, "")
    return {**found, str(_("Explanation")): version.explanation}


def changes(old: ItemVersion, new: ItemVersion, *, with_key: bool = False) -> list[Change]:
    """The fields that differ. Answers and explanations only ``with_key``: the caller records that both were read."""
    before, after = _fields(old, with_key=with_key), _fields(new, with_key=with_key)
    labels = list(dict.fromkeys([*before, *after]))
    return [
        Change(label, pieces_of(before.get(label, ""), after.get(label, "")))
        for label in labels
        if before.get(label, "") != after.get(label, "")
    ]
