"""The words and signs by which Chinese question papers are laid out: headings, numbers, options, answers, fields.

Everything is matched on ``folded`` text, which is as long as the text itself, so that places found in it hold in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from zhupei.itembank.choices import ItemKind

GUARD = "\u2060"
"""Word joiner: our writer puts it before text that only looks like structure. A line that begins with it goes on with the
text before; a text that holds it is taken as it is."""
_FOLD = {0xFF01 + n: 0x21 + n for n in range(94)} | {
    0x3000: " ",
    0xA0: " ",
    0x2003: " ",
    0x2002: " ",
    0x09: " ",
}
_FOLD |= {ord(a): ord(b) for a, b in zip("﹙﹚〔〕✓✔✗✘╳Х", "()()√√××××", strict=True)}


def folded(text: str) -> str:
    """``text`` with full-width letters, digits and brackets as plain ones, sign for sign."""
    return text.translate(_FOLD)


HAN = "一二三四五六七八九十"
_PREFIX = (
    rf"(?:第?[{HAN}]{{1,3}}(?:部分|大题|篇|节)?|第?\d{{1,2}}(?:部分|大题)|\([{HAN}]{{1,3}}\)|\d{{1,2}}"
    r"|[IVXⅠⅡⅢⅣⅤⅥ]{1,4})"
)
_KIND = (
    "(?P<single>单项选择|单选)|(?P<multiple>多项选择|多选)|(?P<true_false>判断|是非|正误)"
    "|(?P<case>案例分析|案例|综合分析|综合|情景)|(?P<any>不定项选择|不定项|选择)"
    "|(?P<other>简答|论述|问答|名词解释|填空|连线|匹配|配对|排序|计算|作图|绘图|识图|画图|应用|实操|改错|解答)"
)
_TAIL = re.compile(
    r"\s*[:。]?\s*(?:\([^()]*(?:\([^()]*\)[^()]*)*\)?|[【\[][^】\]]*[】\]]?|共.*|每.*|本.*|有.*|答题.*|,.*)?\s*[:。]?\s*"
)
_HEADING = re.compile(
    rf"\s*[【\[<《(]?\s*(?:{_PREFIX}\s*[、.:)\s]\s*)?(?P<named>题型\s*:\s*)?[【\[<《(]?\s*(?:{_KIND})(?P<word>选择题|试题|题)?"
    r"(?:部分|库|类)?\s*(?P<answers>(?:参考|标准|正确)?答案(?:及解析|与解析|和解析)?)?\s*[】\]>)》]?(?P<tail>.*)"
)
_ENUMERATED = re.compile(rf"\s*\(?[{HAN}\d]{{1,3}}\)?\s*[:.、]?\s*")
_TITLE = re.compile(rf"[^。?,;:()]{{0,30}}?(?:{_KIND})题(?:库|集|部分)?\s*(?:\([^()]*\))?\s*")
_CHAPTER = re.compile(rf"\s*第\s*([{HAN}百\d]{{1,4}})\s*章(?:[\s、.:]*)(.{{0,60}})")
_ANSWERS = re.compile(
    rf"\s*[【\[]?\s*(?:{_PREFIX}\s*[、.:]\s*)?(?:附\s*:?\s*|试题|本卷)?(?:参考|标准|正确)?答案(?:汇总|部分|表)?"
    r"(?:\s*(?:及|与|和)?\s*(?:解析|评分标准|详解))?\s*[】\]]?\s*:?\s*"
)


@dataclass(frozen=True)
class Heading:
    """What a heading says of the questions below it."""

    kind: str = ""
    """Empty where it does not say one of our kinds."""
    other: str = ""
    """The name of a kind that the bank does not have."""
    answers: bool = False
    """Answers stand below, not questions."""


def _heading_of(found: re.Match[str], answers: bool = False) -> Heading:
    for kind in ItemKind.values:
        if found.groupdict().get(kind):
            return Heading(kind, "", answers)
    other = found.groupdict().get("other")
    return Heading("", f"{other}题" if other else "", answers)


def heading(text: str) -> Heading | None:
    """The heading of a section of questions of one kind, or of a list of answers; None for any other line."""
    if len(text) > 160 or not text.strip():
        return None
    if _ANSWERS.fullmatch(text):
        return Heading(answers=True)
    found = _HEADING.fullmatch(text)
    if found and _TAIL.fullmatch(found["tail"]) and not re.search(r"\(\s*\)", found["tail"]):
        made = _heading_of(found, bool(found["answers"]))
        sure = found["word"] or found["named"] or made.answers
        short = not found["tail"].strip(" :。") and made.kind and len(text.strip(" 【】[]()<>《》:。")) <= 10
        if made.kind == ItemKind.CASE and _ENUMERATED.fullmatch(found["tail"]):
            return None  # 案例题（一） is a case, not a section
        return made if sure or short else None
    return None


def title(text: str) -> Heading | None:
    """A heading within a title, such as 土建施工员单项选择题库."""
    found = _TITLE.fullmatch(text) if len(text) < 80 else None
    return _heading_of(found) if found else None


def chapter_heading(text: str) -> str:
    """The number of the chapter that a line announces, as written; "" if it is no such line."""
    found = _CHAPTER.fullmatch(text)
    return found[1] if found and not re.search(r"[。?()]|条", found[2]) else ""


FIELDS: dict[str, str] = {}
for _name, _words in {
    "answer": "正确答案为 正确答案是 答案为 答案是 参考答案 正确答案 标准答案 本题答案 答案 答",
    "explanation": "答案解析 试题解析 题目解析 解析 解答 分析 详解 解题思路",
    "basis": "命题依据 法规依据 规范依据 依据 出处",
    "valid_to": "依据有效至 有效至 有效期至",
    "difficulty": "难度系数 难易程度 难易度 预计难度 难度",
    "chapter": "知识点/章节 所属章节 知识点 章节 考核点 考点 大纲章节",
    "level": "掌握程度 认知层次 程度",
    "uid": "试题编号 题目编号 题号",
    "subject": "所属科目 科目",
    "posts": "适用岗位 岗位",
    "kind": "试题类型 题型",
    "anchored": "固定选项",
}.items():
    FIELDS |= dict.fromkeys(_words.split(), _name)
_NAMES = "|".join(sorted(FIELDS, key=len, reverse=True))
_FIELD = re.compile(rf"\s*(?:[【\[]\s*(?P<b>{_NAMES})\s*[】\]]\s*:?|(?P<p>{_NAMES})\s*:)\s*")
_BARE_ANSWER = re.compile(
    r"\s*(?:参考|正确|标准)?(?P<p>答案)\s*(?:是|为)?\s*(?=(?:[A-H][、,\s]*){1,8}$|[√×]$|正确$|错误$)"
)
_FIELD_INSIDE = re.compile(rf"[【\[]\s*(?P<b>{_NAMES})\s*[】\]]\s*:?\s*|(?<=[\s;。])(?P<p>{_NAMES})\s*:\s*")
_ANSWER_INSIDE = re.compile(
    r"\(\s*(?:参考|正确|标准)?答案\s*:?\s*(?P<answer>(?:[A-H][\s、,]*){1,8}|√|×|对|错|正确|错误)\s*\)"
)


def fields_in(text: str, *, inside: bool = False) -> list[tuple[str, int, int]]:
    """Fields of a line as (field, start of its name, start of its value). Unless ``inside``, the first one begins the line."""
    found: list[tuple[str, int, int]] = []
    at = 0
    if not inside:
        first = _FIELD.match(text) or _BARE_ANSWER.match(text)
        if first is None:
            return []
        groups = first.groupdict()
        found.append((FIELDS[groups.get("b") or groups["p"]], 0, first.end()))
        at = first.end()
    for one in _FIELD_INSIDE.finditer(text, at):
        name = one["b"] or one["p"]
        if inside and not found and not one["b"] and FIELDS[name] not in ("answer", "explanation"):
            continue  # within a stem or option only an answer may follow on the line
        if name == "答" and not one["b"]:
            continue
        found.append((FIELDS[name], one.start(), one.end()))
    return found


def names_a_field(text: str) -> bool:
    """Somewhere in the line stands a name with its colon or brackets."""
    return _FIELD.match(text) is not None or _FIELD_INSIDE.search(text) is not None


def answer_in_brackets(text: str) -> re.Match[str] | None:
    """（答案：B） within a stem."""
    return _ANSWER_INSIDE.search(text)


_LETTERS = r"[A-H](?:[\s、,;/和]*[A-H]){0,7}"
_TRUTH = "√|×|正确|错误|对|错"
_QUESTION = re.compile(
    rf"\s*(?:\(\s*(?P<pre>{_LETTERS}|{_TRUTH}|[VXTF])?\s*\)\s*)?"
    r"(?:第\s*(?P<di>\d{1,5})\s*题\s*[.、:]?|(?P<sub>小题|问题|第)\s*(?P<sn>\d{1,3})\s*(?:小题|问)?\s*[.、:]"
    r"|(?P<dot>\d{1,5})\s*(?:、|:(?!\d)|\.(?!\d))|(?P<tight>\d{1,5})\.(?=\d)|\(\s*(?P<paren>\d{1,5})\s*\)\s*[.、]?"
    r"|(?P<right>\d{1,5})\s*\)|(?P<circle>[①-⑳])|(?P<bare>\d{1,5})\s+(?=[^\s\d.,%~-]))\s*"
)


@dataclass(frozen=True)
class Numbered:
    """The number that begins a question, and how it is written."""

    style: str
    number: int
    end: int
    bracket: str = ""
    """An answer in brackets before the number."""


def numbered(text: str) -> Numbered | None:
    found = _QUESTION.match(text)
    if found is None:
        return None
    for style in ("dot", "tight", "bare", "paren", "right", "di", "sn"):
        if found[style]:
            name = {"tight": "tight", "bare": "bare"}.get(style, style)
            return Numbered(name, int(found[style]), found.end(), found["pre"] or "")
    return Numbered("circle", ord(found["circle"]) - 0x245F, found.end(), found["pre"] or "")


_CASE = re.compile(
    rf"\s*[【\[(]?\s*(?P<what>事故案例|案例背景|案例分析题?|案例题?|综合分析题|综合题|背景资料|背景材料|背景|材料)\s*"
    rf"(?P<no>\(?[{HAN}\d]{{1,3}}\)?)?\s*(?P<close>[】\])])?\s*(?P<colon>[:、.])?\s*"
)
_HAN_PAREN = re.compile(rf"\s*(?:\(([{HAN}]{{1,3}})\)\s*[.、]?|([{HAN}]{{1,3}})\s*、)\s*")


def case_mark(text: str) -> tuple[str, bool, int] | None:
    """A word that begins a case, as (word, whether it has a number of its own, where the text goes on)."""
    found = _CASE.match(text)
    if found is None or not (found["no"] or found["close"] or found["colon"] or found.end() == len(text)):
        return None
    return found["what"], bool(found["no"]), found.end()


def han_paren(text: str) -> int:
    """Where the text goes on after （一） or 一、; 0 if the line does not begin so."""
    found = _HAN_PAREN.match(text)
    return found.end() if found else 0


SKIPPED = re.compile(r"\s*(?:问题|试题|题目|要求)\s*:?\s*")
"""A line that only announces the sub-questions of a case."""
_TAG = re.compile(rf"[\[【(]\s*(?:{_KIND})(?:题)?\s*(?:,?\s*(?:共)?[\d.]+\s*分)?\s*[\]】)]")


def kind_tag(text: str) -> tuple[Heading, int, int] | None:
    """（单选题） at the beginning or end of a stem, with its place."""
    first = _TAG.match(text.lstrip())
    if first:
        shift = len(text) - len(text.lstrip())
        return _heading_of(first), shift, first.end() + shift
    for one in _TAG.finditer(text):
        if not text[one.end() :].strip():
            return _heading_of(one), one.start(), one.end()
    return None


_OPTION = re.compile(r"\s*(?:\(\s*([A-Ha-h])\s*\)\s*[.、:]?|([A-Ha-h])\s*[.、:)])\s*")
_BARE_OPTION = re.compile(r"\s*([A-H])\s+(?=\S)")


def option(text: str) -> tuple[str, int] | None:
    """The letter that begins an option and where its text does."""
    found = _OPTION.match(text)
    return ((found[1] or found[2]).upper(), found.end()) if found else None


def bare_option(text: str) -> tuple[str, int] | None:
    """``A 甲``: a letter and a space, which is an option only where others follow."""
    found = _BARE_OPTION.match(text)
    return (found[1], found.end()) if found else None


def _next(letter: str, how: str) -> re.Pattern[str]:
    mark = rf"(?:\(\s*[{letter}{letter.lower()}]\s*\)\s*[.、:]?|{letter}\s*[.、:)])"
    before = {
        "space": r"(?:(?<=\s)|(?<=[;。]))",
        "loose": r"(?<![A-Za-z0-9(、和或及与])",
        "bare": r"(?<=\s)",
    }[how]
    return re.compile(before + (rf"{letter}(?=\s)" if how == "bare" else mark) + r"\s*")


_PATTERNS = {(letter, how): _next(letter, how) for letter in "ABCDEFGH" for how in ("space", "loose", "bare")}


def split_options(
    text: str, letter: str, start: int, how: str, last: str = "H"
) -> list[tuple[str, int, int]]:
    """Options of one line from the one whose text begins at ``start``, as (letter, from, to)."""
    spans = []
    while True:
        following = chr(ord(letter) + 1)
        found = None
        if following <= last:
            found = _PATTERNS[following, how].search(text, start)
        if found is None or not text[start : found.start()].strip():
            spans.append((letter, start, len(text)))
            return spans
        spans.append((letter, start, found.start()))
        letter, start = following, found.end()


_FIRST_INSIDE = re.compile(r"(?:(?<=[\s)。?？:;])|(?<=_))(?:\(\s*A\s*\)|A\s*[.、:)])\s*(?=\S)")


def options_inside(text: str) -> int:
    """Where the options of a stem's own line begin; -1 if there are none."""
    for found in _FIRST_INSIDE.finditer(text):
        if len(split_options(text, "A", found.end(), "space")) > 1:
            return found.start()
        if len(split_options(text, "A", found.end(), "loose")) > 2:
            return found.start()
    return -1


