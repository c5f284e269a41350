"""Question papers as Chinese banks lay them out: lines of a document become items.

Numbered stems under headings that name the kind, options A to F on lines of their own or several on one, the answer in the
stem's brackets, on its own line or in a list at the end, fields such as 解析 and 难度 behind their names, cases with
sub-questions. What is not understood is refused with the number of its paragraph; kinds that the bank does not have are
counted by name; text that belongs to no question is told of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from zhupei.itembank.choices import ItemKind

from . import layoutwords as words
from .common import Draft, Reading, Refused
from .layoutparts import Entry, Part, Unheld, draft_of
from .layouttables import answers_in_table, joined, pipes
from .layoutwords import GUARD, Heading
from .wordpackage import Atoms, Grid, Line

MAX_LINE = 8000
"""Characters of a line that is looked at; longer ones only go on with the text before."""
MAX_STRAY = 50
"""Notes on text that belongs to no question."""
_FORMULA = re.compile(r"\\\((?:(?!\\[(\[]).)*?\\\)|\\\[(?:(?!\\[(\[]).)*?\\\]")  # linear: none within another


@dataclass
class Section:
    """Questions under one heading. ``style``: how their numbers are written."""

    heading: Heading = field(default_factory=Heading)
    style: str = ""
    entries: list[Entry] = field(default_factory=list)


@dataclass
class _Key:
    """Where answers of a list go: the sections they may be for."""

    sections: list[Section]
    part: Part | None = None


class Layout:
    """Takes lines and tables in order; ``finish`` gives the items to ``reading``."""

    def __init__(self, reading: Reading, atoms: Atoms) -> None:
        self.reading, self.atoms = reading, atoms
        self.sections = [Section()]
        self.entry: Entry | None = None
        self.part: Part | None = None
        self.chapter = ""
        self.key: _Key | None = None
        self.stray = 0

    # ── lines ───────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, blocks: Iterable[Line | Grid]) -> None:
        """Take everything; each line is looked at with the one after it."""
        before: Line | Grid | None = None
        for block in blocks:
            if isinstance(block, Line):
                block.text = _FORMULA.sub(lambda one: self.atoms.add(one[0]), block.text)
                if not block.text.strip():
                    self._tell(block)
                    continue
            if before is not None:
                self._take(before, block)
            before = block
        if before is not None:
            self._take(before, None)
        self.finish()

    def _take(self, block: Line | Grid, following: Line | Grid | None) -> None:
        if isinstance(block, Grid):
            self._grid(block)
            return
        self.following = words.folded(following.text[:200]) if isinstance(following, Line) else ""
        self.line = block
        self._line(block.text)
        self._tell(block)

    def _tell(self, line: Line) -> None:
        """What of a line cannot come in belongs to the question it stands in."""
        if self.entry is not None:
            self.entry.problems += line.problems
            self.entry.notes += line.notes
        elif line.problems:
            self._outside(" ".join(line.problems), line.paragraph)

    def _line(self, text: str) -> None:
        if text.startswith(GUARD) or len(text) > MAX_LINE:
            self._continue(text)
            return
        text = text.strip()
        plain = words.folded(text)
        if self.key is not None and self._answers(text, plain):
            return
        if self._headed(plain):
            return
        if found := words.fields_in(plain):
            self._fields(text, plain, found)
        elif not self._begins(text, plain) and not self._options(text, plain):
            self._text(text, plain)

    def _continue(self, text: str) -> None:
        if self.part is None:
            self._outside(text, self.line.paragraph)
        else:
            self.part.go_on(text.replace(GUARD, ""))

    def _text(self, text: str, plain: str) -> None:
        """A line that goes on with what stands before it, options or fields within it apart."""
        if self.part is None or GUARD in text:
            self._continue(text)
            return
        if self.entry is not None and self.entry.is_case and words.SKIPPED.fullmatch(plain):
            return
        inside = words.fields_in(plain, inside=True)
        end = inside[0][1] if inside else len(text)
        at = words.options_inside(plain[:end]) if not self.part.options and self.part.in_stem else -1
        if at >= 0:
            self.part.go_on(text[:at].rstrip())
            self._split(text[at:end], plain[at:end])
        elif text[:end].strip():
            self.part.go_on(text[:end].rstrip())
        if inside:
            self._values(text, inside)

    def _outside(self, text: str, paragraph: int) -> None:
        self.stray += 1
        if self.stray <= MAX_STRAY:
            shown = self.atoms.restored(text)[:40]
            self.reading.notes.append(
                Refused(
                    _place(paragraph),
                    _("Text that belongs to no question was left out: “%(text)s”.") % {"text": shown},
                )
            )

    # ── headings and beginnings ─────────────────────────────────────────────────────────────────────────────

    def _headed(self, plain: str) -> bool:
        """Headings of sections, chapters and lists of answers."""
        found = words.heading(plain)
        if found is None and (self.part is None or self.part.is_answered):
            marked = words.numbered(plain) or words.option(plain) or words.bare_option(plain)
            found = words.title(plain) if marked is None else None
        if found is not None and found.answers:
            if self.part is not None and not self.part.answer and words.answer_of(self.following):
                return False  # its own answer stands on the next line
            if not self._kept():
                return False
            self._close()
            self.key = _Key(self._sections_for(found))
            return True
        if found is not None:
            self._close()
            self.key = None
            self.sections.append(Section(found))
            return True
        chapter = words.chapter_heading(plain) if self.part is None or self.part.is_answered else ""
        if chapter:
            self._close()
            self.chapter = f"第{chapter}章"
            self.sections.append(Section(self.sections[-1].heading))
        return bool(chapter)

    def _kept(self) -> list[Entry]:
        return [entry for section in self.sections for entry in section.entries]

    def _close(self) -> None:
        self.entry = self.part = None

    def _begins(self, text: str, plain: str) -> bool:
        """The beginning of a question, a case or a sub-question."""
        section = self.sections[-1]
        in_case = section.heading.kind == ItemKind.CASE or (self.entry is not None and self.entry.is_case)
        mark = words.case_mark(plain)
        if mark is not None and (in_case or mark[1]) and GUARD not in text[: mark[2] + 1]:
            return self._case_marked(text, mark)
        if in_case and (self.entry is None or self.entry.style == "han") and (at := words.han_paren(plain)):
            self._open("han", 0, text[at:], is_case=True)
            return True
        number = words.numbered(plain)
        if number is None:
            return False
        rest, known = text[number.end :], section.entries
        last = known[-1].number if known else 0
        if in_case:
            return self._in_case(number, rest)
        if number.style in ("tight", "bare") and (number.number != last + 1 or not self._is_complete()):
            return False
        style = "dot" if number.style in ("tight", "bare") else number.style
        if number.style == "sn" and not number.bracket and self.entry is None:
            return False
        if not section.style:
            section.style = style
        follows = number.number == last + 1
        if self.entry is not None and style != section.style and not (follows and self._is_complete()):
            return False
        if self.entry is not None and not self._is_complete() and number.number <= last:
            return False
        if section.heading.other and self.entry is not None and not follows:
            return False
        self._open(style, number.number, rest, bracket=number.bracket)
        return True

    def _is_complete(self) -> bool:
        if self.part is None:
            return True
        return (
            self.part.is_answered
            or self.sections[-1].heading.kind == ItemKind.TRUE_FALSE
            or bool(self.sections[-1].heading.other)
        )

    def _case_marked(self, text: str, mark: tuple[str, bool, int]) -> bool:
        _what, own_number, end = mark
        entry = self.entry
        if entry is not None and entry.is_case and not entry.children and not own_number:
            if text[end:].strip():
                entry.go_on(text if entry.stem else text[end:])
            return True
        if entry is not None and entry.is_case and not own_number and entry.style not in ("mark", "han"):
            return False
        self._open("mark", 0, text[end:], is_case=True)
        return True

    def _in_case(self, number: words.Numbered, rest: str) -> bool:
        entry = self.entry
        style = "dot" if number.style in ("tight", "bare") else number.style
        if entry is None:
            if number.style in ("tight", "bare"):
                return False
            self._open(style, number.number, rest, is_case=True)
            return True
        last = entry.children[-1].number if entry.children else 0
        if number.style in ("tight", "bare") and number.number != last + 1:
            return False
        if style == entry.style:
            is_child = number.number == last + 1 and number.number != entry.number + 1
            if not is_child and (number.number != entry.number + 1 or not entry.children):
                return False
            if not is_child:
                self._open(style, number.number, rest, is_case=True)
                return True
        elif (entry.child_style and style != entry.child_style) or (
            entry.children and number.number <= last and not entry.children[-1].is_answered
        ):
            return False
        entry.child_style = style
        self.part = entry.child(number.number, self.line.paragraph)
        self._stem(rest, number.bracket)
        return True

    def _open(self, style: str, number: int, text: str, *, bracket: str = "", is_case: bool = False) -> None:
        section = self.sections[-1]
        self.entry = Entry(
            paragraph=self.line.paragraph,
            number=number,
            style=style,
            is_case=is_case,
            kind=section.heading.kind,
            other=section.heading.other,
        )
        if self.chapter:
            self.entry.fields["chapter"] = [self.chapter]
        section.entries.append(self.entry)
        self.part = self.entry
        self._stem(text, bracket)

    def _stem(self, text: str, bracket: str) -> None:
        """The first line of a stem, with what else may stand on it."""
        assert self.part is not None
        part = self.part
        part.bracket = bracket
        if not text.startswith(GUARD) and (tag := words.kind_tag(words.folded(text))):
            part.kind, part.other = tag[0].kind, tag[0].other
            if part.kind == ItemKind.CASE and isinstance(part, Entry):
                part.is_case = True
            text = text[: tag[1]] + text[tag[2] :]
        if text.startswith(GUARD):
            part.go_on(text.removeprefix(GUARD))
            part.is_plain = True
            return
        text = text.strip()
        plain = words.folded(text)
        if found := words.fields_in(plain):  # 1．答案：B in a paper that asks nothing
            self._fields(text, plain, found)
        elif text:
            self._text(text, plain)

    # ── options and fields ──────────────────────────────────────────────────────────────────────────────────

    def _options(self, text: str, plain: str) -> bool:
        if self.part is None or (isinstance(self.part, Entry) and self.part.is_case):
            return False
        found = words.option(plain)
        if found is None:
            bare = words.bare_option(plain)
            expected = self.part.next_letter
            if bare is None or bare[0] != expected or not (self.part.options or self.part.in_stem):
                return False
            one_more = words.split_options(plain, bare[0], bare[1], "bare")
            after = words.bare_option(self.following)
            if expected == "A" and len(one_more) < 2 and (after is None or after[0] != "B"):
                return False
            found = bare
        elif found[0] != self.part.next_letter and not self.part.in_options:
            return False
        inside = words.fields_in(plain, inside=True) if GUARD not in text else []
        end = inside[0][1] if inside else len(text)
        self._split(text[:end], plain[:end])
        if inside:
            self._values(text, inside)
        return True

    def _split(self, text: str, plain: str) -> None:
        """Options of one line; whether it holds several is told by what follows."""
        assert self.part is not None
        marked = words.option(plain)
        letter, start = marked or words.bare_option(plain) or ("A", 0)
        if text[start:].startswith(GUARD):
            self.part.option(letter, text[start:].removeprefix(GUARD))
            return
        following = words.option(self.following) or words.bare_option(self.following)
        last = "H"
        if following and following[0] > letter:
            last = chr(ord(following[0]) - 1)
        how = "space" if marked else "bare"
        spans = words.split_options(plain, letter, start, how, last)
        if how == "space" and spans[-1][0] < last and (last != "H" or len(spans) == 1):
            spans = max(spans, words.split_options(plain, letter, start, "loose", last), key=len)
        for one, begin, end in spans:
            self.part.option(one, text[begin:end].strip().rstrip("；;"))

    def _fields(self, text: str, plain: str, found: Sequence[tuple[str, int, int]]) -> None:
        if self.part is None:
            self._outside(text, self.line.paragraph)
            return
        at = found[0][2]
        if found[0][0] == "answer" and (text[at:] or self.following):
            listed = words.answers_in(plain[at:]) if text[at:] else None
            if listed and self._listed(listed):
                return
        self._values(text, found[:1] if text[at:].startswith(GUARD) else found)

    def _listed(self, listed: list[tuple[int, int, str]]) -> bool:
        """Several answers behind 答案: those of a case's sub-questions, or of the whole section."""
        if self.entry is not None and self.entry.is_case and self.entry.children:
            for group, inner, answer in listed:
                for child in self.entry.children:
                    if child.number == (inner or group) and not child.answer:
                        child.answer = answer
            return True
        if len(listed) < 2 and self.part is not None and not self.part.answer:
            return False
        self._close()
        self.key = _Key(self._sections_for(Heading()))
        for number, inner, answer in listed:
            self._assign(number, inner, answer)
        return True

    def _values(self, text: str, found: Sequence[tuple[str, int, int]]) -> None:
        assert self.part is not None
        for n, (name, _begin, start) in enumerate(found):
            end = found[n + 1][1] if n + 1 < len(found) else len(text)
            value = text[start:end].strip() if not text[start:].startswith(GUARD) else text[start + 1 : end]
            self.part.field(name, value, self.entry)

    # ── lists of answers ────────────────────────────────────────────────────────────────────────────────────

    def _sections_for(self, found: Heading) -> list[Section]:
        sections = [s for s in self.sections if s.entries]
        if found.kind:
            same = [s for s in sections if s.heading.kind == found.kind]
            return same or sections
        return sections

    def _answers(self, text: str, plain: str) -> bool:
        """A line of a list of answers. False where the list is over."""
        assert self.key is not None
        if found := words.heading(plain):
            following = words.answers_in(self.following) or words.answer_line(self.following)
            if not (found.answers or following or found.other):
                return False
            self.key = _Key(self._sections_for(found) if not found.other else [])
            return True
        if words.chapter_heading(plain):
            if words.answers_in(self.following) or words.answer_line(self.following):
                return True
            self.key = None
            return False
        head = re.match(r"\s*\D{0,30}?(?=\d)", plain)
        named = words.heading(head[0].rstrip(" :")) if head and head[0].strip() else None
        if named is not None and head is not None:
            self.key = _Key(self._sections_for(named))
            text, plain = text[head.end() :], plain[head.end() :]
        if listed := words.answers_in(plain):
            for number, inner, answer in listed:
                self._assign(number, inner, answer)
            return True
        if one := words.answer_line(plain):
            part = self._assign(one[0], 0, one[1])
            self.key.part = part
            rest = text[one[2] :]
            if part is not None and rest.strip():
                inside = words.fields_in(plain[one[2] :])
                for n, (name, _begin, start) in enumerate(inside):
                    end = inside[n + 1][1] if n + 1 < len(inside) else len(rest)
                    part.field(name, rest[start:end].strip(), None)
                if not inside:
                    part.field("explanation", rest.strip(), None)
            return True
        if self.key.part is not None and (found_fields := words.fields_in(plain)):
            for n, (name, _begin, start) in enumerate(found_fields):
                end = found_fields[n + 1][1] if n + 1 < len(found_fields) else len(text)
                self.key.part.field(name, text[start:end].strip(), None)
            return True
        if not self.key.sections:
            return True  # the reference answers of essays
        if words.numbered(plain) is None and self.key.part is not None:
            self.key.part.go_on(text)
            return True
        self.key = None
        if words.numbered(plain) is not None:
            self.sections.append(Section(self.sections[-1].heading))
        return False

    def _assign(self, number: int, inner: int, answer: str) -> Part | None:
        assert self.key is not None
        for section in self.key.sections:
            for entry in section.entries:
                parts: Sequence[Part] = entry.children if entry.is_case else [entry]
                if entry.is_case and inner and entry.number not in (number, 0):
                    continue
                for part in parts:
                    if part.number == (inner or number) and not part.answer and not part.listed:
                        part.answer, part.listed = answer, True
                        return part
        self.reading.notes.append(
            Refused(
                _place(self.line.paragraph if hasattr(self, "line") else 0),
                _("The list of answers has one for question %(n)d, which has one already or is not there.")
                % {"n": number},
            )
        )
        return None

    # ── tables ──────────────────────────────────────────────────────────────────────────────────────────────

    def _grid(self, grid: Grid) -> None:
        self.following = ""
        for line in (line for row in grid.rows for cell in row for line in cell):
            line.text = _FORMULA.sub(lambda one: self.atoms.add(one[0]), line.text)
        cells = [[joined(cell) for cell in row] for row in grid.rows]
        flat = [line for row in grid.rows for cell in row for line in cell if line.text.strip()]
        self.line = flat[0] if flat else Line(grid.paragraph, "")
        if not flat:
            return
        is_ours = self.part is not None and flat[0].text.startswith(GUARD)
        if not is_ours and (pairs := answers_in_table(cells)) and self._kept():
            if self.key is None:
                self._close()
                self.key = _Key(self._sections_for(Heading()))
            for number, answer in pairs:
                self._assign(number, 0, answer)
            return
        marks = [words.option(words.folded(line.text.strip())) for line in flat]
        if self.part is not None and not is_ours and len(flat) > 1 and all(marks):
            flat = [
                line
                for _mark, line in sorted(zip(marks, flat, strict=True), key=lambda one: one[0] or ("", 0))
            ]
            self._each(flat)
            return
        begins = words.numbered(words.folded(flat[0].text.strip()))
        last = self.sections[-1].entries[-1].number if self.sections[-1].entries else 0
        starts_anew = (
            begins is not None and begins.number == last + 1 and self._is_complete() and len(flat) > 2
        )
        if not is_ours and (
            self.part is None or self.key is not None or starts_anew or len(cells) == len(cells[0]) == 1
        ):
            self._each(flat)
            return
        assert self.part is not None
        self.part.table(pipes(cells))
        for line in flat:
            self._tell(line)
        if grid.merged and self.entry is not None:
            self.entry.notes.append(_("Merged cells of a table came apart."))

    def _each(self, lines: Sequence[Line]) -> None:
        for n, line in enumerate(lines):
            self._take(line, lines[n + 1] if n + 1 < len(lines) else None)

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────────────

    def finish(self) -> None:
        """Make items of the questions."""
        for entry in self._kept():
            where = _place(entry.paragraph, entry.number)
            self.reading.notes += [Refused(where, reason) for reason in dict.fromkeys(entry.notes)]
            if entry.problems:
                self.reading.refused.append(Refused(where, " ".join(dict.fromkeys(entry.problems))))
                continue
            try:
                text, facts, notes = draft_of(entry, self.atoms.restored)
            except Unheld as other:
                if other.name:
                    self.reading.unsupported[other.name] += 1
                    self.reading.notes.append(
                        Refused(
                            where, _("The bank has no items of this kind: %(kind)s.") % {"kind": other.name}
                        )
                    )
                else:
                    self.reading.refused.append(Refused(where, other.reason, other.column))
                continue
            self.reading.notes += [Refused(where, note) for note in notes]
            self.reading.drafts.append(Draft(where=where, text=text, **facts))
        if self.stray > MAX_STRAY:
            self.reading.notes.append(
                Refused("", _("Lines that belong to no question, in all: %(n)d.") % {"n": self.stray})
            )


def _place(paragraph: int, number: int = 0) -> str:
    if number:
        return _("paragraph %(p)d, question %(n)d") % {"p": paragraph, "n": number}
    return _("paragraph %(p)d") % {"p": paragraph}
