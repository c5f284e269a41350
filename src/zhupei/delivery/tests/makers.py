"""A small batch for tests and demonstrations: three candidates, two subjects, all four kinds of item.

``make_bundle()`` is complete and passes ``check_bundle``; ``right_answers(bundle, candidate_id)`` are the answers of somebody who
knows everything. ``FakeClock`` is a clock that only moves when told.
"""

from __future__ import annotations

import base64
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from zhupei.delivery import api
from zhupei.kernel.crypto import hmac_sm3

INDEX_KEY = b"0123456789abcdef"
SESSION, ROOM = "S1", "R1"
PEOPLE = (
    ("C001", "202611001", "张建国", "500103199001011234", "101", "土建施工员"),
    ("C002", "202611002", "李秀英", "500106198812120024", "101", "土建施工员"),
    ("C003", "202611003", "阿卜杜热西提·买买提", "653101199505051517", "106", "土建质量员"),
)
TITLES = {"general": "通用知识", "professional": "专业知识"}

_STEMS = {
    "single": (
        "根据《建设工程安全生产管理条例》，施工单位的项目负责人应当由取得相应执业资格的人员担任，对建设工程项目的（　）负责。",
        "混凝土浇筑完毕后，在自然气温条件下（高于＋5℃），应于（　）以内加以覆盖和浇水养护。",
        "脚手架立杆基础不在同一高度上时，必须将高处的纵向扫地杆向低处延长（　）跨与立杆固定。",
    ),
    "multiple": (
        "下列属于施工现场“三宝”的有（　）。",
        "下列情形中，应当重新进行安全技术交底的有（　）。",
    ),
    "true_false": (
        "施工现场临时用电应采用三级配电、两级保护系统。",
        "从事高处作业的人员，可以不佩戴安全带，只要有人在下方监护。",
    ),
}
_OPTIONS = {
    "single": ("安全施工", "工程质量", "12 小时", "两跨"),
    "multiple": ("安全帽", "安全带", "安全网", "安全绳套（非标准件）", "反光背心"),
    "true_false": ("正确", "错误"),
}


def id_hash(id_number: str) -> str:
    """What ``identify`` does in the application: the keyed digest of an ID number."""
    return hmac_sm3(INDEX_KEY, id_number.strip().upper().encode())


def _options(kind: str, rng: random.Random) -> tuple[api.Option, ...]:
    options = [api.Option(id=f"o{n}", text=text) for n, text in enumerate(_OPTIONS[kind], 1)]
    if kind != "true_false":
        rng.shuffle(options)
    return tuple(options)


def _key(kind: str) -> api.Key:
    return api.Key(right=("o1", "o2", "o3") if kind == "multiple" else ("o1",))


def make_paper(
    candidate_id: str, subject: str, *, each: int = 3, keys: dict[str, api.Key] | None = None
) -> api.Paper:
    """A paper of 100 marks: ``each`` single, multiple and true/false items and one case of four children.

    The case takes what the others leave of 100. Keys go into ``keys``.
    """
    rng = random.Random(f"{candidate_id}/{subject}")
    keys = {} if keys is None else keys
    units: list[api.Unit] = []
    sections: list[api.Section] = []
    titles = {"single": "单项选择题", "multiple": "多项选择题", "true_false": "判断题"}
    marks = {"single": Decimal("5"), "multiple": Decimal("10"), "true_false": Decimal("5")}
    for kind in ("single", "multiple", "true_false"):
        numbers = list(range(1, each + 1))
        rng.shuffle(numbers)
        for number in numbers:
            uid = f"{subject[:1].upper()}-{kind}-{number}"
            stems = _STEMS[kind]
            units.append(
                api.Unit(
                    item_uid=uid,
                    version=1,
                    kind=kind,  # type: ignore[arg-type]
                    stem=stems[(number - 1) % len(stems)],
                    options=_options(kind, rng),
                    marks=marks[kind],
                )
            )
            keys[uid] = _key(kind)
        sections.append(
            api.Section(kind=kind, title=titles[kind], count=each, marks_each=marks[kind])  # type: ignore[arg-type]
        )
    left = Decimal(100) - sum((unit.marks for unit in units), Decimal(0))
    child_marks = left / 4
    uid = f"{subject[:1].upper()}-case-1"
    children = []
    for no, kind in enumerate(("single", "multiple", "true_false", "single"), 1):
        stem = _STEMS[kind][(no - 1) % len(_STEMS[kind])]
        children.append(
            api.Child(no=no, kind=kind, stem=stem, options=_options(kind, rng), marks=child_marks)  # type: ignore[arg-type]
        )
        keys[api.slot_key(uid, no)] = _key(kind)
    units.append(
        api.Unit(
            item_uid=uid,
            version=1,
            kind="case",
            stem=(
                "某住宅小区工程，建筑面积 42 000 m²，地下一层，地上十八层，剪力墙结构。施工总承包单位在主体结构施工阶段，"
                "因连续降雨造成基坑边坡局部滑移，现场立即停止作业并组织人员撤离。事后调查发现，边坡监测数据连续三天超过预警值，"
                "但项目部未按专项施工方案采取措施，也未向监理单位报告。\n\n根据以上背景，回答下列问题。"
            ),
            marks=left,
            children=tuple(children),
        )
    )
    sections.append(api.Section(kind="case", title="综合题", count=1, marks_each=child_marks))
    return api.Paper(
        paper_id=f"P-{candidate_id}-{subject}",
        candidate_id=candidate_id,
        subject=subject,
        title=TITLES[subject],
        seed=f"{candidate_id}/{subject}",
        algorithm="makers-1",
        bank_version="2026.1",
        sections=tuple(sections),
        units=tuple(units),
        full_mark=Decimal(100),
    )


