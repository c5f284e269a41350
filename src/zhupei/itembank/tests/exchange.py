"""Items for the tests of the exchange formats: texts full of what the formats reserve, and how to send one there and back."""

from __future__ import annotations

import io
import multiprocessing
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import ModuleType

from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from PIL import Image

from zhupei.itembank.formats.common import FileRefused, Outgoing
from zhupei.itembank.media import picture_of
from zhupei.itembank.rules import TRUE_FALSE_OPTIONS, ItemText, Question, faults_of, lettered
from zhupei.kernel import richtext

MANY = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
DATA = Path(__file__).parent / "data"


def png(colour: str = "red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (3, 2), colour).save(out, "PNG")
    return out.getvalue()


PICTURES = {one.digest: (one.content_type, one.data) for one in (picture_of(png()), picture_of(png("blue")))}
MARKUP = [f"![示意图](media:{digest})" for digest in PICTURES] + [
    r"\(x^{2}\)",
    r"\(\frac{a}{b}\leq 3\)",
    r"\[E=mc^2\]",
]
WORDS = [
    "钢筋",
    "混凝土 C30",
    "《条例》第十二条",
    "安全帽",
    "a",
    "word",
    "3.5 m",
    "①",
    "“引号”",
    "（　　）",
    "😀",
]
_RESERVED = (
    "{ } ~ = # : :: -> %50% [html] [plain] < <b> </p> & &amp; &#60; ]]> $$x$$ // \\ \\n \\{ $CATEGORY: ANSWER: A. B) a|b"
    " <!-- --> ' \" ; media: #### {T} @@PLUGINFILE@@ \\frac * _ ` & [tag:a] - 1."
)
SIGNS = _RESERVED.split()


def _lines(text: str) -> str:
    return "\n".join(line.strip() for line in text.split("\n")).strip()


def texts(*, lines: bool = True, markup: bool = True, pictures: bool = True) -> st.SearchStrategy[str]:
    """Texts as the bank holds them: no line starts or ends with a space."""
    pieces = [*WORDS, *SIGNS, " ", "  "]
    if lines:
        pieces += ["\n", "\n\n"]
    if markup:
        pieces += [one for one in MARKUP if pictures or "media:" not in one]
    made = st.lists(st.sampled_from(pieces), min_size=1, max_size=8).map("".join)
    return made.map(_lines).filter(lambda text: bool(text) and not richtext.faults(text))


TABLE = "| 项目 | 数值 \\| 单位 |\n| --- | --- |\n| a < b | \\(x|y\\) |\n| 强度 |  |"


def stems(**how: bool) -> st.SearchStrategy[str]:
    """Stems, some with a table."""
    plain = texts(**how)
    if how.get("lines", True) and how.get("markup", True):
        return st.one_of(plain, st.tuples(plain, plain).map(lambda two: f"{two[0]}\n{TABLE}\n{two[1]}"))
    return plain


@st.composite
def questions(draw: st.DrawFn, kinds: tuple[str, ...], **how: bool) -> Question:
    kind = draw(st.sampled_from(kinds))
    stem = draw(stems(**how))
    explanation = draw(st.one_of(st.just(""), stems(**how)))
    if kind == "true_false":
        return Question(kind, stem, TRUE_FALSE_OPTIONS, (draw(st.sampled_from("tf")),), (), explanation)
    said = draw(st.lists(texts(**how), min_size=3, max_size=6, unique=True))
    options = lettered(said)
    ids = [id_ for id_, _text in options]
    most = 1 if kind == "single" else len(ids) - 1
    answer = draw(st.sets(st.sampled_from(ids), min_size=min(2, most), max_size=most))
    anchored = draw(st.sets(st.sampled_from(ids), max_size=2))
    return Question(kind, stem, options, tuple(sorted(answer)), tuple(sorted(anchored)), explanation)


@st.composite
def outgoing(draw: st.DrawFn, kinds: tuple[str, ...], **how: bool) -> Outgoing:
    """Items with every field filled or not."""
    fields = {
        "level": draw(st.sampled_from(["掌握", "熟悉", "了解"])),
        "basis": " ".join(
            draw(st.one_of(st.just(""), texts(lines=False, markup=False))).replace("\\", "").split()
        )
        * 5,
        "difficulty": draw(st.sampled_from([None, Decimal("0.5"), Decimal("0.125")])),
        "valid_to": draw(st.sampled_from([None, date(2027, 3, 31)])),
    }
    if draw(st.sampled_from(kinds)) == "case":
        children = draw(
            st.lists(questions(("single", "multiple", "true_false"), **how), min_size=2, max_size=4)
        )
        text = ItemText(
            "case",
            draw(stems(**how)),
            children=tuple(children),
            explanation=draw(st.sampled_from(["", "总的说明"])),
            **fields,
        )
    else:
        one = draw(questions(tuple(kind for kind in kinds if kind != "case"), **how))
        text = ItemText(
            one.kind, one.stem, options=one.options, answer=one.answer, anchored=one.anchored,
            explanation=one.explanation, **fields,
        )  # fmt: skip
    assume(not faults_of(text))
    return Outgoing(
        uid=draw(st.sampled_from(["D-101-0001", "x.y_z", "题 7"])),
        subject=draw(st.sampled_from(["general", "professional"])),
        chapter=draw(st.sampled_from(["101-1-3", ""])),
        post_codes=draw(st.sampled_from([("101",), ("101", "205"), ()])),
        text=text,
        media=PICTURES,
    )


def picture_item() -> Outgoing:
    """An item with a picture."""
    text = ItemText("single", MARKUP[0], "掌握", lettered(["甲", "乙"]), ("a",))
    return Outgoing("P-1", "", "", (), text, PICTURES)


def there_and_back(module: ModuleType, items: list[Outgoing]) -> None:
    """Every item comes back as it was, fields, key and pictures, and its file is known by its own format alone."""
    data = module.write(items)
    assert module.sniff(data, f"x{module.EXTENSIONS[0]}")
    reading = module.read(data, name=f"x{module.EXTENSIONS[0]}")
    assert (reading.refused, reading.notes, dict(reading.unsupported)) == ([], [], {})
    assert set(reading.media.pictures) <= set(PICTURES)
    assert [draft.text for draft in reading.drafts] == [item.text for item in items]
    for draft, item in zip(reading.drafts, items, strict=True):
        assert (draft.uid, draft.subject, draft.chapter, draft.post_codes) == (
            item.uid,
            item.subject,
            item.chapter,
            item.post_codes,
        )


def _in_child(read: Callable[[bytes], object], data: bytes, channel: object) -> None:
    def peak() -> int:
        status = Path("/proc/self/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])

    before, start = peak(), time.process_time()
    try:
        reading = read(data)
        said = (len(reading.drafts), [one.reason for one in reading.refused][:5], len(reading.refused))  # type: ignore[attr-defined]
    except FileRefused as error:
        said = error.code  # type: ignore[assignment]
    channel.send((said, time.process_time() - start, (peak() - before) / 1024))  # type: ignore[attr-defined]


def bounded(
    read: Callable[[bytes], object], data: bytes, *, seconds: float = 5, megabytes: float = 700
) -> object:
    """What ``read`` says of ``data`` in a process of its own: the code of a refusal, or (drafts, reasons, refused).

    Fails if it takes more processor time or memory, or ends otherwise.
    """
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=_in_child, args=(read, data, theirs))
    child.start()
    theirs.close()
    try:
        assert ours.poll(60), "it does not end"
        said, took, grown = ours.recv()
    finally:
        child.kill()
        child.join()
    assert took < seconds, f"{took:.1f} s"
    assert grown < megabytes, f"{grown:.0f} MB"
    return said
