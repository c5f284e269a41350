"""Plans and classes: filed, received, run day by day, finished, archived — and every other way a plan can go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import Decimal
from uuid import UUID

from zhupei.hours import actions as hours
from zhupei.hours.models import HourEntry
from zhupei.kernel import clock
from zhupei.kernel.schedule import format_periods
from zhupei.training import actions
from zhupei.training.api import (
    ArchiveKind,
    Enrolment,
    EnrolmentState,
    Lesson,
    PlanInput,
    PunchKind,
    PunchMethod,
    RowInput,
    TrainingClass,
    TrainingPlan,
    Upload,
    link_code,
    pin,
)

from .clockwork import Story, moment, periods_of
from .institutions import House, Stage
from .learners import Learner
from .props import rng, scan, seal, signature

HALVES = (
    (time(9), time(12)),
    (time(14), time(17)),
)  # eight class hours of 45 minutes a day, forty in five days
FEE = Decimal("680.00")
TOPICS = {
    "101": "施工组织与现场管理",
    "106": "质量控制与验收",
    "111": "材料进场与复验",
    "114": "工程资料编制",
}


@dataclass
class Course:
    """A class to be. Days are counted in working days from today."""

    key: str
    house: House
    post: str
    learners: Sequence[Learner]
    days: list[date]
    plan_at: int  # working day on which the plan is filed
    until: str = "finish"  # enrol, cancel, run, finish, archive
    short: int = 0  # how many miss lessons and stay below 40 hours
    excepted: bool = False  # one of the short ones may be tested all the same
    corrected: bool = False  # one entry is reversed and credited again by two persons
    hand: bool = False  # attendance by roll call instead of the learners' own punches
    training_class: TrainingClass | None = None
    enrolments: list[Enrolment] = field(default_factory=list)

    @property
    def ready(self) -> int:
        """How many will be ready for the test: all but those who missed lessons, of whom one gets an exception."""
        return len(self.learners) - self.short + (self.excepted and self.short > 0)


def plan_input(
    stage: Stage, house: House, rows: Sequence[tuple[str, int, list[date]]], *, complete: bool = True
) -> PlanInput:
    """Annex 2 as the institution fills it in."""
    head, teaching = stage.act(house.login("head")), stage.act(house.login("teaching"))
    assert house.teaching is not None
    return PlanInput(
        site=house.teaching,
        filled_on=clock.today(),
        teaching_head=teaching.name,
        teaching_head_phone=f"023-6310{house.unit.number:04d}",
        contact=stage.act(house.login("registrar")).name,
        contact_phone=f"023-6320{house.unit.number:04d}",
        rows=[
            RowInput(stage.posts[post], expected, format_periods(periods_of(days, HALVES)), FEE)
            for post, expected, days in rows
        ],
        opinion="同意按计划组织培训。" if complete else "",
        signed_by=head.name if complete else "",
        signature=Upload("签名.png", "image/png", signature()) if complete else None,
        seal=Upload("公章.png", "image/png", seal()) if complete else None,
    )


def draw_up(
    stage: Stage,
    house: House,
    key: str,
    rows: Sequence[tuple[str, int, list[date]]],
    *,
    complete: bool = True,
) -> TrainingPlan:
    """A plan in draft; ``key`` tells it from the others."""
    return actions.create_plan(
        house.institution,
        plan_input(stage, house, rows, complete=complete),
        key=str(UUID(int=rng("plan", key).getrandbits(128))),
        by=stage.act(house.login("registrar")),
    )


def single_plan(stage: Stage, house: House, post: str, first: int, at: int, end: str) -> Story:
    """A plan alone, up to the state ``end``."""
    days = [stage.days.day(first + n) for n in range(5)]
    registrar, head = stage.act(house.login("registrar")), stage.act(house.login("head"))
    yield stage.days.at(at, 9, 40)
    plan = draw_up(stage, house, f"{end}{house.unit.number}", [(post, 40, days)], complete=end != "draft")
    if end == "draft":
        return
    if end == "late":
        actions.submit_plan(plan, late_reason="总承包单位临时要求新进场人员上岗前培训，恳请受理。", by=head)
        return
    plan = actions.submit_plan(plan, by=registrar)
    if end == "submitted":
        return
    yield stage.days.at(at, 16, 20)
    if end == "withdrawn":
        actions.withdraw_plan(plan, reason="报名人数不足，另行组织。", by=registrar)
    elif end == "returned":
        actions.return_plan(plan, reason="培训地点写至楼层，请补充后重报。", by=stage.act("centre"))
    else:
        plan = actions.receive_plan(plan, opinion="收悉。", by=stage.act("centre"))
    if end == "changed":  # a newer version replaces it
        yield stage.days.at(at + 1, 10)
        new = actions.change_plan(plan, by=registrar)
        data = plan_input(stage, house, [(post, 48, days)])
        data = PlanInput(**{**data.__dict__, "change_reason": "报名人数增加，增列 8 人。"})
        new = actions.edit_plan(new, data, revision=new.revision, by=registrar)
        actions.submit_plan(new, by=head)
        yield stage.days.at(at + 1, 15)
        actions.receive_plan(new, opinion="收悉变更。", by=stage.act("centre"))


def run(stage: Stage, course: Course) -> Story:
    """A class from its plan on, as far as ``course.until``."""
    days, act, house = stage.days, stage.act, course.house
    dice = rng("class", course.key)
    teaching_head, registrar = act(house.login("teaching")), act(house.login("registrar"))
    yield days.at(course.plan_at, 9, 10 + house.unit.number)
    plan = draw_up(stage, house, course.key, [(course.post, max(len(course.learners) + 4, 10), course.days)])
    plan = actions.submit_plan(plan, by=registrar)
    yield days.at(course.plan_at + 1, 15, house.unit.number)
    plan = actions.receive_plan(plan, opinion="收悉，请按计划开班。", by=act("centre"))
    yield days.at(course.plan_at + 2, 9)
    row = plan.rows.get()
    course.training_class = training_class = actions.open_class(row, by=teaching_head)
    assert house.teaching is not None
    room = house.teaching.rooms.filter(kind="classroom").order_by("name")[dice.randrange(2)]
    teacher = next(t for t in house.teachers if _free(t.pk, course))
    room = (
        room
        if _room_free(room.pk, course)
        else house.teaching.rooms.filter(kind="classroom").exclude(pk=room.pk).get()
    )
    actions.generate_timetable(
        training_class,
        room=room,
        teacher=teacher,
        topic=TOPICS.get(course.post, "岗位知识"),
        by=teaching_head,
    )
    for n, learner in enumerate(course.learners):
        yield days.at(course.plan_at + 2, 9, 30) + timedelta(minutes=n * 37)
        by = learner.actor or registrar
        course.enrolments.append(actions.apply(training_class, learner.person, by=by))
    yield days.at(course.plan_at + 5, 10)
    if course.until == "enrol":
        _review_in_part(stage, course)
        return
    own = [e for e, one in zip(course.enrolments, course.learners, strict=True) if one.actor]
    entered = [e for e, one in zip(course.enrolments, course.learners, strict=True) if not one.actor]
    actions.accept_many(own, by=registrar)
    actions.accept_many(entered, by=teaching_head)
    if course.until == "cancel":
        yield days.at(course.plan_at + 5, 17)
        actions.cancel_class(
            training_class, reason="授课教师临时因公外出，本班取消，请改报下一期。", by=teaching_head
        )
        return
    yield moment(course.days[0], 8, 20)
    actions.start_class(training_class, by=teaching_head)
    short = {one.index for one in course.learners[: course.short]}
    lessons = list(training_class.lessons.select_related("teacher").order_by("starts_at"))
    for n, lesson in enumerate(lessons):
        yield from _lesson(stage, course, lesson, n, short if n in (2, 3) else set())
    yield clock.local(lessons[-1].ends_at) + timedelta(minutes=70)
    yield from _correct(stage, course)
    actions.finish_class(training_class, by=teaching_head)
    if course.until == "archive":
        yield days.at(course.plan_at + 16, 10)
        _archive(stage, course)


def _free(teacher_id: int, course: Course) -> bool:
    booked = Lesson.objects.filter(
        teacher_id=teacher_id, starts_at__date__range=(course.days[0], course.days[-1])
    )
    return not booked.exists()


def _room_free(room_id: int, course: Course) -> bool:
    booked = Lesson.objects.filter(room_id=room_id, starts_at__date__range=(course.days[0], course.days[-1]))
    return not booked.exists()


def _review_in_part(stage: Stage, course: Course) -> None:
    """An enrolling class: accepted, returned, taken back, and some that wait."""
    registrar, teaching_head = (
        stage.act(course.house.login("registrar")),
        stage.act(course.house.login("teaching")),
    )
    for n, (enrolment, learner) in enumerate(zip(course.enrolments, course.learners, strict=True)):
        by = registrar if learner.actor else teaching_head
        if n % 5 == 1 and learner.actor:
            actions.cancel_enrolment(enrolment, reason="时间冲突", by=learner.actor)
        elif n % 5 == 3:
            actions.return_enrolment(enrolment, reason="学历证明不清晰，请重新上传。", by=by)
        elif n % 5 in (0, 2):
            actions.accept_enrolment(enrolment, by=by)


def _lesson(stage: Stage, course: Course, lesson: Lesson, number: int, missing: set[int]) -> Story:
    """One half-day: people sign in and out with the code on the teacher's screen, or the roll is called; then it is closed."""
    dice = rng("lesson", course.key, number)
    starts, ends = clock.local(lesson.starts_at), clock.local(lesson.ends_at)
    there = [
        (learner, enrolment)
        for learner, enrolment in zip(course.learners, course.enrolments, strict=True)
        if learner.index not in missing
    ]
    own = (
        [] if course.hand or number % 3 == 2 else [learner for learner, _enrolment in there if learner.actor]
    )
    came = sorted((starts + timedelta(seconds=dice.randint(-1500, 420)), n) for n in range(len(own)))
    left = sorted((ends + timedelta(seconds=dice.randint(-240, 1200)), n) for n in range(len(own)))
    for kind, moments in ((PunchKind.IN, came), (PunchKind.OUT, left)):
        for at, n in moments:
            yield at
            _punch(lesson, kind, own[n])
    yield ends + timedelta(minutes=32)
    marks = {enrolment.pk: "whole" for _learner, enrolment in there}
    marks |= {
        e.pk: "absent"
        for e, one in zip(course.enrolments, course.learners, strict=True)
        if one.index in missing
    }
    by = stage.act(course.house.login("teaching"))
    actions.call_roll(lesson, marks, by=by)
    actions.close_lesson(lesson, by=by)


