"""What a proper item is (R035, R036): one check for forms, imports and the demonstration loader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from zhupei.kernel import richtext
from zhupei.kernel.digests import digest
from zhupei.kernel.errors import Refusal

from .choices import ItemKind, Level

OPTION_LETTERS = "ABCDEF"
TRUE_FALSE_OPTIONS = (("t", "正确"), ("f", "错误"))
MAX_STEM, MAX_OPTION, MAX_TEXT, MAX_BASIS, MAX_CHILDREN = 4000, 1000, 4000, 300, 6
CLAUSE = "三（二）"
Text = str | Promise
MARKUP: dict[str, Text] = {
    "formula_open": gettext_lazy(
        "A formula has no end: \\( is closed by \\), \\[ by \\]. Close it, or leave the backslash out."
    ),
    "formula_long": gettext_lazy("A formula has more than %(characters)d characters. Split it."),
    "formula_deep": gettext_lazy("A formula is nested too deeply. Write it more simply, or as two formulas."),
    "formula_invalid": gettext_lazy(
        "A formula cannot be read. Check its brackets and the names of its commands."
    ),
    "table_ragged": gettext_lazy(
        "The lines of a table differ in their number of cells. Every line has as many bars as the first."
    ),
    "table_large": gettext_lazy("A table has at most %(rows)d lines and %(columns)d columns. Split it."),
    "table_in_option": gettext_lazy("An option cannot hold a table. Put the table into the stem."),
    "image_many": gettext_lazy("There are more than %(images)d pictures in one text. Take some out."),
    "image_remote": gettext_lazy(
        "A picture lies on another site. Upload it here and paste the line that you get."
    ),
    "image_form": gettext_lazy(
        "A picture is not named as it should be. Paste the line that its upload gave."
    ),
}
"""What to tell an author of each fault of ``kernel.richtext.faults``."""
MARKUP_BOUNDS = {
    "characters": richtext.MAX_FORMULA,
    "rows": richtext.MAX_ROWS,
    "columns": richtext.MAX_COLUMNS,
    "images": richtext.MAX_IMAGES,
}


@dataclass(frozen=True)
class Question:
    """One objective question: an item that is no case, or the child of a case. Options are (id, text)."""

    kind: str
    stem: str
    options: tuple[tuple[str, str], ...] = ()
    answer: tuple[str, ...] = ()
    anchored: tuple[str, ...] = ()
    explanation: str = ""


@dataclass(frozen=True)
class ItemText:
    """What a version of an item says, its key included. A case has children and no options of its own."""

    kind: str
    stem: str
    level: str
    options: tuple[tuple[str, str], ...] = ()
    answer: tuple[str, ...] = ()
    anchored: tuple[str, ...] = ()
    children: tuple[Question, ...] = ()
    explanation: str = ""
    basis: str = ""
    difficulty: Decimal | None = None
    valid_to: date | None = None

    @property
    def is_case(self) -> bool:
        return self.kind == ItemKind.CASE

    def content(self) -> dict[str, Any]:
        """As ``ItemVersion.content`` keeps it."""
        if not self.is_case:
            return {
                "stem": self.stem,
                "options": _pairs(self.options),
                "children": [],
                "anchored": list(self.anchored),
            }
        children = [
            {
                "no": no,
                "kind": child.kind,
                "stem": child.stem,
                "options": _pairs(child.options),
                "anchored": list(child.anchored),
            }
            for no, child in enumerate(self.children, 1)
        ]
        return {"stem": self.stem, "options": [], "children": children, "anchored": []}

    def key(self) -> dict[str, Any]:
        """As ``ItemVersion.key`` keeps it; answers in the order of the options."""
        if not self.is_case:
            return {"answer": _ordered(self)}
        key: dict[str, Any] = {
            "children": {str(no): _ordered(child) for no, child in enumerate(self.children, 1)}
        }
        told = {str(no): child.explanation for no, child in enumerate(self.children, 1) if child.explanation}
        return {**key, "explanations": told} if told else key

    def whole_explanation(self) -> str:
        """The explanation with those of the children, numbered."""
        parts = [self.explanation] if self.explanation else []
        parts += [
            f"（{no}）{child.explanation}" for no, child in enumerate(self.children, 1) if child.explanation
        ]
        return "\n".join(parts)

    def stems(self) -> str:
        """The stem with those of the children, as the list of items shows and keeps it."""
        return "\n".join([self.stem, *(child.stem for child in self.children)])


def _pairs(options: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"id": id_, "text": text} for id_, text in options]


def _ordered(question: Question | ItemText) -> list[str]:
    chosen = set(question.answer)
    return [id_ for id_, _text in question.options if id_ in chosen]


def lettered(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Options ``a``, ``b`` … from their texts."""
    return tuple((OPTION_LETTERS[n].lower(), text) for n, text in enumerate(texts) if n < len(OPTION_LETTERS))


