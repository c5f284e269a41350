"""The questions of the practice: general knowledge of safety on construction sites, written for it alone.

Of each choice the right ones come first; the papers shuffle them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from zhupei.delivery.formats.papers import ChildKind

MARKS = {"single": Decimal(10), "true_false": Decimal(5), "multiple": Decimal(15), "case": Decimal(10)}
"""By kind of item; of a case, each question. A paper of 3, 2, 2 and one case of 3 has 100."""


class Question(NamedTuple):
    """``right``: how many of ``options``, from the first, are right. True or false: 1 is true, 2 is false."""

    kind: ChildKind
    stem: str
    options: tuple[str, ...]
    right: int
    why: str


class Case(NamedTuple):
    """A story and questions on it."""

    stem: str
    questions: tuple[Question, ...]


def single(stem: str, *options: str, why: str) -> Question:
    return Question("single", stem, options, 1, why)


def multiple(stem: str, right: tuple[str, ...], wrong: tuple[str, ...], *, why: str) -> Question:
    return Question("multiple", stem, right + wrong, len(right), why)


def judge(stem: str, true: bool, *, why: str) -> Question:
    return Question("true_false", stem, ("正确", "错误"), 1 if true else 2, why)


GENERAL: tuple[Question | Case, ...] = (
    single(
        "佩戴安全帽时，下列做法正确的是（　）。",
        "调好帽衬，系紧下颏带",
        "把帽檐转到脑后，便于抬头看",
        "在帽壳上钻几个孔，便于通风",
        "休息时把安全帽垫在身下当坐垫",
        why="帽衬调好、下颏带系紧，受到冲击时安全帽才不会脱落。钻孔、坐压会降低帽壳强度，这样的安全帽不能再用。",
    ),
    single(
        "作业人员发现直接危及人身安全的紧急情况时，有权（　）。",
        "停止作业，或者采取可能的应急措施后撤离作业场所",
        "先完成当班任务，再向班组长报告",
        "原地等候项目负责人的书面通知",
        "口头提醒工友后继续作业",
        why="《安全生产法》规定，从业人员发现直接危及人身安全的紧急情况时，有权停止作业或者在采取可能的应急措施后撤离，"
        "单位不得因此降低其工资、福利待遇或者解除劳动合同。",
    ),
    single(
        "发现有人触电、还没有脱离电源，首先应当（　）。",
        "立即断开电源，或用干燥的绝缘物使触电者脱离电源",
        "用手把触电者拉开",
        "向触电者身上浇水降温",
        "跑回办公室请示后再处理",
        why="未脱离电源的人带电，徒手去拉会使施救者一同触电。应先断电或用干燥木棒等绝缘物挑开，再判断意识、呼吸，呼叫急救。",
    ),
    judge(
        "作业人员有权拒绝违章指挥和强令冒险作业。",
        True,
        why="这是《安全生产法》赋予从业人员的权利，单位不得因此打击报复。",
    ),
    judge(
        "安全技术交底口头说清楚就可以，不需要交底双方签字。",
        False,
        why="《建设工程安全生产管理条例》规定，施工前负责项目管理的技术人员应当向作业班组、作业人员作出详细说明，并由双方签字确认。",
    ),
    multiple(
        "宿舍或作业区起火时，下列做法正确的有（　）。",
        (
            "立即报警，说清地点和火情",
            "在保证自身安全的前提下，用灭火器扑救初起火灾",
            "弯腰低姿，沿疏散通道撤离",
        ),
        ("乘坐施工升降机快速下楼", "返回宿舍拿取财物"),
        why="火场中升降机可能断电停运，返回火场极易被困。先报警、能救则救、及时低姿撤离。",
    ),
    multiple(
        "在粉尘、噪声较大的环境中作业，有效的防护措施有（　）。",
        ("佩戴防尘口罩", "佩戴耳塞或耳罩", "洒水、湿法作业，减少扬尘"),
        ("用普通纱布口罩代替防尘口罩", "作业时摘下耳塞，以便听手机铃声"),
        why="防尘口罩能过滤细小粉尘，纱布口罩不能；护耳器要在噪声环境中全程佩戴。从源头减少扬尘是最好的防护。",
    ),
    Case(
        "某工地为赶工期，新招了 12 名工人。班组长让他们到场当天就上脚手架作业，说安全教育“等忙完这阵再补”。"
        "其中一名工人提出自己没有受过培训，班组长说“不干就走人”。\n\n根据以上情况，回答下列问题。",
        (
            single(
                "新工人上岗作业之前，必须（　）。",
                "接受安全生产教育和培训，并考核合格",
                "跟着老工人看一天",
                "签一份“后果自负”的保证书",
                "自己买一份意外保险",
                why="《安全生产法》规定，未经安全生产教育和培训合格的从业人员，不得上岗作业。保证书、保险都不能代替培训。",
            ),
            multiple(
                "新工人进场的“三级”安全教育指的是（　）。",
                ("公司级教育", "项目级教育", "班组级教育"),
                ("社区级教育", "行业协会级教育"),
                why="施工现场的三级安全教育是公司、项目、班组三级。",
            ),
            judge(
                "那名工人有权拒绝上架作业，班组长不能因此辞退他。",
                True,
                why="未经培训就上架属于冒险作业，工人有权拒绝，单位不得因此降低其待遇或者解除劳动合同。",
            ),
        ),
    ),
)

PROFESSIONAL: tuple[Question | Case, ...] = (
    single(
        "在坠落高度基准面（　）m 及以上有可能坠落的高处进行的作业，称为高处作业。",
        "2",
        "1",
        "3",
        "5",
        why="坠落高度基准面 2 m 及以上有可能坠落的，就是高处作业，必须采取防坠落措施。",
    ),
    single(
        "施工现场临时用电，开关箱与它所控制的固定式用电设备的水平距离不宜超过（　）m。",
        "3",
        "10",
        "20",
        "30",
        why="开关箱离设备近，出现异常时才能马上断电；水平距离不宜超过 3 m。分配电箱与开关箱的距离才是不超过 30 m。",
    ),
    single(
        "电气设备着火、还没有切断电源时，不能用（　）灭火。",
        "水",
        "二氧化碳灭火器",
        "干粉灭火器",
        "干燥的黄沙",
        why="水能导电，未断电时用水灭火会使人触电。应先断电；来不及时用二氧化碳、干粉灭火器或干沙。",
    ),
    judge(
        "使用安全带应当高挂低用。",
        True,
        why="挂点在上、人在下，坠落距离短、冲击力小；低挂高用会成倍增加冲击力。",
    ),
    judge(
        "为了方便运料，脚手架使用期间可以临时拆掉几根连墙件，用完再装回去。",
        False,
        why="连墙件防止脚手架倾覆，脚手架使用期间严禁拆除。确需调整时，要有方案并先采取加固措施。",
    ),
    multiple(
        "下列部位中，应当设置防护的有（　）。",
        ("楼梯口", "电梯井口", "楼板预留洞口", "建筑物出入通道口"),
        ("已经砌好并封闭的设备间内墙",),
        why="楼梯口、电梯井口、预留洞口、通道口合称“四口”，都要按规定设置栏杆、盖板、防护门或防护棚。",
    ),
    multiple(
        "遇到下列情况，不得起吊的有（　）。",
        ("指挥信号不明", "吊物捆绑不牢", "吊物上站着人"),
        ("吊物重量已知，在额定起重量以内", "风力 2 级，视线良好"),
        why="信号不明、捆绑不牢、吊物上有人都属于起重“十不吊”。重量明确不超载、天气良好是正常条件。",
    ),
    Case(
        "某工程基坑开挖深度 6 m。连日降雨后，安全员巡查发现坑边地面出现一条裂缝，坑边 1 m 处还堆放着两捆钢筋，"
        "坑内有 8 名工人正在作业。\n\n根据以上情况，回答下列问题。",
        (
            single(
                "开挖深度达到（　）m 的基坑土方开挖，属于超过一定规模的危险性较大的分部分项工程，专项施工方案应当组织专家论证。",
                "5",
                "2",
                "3",
                "10",
                why="开挖深度超过 5 m（含 5 m）的基坑土方开挖、支护、降水工程，专项施工方案要经专家论证；"
                "超过 3 m（含 3 m）的要编制专项施工方案。",
            ),
            multiple(
                "发现裂缝后，正确的做法有（　）。",
                (
                    "立即停止坑内作业，撤出人员",
                    "报告项目负责人，设置警戒",
                    "加密监测，查明原因并处理后再复工",
                ),
                ("用土把裂缝填平后继续开挖", "在裂缝上加堆钢筋压住"),
                why="坑边裂缝是边坡失稳的前兆，先撤人、警戒、报告，再监测和处理。填缝掩盖、坑边加载都会加剧危险。",
            ),
            judge(
                "坑边堆放的材料只要不会掉进坑里，就不必限制重量和距离。",
                False,
                why="坑边荷载会增大土压力、引起边坡滑移，堆放的重量和距离都要符合专项施工方案的要求。",
            ),
        ),
    ),
)

SUBJECTS: dict[str, tuple[str, tuple[Question | Case, ...]]] = {
    "general": ("通用知识", GENERAL),
    "professional": ("专业知识", PROFESSIONAL),
}
"""Subject → title and items, in the order of the paper."""
