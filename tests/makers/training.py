"""Plans, classes, enrolments and their hours."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM

from .basics import make_person, serial
from .institutions import make_institution, make_site, make_teacher

if TYPE_CHECKING:
    from zhupei.hours.models import HourEntry
    from zhupei.institutions.models import Institution, Site, Teacher
    from zhupei.people.models import Person
    from zhupei.training.models import Enrolment, TrainingClass, TrainingPlan


def make_hours(
    enrolment_id: int,
    person: Person,
    hours: Decimal | int | str,
    *,
    post_code: str = "101",
    organisation_id: int = 1,
    source_key: str = "",
) -> HourEntry:
    """Attended hours in the ledger of an enrolment, as one entry of today."""
    from zhupei.hours.api import credit_attendance

    return credit_attendance(
        person=person,
        enrolment_id=enrolment_id,
        organisation_id=organisation_id,
        post_code=post_code,
        hours=Decimal(hours),
        source_key=source_key or f"test:{next(serial)}",
        occurred_on=clock.today(),
        by=SYSTEM,
    )


PLAN_TIME = "2026年10月12-16日9:00-12:00、14:00-17:00"  # 5 × 6 h = 40 class hours of 45 minutes


def make_plan(institution: Institution | None = None, state: str = "received", *, posts: tuple[str, ...] = ("101",),
              time_text: str = PLAN_TIME, site: Site | None = None, expected: int = 30) -> TrainingPlan:  # fmt: skip
    """A plan of annex 2 in any state, written as rows (filed in time); its site has one classroom of 60 seats."""
    from zhupei.evidence.api import store
    from zhupei.rulebook.api import Post, calendar, deadline_before, syllabus_of
    from zhupei.training import periods
    from zhupei.training.models import PlanRow, TrainingPlan

    institution = institution or make_institution()
    site = site or make_site(institution, rooms=(("101教室", 60),))
    times = periods.read(time_text)
    first = min(p.first for p in times)
    deadline = deadline_before(first, "plan_submit_workdays")
    filed = state not in ("draft", "withdrawn")
    plan = TrainingPlan.objects.create(
        institution=institution,
        institution_name=institution.full_name,
        year=first.year,
        sequence=TrainingPlan.objects.filter(institution=institution, year=first.year).count() + 1,
        state=state,
        filled_on=date(2026, 1, 5),
        site=site,
        address=site.address,
        teaching_head="周敏",
        teaching_head_phone="13812345678",
        contact="李文",
        contact_phone="023-63601234",
        opinion="同意申报。",
        signed_by="王建国",
        seal=store(
            b"%PDF-1.4 seal",
            name="seal.pdf",
            content_type="application/pdf",
            purpose="plan_seal",
            by=SYSTEM,
            organisation_id=institution.organisation_id,
        ),
        first_day=first,
        deadline=deadline.date,
        deadline_is_provisional=deadline.is_provisional,
        calendar_version=calendar().version,
        submitted_at=clock.now() if filed else None,
        late_reason="教师调整" if state == "late" else "",
        lateness_days=1 if state == "late" else 0,
        created_at=clock.now(),
    )
    for position, code in enumerate(posts, 1):
        post = Post.objects.get(code=code)
        PlanRow.objects.create(
            plan=plan,
            position=position,
            post=post,
            syllabus=syllabus_of(post, first),
            expected=expected,
            periods=periods.to_json(times),
            time_text=time_text,
            hours=periods.hours_of(times),
            fee=Decimal("1200.00"),
        )
    return plan


def make_class(institution: Institution | None = None, *, lessons: int = 0, state: str = "enrolling",
               plan: TrainingPlan | None = None, time_text: str = PLAN_TIME, teacher: Teacher | None = None,
               capacity: int = 30) -> TrainingClass:  # fmt: skip
    """A class of post 101 from a received plan, with the first ``lessons`` half-days of the plan as lessons of one teacher."""
    from zhupei.kernel import schedule
    from zhupei.training import periods
    from zhupei.training.models import Lesson, TrainingClass

    plan = plan or make_plan(institution, time_text=time_text)
    row = plan.rows.filter(training_class=None).first()
    assert row is not None
    times = periods.from_json(row.periods)
    days = periods.days_of(times)
    training_class = TrainingClass.objects.create(
        institution=plan.institution,
        plan_row=row,
        post=row.post,
        site=plan.site,
        name=f"班级{next(serial)}",
        capacity=capacity,
        fee=row.fee,
        first_day=min(days),
        last_day=max(days),
        state=state,
        created_at=clock.now(),
        started_at=clock.now() if state in ("running", "finished", "archived") else None,
    )
    room = plan.site.rooms.order_by("pk").first()
    assert room is not None
    if lessons:
        teacher = teacher or make_teacher(plan.institution)
    for starts_at, ends_at in schedule.intervals(times)[:lessons]:
        minutes = int((ends_at - starts_at).total_seconds() // 60)
        Lesson.objects.create(
            training_class=training_class,
            room=room,
            teacher=teacher,
            topic="施工技术",
            starts_at=starts_at,
            ends_at=ends_at,
            hours=(Decimal(minutes) / 45).quantize(Decimal("0.01")),
        )
    return training_class


def make_enrolment(training_class: TrainingClass, person: Person, state: str = "accepted") -> Enrolment:
    """A person in a class; accepted ones have their hours ledger open."""
    from zhupei.hours.api import open_ledger
    from zhupei.kernel.dates import retain_until
    from zhupei.training.models import Enrolment

    enrolment = Enrolment.objects.create(
        person=person,
        training_class=training_class,
        post=training_class.post,
        organisation_id=training_class.institution.organisation_id,
        state=state,
        applied_at=clock.now(),
        applied_by_id=person.user_id,
        retain_until=retain_until(clock.today()),
    )
    if state == "accepted":
        open_ledger(
            person=person,
            enrolment_id=enrolment.pk,
            post_code=training_class.post.code,
            organisation_id=training_class.institution.organisation_id,
        )
    return enrolment


def make_ready_enrolment(
    institution: Institution,
    *,
    person: Person | None = None,
    post_code: str = "101",
    hours: Decimal | int | str = "40",
    lessons_until: datetime | None = None,
) -> Enrolment:
    """An accepted enrolment in a running class of its own plan, with class hours in the ledger (40 unless said otherwise)."""
    from zhupei.institutions.models import Room
    from zhupei.rulebook.models import Post
    from zhupei.training.models import Enrolment, Lesson, PlanRow, TrainingClass, TrainingPlan

    today, number = clock.today(), next(serial)
    post = Post.objects.get(code=post_code)
    site = institution.sites.filter(kind="teaching").first() or make_site(institution)
    plan = TrainingPlan.objects.create(
        institution=institution,
        year=today.year,
        sequence=number,
        state="received",
        filled_on=today,
        institution_name=institution.full_name,
        site=site,
        address=site.address,
        teaching_head="张三",
        teaching_head_phone="13812345678",
        contact="李四",
        contact_phone="13812345679",
        first_day=today,
        created_at=clock.now(),
    )
    row = PlanRow.objects.create(plan=plan, position=1, post=post, expected=50, time_text="—", fee=0)
    group = TrainingClass.objects.create(
        institution=institution,
        plan_row=row,
        post=post,
        site=site,
        name=f"{post.name}{number}班",
        capacity=50,
        fee=0,
        first_day=today,
        last_day=today,
        state="running",
        created_at=clock.now(),
    )
    if lessons_until is not None:
        Lesson.objects.create(
            training_class=group,
            room=Room.objects.filter(site=site).first(),
            teacher=make_teacher(institution),
            topic="法规",
            starts_at=lessons_until - timedelta(hours=3),
            ends_at=lessons_until,
            hours=4,
        )
    person = person or make_person()
    enrolment = Enrolment.objects.create(
        person=person,
        training_class=group,
        post=post,
        organisation_id=institution.organisation_id,
        state="accepted",
        applied_at=clock.now(),
        retain_until=today + timedelta(days=5 * 365),
    )
    if Decimal(hours):
        organisation_id = institution.organisation_id
        make_hours(enrolment.pk, person, hours, post_code=post_code, organisation_id=organisation_id)
    return enrolment
