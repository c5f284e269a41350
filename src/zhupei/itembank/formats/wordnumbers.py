"""Numbers that Word sets before paragraphs by itself: what they say, counted as Word counts them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
VAL = f"{W}val"
MAX_LEVELS = 9
DIGITS = "零一二三四五六七八九"


def han(number: int) -> str:
    """1 to 99 as Chinese says it: 一, 十二, 三十."""
    tens, ones = divmod(number, 10)
    if not 0 < number < 100:
        return str(number)
    return (("" if tens == 1 else DIGITS[tens]) + "十" if tens else "") + (DIGITS[ones] if ones else "")


def _letter(number: int) -> str:
    return chr(ord("A") + (number - 1) % 26) * ((number - 1) // 26 + 1) if 0 < number < 200 else str(number)


def _roman(number: int) -> str:
    if not 0 < number < 100:
        return str(number)
    tens, ones = divmod(number, 10)
    return ["", "X", "XX", "XXX", "XL", "L", "LX", "LXX", "LXXX", "XC"][tens] + [
        "", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"
    ][ones]  # fmt: skip


def _circled(number: int) -> str:
    return chr(0x2460 + number - 1) if 0 < number <= 20 else str(number)


_WRITTEN: dict[str, Callable[[int], str]] = {
    "upperLetter": _letter,
    "lowerLetter": lambda n: _letter(n).lower(),
    "upperRoman": _roman,
    "lowerRoman": lambda n: _roman(n).lower(),
    "decimalEnclosedCircle": _circled,
    "decimalEnclosedCircleChinese": _circled,
    "decimalEnclosedParen": lambda n: f"（{n}）",
    "decimalEnclosedFullstop": lambda n: f"{n}.",
    "decimalZero": lambda n: f"{n:02d}",
    **dict.fromkeys(
        (
            "chineseCounting",
            "chineseCountingThousand",
            "taiwaneseCounting",
            "taiwaneseCountingThousand",
            "japaneseCounting",
            "ideographDigital",
        ),
        han,
    ),
}
_SILENT = frozenset({"bullet", "none"})


@dataclass(frozen=True)
class _Level:
    kind: str = "decimal"
    text: str = ""
    start: int = 1


def _number(node: Any, default: int) -> int:
    value = "" if node is None else node.get(VAL, "")
    return int(value) if value.lstrip("-").isascii() and value.isdigit() and len(value) < 6 else default


def _level(node: Any) -> _Level:
    kind, text = node.find(f"{W}numFmt"), node.find(f"{W}lvlText")
    return _Level(
        "decimal" if kind is None else kind.get(VAL, "decimal"),
        "" if text is None else text.get(VAL, ""),
        _number(node.find(f"{W}start"), 1),
    )


@dataclass
class Numbers:
    """The lists of a document and how far each has counted."""

    lists: dict[str, tuple[str, dict[int, _Level], dict[int, int]]] = field(default_factory=dict)
    """By list number: the shared list below it, its levels, and where levels begin anew."""
    styles: dict[str, tuple[str, int]] = field(default_factory=dict)
    counted: dict[str, dict[int, int]] = field(default_factory=dict)
    restarted: set[tuple[str, int]] = field(default_factory=set)

    @classmethod
    def of(cls, numbering: Any | None, styles: Any | None) -> Numbers:
        """From the roots of ``numbering.xml`` and ``styles.xml``."""
        made = cls()
        if numbering is not None:
            shared = {
                one.get(f"{W}abstractNumId", ""): {
                    _number_of(lvl): _level(lvl) for lvl in one.findall(f"{W}lvl")
                }
                for one in numbering.findall(f"{W}abstractNum")
            }
            for num in numbering.findall(f"{W}num"):
                below = num.find(f"{W}abstractNumId")
                name = "" if below is None else below.get(VAL, "")
                levels, starts = dict(shared.get(name, {})), {}
                for change in num.findall(f"{W}lvlOverride"):
                    at = _number_of(change)
                    if (lvl := change.find(f"{W}lvl")) is not None:
                        levels[at] = _level(lvl)
                    if (start := change.find(f"{W}startOverride")) is not None:
                        starts[at] = _number(start, 1)
                made.lists[num.get(f"{W}numId", "")] = (name, levels, starts)
        if styles is not None:
            made.styles = dict(_numbered_styles(styles))
        return made

    def label(self, properties: Any | None) -> str:
        """The number that stands before a paragraph with these properties, "" if none; counts it."""
        if properties is None or not self.lists:
            return ""
        found, level = "", 0
        style = properties.find(f"{W}pStyle")
        if style is not None:
            found, level = self.styles.get(style.get(VAL, ""), ("", 0))
        if (own := properties.find(f"{W}numPr")) is not None:
            number, depth = own.find(f"{W}numId"), own.find(f"{W}ilvl")
            found = found if number is None else number.get(VAL, "")
            level = min(max(_number(depth, level), 0), MAX_LEVELS - 1)
        if found not in self.lists:
            return ""
        name, levels, starts = self.lists[found]
        if level not in levels:
            return ""
        counted = self.counted.setdefault(name, {})
        if level in starts and (found, level) not in self.restarted:
            self.restarted.add((found, level))
            counted[level] = starts[level]
        elif level in counted:
            counted[level] += 1
        else:
            counted[level] = levels[level].start
        for deeper in range(level + 1, MAX_LEVELS):
            counted.pop(deeper, None)
        if levels[level].kind in _SILENT:
            return ""
        text = levels[level].text[:40]
        for at in range(level + 1):
            if f"%{at + 1}" in text:
                one = levels.get(at, _Level())
                count = counted.get(at, one.start)
                text = text.replace(f"%{at + 1}", _WRITTEN.get(one.kind, str)(count))
        return text.strip()


def _number_of(node: Any) -> int:
    value = node.get(f"{W}ilvl", "0")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 3 else 0


def _numbered_styles(styles: Any) -> Iterator[tuple[str, tuple[str, int]]]:
    """Styles that number their paragraphs, through the styles that they rest on."""
    own: dict[str, tuple[str, int]] = {}
    below: dict[str, str] = {}
    for style in styles.findall(f"{W}style"):
        name = style.get(f"{W}styleId", "")
        number = style.find(f"{W}pPr/{W}numPr/{W}numId")
        if number is not None:
            own[name] = number.get(VAL, ""), max(_number(style.find(f"{W}pPr/{W}numPr/{W}ilvl"), 0), 0)
        based = style.find(f"{W}basedOn")
        if based is not None:
            below[name] = based.get(VAL, "")
    for name in {*own, *below}:
        at = name
        for _step in range(10):
            if at in own:
                yield name, own[at]
                break
            if at not in below:
                break
            at = below[at]
