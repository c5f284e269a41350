"""Moodle XML (docs.moodle.org, “Moodle XML format”), as versions 1.9 to 4 write it."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from html import escape
from typing import Any
from urllib.parse import unquote

from django.utils.translation import gettext as _
from lxml import etree
from markdown_it import MarkdownIt

from zhupei.itembank.choices import ItemKind

from .common import FileRefused, ItemRefused, Outgoing, Reading, Refused
from .html import Conversion, base64_bytes, to_xhtml
from .shared import (
    Asked,
    add_draft,
    clean,
    count_item,
    feedback_note,
    fields_of,
    item_of,
    no_case,
    note,
    question_of,
    shares_note,
    tags_of,
)
from .xml import head_of, parsed

NAME, TITLE = "moodle", "Moodle XML"
EXTENSIONS = (".xml",)
CONTENT_TYPE = "application/xml"
LOST: frozenset[str] = frozenset()
"""Fields that this format has no room for."""

_CHOICES = {"multichoice", "truefalse", "multichoiceset", "oumultiresponse"}
_USUAL = frozenset(
    {
        "your answer is correct.",
        "your answer is partially correct.",
        "your answer is incorrect.",
        "回答正确。",
        "回答部分正确。",
        "回答错误。",
        "您的回答正确",
        "您的回答部分正确",
        "您的回答错误",
    }
)


def sniff(data: bytes, name: str) -> bool:
    head = head_of(data)
    return bool(re.search(r"<quiz[\s>]", head)) and "canvas.instructure.com" not in head


def read(data: bytes, *, name: str = "") -> Reading:
    """Everything in the file. Raises ``FileRefused``."""
    root = parsed(data)
    if root.tag != "quiz":
        raise FileRefused("file_format", _("The file is not Moodle XML: its first element is not <quiz>."))
    reading, number = Reading(), 0
    for element in root.iterchildren("question"):
        kind = (element.get("type") or "").strip()[:40]
        if kind == "category":
            continue
        count_item(number := number + 1)
        title = " ".join(clean(_text(element.find("name"))).split())[:60]
        where = _("Question %(no)d") % {"no": number} + (f" ({title})" if title else "")
        if kind not in _CHOICES:
            reading.unsupported[kind or "question"] += 1
        elif _text(element.find("hidden"), direct=True).strip() == "1":
            reading.unsupported[f"{kind} (hidden)"] += 1
        else:
            try:
                _read(element, kind, where, reading)
            except ItemRefused as error:
                reading.refused.append(Refused(where, str(error)))
        element.clear()
    return reading


def _text(element: Any, *, direct: bool = False) -> str:
    """The text of an element that holds it in ``<text>``, as most do."""
    if element is None:
        return ""
    holder = element if direct else element.find("text")
    if holder is None:
        holder = element
    if any(True for _one in holder.iter(etree.Entity)):
        raise ItemRefused(_("It uses an entity of its own (%(name)s).") % {"name": "&…;"})
    if len(holder):  # HTML that nobody escaped
        inner = "".join(etree.tostring(child, encoding="unicode") for child in holder)
        return (holder.text or "") + inner
    return holder.text or ""


def _markup(element: Any, reading: Reading, where: str, form: str = "html", *, is_own: bool = False) -> str:
    """The markup of a text with its format and its files."""
    if element is None:
        return ""
    source = _text(element)
    if not source.strip():
        return ""
    form = element.get("format") or form
    if form in ("plain_text", "plain"):
        return clean(source).strip()
    if form == "markdown":
        source = MarkdownIt("commonmark").enable("table").render(source[:20_000])
    elif form in ("moodle_auto_format", "moodle"):
        source = source.strip().replace("\n", "<br>")
    files: dict[str, Any] = {}
    for file in element.iterchildren("file"):
        files.setdefault(clean(file.get("name") or ""), file)

    def picture(address: str) -> bytes | None:
        name = unquote(address).partition("?")[0]
        file = files.get(name.rpartition("/")[2])
        if file is None or not name.startswith("@@PLUGINFILE@@/"):
            return None
        return base64_bytes(file.text or "")

    return Conversion(reading, where, dollars=not is_own, picture=picture).html(source)


def _read(element: Any, kind: str, where: str, reading: Reading) -> None:
    fields = fields_of(
        (clean(_text(tag)).strip() for tag in element.iterfind("tags/tag")),
        clean(_text(element.find("idnumber"), direct=True)),
    )
    is_own = bool(fields.kind)

    def markup(part: Any, form: str = "html") -> str:
        return _markup(part, reading, where, form, is_own=is_own)

    stem_part = element.find("questiontext")
    form = (stem_part.get("format") if stem_part is not None else None) or "html"
    stem = _old_image(element, reading, where, markup(stem_part))
    told = markup(element.find("generalfeedback"))
    options: list[str] = []
    right: list[int] = []
    feedback: list[str] = []
    is_single = kind == "truefalse" or (
        kind == "multichoice"
        and _text(element.find("single"), direct=True).strip().lower() not in ("false", "0")
    )
    shares: list[float] = []
    for answer in element.iterchildren("answer"):
        share = _share(answer)
        shares.append(share)
        if share >= 99.99 if is_single else share > 0:
            right.append(len(options))
            feedback.append(markup(answer.find("feedback")))
        elif _text(answer.find("feedback")).strip():
            feedback_note(reading, where)
        options.append(clean(_text(answer)).strip() if kind == "truefalse" else markup(answer, form))
        if len(options) > 100:
            break
    if len({share for share in shares if share > 0}) > 1:
        shares_note(reading, where)
    is_shuffled = _text(element.find("shuffleanswers"), direct=True).strip().lower() not in ("0", "false")
    if kind != "truefalse" and not is_shuffled:
        note(
            reading,
            where,
            _(
                "The file keeps the options in this order; here they are shuffled. Mark those that keep their place."
            ),
        )
    for name in ("correctfeedback", "partiallycorrectfeedback", "incorrectfeedback", "hint"):
        said = _text(element.find(name))
        plain = (
            " ".join(etree.tostring(etree.HTML(said), method="text", encoding="unicode").split())
            if said.strip()
            else ""
        )
        if plain and plain.lower() not in _USUAL:
            note(reading, where, _("Feedback on right and wrong answers and hints are not taken over."))
    asked = Asked(
        ItemKind.SINGLE if is_single else ItemKind.MULTIPLE,
        stem,
        options,
        right,
        told or "\n".join(dict.fromkeys(one for one in feedback if one)),
        fields.anchored,
    )
    if kind == "truefalse":
        words = [option.lower() for option in options]
        if sorted(words) != ["false", "true"]:
            raise ItemRefused(_("A true/false question has not the answers “true” and “false”."))
        asked.kind, asked.options = ItemKind.TRUE_FALSE, ("正确", "错误")
        asked.right = [0 if words[n] == "true" else 1 for n in right]
    add_draft(reading, where, item_of(question_of(asked, kind_told=is_own), fields), fields)


def _share(answer: Any) -> float:
    """The share of the marks in per cent; Moodle 1 wrote it as an element."""
    try:
        return float(answer.get("fraction") or _text(answer.find("fraction")) or 0)
    except ValueError:
        raise ItemRefused(_("The share of an option is not a number.")) from None


def _old_image(element: Any, reading: Reading, where: str, stem: str) -> str:
    """The stem with the picture that Moodle 1 kept beside it."""
    raw = _text(element.find("image_base64"), direct=True).strip()
    if not raw:
        return stem
    data = base64_bytes(raw)
    if data is None:
        raise ItemRefused(_("A picture is damaged."))
    return f"{stem}\n{reading.picture(where, data)}"


def unwritable(item: Outgoing) -> str:
    """Why ``item`` cannot be written in this format; "" if it can."""
    return no_case() if item.text.is_case else ""


def write(items: Iterable[Outgoing]) -> bytes:
    """The items in one file; those that ``unwritable`` names are left out."""
    questions = "".join(_written(item) for item in items if not unwritable(item))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<quiz>\n{questions}</quiz>\n'.encode()


def _written(item: Outgoing) -> str:
    text = item.text
    is_single = text.kind == ItemKind.SINGLE
    lines = [
        f"<name><text>{escape(clean(item.uid or text.stem[:60]))}</text></name>",
        _part("questiontext", text.stem, item),
        _part("generalfeedback", text.explanation, item),
        "<defaultgrade>1.0000000</defaultgrade>",
        f"<penalty>{'1.0000000' if text.kind == ItemKind.TRUE_FALSE else '0.3333333'}</penalty>",
        "<hidden>0</hidden>",
        f"<idnumber>{escape(clean(item.uid))}</idnumber>",
    ]
    if text.kind == ItemKind.TRUE_FALSE:
        for id_, word in (("t", "true"), ("f", "false")):
            share = "100" if id_ in text.answer else "0"
            lines.append(
                f'<answer fraction="{share}" format="moodle_auto_format"><text>{word}</text></answer>'
            )
    else:
        lines += [
            f"<single>{str(is_single).lower()}</single>",
            "<shuffleanswers>true</shuffleanswers>",
            "<answernumbering>ABCD</answernumbering>",
        ]
        share = f"{100 / max(len(text.answer), 1):.5f}".rstrip("0").rstrip(".")
        for id_, option in text.options:
            fraction = share if id_ in text.answer else "0" if is_single else "-100"
            lines.append(_part("answer", option, item, f' fraction="{fraction}"'))
    tags = "".join(f"<tag><text>{escape(clean(tag))}</text></tag>" for tag in tags_of(item))
    lines.append(f"<tags>{tags}</tags>")
    kind = "truefalse" if text.kind == ItemKind.TRUE_FALSE else "multichoice"
    return f'<question type="{kind}">\n' + "\n".join(lines) + "\n</question>\n"


def _part(name: str, text: str, item: Outgoing, more: str = "") -> str:
    used: dict[str, str] = {}

    def source(digest: str) -> str:
        content_type, _data = item.media[digest]
        used[digest] = f"{digest[:16]}.{'png' if content_type == 'image/png' else 'jpg'}"
        return f"@@PLUGINFILE@@/{used[digest]}"

    html = to_xhtml(text, source, mathml=False, inline=name == "answer").replace("]]>", "]]&gt;")
    files = "".join(
        f'<file name="{file}" path="/" encoding="base64">{base64.b64encode(item.media[digest][1]).decode()}</file>'
        for digest, file in used.items()
    )
    return f'<{name}{more} format="html"><text><![CDATA[{html}]]></text>{files}</{name}>'
