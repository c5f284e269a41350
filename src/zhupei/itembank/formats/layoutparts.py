"""Questions while a document is read, and the item that each becomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from zhupei.itembank.choices import ItemKind, Level
from zhupei.itembank.rules import TRUE_FALSE_OPTIONS, ItemText, Question, ids_of, truth

from . import layoutwords as words
from .labels import COLUMNS, KINDS, SUBJECTS, chapter_of, day_of, decimal_of

SHARES = {
    "易": "0.85",
    "容易": "0.85",
    "简单": "0.85",
    "较易": "0.75",
    "中": "0.65",
    "中等": "0.65",
    "一般": "0.65",
    "较难": "0.5",
    "难": "0.35",
    "困难": "0.35",
}
"""Expected share of right answers by the words that papers use."""
_TRUE_TEXTS, _FALSE_TEXTS = ("正确", "对", "√", "是"), ("错误", "错", "×", "否")
_SIGNS = {"V": "√", "Y": "√", "X": "×", "N": "×"}
ENTRY_FIELDS = frozenset(("basis", "valid_to", "difficulty", "chapter", "level", "uid", "subject", "posts"))


class Unheld(Exception):
    """A question that does not come in: of a kind with ``name`` that the bank has not, or for a ``reason``."""

    def __init__(self, reason: str = "", *, name: str = "", column: str = "") -> None:
        super().__init__(reason or name)
        self.reason, self.name, self.column = reason, name, column


@dataclass
class Part:
    """One question or sub-question."""

    paragraph: int
    number: int
    kind: str = ""
    other: str = ""
    stem: list[str] = field(default_factory=list)
    options: list[tuple[str, list[str]]] = field(default_factory=list)
    answer: str = ""
    bracket: str = ""
    """An answer in brackets before the number."""
    listed: bool = False
    """The answer stands in a list of answers."""
    fields: dict[str, list[str]] = field(default_factory=dict)
    explanation: list[str] = field(default_factory=list)
    is_plain: bool = False
    """Nothing in the stem is structure."""
    at: list[str] | None = None
    """Where a line that follows goes; None: the stem."""

    @property
    def in_stem(self) -> bool:
        return self.at is None

    @property
    def in_options(self) -> bool:
        return bool(self.options) and self.at is self.options[-1][1]

    @property
    def next_letter(self) -> str:
        return chr(ord("A") + len(self.options))

    @property
    def is_answered(self) -> bool:
        """It has options or an answer, so that another question may begin."""
        return bool(self.options or self.answer or self.explanation or self.bracket)

    def go_on(self, text: str) -> None:
        (self.stem if self.at is None else self.at).append(text)

    def table(self, markup: str) -> None:
        target = self.stem if self.at is None else self.at
        if target and target[-1].startswith("| "):
            target.append("")
        target.append(markup)

    def option(self, letter: str, text: str) -> None:
        self.options.append((letter, [text]))
        self.at = self.options[-1][1]

    def field(self, name: str, value: str, entry: Entry | None) -> None:
        """A named value; what belongs to the whole item goes to the case of a sub-question."""
        if name == "explanation":
            self.explanation += [value] if value else []
            self.at = self.explanation
        elif name == "answer":
            self.answer = (
                f"{self.answer}\n{value}" if self.answer and not self.listed else value or self.answer
            )
            self.at = self.fields.setdefault("behind", []) if value else self.fields.setdefault("answer", [])
        else:
            owner: Part = entry if entry is not None and name in ENTRY_FIELDS else self
            self.at = owner.fields[name] = [value]


@dataclass
class Entry(Part):
    """A question with a number of its own, or a case with its sub-questions."""

    style: str = ""
    child_style: str = ""
    is_case: bool = False
    children: list[Part] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def child(self, number: int, paragraph: int) -> Part:
        self.children.append(Part(paragraph, number))
        return self.children[-1]


def draft_of(entry: Entry, restored: Callable[[str], str]) -> tuple[ItemText, dict[str, Any], list[str]]:
    """The item, the other facts of its draft, and notes. Raises ``Unheld``."""
    notes: list[str] = []
    facts, values = _facts(entry, notes, restored)
    if not entry.is_case:
        question = question_of(entry, notes)
        text = ItemText(
            kind=question.kind,
            stem=restored(question.stem),
            options=tuple((id_, restored(text)) for id_, text in question.options),
            answer=question.answer,
            anchored=question.anchored,
            explanation=restored(question.explanation),
            **values,
        )
        return text, facts, notes
    if entry.kind and entry.kind != ItemKind.CASE:
        entry.kind = ItemKind.CASE
    children = []
    for no, part in enumerate(entry.children, 1):
        try:
            one = question_of(part, notes)
        except Unheld as problem:
            if problem.name:
                raise Unheld(
                    _("Sub-question %(no)d is of a kind that the bank does not have: %(kind)s.")
                    % {"no": no, "kind": problem.name},
                    column=COLUMNS["children"],
                ) from None
            raise Unheld(
                _("Sub-question %(no)d: %(message)s") % {"no": no, "message": problem.reason},
                column=COLUMNS["children"],
            ) from None
        children.append(
            Question(
                one.kind,
                restored(one.stem),
                tuple((id_, restored(text)) for id_, text in one.options),
                one.answer,
                one.anchored,
                restored(one.explanation),
            )
        )
    text = ItemText(
        kind=ItemKind.CASE,
        stem=restored("\n".join(entry.stem)),
        children=tuple(children),
        explanation=restored("\n".join(entry.explanation)),
        **values,
    )
    if not children and (entry.options or entry.answer):
        raise Unheld(_("A case needs two or more sub-questions."), column=COLUMNS["children"])
    return text, facts, notes


def question_of(part: Part, notes: list[str]) -> Question:
    """The question that a part asks, its kind inferred where nothing says it. Raises ``Unheld``."""
    stem = "\n".join(part.stem)
    kind = KINDS.get(part.fields.get("kind", [""])[0].strip(), "") or part.kind
    stem, answer = _with_answer(part, stem)
    options = [(letter, "\n".join(lines)) for letter, lines in part.options]
    explanation = "\n".join(part.explanation)
    if behind := "\n".join(part.fields.get("behind", ())).strip():
        explanation = f"{explanation}\n{behind}" if explanation else behind
        notes.append(_("Text behind the answer was taken as its explanation."))
    if options and _is_truth(options):
        letter = answer.strip().upper()
        if letter in ("A", "B"):
            answer = options[ord(letter) - ord("A")][1].strip()
        options, kind = [], kind if kind in ("", ItemKind.CASE) else ItemKind.TRUE_FALSE
    if not options:
        return _statement(part, kind, stem, answer, explanation)
    if part.other and not answer:
        raise Unheld(name=part.other)
    found = words.answer_of(words.folded(answer)) if answer else None
    if found is None or not all("A" <= c <= "H" for c in found[0]):
        if not answer:
            raise Unheld(_("The question has no answer."), column=COLUMNS["answer"])
        raise Unheld(
            _("The answer “%(answer)s” is no letter of an option.") % {"answer": answer[:40]},
            column=COLUMNS["answer"],
        )
    letters = [letter for letter, _text in options]
    if letters != [chr(ord("A") + n) for n in range(len(letters))]:
        raise Unheld(
            _("The options are not A, B, C … in a row: %(letters)s.") % {"letters": "、".join(letters)},
            column=COLUMNS["options"],
        )
    if kind not in (ItemKind.SINGLE, ItemKind.MULTIPLE, ItemKind.TRUE_FALSE):
        kind = ItemKind.MULTIPLE if len(set(found[0])) > 1 else ItemKind.SINGLE
    if found[1] and found[1] not in dict(options).get(found[0][:1], ""):
        notes.append(_("Behind the answer stood “%(text)s”; it was left out.") % {"text": found[1][:40]})
    anchored = ids_of(words.folded("".join(part.fields.get("anchored", ()))))
    return Question(
        kind,
        stem,
        tuple((letter.lower(), text) for letter, text in options),
        ids_of(found[0]),
        anchored,
        explanation,
    )


def _is_truth(options: list[tuple[str, str]]) -> bool:
    texts = [text.strip().rstrip("。.") for _letter, text in options]
    return (
        len(texts) == 2
        and {texts[0] in _TRUE_TEXTS, texts[1] in _TRUE_TEXTS} == {True, False}
        and all(text in _TRUE_TEXTS + _FALSE_TEXTS for text in texts)
    )


def _statement(part: Part, kind: str, stem: str, answer: str, explanation: str) -> Question:
    """A question without options: true or false, or nothing that the bank holds."""
    given = words.folded(answer).strip().strip("。.;, ")
    given = _SIGNS.get(given.upper(), given)
    right = truth(given)
    if right and kind not in (ItemKind.TRUE_FALSE, "") and given.upper() in ("A", "B", "T", "F"):
        right = ()
    if right and not (kind == "" and given.upper() in ("A", "B")) and not part.other:
        return Question(ItemKind.TRUE_FALSE, stem, TRUE_FALSE_OPTIONS, right, (), explanation)
    if part.other:
        raise Unheld(name=part.other)
    if kind == ItemKind.TRUE_FALSE:
        if answer:
            raise Unheld(_("The answer is either 正确 or 错误."), column=COLUMNS["answer"])
        raise Unheld(_("The question has no answer."), column=COLUMNS["answer"])
    letters = words.answer_of(words.folded(answer)) if answer else None
    if kind in (ItemKind.SINGLE, ItemKind.MULTIPLE) or (letters and not letters[1]):
        raise Unheld(_("The question has no options."), column=COLUMNS["options"])
    if answer:
        raise Unheld(name="填空题" if "__" in stem or "（ " in stem or "（）" in stem else "简答题")
    if "__" in stem:
        raise Unheld(name="填空题")
    raise Unheld(_("It has neither options nor an answer."), column=COLUMNS["answer"])


def _with_answer(part: Part, stem: str) -> tuple[str, str]:
    """The stem with its brackets emptied and the answer, wherever it stands. Raises ``Unheld``."""
    answer = "\n".join([part.answer, *part.fields.get("answer", ())]).strip() or part.bracket
    if part.is_plain:
        return stem, answer
    plain = words.folded(stem)
    if found := words.answer_in_brackets(plain):
        stem = (stem[: found.start()] + stem[found.end() :]).strip()
        return stem, answer or found["answer"]
    if not part.options:
        marked = words.truth_in_brackets(plain)
        if marked is not None:
            if not answer or truth(words.folded(answer)) == truth(_SIGNS.get(marked[1], marked[1])):
                end = marked.groups()[1] if marked.lastindex == 2 else ""
                stem = (stem[: marked.start()] + end + stem[marked.end() :]).strip()
            return stem, answer or marked[1]
        return stem, answer
    brackets = words.letters_in_brackets(plain)
    given = words.answer_of(words.folded(answer)) if answer else None
    if given is not None:
        brackets = [one for one in brackets if set(ids_of(one[1])) == set(ids_of(given[0]))]
    if not answer and len(brackets) > 1:
        raise Unheld(
            _("Several brackets of the stem hold letters; which is the answer?"), column=COLUMNS["answer"]
        )
    if len(brackets) == 1:
        one = brackets[0]
        stem = f"{stem[: one.start()]}（  ）{stem[one.end() :]}"
        answer = answer or one[1]
    return stem, answer


def _facts(
    entry: Entry, notes: list[str], restored: Callable[[str], str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Facts of the draft and of the item's text beside its question."""
    said = {name: restored("\n".join(lines).strip()) for name, lines in entry.fields.items()}
    level = next((one for one in Level.values if one in said.get("level", "")), "")
    if said.get("level") and not level:
        notes.append(_("The level “%(text)s” was not understood.") % {"text": said["level"][:40]})
    difficulty: Decimal | None = None
    if text := words.folded(said.get("difficulty", "")).strip("。. "):
        share = SHARES.get(text.removesuffix("等") if text != "中等" else text)
        difficulty = Decimal(share) if share else decimal_of(text)
        if share:
            notes.append(
                _("The difficulty “%(text)s” was taken as an expected share of %(share)s.")
                % {"text": text, "share": share}
            )
        elif difficulty is None or not 0 < difficulty < 1:
            difficulty = None
            notes.append(_("The difficulty “%(text)s” was not understood.") % {"text": text[:40]})
    valid_to = day_of(words.folded(said.get("valid_to", "")))
    if said.get("valid_to") and valid_to is None:
        raise Unheld(_("The day is written like 2026-12-31."), column=COLUMNS["valid_to"])
    subject = said.get("subject", "")
    posts = said.get("posts", "").replace("，", "、").replace(",", "、").replace("；", "、").split("、")
    facts = {
        "uid": said.get("uid", ""),
        "subject": SUBJECTS.get(subject, subject),
        "chapter": chapter_of(said.get("chapter", "")),
        "post_codes": tuple(post.strip() for post in posts if post.strip()),
    }
    values = {
        "level": level,
        "basis": said.get("basis", ""),
        "difficulty": difficulty,
        "valid_to": valid_to,
    }
    return facts, values