_IN_BRACKETS = re.compile(rf"\(\s*({_LETTERS})\s*\)")
_TRUTH_AT_END = re.compile(rf"\(\s*({_TRUTH}|[VXTFvx])\s*\)\s*([。.;]?)\s*$")
_TRUTH_AT_START = re.compile(rf"^\s*\(\s*({_TRUTH}|[VXTFvx])\s*\)\s*")


def letters_in_brackets(text: str) -> list[re.Match[str]]:
    return list(_IN_BRACKETS.finditer(text))


def truth_in_brackets(text: str) -> re.Match[str] | None:
    """√ or × in the brackets at the end or beginning of a statement."""
    return _TRUTH_AT_END.search(text) or _TRUTH_AT_START.match(text)


_ANSWER = re.compile(rf"\s*(?P<letters>{_LETTERS})(?=$|[\s。.;,、:(])(?P<rest>.*)", re.DOTALL)
_ANSWER_TRUTH = re.compile(rf"\s*(?P<letters>{_TRUTH}|[VXTFYN])(?=$|[\s。.;,、:(])(?P<rest>.*)", re.DOTALL)


def answer_of(text: str) -> tuple[str, str] | None:
    """An answer as (letters or a word for true or false, what stands behind it)."""
    found = _ANSWER_TRUTH.match(text) or _ANSWER.match(text) or _ANSWER.match(text.upper())
    if found is None or (
        found["rest"].strip() and found["letters"] in ("对", "错") and found["rest"][0] not in " 。.;,"
    ):
        return None
    return re.sub(r"[\s、,;/和]", "", found["letters"]), found["rest"].strip(" 。.;,、:")