def make_bundle(*, bundle_id: str = "B1", each: int = 3, photos: bool = True, **rules: Any) -> api.Bundle:
    """Three candidates in one room; ``rules`` override ``Rules`` fields."""
    keys: dict[str, api.Key] = {}
    candidates = []
    pictures = {code: _photo() for code, *_ in PEOPLE} if photos else {}
    for seat, (code, slip, name, number, post, post_name) in enumerate(PEOPLE, 1):
        candidates.append(
            api.Candidate(
                candidate_id=code,
                slip_no=slip,
                name=name,
                id_masked=f"{number[:3]}***********{number[-4:]}",
                id_hash=id_hash(number),
                post_code=post,
                post_name=post_name,
                room_id=ROOM,
                seat_no=f"{seat:02d}",
                session_id=SESSION,
                papers={subject: make_paper(code, subject, each=each, keys=keys) for subject in TITLES},
                photo=code if photos else "",
            )
        )
    starts = int(datetime(2026, 11, 23, 1, 0, tzinfo=UTC).timestamp() * 1000)
    return api.complete(
        api.Bundle(
            bundle_id=bundle_id,
            batch_no="2026—001",
            institution=api.Party(id="I1", name="重庆建筑职业培训学校"),
            hall=api.Party(id="H1", name="沙坪坝考场"),
            sessions=(api.Session(id=SESSION, starts_at=starts, ends_at=starts + 7_200_000, title="第一场"),),
            rooms=(
                api.Room(id=ROOM, name="第一考室", seats=50),
                api.Room(id="R2", name="第二考室", seats=50),
            ),
            rules=api.Rules(**rules),
            candidates=tuple(candidates),
            keys=keys,
            photos=pictures,
            created_at=starts - 86_400_000,
        )
    )


PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mP4DwABAQEAG7buVgAAAABJRU5ErkJggg=="
)
"""A PNG of one white pixel."""


def with_texts(
    bundle: api.Bundle, *, stem: str, option: str = "", media: dict[str, bytes] | None = None
) -> api.Bundle:
    """``bundle`` with another first question in every paper, and with images; not yet completed."""
    people = []
    for candidate in bundle.candidates:
        papers = {}
        for subject, paper in candidate.papers.items():
            first, *rest = paper.units
            options = first.options
            if option:
                options = (msgspec.structs.replace(options[0], text=option), *options[1:])
            first = msgspec.structs.replace(first, stem=stem, options=options)
            papers[subject] = msgspec.structs.replace(paper, units=(first, *rest))
        people.append(msgspec.structs.replace(candidate, papers=papers))
    return msgspec.structs.replace(bundle, candidates=tuple(people), media=media or {})


def _photo() -> bytes:
    return (Path(__file__).parent / "portrait.jpg").read_bytes()


def right_answers(bundle: api.Bundle, candidate_id: str) -> dict[str, dict[str, tuple[str, ...]]]:
    """All right answers of one candidate, by subject and slot."""
    (candidate,) = [one for one in bundle.candidates if one.candidate_id == candidate_id]
    return {
        subject: {slot.key: bundle.keys[slot.key].right for slot in paper.slots()}
        for subject, paper in candidate.papers.items()
    }


class FakeClock:
    """A clock for tests: ``advance`` moves civil and monotonic time, ``step_wall`` only the civil one."""

    def __init__(self) -> None:
        self.wall = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
        self.mono = 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.mono

    def advance(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.mono += seconds

    def step_wall(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)


class Desk:
    """An engine on a folder with a fake clock, and what a hall does with it in a line."""

    def __init__(
        self, folder: Path, *, bundle: api.Bundle | None = None, clock: FakeClock | None = None
    ) -> None:
        self.folder, self.clock = folder, clock or FakeClock()
        self.bundle = bundle or make_bundle()
        self.engine = self._engine()

    def _engine(self) -> api.Engine:
        folder = self.folder
        folder.mkdir(parents=True, exist_ok=True)
        engine = api.Engine(
            api.SqliteJournal(folder / "journal.sqlite3"), data_dir=folder, clock=self.clock, ticking=False
        )
        engine.load(self.bundle)
        return engine

    def restart(self, *, down_s: float = 0) -> None:
        """Stop, wait and come up again: the monotonic clock starts anew as after a reboot."""
        self.engine.close()
        self.clock.advance(down_s)
        self.clock.mono = 5.0
        self.engine = self._engine()

    def admit_all(self) -> None:
        for candidate in self.bundle.candidates:
            self.engine.admit(candidate.candidate_id, by="王监考", method="id_card")

    def open(self) -> None:
        self.engine.open_session(SESSION, by="王监考")

    def start(self, candidate_id: str = "C001") -> None:
        """Admit, open and start one candidate."""
        self.engine.admit(candidate_id, by="王监考", method="id_card")
        self.open()
        self.engine.start(candidate_id).wait()

    def answer_all(self, candidate_id: str, subject: str, *, wrong: int = 0) -> None:
        """Right answers in a subject, but ``wrong`` slots left empty from the front."""
        for key, answer in list(right_answers(self.bundle, candidate_id)[subject].items())[wrong:]:
            self.engine.save(candidate_id, subject, key, answer).wait()

    def close(self) -> None:
        self.engine.close()