def _punch(lesson: Lesson, kind: PunchKind, learner: Learner) -> None:
    assert learner.actor is not None
    if learner.index % 3:
        actions.punch(lesson, kind, PunchMethod.QR, code=link_code(lesson.pk), by=learner.actor)
    else:
        actions.punch(lesson, kind, PunchMethod.PIN, code=pin(lesson.pk), by=learner.actor)


def _correct(stage: Stage, course: Course) -> Story:
    """Corrections of the ledger: a reversal and a manual credit by two persons; an exception."""
    act, house = stage.act, course.house
    day = clock.today()
    if course.corrected:
        enrolment = course.enrolments[course.short]
        entry = HourEntry.objects.filter(enrolment_id=enrolment.pk).latest("pk")
        hours.reverse_entry(entry, reason="核查录像，该节课由他人代为签退。", by=act(house.login("teaching")))
        yield clock.now() + timedelta(minutes=30)
        credit = hours.propose_credit(
            person=enrolment.person,
            enrolment_id=enrolment.pk,
            organisation_id=house.institution.organisation_id,
            post_code=course.post,
            hours=entry.hours,
            occurred_on=day,
            reason="复核录像后确认本人到课，签退由同桌误操作，补记学时。",
            evidence=scan(),
            evidence_name="录像截图.png",
            evidence_type="image/png",
            by=act(house.login("registrar")),
        )
        yield clock.now() + timedelta(minutes=20)
        hours.decide_credit(credit, True, by=act(house.login("head")))
    if course.excepted and course.short:
        hours.grant_exception(
            course.enrolments[0].pk,
            house.institution.organisation_id,
            "工伤住院，已提交自学笔记，经中心同意减免 8 学时。",
            by=act("approver"),
        )


def _archive(stage: Stage, course: Course) -> None:
    by, training_class = stage.act(course.house.login("registrar")), course.training_class
    assert training_class is not None
    for kind in (ArchiveKind.ENROLMENT, ArchiveKind.TIMETABLE, ArchiveKind.ATTENDANCE, ArchiveKind.PHOTO):
        actions.add_to_archive(
            training_class, kind, upload=Upload(f"{kind.label}.png", "image/png", scan()), by=by
        )
    actions.add_to_archive(
        training_class, ArchiveKind.RECORDING, paper_location="机房录像存储柜 3 层（硬盘编号 R-07）", by=by
    )
    actions.archive_class(training_class, by=stage.act(course.house.login("teaching")))


def accepted(course: Course) -> list[Enrolment]:
    """The enrolments of a class that stand."""
    rows = Enrolment.objects.filter(training_class=course.training_class, state=EnrolmentState.ACCEPTED)
    return list(rows.select_related("person").order_by("pk"))
