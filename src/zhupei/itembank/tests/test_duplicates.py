from __future__ import annotations

import random
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest

from zhupei.itembank.duplicates import Pair, Reason, Sketch, find_duplicates, similar_to

SUBJECTS = re.findall(
    r"\w+",
    """
    混凝土 模板支架 落地式脚手架 悬挑脚手架 塔式起重机 施工升降机 基坑支护 土方开挖 砌体结构 钢筋连接
    屋面防水 地下防水 外墙保温 抹灰工程 幕墙工程 临时用电 高处作业 吊篮作业 桩基础 预应力筋 钢结构焊接
    高强螺栓 门窗安装 饰面砖粘贴
    """,
)
MOMENTS = re.findall(
    r"\w+",
    """
    浇筑完毕后 拆除之前 安装完成后 验收合格前 雨季施工时 进场检验时 交接检查中 停工复工前 交底过程中
    使用期间
    """,
)
PEOPLE = re.findall(
    r"\w+",
    """
    项目负责人 总监理工程师 专职安全员 施工员 质量员 班组长 建设单位 分包单位 检测机构 设计单位 监理单位
    专业技术人员
    """,
)
DOINGS = re.findall(
    r"\w+",
    """
    组织专项验收 编制作业指导书 签署隐蔽工程记录 检查受力杆件变形 复核轴线标高 留置同条件试块 核对出厂合格证
    设置警戒区域 悬挂限载标志牌 办理动火审批手续 旁站监督整个过程 测量沉降观测点 填写施工日志 清理积水杂物
    配备应急物资 停止作业撤离人员
    """,
)
REASONS = re.findall(
    r"\w+",
    """
    防止整体失稳倾覆 保证接缝严密不漏浆 避免产生温度裂缝 满足设计强度等级 减少噪声扰民影响 控制扬尘排放浓度
    便于后续工序衔接 防止触电伤害事故 保证焊缝内部质量 落实岗位安全责任 防止高处物体打击 降低火灾发生概率
    """,
)
ENDINGS = (
    "其主要目的是（ ）。",
    "最直接的原因在于____。",
    "依据标准应由（ ）负责。",
    "首要的控制措施是（ ）。",
    "合格的判定依据为（ ）。",
)


def make_bank(count: int, seed: int = 1) -> list[Sketch]:
    """Synthetic items of which no two are meant to be alike: few subjects, many combinations."""
    pick = random.Random(seed)
    stems = list(product(SUBJECTS, MOMENTS, PEOPLE, DOINGS, ENDINGS))
    bank = []
    for n, (subject, moment, who, doing, ending) in enumerate(pick.sample(stems, count)):
        other, remark = pick.sample(DOINGS, 2), pick.choice(REASONS)
        detail = "".join(pick.choices([chr(c) for c in range(0x4E00, 0x5200)], k=pick.randint(4, 14)))
        stem = f"{subject}{detail}{moment}，{who}需{doing}，{remark}，{ending}"
        options = tuple(f"{what}{pick.choice(REASONS)}" for what in (*other, *pick.sample(PEOPLE, 2)))
        bank.append(Sketch(f"S{n:06}", "single", stem, options))
    return bank


def _reworded(item: Sketch, pick: random.Random) -> Sketch:
    stem = item.stem.replace("需", pick.choice(("应当", "必须", "应")), 1).replace("（ ）", "（　　）")
    return replace(item, stem=stem.replace("其主要目的是", "主要目的为").replace("依据标准", "按照标准"))


def _moved(item: Sketch, _pick: random.Random) -> Sketch:
    first, second, *rest = item.stem.split("，")
    return replace(item, stem="，".join((second, first, *rest)))


def _signs(item: Sketch, _pick: random.Random) -> Sketch:
    return replace(item, stem=item.stem.replace("，", ", ").replace("（ ）", "______").replace("。", "？"))


def _shuffled(item: Sketch, pick: random.Random) -> Sketch:
    return replace(_reworded(item, pick), options=tuple(pick.sample(item.options, 4)))


def _distracted(item: Sketch, pick: random.Random) -> Sketch:
    return replace(item, options=(item.options[0], *pick.sample(REASONS, 3)))


PLANTS = {
    "reworded": _reworded,
    "clauses moved": _moved,
    "other signs": _signs,
    "options shuffled": _shuffled,
    "other distractors": _distracted,
}