def ids_of(letters: str) -> tuple[str, ...]:
    """Option ids from letters as people write them: ``"A、C"`` → ``("a", "c")``; case and separators do not matter."""
    return tuple(c.lower() for c in letters if not c.isspace() and c not in ",，、;；")


def truth(text: str) -> tuple[str, ...]:
    """The key of a true/false item from a word or sign; empty if it is neither."""
    word = text.strip().lower()
    if word in {"正确", "对", "√", "t", "true", "是", "a"}:
        return ("t",)
    return ("f",) if word in {"错误", "错", "×", "x", "f", "false", "否", "b"} else ()


@dataclass
class Faults:
    """What is wrong with an item, by field: ``stem``, ``options``, ``answer``, ``children``, …"""

    found: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, code: str, name: str, message: str, child: int = 0) -> None:
        if child:
            message = _("Sub-question %(no)d: %(message)s") % {"no": child, "message": message}
        self.found.append((code, name, message))

    def add_markup(self, texts: Iterable[str], name: str, child: int = 0, *, inline: bool = False) -> None:
        """What is wrong with the markup of one or more texts, each fault once."""
        for code in dict.fromkeys(code for text in texts for code in richtext.faults(text, inline=inline)):
            self.add(code, name, str(MARKUP[code]) % MARKUP_BOUNDS, child)


def pictures_of(text: ItemText) -> set[str]:
    """The digests of all pictures that an item shows."""
    questions: list[Question | ItemText] = [text, *text.children]
    texts = [
        one for q in questions for one in (q.stem, q.explanation, *(option for _id, option in q.options))
    ]
    return {digest_ for one in texts for digest_ in richtext.media_in(one)}


def faults_of(text: ItemText) -> list[tuple[str, str, str]]:
    """Every fault as (code, field, message); empty for a proper item.

    Single choice has exactly one right option; multiple choice two or more right and at least one wrong; true/false the two
    fixed options; a case a stem and two or more objective children.
    """
    faults = Faults()
    if text.kind not in ItemKind.values:
        faults.add(
            "item_kind", "kind", _("Only single choice, multiple choice, true/false and cases are allowed.")
        )
        return faults.found
    if text.level not in Level.values:
        faults.add("item_level", "level", _("The level is one of 掌握, 熟悉, 了解."))
    if text.difficulty is not None and not Decimal(0) < text.difficulty < Decimal(1):
        faults.add(
            "item_difficulty", "difficulty", _("The expected share of right answers lies between 0 and 1.")
        )
    if text.difficulty is not None and text.difficulty != round(text.difficulty, 3):
        faults.add(
            "item_difficulty",
            "difficulty",
            _("The expected share of right answers has at most three decimals."),
        )
    if len(text.basis) > MAX_BASIS:
        faults.add("item_long", "basis", _("The clause has more than %(n)d characters.") % {"n": MAX_BASIS})
    if len(text.whole_explanation()) > MAX_TEXT:
        faults.add(
            "item_long", "explanation", _("The explanation has more than %(n)d characters.") % {"n": MAX_TEXT}
        )
    else:
        faults.add_markup([text.explanation], "explanation")
    if not text.is_case:
        if text.children:
            faults.add("item_children", "children", _("Only a case has sub-questions."))
        _check(text, faults)
        return faults.found
    _check_stem(text.stem, faults)
    if text.options or text.answer or text.anchored:
        faults.add(
            "case_options",
            "options",
            _("A case has no options and no answer of its own; its sub-questions have them."),
        )
    if len(text.children) < 2:
        faults.add("case_children", "children", _("A case needs two or more sub-questions."))
    if len(text.children) > MAX_CHILDREN:
        faults.add(
            "case_children", "children", _("A case has at most %(n)d sub-questions.") % {"n": MAX_CHILDREN}
        )
    for no, child in enumerate(text.children, 1):
        if child.kind not in ItemKind.values or child.kind == ItemKind.CASE:
            faults.add(
                "case_child_kind",
                "children",
                _("it must be single choice, multiple choice or true/false."),
                no,
            )
        else:
            _check(child, faults, no)
            faults.add_markup([child.explanation], "children", no)
    return faults.found


def _check_stem(stem: str, faults: Faults, child: int = 0) -> None:
    name = "children" if child else "stem"
    if not stem.strip():
        faults.add("item_stem", name, _("The stem is empty."), child)
    elif len(stem) > MAX_STEM:
        faults.add("item_long", name, _("The stem has more than %(n)d characters.") % {"n": MAX_STEM}, child)
    else:
        faults.add_markup([stem], name, child)


