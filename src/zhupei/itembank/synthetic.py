"""Banks made by chance, for scale: they read like items, say nothing, and are labelled synthetic in every stem.

Never loaded into an official bank: for load, benchmarks and trials of the assembly only.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from .choices import ItemKind, Level
from .rules import TRUE_FALSE_OPTIONS, ItemText, Question, lettered

LABEL = "〔合成题〕"
KINDS = {ItemKind.SINGLE: 45, ItemKind.MULTIPLE: 20, ItemKind.TRUE_FALSE: 30, ItemKind.CASE: 5}
LEVELS = {Level.MASTER: 50, Level.FAMILIAR: 33, Level.KNOW: 17}
MEAN, SPREAD, LOWEST, HIGHEST = 0.68, 0.16, 0.20, 0.95
"""Of the expected share of right answers: about what judged banks show."""
SUBJECTS = (
    "混凝土", "钢筋", "模板", "脚手架", "防水卷材", "砌体", "基坑支护", "塔式起重机", "临时用电", "高处作业", "砂浆", "桩基",
    "回填土", "钢结构焊缝", "预应力筋", "施工缝", "保温层", "抹灰层", "灌注桩", "吊装索具", "后浇带", "屋面找平层",
    "施工升降机", "幕墙龙骨", "地下连续墙", "降水井",
)  # fmt: skip
PLACES = (
    "在冬期施工中", "在雨期施工前", "在验收时", "在进场检验时", "在隐蔽工程验收前", "在浇筑完毕后", "在拆除前", "在安装过程中",
    "在专项方案中", "在技术交底时", "在资料归档时", "在质量检查中", "在安全巡查时", "在样板间施工时", "在夜间作业时",
)  # fmt: skip
ASPECTS = (
    "养护时间", "搭接长度", "允许偏差", "抽样数量", "间距", "保护层厚度", "验收程序", "责任人员", "检查频次", "强度要求",
    "含水率", "施工顺序", "旁站要求", "警戒距离", "荷载限值", "坡度", "留置位置", "复验项目", "记录内容", "交接手续",
)  # fmt: skip
VERBS = (
    "应符合",
    "不得低于",
    "宜控制在",
    "一般不超过",
    "应当按照",
    "通常取",
    "不应大于",
    "应满足",
    "须达到",
    "可采用",
)
UNITS = ("mm", "m", "d", "h", "MPa", "%", "℃", "kN", "次", "处", "遍", "组")


@dataclass(frozen=True)
class Synthetic:
    """One synthetic item and where it belongs."""

    uid: str
    chapter: str
    text: ItemText


def _phrase(chance: random.Random) -> str:
    return (
        f"{chance.choice(PLACES)}，{chance.choice(SUBJECTS)}的{chance.choice(ASPECTS)}{chance.choice(VERBS)}"
        f"{chance.randint(1, 999)}{chance.choice(UNITS)}"
    )


def _question(chance: random.Random, kind: str, label: str) -> Question:
    if kind == ItemKind.TRUE_FALSE:
        return Question(kind, f"{label}{_phrase(chance)}。", TRUE_FALSE_OPTIONS, (chance.choice("tf"),))
    count = 4 if kind == ItemKind.SINGLE else 5
    texts: list[str] = []
    while len(texts) < count:
        text = (
            f"{chance.choice(SUBJECTS)}{chance.choice(VERBS)}{chance.randint(1, 9999)}{chance.choice(UNITS)}"
        )
        if text not in texts:
            texts.append(text)
    right = 1 if kind == ItemKind.SINGLE else chance.randint(2, 4)
    answer = tuple(sorted(chance.sample("abcde"[:count], right)))
    stem = f"{label}{_phrase(chance)}，下列关于{chance.choice(ASPECTS)}的说法正确的是（  ）。"
    return Question(kind, stem, lettered(texts), answer)


def items(
    count: int, *, weights: Mapping[str, float], seed: int = 1, prefix: str = "SYN"
) -> Iterator[Synthetic]:
    """``count`` items over the chapters of ``weights``, in a mix of kinds, levels and difficulties like that of judged banks.

    The same ``count``, ``weights`` and ``seed`` give the same items.
    """
    chance = random.Random(f"{seed}/{count}")  # noqa: S311 - for scale, never for a real draw
    for n in range(count):
        kind = chance.choices(list(KINDS), list(KINDS.values()))[0]
        chapter = chance.choices(list(weights), list(weights.values()))[0]
        share = min(HIGHEST, max(LOWEST, chance.gauss(MEAN, SPREAD)))
        common = {
            "level": chance.choices(list(LEVELS), list(LEVELS.values()))[0].value,
            "explanation": f"{LABEL}本题由程序随机生成，仅用于规模试验。",
            "basis": f"{LABEL}GB {chance.randint(50000, 50999)}-{chance.randint(2008, 2024)}",
            "difficulty": Decimal(f"{share:.3f}"),
        }
        if kind == ItemKind.CASE:
            kinds = chance.choices((ItemKind.SINGLE, ItemKind.MULTIPLE, ItemKind.TRUE_FALSE), k=2 + n % 2)
            text = ItemText(
                kind=kind,
                stem=f"{LABEL}某工程{_phrase(chance)}；{_phrase(chance)}。",
                children=tuple(_question(chance, one.value, "") for one in kinds),
                **common,  # type: ignore[arg-type]
            )
        else:
            one = _question(chance, kind.value, LABEL)
            text = ItemText(kind=kind.value, stem=one.stem, options=one.options, answer=one.answer, **common)  # type: ignore[arg-type]
        yield Synthetic(f"{prefix}-{n + 1:06d}", chapter, text)