def plant(bank: list[Sketch], each: int, seed: int = 2) -> dict[tuple[str, str], str]:
    """Add ``each`` duplicates of every sort to the bank; their pairs and sorts."""
    pick, planted, originals = random.Random(seed), {}, list(bank)
    for sort, make in PLANTS.items():
        for item in pick.sample(originals, each):
            copy = replace(make(item, pick), uid=f"Z{len(planted):06}")
            bank.append(copy)
            planted[item.uid, copy.uid] = sort
    return planted


def _only(a: Sketch, b: Sketch) -> Pair:
    (pair,) = find_duplicates([a, b])
    return pair


def test_planted_duplicates_are_found_and_little_else() -> None:
    bank = make_bank(3000)
    planted = plant(bank, 60)
    found = {(pair.uid_a, pair.uid_b): pair for pair in find_duplicates(bank)}
    hits: dict[str, list[bool]] = defaultdict(list)
    for pair, sort in planted.items():
        hits[sort].append(pair in found)
    copies = defaultdict(set)  # an original may have been copied twice: then its copies are alike as well
    for original, copy in planted:
        copies[original] |= {original, copy}
    alike = {tuple(sorted((a, b))) for group in copies.values() for a in group for b in group if a < b}
    recall = {sort: sum(each) / len(each) for sort, each in hits.items()}
    precision = len(alike & set(found)) / len(found)
    print("recall", recall, "precision", precision)
    assert min(recall.values()) >= 0.95
    assert precision >= 0.9


STEM = "混凝土浇筑完毕后，应在（ ）内对混凝土加以覆盖并保湿养护。"
TIMES = ("6h", "12h", "24h", "48h")
ITEM = Sketch("A", "single", STEM, TIMES)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (replace(ITEM, stem="混凝土浇筑完毕后,应在____内对混凝土加以覆盖并保湿养护"), Reason.SAME_STEM),
        (replace(ITEM, options=("2h", "4h", "8h", "16h")), Reason.SAME_STEM),
        (replace(ITEM, options=("24h", "6h", "48h", "12h")), Reason.SHUFFLED),
        (
            replace(ITEM, stem="混凝土浇筑完毕以后应当在（ ）内对其覆盖并保湿养护。", options=TIMES[::-1]),
            Reason.SHUFFLED,
        ),
        (replace(ITEM, stem="在混凝土浇筑完毕后，应于（ ）内对混凝土进行覆盖和保湿养护。"), Reason.WORDING),
        (
            replace(ITEM, stem="Ｃ３０混凝土浇筑完毕后，应在（ ）内对混凝土加以覆盖并保湿养护。"),
            Reason.NUMBERS,
        ),
    ],
)
def test_each_sort_is_named(other: Sketch, reason: Reason) -> None:
    pair = _only(ITEM, replace(other, uid="B"))
    assert (pair.uid_a, pair.uid_b, pair.reason) == ("A", "B", reason)
    assert 0.75 <= pair.similarity <= 1


def test_siblings_that_differ_in_numbers_stand_below_duplicates() -> None:
    stem = "C30混凝土标准养护试块在标准条件下养护28d后进行抗压强度试验。"
    one = Sketch("A", "true_false", stem)
    sibling = _only(one, Sketch("B", "true_false", stem.replace("28d", "7d")))
    decimal = _only(one, Sketch("B", "true_false", stem.replace("28d", "2.8d")))
    duplicate = _only(one, Sketch("B", "true_false", stem.replace("后进行", "之后再进行")))
    assert sibling.reason == decimal.reason == Reason.NUMBERS
    assert duplicate.reason == Reason.WORDING
    assert sibling.similarity < duplicate.similarity - 0.05


def test_the_opposite_question_is_named() -> None:
    right = Sketch(
        "A",
        "single",
        "关于悬挑脚手架的搭设，下列说法正确的是（ ）。",
        ("甲说法一", "乙说法二", "丙说法三", "丁说法四"),
    )
    wrong = replace(right, uid="B", stem="关于悬挑脚手架的搭设，下列说法不正确的是（ ）。")
    assert _only(right, wrong).reason == Reason.OPPOSITE


