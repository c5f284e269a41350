"""What the centre's check of a return found, in plain words by kind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from zhupei.delivery import api as delivery
from zhupei.exams.models import ReturnIn
from zhupei.web.templatetags.web import shanghai

KINDS: dict[str, str | Promise] = {
    # the hall's scores against the centre's own scoring
    "marks": gettext_lazy("Marks: the hall's are not those that the answers give"),
    "items": gettext_lazy("Marks of single items: the hall's are not those that the answers give"),
    "passed": gettext_lazy("Passed or not: the hall says otherwise than the answers"),
    "carried": gettext_lazy("One subject only was sat, and no confirmed result has the other one as passed"),
    "no_score": gettext_lazy("Begun or handed in, but without a score of the hall"),
    # the records against the journal and the bundle
    "counts": gettext_lazy("The numbers on the cover of the return are not those of its content"),
    "missing": gettext_lazy("The return does not tell of this candidate"),
    "twice": gettext_lazy("The return tells of this candidate more than once"),
    "foreign": gettext_lazy("Something about a person or place that is not in this batch"),
    "identity": gettext_lazy("Another slip number or session than planned"),
    "paper": gettext_lazy("Another paper than the centre drew"),
    "state": gettext_lazy("How the sitting ended: the journal says otherwise"),
    "seat": gettext_lazy("The seat is not the planned one and not one of a recorded change"),
    "answers": gettext_lazy("An answer: the journal says otherwise"),
    "scores": gettext_lazy("Marks of the record: the journal says otherwise"),
    "used": gettext_lazy("Time used: the journal says otherwise"),
    "added": gettext_lazy("Extra time: the journal says otherwise, or it is out of range"),
    "windows": gettext_lazy("How often the window was left: the journal says otherwise"),
    "started_at": gettext_lazy("When the test was begun: the journal says otherwise"),
    "submitted_at": gettext_lazy("When it was handed in: the journal says otherwise"),
    "shown_at": gettext_lazy("When the score was shown: the journal says otherwise"),
    "kind": gettext_lazy("Who ended the sitting: the journal says otherwise"),
    "void_reason": gettext_lazy("Reason of the voiding: the journal says otherwise"),
    "incident": gettext_lazy("An incident is in the journal or in the list, but not in both"),
    "capture": gettext_lazy("A photo is named, but not listed with its digest and size"),
    # the journal against itself and the rules
    "order": gettext_lazy("Entries of the journal are out of order or repeated"),
    "clock": gettext_lazy("The clock of the journal goes back"),
    "loaded": gettext_lazy(
        "The journal does not say that the hall opened this bundle with this content before anybody sat"
    ),
    "unfit": gettext_lazy("An entry of the journal that could not be at this time"),
    "not_admitted": gettext_lazy("Begun without having been admitted"),
    "no_check_in": gettext_lazy("Admitted without an accepted check-in"),
    "one_name": gettext_lazy("Check-in by document or in doubt without two different persons"),
    "late_entry": gettext_lazy("Admitted too late without a reason"),
    "not_open": gettext_lazy("Begun before the room was opened, or while it was paused"),
    "terms": gettext_lazy("Begun with another time or other subjects than the rules say"),
    "answer": gettext_lazy("Answer to an item that is not on the paper, or with an option that is not"),
    "late_answer": gettext_lazy("Answer after the end of the time"),
    "paused_answer": gettext_lazy("Answer during a pause"),
    "ended_answer": gettext_lazy("Answer before the start or after the end of the sitting"),
    "closed_answer": gettext_lazy("Answer in a subject that was closed or not open yet"),
    "turn": gettext_lazy("Subjects in another order than the rules say"),
    "early": gettext_lazy("Ended before the rules allow"),
    "over_time": gettext_lazy("More time used than there was"),
    "added_unsigned": gettext_lazy("Extra time without two different persons and a reason"),
    "void_unsigned": gettext_lazy("Voided without two different persons and a reason"),
    "forced_unsigned": gettext_lazy("Handed in by the staff without a name and a reason"),
    "unsigned": gettext_lazy("An act of the staff without a name or a reason"),
    "move": gettext_lazy("A change of seat that does not fit where the candidate sat"),
}
_VALUES: dict[str, dict[str, str | Promise]] = {
    "state": {
        "not_admitted": gettext_lazy("did not come"),
        "admitted": gettext_lazy("admitted, not begun"),
        "running": gettext_lazy("sitting"),
        "paused": gettext_lazy("paused"),
        "submitted": gettext_lazy("handed in"),
        "voided": gettext_lazy("void"),
    },
    "kind": {
        "hand": gettext_lazy("the candidate"),
        "auto": gettext_lazy("the clock"),
        "forced": gettext_lazy("the staff"),
    },
    "passed": {"True": gettext_lazy("passed"), "False": gettext_lazy("not passed")},
}
_SUBJECTS = {
    "general": gettext_lazy("General knowledge"),
    "professional": gettext_lazy("Professional knowledge"),
}


@dataclass(frozen=True)
class Line:
    """One difference, both values as one reads them."""

    slip_no: str
    subject: str
    hall: str
    centre: str


@dataclass(frozen=True)
class Group:
    """All differences of one kind; ``count`` is of all, ``lines`` are those that were kept."""

    words: str
    count: int
    lines: tuple[Line, ...]

    @property
    def more(self) -> int:
        """How many are not listed."""
        return self.count - len(self.lines)


def _value(what: str, value: str) -> str:
    if what in delivery.MOMENTS and value.lstrip("-").isdigit():
        try:
            return shanghai(datetime.fromtimestamp(int(value) / 1000, UTC))
        except (OverflowError, OSError, ValueError):
            return value
    return str(_VALUES.get(what, {}).get(value, value)) or "—"


def groups_of(row: ReturnIn) -> list[Group]:
    """The differences of a return by kind, in the order of ``KINDS``."""
    lines: dict[str, list[Line]] = {}
    for one in row.differences:
        what, subject = one["what"], one["subject"]
        lines.setdefault(what, []).append(
            Line(
                one["slip_no"],
                str(_SUBJECTS.get(subject, subject)),
                _value(what, one["hall"]),
                _value(what, one["centre"]),
            )
        )
    counts = {what: len(rows) for what, rows in lines.items()} | (row.compared or {}).get("kinds", {})
    order = [*KINDS, *sorted(set(counts) - set(KINDS))]
    return [
        Group(str(KINDS.get(what, _("Something else"))), counts[what], tuple(lines.get(what, ())))
        for what in order
        if what in counts
    ]