def _check(question: Question | ItemText, faults: Faults, child: int = 0) -> None:
    _check_stem(question.stem, faults, child)
    names = ("children",) * 2 if child else ("options", "answer")
    ids = [id_ for id_, _text in question.options]
    texts = [text.strip() for _id, text in question.options]
    right, given = set(question.answer), question.answer
    if question.kind == ItemKind.TRUE_FALSE:
        if tuple(question.options) != TRUE_FALSE_OPTIONS:
            faults.add(
                "true_false_options",
                names[0],
                _("True/false has the two options 正确 and 错误 and no others."),
                child,
            )
        if len(given) != 1 or not right <= {"t", "f"}:
            faults.add("true_false_key", names[1], _("The answer is either 正确 or 错误."), child)
        return
    if len(ids) < 2:
        faults.add("item_options_few", names[0], _("There must be two or more options."), child)
    if len(ids) > len(OPTION_LETTERS) or len(set(ids)) != len(ids):
        faults.add("item_options_many", names[0], _("There are at most six options, A to F."), child)
    if any(not text for text in texts):
        faults.add("item_option_empty", names[0], _("An option is empty."), child)
    if any(len(text) > MAX_OPTION for text in texts):
        faults.add(
            "item_long", names[0], _("An option has more than %(n)d characters.") % {"n": MAX_OPTION}, child
        )
    else:
        faults.add_markup(texts, names[0], child, inline=True)
    if len(set(texts)) != len(texts):
        faults.add("item_option_repeats", names[0], _("Two options say the same."), child)
    if not set(question.anchored) <= set(ids):
        faults.add("item_anchored", names[0], _("An option that shall keep its place does not exist."), child)
    if not right <= set(ids):
        faults.add("key_unknown", names[1], _("The answer names an option that does not exist."), child)
    elif len(right) != len(given):
        faults.add("key_repeats", names[1], _("The answer names an option twice."), child)
    elif question.kind == ItemKind.SINGLE and len(right) != 1:
        faults.add("single_key", names[1], _("Single choice has exactly one right option."), child)
    elif question.kind == ItemKind.MULTIPLE and len(right) < 2:
        faults.add("multiple_keys", names[1], _("Multiple choice has two or more right options."), child)
    elif question.kind == ItemKind.MULTIPLE and right == set(ids):
        faults.add("multiple_wrong", names[1], _("Multiple choice has at least one wrong option."), child)


def check_item(text: ItemText) -> None:
    """Raise ``Refusal`` with every fault by field unless ``text`` is a proper item (R036)."""
    faults = faults_of(text)
    if not faults:
        return
    fields: dict[str, list[Any]] = {}
    for _code, name, message in faults:
        fields.setdefault(name, []).append(message)
    raise Refusal(faults[0][0], faults[0][2], clause=CLAUSE, fields=fields)


def text_of(
    kind: str, level: str, content: Mapping[str, Any], key: Mapping[str, Any], **others: Any
) -> ItemText:
    """The item again from what a version keeps; ``others``: explanation, basis, difficulty, valid_to."""

    def options(source: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        return tuple((option["id"], option["text"]) for option in source["options"])

    children = tuple(
        Question(
            child["kind"],
            child["stem"],
            options(child),
            tuple(key.get("children", {}).get(str(child["no"]), ())),
            tuple(child.get("anchored", ())),
            key.get("explanations", {}).get(str(child["no"]), ""),
        )
        for child in content["children"]
    )
    return ItemText(
        kind,
        content["stem"],
        level,
        options(content),
        tuple(key.get("answer", ())),
        tuple(content.get("anchored", ())),
        children,
        **others,
    )


@dataclass(frozen=True)
class Place:
    """Where a version belongs: subject, syllabus chapter, and the codes of its posts."""

    subject: str
    chapter: str
    post_codes: tuple[str, ...]

    def joined_codes(self) -> str:
        """As ``ItemVersion.post_codes`` keeps them: ``,101,102,``."""
        return f",{','.join(sorted(self.post_codes))}," if self.post_codes else ""


def version_digest(uid: str, number: int, text: ItemText, place: Place) -> str:
    """SM3 over all that a version says, key, explanation and place included."""
    return digest(
        {
            "uid": uid,
            "number": number,
            "subject": place.subject,
            "chapter": place.chapter,
            "posts": sorted(place.post_codes),
            "level": text.level,
            "kind": text.kind,
            "content": text.content(),
            "key": text.key(),
            "explanation": text.explanation,
            "basis": text.basis,
            "difficulty": text.difficulty,
            "valid_to": text.valid_to.isoformat() if text.valid_to else "",
        }
    )


def release_digest(
    rows: Sequence[tuple[str, int, str, Decimal | None, Decimal | None, Decimal | None]],
    enemies: Sequence[Sequence[str]] = (),
) -> str:
    """SM3 over (uid, version, digest, share, a, b) of every version of a release, by uid, and its pairs of enemies."""
    return digest([sorted([list(row) for row in rows]), sorted(list(pair) for pair in enemies)])