def test_a_topic_alone_makes_no_duplicate() -> None:
    stem = "关于落地式钢管脚手架的搭设，下列说法正确的是（ ）。"
    one = Sketch("A", "single", stem, ("立杆必须对接", "剪刀撑应连续设置", "扫地杆可不设", "连墙件随意布置"))
    other = Sketch(
        "B", "single", stem, ("雨雪天照常作业", "脚手板铺满铺稳", "栏杆高一米二", "拆除由下而上进行")
    )
    assert find_duplicates([one, other]) == []
    assert _only(one, replace(one, uid="C", options=one.options[::-1])).reason == Reason.SHUFFLED


def test_same_options_under_another_stem_make_no_duplicate() -> None:
    people = ("建设单位", "施工单位", "监理单位", "设计单位")
    one = Sketch("A", "single", "超过一定规模的危险性较大工程专项方案由谁组织专家论证", people)
    assert (
        find_duplicates([one, Sketch("B", "single", "施工图设计文件的审查报送应当由哪方完成", people)]) == []
    )


def test_cases_are_compared_with_their_children() -> None:
    stem = "某住宅楼工程，地上十八层，框架剪力墙结构，施工过程中发生下列事件。"
    asks = ("事件一中做法是否妥当？", "专项方案应由谁审批？", "拆模强度应达到多少？")
    one = Sketch("A", "case", stem, children=asks)
    assert _only(one, Sketch("B", "case", stem, children=asks[::-1])).reason == Reason.SHUFFLED
    other = ("塔吊基础承载力如何验算", "用电设备接地电阻限值", "消防水源间距布置要求")
    assert find_duplicates([one, Sketch("B", "case", "另有厂房一座，钢排架吊车梁。", children=other)]) == []


def test_the_order_of_the_bank_does_not_matter() -> None:
    bank = make_bank(300)
    plant(bank, 10)
    mixed = bank[:]
    random.Random(9).shuffle(mixed)
    pairs = find_duplicates(bank)
    assert pairs == find_duplicates(mixed)
    assert pairs == sorted(pairs, key=lambda pair: -pair.similarity)
    assert all(pair.uid_a < pair.uid_b for pair in pairs)


@pytest.mark.parametrize(
    "bank",
    [
        [],
        [ITEM],
        [Sketch("A", "single", ""), Sketch("B", "single", "（ ）")],
        [Sketch("A", "single", "\ud800")],
    ],
)
def test_nothing_to_compare(bank: list[Sketch]) -> None:
    assert find_duplicates(bank) == []


def test_stems_of_one_character() -> None:
    bank = [
        Sketch("A", "true_false", "甲"),
        Sketch("B", "true_false", "乙"),
        Sketch("C", "true_false", "甲。"),
    ]
    assert find_duplicates(bank) == [Pair("A", "C", 1.0, Reason.SAME_STEM)]


def _hostile() -> Iterator[list[Sketch]]:
    yield [Sketch(f"{n}", "single", "长" * 200_000 + str(n), ("甲" * 50_000,) * 400) for n in range(20)]
    yield [Sketch(f"{n}", "single", f"第{n}题混凝土强度等级应为C{n}") for n in range(2000)]  # one family
    yield [Sketch(f"{n}", "single", "一样的题干一样的题干") for n in range(2000)]
    yield [Sketch(f"{n}", "single", "a\u0301\u0323" * 50_000) for n in range(5)]
    yield [
        Sketch(f"{n}", "single", "下列说法正确的是", (f"甲{n * 7919}", f"乙{n * 104729}"))
        for n in range(2000)
    ]


@pytest.mark.parametrize("bank", list(_hostile()), ids=["long", "family", "equal", "marks", "frame"])
def test_hostile_banks_stay_bounded(bank: list[Sketch]) -> None:
    start = time.perf_counter()
    pairs = find_duplicates(bank)
    assert time.perf_counter() - start < 20
    assert len(pairs) <= 25 * len(bank)


def test_a_new_item_meets_its_like_in_the_bank() -> None:
    bank = make_bank(500)
    new = replace(_reworded(bank[42], random.Random(1)), uid="new")
    found = similar_to(new, bank)
    assert (found[0].uid_a, found[0].uid_b, found[0].reason) == ("new", bank[42].uid, Reason.WORDING)
    assert len(found) <= 2
    assert similar_to(bank[42], bank) == []  # not itself
    assert similar_to(Sketch("x", "single", "全新的题目从未见过"), bank) == []