_NUMBER = re.compile(
    r"[\s,;、。]*(?:第\s*)?\(?\s*(?P<first>\d{1,5})\s*(?:题)?\s*(?:[-—–~至]+\s*(?P<last>\d{1,5}))?\s*(?:题)?\s*\)?\s*[.、:]?\s*"
)
_ONE = rf"(?:[A-H]+|{_TRUTH}|T)"
_PAYLOAD = re.compile(rf"{_ONE}(?:[\s,;、/]*{_ONE})*(?![a-zA-Z])")
_WORDS = re.compile(_ONE)


def answers_in(text: str) -> list[tuple[int, int, str]] | None:
    """``1-5 ABCDA 6.ABD 7.√`` as (number, number of the sub-question or 0, answer); None if the line says anything else."""
    text = text.strip().strip("【】[]")
    found: list[tuple[int, int, str]] = []
    at = group = 0
    while at < len(text):
        if not text[at:].strip(" ,;、。."):
            break
        number = _NUMBER.match(text, at)
        if number is None:
            return None
        first, last = int(number["first"]), int(number["last"] or number["first"])
        payload = _PAYLOAD.match(text, number.end())
        if payload is None:
            if text[number.end() : number.end() + 1] == "(" and first == last and "(" not in number[0]:
                group, at = first, number.end()
                continue
            return None
        words = _WORDS.findall(payload[0])
        if first == last:
            answers = ["".join(words)] if len(words) == 1 or all(len(w) == 1 for w in words) else []
        else:
            answers = list(_spread(words, last - first + 1))
        if not answers:
            return None
        inner = "(" in number[0] and group
        for n, answer in enumerate(answers, first):
            found.append((group, n, answer) if inner else (n, 0, answer))
        if not inner:
            group = 0
        at = payload.end()
    return found or None


def _spread(words: list[str], count: int) -> Iterator[str]:
    """``count`` answers from words: one each, or one letter each."""
    if not 0 < count <= 500:
        return
    if len(words) != count:
        signs = "".join({"正确": "√", "错误": "×"}.get(word, word) for word in words)
        words = list(signs)
    if len(words) == count:
        yield from words


_ANSWER_LINE = re.compile(
    rf"\s*(?:第\s*)?\(?(?P<n>\d{{1,5}})\s*题?\)?\s*[.、:)]?\s*(?:[【\[]?(?:参考|正确)?答案?[】\]]?\s*:?\s*)?"
    rf"(?P<answer>{_LETTERS}|{_TRUTH}|[TVX])(?=$|[\s。.;,、:(【\[])\s*[。.;,、:]?\s*(?P<rest>.*)"
)


def answer_line(text: str) -> tuple[int, str, int] | None:
    """``3.【答案】B【解析】…`` of a list of answers, as (number, answer, where the rest begins)."""
    found = _ANSWER_LINE.fullmatch(text)
    if found is None:
        return None
    return int(found["n"]), re.sub(r"[\s、,;/和]", "", found["answer"]), found.start("rest")
