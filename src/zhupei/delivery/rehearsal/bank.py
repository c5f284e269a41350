"""Invented items of realistic number, form and length: what rehearsal papers are drawn from. Nothing here is a real item.

The bank follows from a seed alone, so that whoever plays a rehearsal knows every key without being told.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from zhupei.delivery.formats.papers import Child, ChildKind, Key, Kind, Option, Unit, slot_key

LETTERS = {"general": "G", "professional": "P"}
TITLES = {"general": "通用知识", "professional": "专业知识"}
SECTIONS: tuple[tuple[Kind, str, int, Decimal], ...] = (
    ("single", "单项选择题", 20, Decimal("1.5")),
    ("multiple", "多项选择题", 10, Decimal("3")),
    ("true_false", "判断题", 12, Decimal("1")),
    ("case", "综合题", 2, Decimal("3.5")),
)
"""Kind, title, units on a paper, marks of a slot: 50 slots and 100 marks a subject."""
TIMES = 20
"""How many times as many items as one paper needs."""
CASE_CHILDREN: tuple[ChildKind, ...] = ("single", "single", "multiple", "true_false")
SLOTS = sum(count * (len(CASE_CHILDREN) if kind == "case" else 1) for kind, _, count, _ in SECTIONS)
"""Questions of a paper."""

_TOPICS = (
    "《建设工程安全生产管理条例》", "《建筑施工高处作业安全技术规范》", "《混凝土结构工程施工质量验收规范》",
    "《建设工程质量管理条例》", "《施工现场临时用电安全技术规范》", "《建筑施工扣件式钢管脚手架安全技术规范》",
    "《建筑工程施工质量验收统一标准》", "《危险性较大的分部分项工程安全管理规定》",
)  # fmt: skip
_SCENES = (
    "基坑支护与土方开挖", "模板支撑体系搭设", "塔式起重机安装与顶升", "卸料平台吊装", "混凝土浇筑与养护",
    "外墙保温与防火隔离", "施工升降机日常检查", "临边洞口防护", "钢筋进场复试与见证取样", "地下室防水卷材铺贴",
    "砌体结构拉结筋设置", "配电箱与开关箱管理",
)  # fmt: skip
_ACTORS = (
    "施工单位项目负责人",
    "专职安全生产管理人员",
    "总监理工程师",
    "施工员",
    "质量员",
    "班组长",
    "材料员",
    "建设单位项目负责人",
)
_ASKS = (
    "下列做法中符合规定的是（　）。", "在自然气温高于 {n} ℃ 的条件下，应当首先采取的措施是（　）。",
    "发现监测数据连续 {n} 天超过预警值时，正确的处理是（　）。", "搭设高度超过 {n} m 时，应当（　）。",
    "对第 {n} 检验批进行验收时，应当由（　）组织进行。",
)  # fmt: skip
_MANY = (
    "下列说法中正确的有（　）。", "应当形成书面记录并归档的内容有（　）。",
    "需要在作业前 {n} h 内完成的检查项目包括（　）。", "属于应当立即停止作业并撤离人员的情形有（　）。",
)  # fmt: skip
_DEEDS = (
    "编制专项施工方案并组织专家论证", "向全体作业人员进行安全技术交底并签字", "在 {n} h 内报告监理单位和建设单位",
    "设置不低于 {n} m 的防护栏杆和挡脚板", "按每 {n} t 为一个检验批见证取样送检", "暂停作业，撤离人员并设置警戒区",
    "由项目负责人签字后实施", "覆盖并浇水养护不少于 {n} d", "增加监测频率至每日 {n} 次",
    "安排专人旁站并填写旁站记录", "更换不合格的扣件和安全网", "核对产品合格证和出厂检验报告",
    "将配电箱移至干燥通风处并加锁", "在作业层满铺脚手板并固定", "检查限位器、制动器和钢丝绳的磨损情况",
)  # fmt: skip
_CLAIMS = (
    "{actor}可以在未经验收的{scene}作业面上先行安排下道工序，待资料补齐后再办理验收手续。",
    "{scene}开始之前，{actor}应当核对专项方案与现场条件是否一致，不一致时不得开始作业。",
    "{scene}过程中遇六级及以上大风时，经{actor}同意并设专人监护后可以继续高处作业。",
    "{actor}应当对{scene}的隐蔽部位在覆盖前通知监理单位检查，并留存影像资料。",
)
_BACKGROUND = (
    "某住宅小区工程由{a}幢高层住宅和一座地下车库组成，总建筑面积 {b} 000 m²，地下{c}层，"
    "地上{d}层，采用剪力墙结构，合同工期 {e} 天。施工总承包单位在{scene}阶段，因连续降雨造"
    "成局部沉降，现场立即停止作业并组织人员撤离。事后调查发现，监测数据连续 {f} 天超过预警值，但项目"
    "部未按专项施工方案采取措施，也未向监理单位报告；{actor}在检查中发现防护设施缺失 {f} 处，"
    "下达了整改通知，但未复查。建设单位要求在 {c} 日内恢复施工，施工单位据此增加了作业班组，新进场工"
    "人 {b} 人，其中部分人员未完成入场安全教育。\n\n根据以上背景，回答下列问题。"
)


@dataclass(frozen=True, slots=True)
class Known:
    """A slot as the bank knows it, whatever paper it stands on."""

    kind: ChildKind
    options: tuple[str, ...]
    right: tuple[str, ...]
    marks: Decimal


@dataclass(frozen=True)
class Bank:
    """``units`` by subject and kind, with their options in the bank's own order; ``keys`` and ``slots`` by slot key."""

    units: dict[str, dict[Kind, tuple[Unit, ...]]]
    keys: dict[str, Key]
    slots: dict[str, Known]


