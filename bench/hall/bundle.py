"""Bundles of invented candidates with papers of the usual size: two subjects, 50 questions each, Chinese texts."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from zhupei.delivery import api
from zhupei.kernel import identity
from zhupei.people.api import demo_identity_number

SUBJECTS = {"general": "通用知识", "professional": "专业知识"}
POOL = {"single": 160, "multiple": 80, "true_false": 80, "case": 16}
"""Items that the papers of one subject are drawn from."""
DRAWN = {
    "single": (20, Decimal("1.5")),
    "multiple": (10, Decimal(3)),
    "true_false": (10, Decimal(1)),
    "case": (2, Decimal(15)),
}
"""Kind → how many a paper has, and the marks of one; a case has five questions. Together 50 questions, 100 marks."""
TITLES = {"single": "单项选择题", "multiple": "多项选择题", "true_false": "判断题", "case": "综合题"}
ID_KEY = b"invented people."
CHILDREN = ("single", "multiple", "single", "true_false", "multiple")
_WORDS = (
    "混凝土浇筑完毕后应在规定时间内加以覆盖和浇水养护",
    "脚手架立杆基础不在同一高度上时须将高处的纵向扫地杆向低处延长",
    "施工单位的项目负责人对建设工程项目的安全施工负责",
    "基坑边坡监测数据超过预警值时应立即停止作业并组织人员撤离",
    "施工现场临时用电采用三级配电和两级保护系统",
    "专职安全生产管理人员负责对安全生产进行现场监督检查",
    "模板拆除时混凝土强度应符合设计要求和规范规定",
    "塔式起重机安装完毕后应当经检验检测合格并组织验收",
    "钢筋进场时应按规定抽取试件作力学性能和重量偏差检验",
    "工程监理单位应当审查施工组织设计中的安全技术措施",
)


@dataclass(frozen=True)
class Somebody:
    """What an invented candidate types at the sign-in."""

    candidate_id: str
    slip_no: str
    id_number: str


def make_bundle(number: int, size: int) -> tuple[api.Bundle, list[Somebody]]:
    """A completed bundle of ``size`` candidates, in rooms of 50, and what they type. ``number`` tells bundles apart."""
    rng = random.Random(number)  # noqa: S311 (the same bundle each time)
    keys: dict[str, api.Key] = {}
    pools = {subject: _pool(rng, subject, keys) for subject in SUBJECTS}
    people, candidates = [], []
    for place in range(size):
        somebody = Somebody(
            f"C{number:03d}{place:04d}",
            f"2026{number:03d}{place:04d}",
            demo_identity_number(number * 1000 + place),
        )
        people.append(somebody)
        candidates.append(
            api.Candidate(
                candidate_id=somebody.candidate_id,
                slip_no=somebody.slip_no,
                name="测试考生",
                id_masked=f"500***********{somebody.id_number[-4:]}",
                id_hash=api.id_hash_of(ID_KEY, identity.mark(identity.Kind.RESIDENT_ID, somebody.id_number)),
                post_code="101",
                post_name="土建施工员",
                room_id=f"R{place // 50 + 1}",
                seat_no=f"{place % 50 + 1:02d}",
                session_id=f"S{number}",
                papers={
                    subject: _paper(rng, somebody.candidate_id, subject, pool)
                    for subject, pool in pools.items()
                },
            )
        )
    rooms = tuple(
        api.Room(id=f"R{one + 1}", name=f"第{one + 1}考室", seats=50) for one in range((size + 49) // 50)
    )
    starts = int(datetime(2026, 11, 23, 1, 0, tzinfo=UTC).timestamp() * 1000)
    session = api.Session(id=f"S{number}", starts_at=starts, ends_at=starts + 7_200_000, title="第一场")
    bundle = api.Bundle(
        bundle_id=f"B{number}",
        batch_no=f"2026-{number:03d}",
        institution=api.Party(id="I1", name="测试机构"),
        hall=api.Party(id="H1", name="测试考场"),
        sessions=(session,),
        rooms=rooms,
        rules=api.Rules(),
        candidates=tuple(candidates),
        keys=keys,
        id_key=ID_KEY,
        created_at=starts,
    )
    return api.complete(bundle), people


def _text(rng: random.Random, parts: int) -> str:
    return "，".join(rng.sample(_WORDS, parts))


def _options(rng: random.Random, kind: str) -> tuple[api.Option, ...]:
    if kind == "true_false":
        return (api.Option(id="o1", text="正确"), api.Option(id="o2", text="错误"))
    count = 5 if kind == "multiple" else 4
    return tuple(
        api.Option(id=f"o{n}", text=rng.choice(_WORDS)[: rng.randint(4, 18)] + f"（{n}）")
        for n in range(1, count + 1)
    )


def _key(rng: random.Random, kind: str) -> api.Key:
    if kind == "multiple":
        return api.Key(right=tuple(sorted(rng.sample(["o1", "o2", "o3", "o4", "o5"], rng.randint(2, 4)))))
    return api.Key(right=(f"o{rng.randint(1, 2 if kind == 'true_false' else 4)}",))


def _pool(rng: random.Random, subject: str, keys: dict[str, api.Key]) -> dict[str, list[api.Unit]]:
    """Items of one subject by kind; a tenth of the single choices hold a formula, a tenth a table."""
    pool: dict[str, list[api.Unit]] = {}
    for kind, size in POOL.items():
        marks = DRAWN[kind][1]
        pool[kind] = []
        for number in range(size):
            uid = f"{subject[:1].upper()}-{kind}-{number}"
            common: dict[str, Any] = {"item_uid": uid, "version": 1, "kind": kind, "marks": marks}
            if kind == "case":
                children = tuple(
                    api.Child(
                        no=no,
                        kind=of,
                        stem=_text(rng, 1) + "（　）。",
                        options=_options(rng, of),
                        marks=marks / 5,
                    )  # type: ignore[arg-type]
                    for no, of in enumerate(CHILDREN, 1)
                )
                for no, of in enumerate(CHILDREN, 1):
                    keys[api.slot_key(uid, no)] = _key(rng, of)
                pool[kind].append(api.Unit(stem=_text(rng, 8) + "。", children=children, **common))
                continue
            stem = f"{_text(rng, 2)}，第 {number} 种情形下应当（　）。"
            if kind == "single" and number % 10 == 0:
                stem += rf"已知 \(q={number + 1}\,\mathrm{{kN/m}}\)，\(M=\frac{{1}}{{8}}ql^2\)。"
            if kind == "single" and number % 10 == 5:
                stem += "\n\n| 部位 | 强度 |\n|---|---|\n| 梁 | C30 |\n| 柱 | C40 |"
            keys[uid] = _key(rng, kind)
            pool[kind].append(api.Unit(stem=stem, options=_options(rng, kind), **common))
    return pool


def _paper(rng: random.Random, candidate_id: str, subject: str, pool: dict[str, list[api.Unit]]) -> api.Paper:
    units: list[api.Unit] = []
    sections = []
    for kind, (count, marks) in DRAWN.items():
        units += [_shuffled(rng, unit) for unit in rng.sample(pool[kind], count)]
        each = marks / 5 if kind == "case" else marks
        sections.append(api.Section(kind=kind, title=TITLES[kind], count=count, marks_each=each))  # type: ignore[arg-type]
    return api.Paper(
        paper_id=f"P-{candidate_id}-{subject}",
        candidate_id=candidate_id,
        subject=subject,
        title=SUBJECTS[subject],
        seed=f"{candidate_id}/{subject}",
        algorithm="bench-1",
        bank_version="2026.1",
        sections=tuple(sections),
        units=tuple(units),
        full_mark=Decimal(100),
    )


def _shuffled(rng: random.Random, unit: api.Unit) -> api.Unit:
    if unit.kind in ("true_false", "case"):
        return unit
    return replace(unit, options=tuple(rng.sample(unit.options, len(unit.options))))
