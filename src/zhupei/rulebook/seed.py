"""The rule as first loaded: parameters, posts, divisions, legal basis and the published working-day calendar.

The seed has no date or document number of its own (R003); ``effective_from`` is the day a deployment enters at set-up.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import chinese_calendar
from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor

from . import events
from .choices import DayKind, DivisionKind, PostFamily
from .models import (
    CalendarDay,
    CalendarVersion,
    Division,
    LegalBasis,
    Post,
    RuleParameter,
    RuleSet,
    Syllabus,
)

RULE_NAME = "重庆市住房和城乡建设领域施工现场专业人员职业培训工作细则"

# key, value, unit, in principle (原则上), clause. Decimals are strings. Clauses keep the rule's own numbering (J01).
PARAMETERS: list[tuple[str, Any, str, bool, str]] = [
    ("plan_submit_workdays", 5, "工作日", False, "二（一）3"),
    ("plan_change_days", 1, "天", False, "附件2注"),
    ("min_training_hours_per_post", "40", "学时", True, "二（3）"),
    ("minutes_per_class_hour", 45, "分钟", False, "J04"),
    ("online_hours_share", "0", "", False, "J23"),
    ("archive_years", 5, "年", False, "二（3）"),
    ("late_minutes", 15, "分钟", False, "R025"),
    ("sign_in_opens_minutes", 30, "分钟", False, "R024"),
    ("enrolment_min_age", 18, "岁", False, "R020"),
    ("enrolment_max_age", 65, "岁", False, "R020"),
    ("subjects", ["general", "professional"], "", False, "三（二）"),
    ("exam_minutes_total", 120, "分钟", False, "三（三）"),
    ("subject_full_mark", "100", "分", False, "三（四）"),
    ("subject_pass_mark", "60", "分", True, "三（四）"),
    ("carry_over", False, "", False, "J03"),
    ("resit_months", 6, "月", False, "J03"),
    ("seats_in_row", 10, "个", False, "R037"),
    ("multiple_choice_rule", "all_or_nothing", "", False, "R036"),
    ("subject_order", "sequence", "", False, "R039"),
    ("late_entry_minutes", 30, "分钟", False, "R049"),
    ("check_in_opens_minutes", 60, "分钟", False, "R049"),
    ("min_minutes_before_hand_in", 0, "分钟", False, "R040"),
    ("bank_apply_workdays", 10, "工作日", False, "三（五）"),
    ("bank_capacity_persons", 2000, "人", False, "R046"),
    ("hall_break_minutes", 30, "分钟", False, "R046"),
    ("filing_before_test", True, "", False, "R047"),
    ("key_release_minutes", 60, "分钟", False, "I08"),
    ("correction_policy", "nobody_loses", "", False, "I07"),
    ("challenge_workdays", 5, "工作日", False, "I07"),
    ("challenge_answer_workdays", 10, "工作日", False, "I07"),
    ("ce_cycle_years", 2, "年", False, "继续教育"),
    ("ce_hours", 64, "学时", False, "继续教育"),
    ("ce_online_min", 32, "学时", False, "继续教育（1）1"),
    ("ce_online_general_min", 20, "学时", False, "继续教育（1）1"),
    ("ce_online_professional_min", 12, "学时", False, "继续教育（1）1"),
    ("ce_face_to_face_min", 8, "学时", False, "继续教育（1）2"),
    ("ce_self_study_min", 24, "学时", False, "继续教育（1）3"),
    ("video_retention_months", 3, "月", False, "附件1三（四）、附件3五（二）"),
    ("hall_min_clients", 200, "台", False, "附件3四（四）"),
    ("spare_ratio", "0.10", "", False, "附件3四（四）"),
    ("invigilators_per", 50, "人", False, "附件3四（八）"),
    ("invigilators_each", 2, "人", False, "附件3四（八）"),
    ("invigilators_rule", "started", "", False, "J10"),
    ("certificate_pattern", "0{province}{yy}{post}{institution:04d}{seq:05d}", "", False, "I01"),
    ("certificate_province", "50", "", False, "I01"),
    ("site_valid_years", 3, "年", False, "附件1四"),
    ("publish_inspection_workdays", 20, "工作日", False, "R077"),
]

LEGAL_BASIS = [
    (
        "建人〔2019〕9号",
        "关于改进住房和城乡建设领域施工现场专业人员职业培训工作的指导意见",
        "住房城乡建设部",
        None,
    ),
    (
        "建办人函〔2019〕384号",
        "关于推进住房和城乡建设领域施工现场专业人员职业培训工作的通知",
        "住房城乡建设部办公厅",
        None,
    ),
]

B, Q, G, R = PostFamily.BUILDER, PostFamily.QUALITY, PostFamily.BUDGET, PostFamily.OTHER
# code, name, family, national: the national code where there is one, a local 2xx otherwise.
POSTS: list[tuple[str, str, str, bool]] = [
    ("101", "土建施工员", B, True),
    ("102", "装饰装修施工员", B, True),
    ("104", "市政工程施工员", B, True),
    ("103", "设备安装施工员", B, True),
    ("106", "土建质量员", Q, True),
    ("107", "装饰装修质量员", Q, True),
    ("109", "市政工程质量员", Q, True),
    ("108", "设备安装质量员", Q, True),
    ("201", "土建预算员", G, False),
    ("202", "安装预算员", G, False),
    ("203", "安全员", R, False),
    ("111", "材料员", R, True),
    ("204", "测量员", R, False),
    ("113", "劳务员", R, True),
    ("112", "机械员", R, True),
    ("205", "试验员", R, False),
    ("114", "资料员", R, True),
    ("115", "标准员", R, True),
    ("206", "构件工艺员", R, False),
    ("207", "信息管理员", R, False),
    ("208", "构件质量员", R, False),
]

DISTRICTS = (
    "500101 万州区 500102 涪陵区 500103 渝中区 500104 大渡口区 500106 沙坪坝区 500107 九龙坡区 500108 南岸区 500109 北碚区 "
    "500110 綦江区 500111 大足区 500113 巴南区 500114 黔江区 500115 长寿区 500116 江津区 500117 合川区 500118 永川区 "
    "500119 南川区 500120 璧山区 500151 铜梁区 500152 潼南区 500153 荣昌区 500154 开州区 500155 梁平区 500156 武隆区 "
    "500157 两江新区"
)
COUNTIES = "500229 城口县 500230 丰都县 500231 垫江县 500233 忠县 500235 云阳县 500236 奉节县 500237 巫山县 500238 巫溪县"
AUTONOMOUS = "500240 石柱土家族自治县 500241 秀山土家族苗族自治县 500242 酉阳土家族苗族自治县 500243 彭水苗族土家族自治县"
ZONES = "Z50001 西部科学城重庆高新区 Z50002 万盛经开区 Z50003 双桥经开区"
# Abolished on 2025-11-06, the successor opened on 2026-01-25.
ENDED = [("500105", "江北区", ("500157",)), ("500112", "渝北区", ("500157", "500109"))]
ENDED_ON = date(2026, 1, 24)
LIANGJIANG_FROM = date(2026, 1, 25)

CALENDAR_SOURCE = "国务院办公厅关于2004—2026年部分节假日安排的通知（chinesecalendar 1.11.0）"


def _pairs(text: str) -> list[tuple[str, str]]:
    words = text.split()
    return list(zip(words[::2], words[1::2], strict=True))


def _load_divisions() -> None:
    groups = [
        (DISTRICTS, DivisionKind.DISTRICT),
        (COUNTIES, DivisionKind.COUNTY),
        (AUTONOMOUS, DivisionKind.AUTONOMOUS_COUNTY),
        (ZONES, DivisionKind.ZONE),
    ]
    Division.objects.bulk_create(
        Division(code=code, name=name, kind=kind, valid_from=LIANGJIANG_FROM if code == "500157" else None)
        for text, kind in groups
        for code, name in _pairs(text)
    )
    for code, name, successors in ENDED:
        ended = Division.objects.create(code=code, name=name, kind=DivisionKind.DISTRICT, valid_to=ENDED_ON)
        ended.successors.set(Division.objects.filter(code__in=successors))


def published_days() -> list[tuple[date, str, str]]:
    """Every day on which the published calendar 2004–2026 differs from Monday-to-Friday: date, kind, holiday name."""
    days = [(day, DayKind.HOLIDAY, holiday) for day, holiday in chinese_calendar.constants.holidays.items()]
    days += [(day, DayKind.MAKE_UP, holiday) for day, holiday in chinese_calendar.constants.workdays.items()]
    days += [
        (day, DayKind.HOLIDAY, holiday)
        for day, holiday in chinese_calendar.constants.in_lieu_days.items()
        if day not in chinese_calendar.constants.holidays
    ]
    return days


def _load_parameters(rule_set: RuleSet, *, by: Actor) -> list[str]:
    """Add the parameters that the rulebook lacks, in force as long as the rule set; returns their keys."""
    known = set(RuleParameter.objects.values_list("key", flat=True))
    new = [
        RuleParameter(
            rule_set=rule_set,
            key=key,
            value=value,
            unit=unit,
            is_principle=principle,
            clause=clause,
            effective_from=rule_set.effective_from,
            approved_by=by.name,
            approved_at=clock.now(),
        )
        for key, value, unit, principle, clause in PARAMETERS
        if key not in known
    ]
    RuleParameter.objects.bulk_create(new)
    return [row.key for row in new]


@transaction.atomic
def load_rulebook(effective_from: date, *, doc_no: str = "", by: Actor) -> RuleSet:
    """Load the rule into an empty rulebook (R002, R003, R018). A second call returns the rule set, and adds only the parameters
    that a newer version of the program knows and the rulebook does not."""
    existing = RuleSet.objects.order_by("pk").first()
    if existing is not None:
        added = _load_parameters(existing, by=by)
        if added:
            record(events.RULE_SET_LOADED, by=by, on=existing, after={"parameters": added})
        return existing
    rule_set = RuleSet.objects.create(name=RULE_NAME, doc_no=doc_no, effective_from=effective_from)
    LegalBasis.objects.bulk_create(
        LegalBasis(rule_set=rule_set, doc_no=no, title=title, issuer=issuer, issued_on=day)
        for no, title, issuer, day in LEGAL_BASIS
    )
    _load_parameters(rule_set, by=by)
    posts = Post.objects.bulk_create(
        Post(
            code=code,
            name=name,
            family=family,
            is_national=national,
            national_code=code if national else "",
            position=n,
        )
        for n, (code, name, family, national) in enumerate(POSTS, 1)
    )
    Syllabus.objects.bulk_create(
        Syllabus(post=post, version="2026", effective_from=effective_from) for post in posts
    )
    _load_divisions()
    version = CalendarVersion.objects.create(
        source_document=CALENDAR_SOURCE,
        imported_at=clock.now(),
        imported_by=by.name,
        years=list(range(2004, 2027)),
        note=_("Loaded at set-up."),
    )
    CalendarDay.objects.bulk_create(
        CalendarDay(version=version, date=day, kind=kind, name=name[:60])
        for day, kind, name in published_days()
    )
    record(events.RULE_SET_LOADED, by=by, on=rule_set, after={"effective_from": effective_from})
    return rule_set