class _Writer:
    def __init__(self, seed: str) -> None:
        self.rng = random.Random(f"bank/{seed}")  # noqa: S311 - invented texts
        self.keys: dict[str, Key] = {}
        self.slots: dict[str, Known] = {}

    def words(self, pattern: str) -> str:
        rng = self.rng
        return pattern.format(
            n=rng.randint(2, 48),
            scene=rng.choice(_SCENES),
            actor=rng.choice(_ACTORS),
            a=rng.randint(2, 12),
            b=rng.randint(18, 96),
            c=rng.randint(1, 3),
            d=rng.randint(11, 33),
            e=rng.randint(240, 900),
            f=rng.randint(2, 7),
        )

    def stem(self, kind: ChildKind) -> str:
        rng = self.rng
        if kind == "true_false":
            return self.words(f"根据{rng.choice(_TOPICS)}，{rng.choice(_CLAIMS)}")
        asks = _MANY if kind == "multiple" else _ASKS
        return self.words(f"根据{rng.choice(_TOPICS)}，{{actor}}在{{scene}}中，{rng.choice(asks)}")

    def slot(self, key: str, kind: ChildKind, marks: Decimal) -> tuple[Option, ...]:
        """The options of a new slot; its key is noted."""
        rng = self.rng
        if kind == "true_false":
            texts = ["正确", "错误"]
        else:
            texts = [self.words(one) for one in rng.sample(_DEEDS, 5 if kind == "multiple" else 4)]
        options = tuple(Option(id=letter, text=text) for letter, text in zip("abcde", texts, strict=False))
        ids = tuple(option.id for option in options)
        right = tuple(sorted(rng.sample(ids, rng.randint(2, 4) if kind == "multiple" else 1)))
        self.keys[key] = Key(right=right)
        self.slots[key] = Known(kind=kind, options=ids, right=right, marks=marks)
        return options

    def unit(self, uid: str, kind: Kind, marks: Decimal) -> Unit:
        if kind != "case":
            options = self.slot(uid, kind, marks)
            return Unit(
                item_uid=uid, version=1, kind=kind, stem=self.stem(kind), options=options, marks=marks
            )
        children = tuple(
            Child(
                no=no,
                kind=of,
                stem=self.stem(of),
                options=self.slot(slot_key(uid, no), of, marks),
                marks=marks,
            )
            for no, of in enumerate(CASE_CHILDREN, 1)
        )
        return Unit(
            item_uid=uid,
            version=1,
            kind="case",
            stem=self.words(_BACKGROUND),
            marks=marks * len(children),
            children=children,
        )


@lru_cache(maxsize=2)
def make_bank(seed: str) -> Bank:
    """The bank of a seed; the same each time."""
    writer = _Writer(seed)
    units = {
        subject: {
            kind: tuple(
                writer.unit(f"{letter}{kind[0].upper()}{n:04d}", kind, marks)
                for n in range(1, count * TIMES + 1)
            )
            for kind, _, count, marks in SECTIONS
        }
        for subject, letter in LETTERS.items()
    }
    return Bank(units=units, keys=writer.keys, slots=writer.slots)
