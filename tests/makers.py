"""Makers of test data: plain functions, each of which makes one valid thing with everything it needs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from django.test import Client

from zhupei.accounts.models import AccountSession, User, login_of_identity
from zhupei.kernel import clock, uscc
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.roles import BANK, CENTRE, CITY, DISTRICT, OFFICERS, Role
from zhupei.organisations.api import Organisation, OrganisationKind, divisions_of, memberships_of
from zhupei.organisations.models import Jurisdiction, Membership
from zhupei.rulebook.api import load_rulebook

if TYPE_CHECKING:
    from zhupei.certificates.api import Certificate
    from zhupei.delivery import api as delivery
    from zhupei.exams.models import BankApplication, Batch
    from zhupei.hall.api import HallBatch
    from zhupei.hours.models import HourEntry
    from zhupei.institutions.models import Institution, Site, Teacher
    from zhupei.itembank.models import BankRelease
    from zhupei.kernel.crypto import Signer
    from zhupei.people.models import Person
    from zhupei.training.models import Enrolment, TrainingClass, TrainingPlan

_count = itertools.count(1)
RULE_FROM = date(2019, 1, 1)


def make_rulebook() -> None:
    """The whole rulebook, as a new city loads it."""
    load_rulebook(RULE_FROM, by=SYSTEM)


def make_organisation(
    kind: str = OrganisationKind.CENTRE, name: str = "", *, division_code: str = ""
) -> Organisation:
    name = name or f"{kind}-{next(_count)}"
    organisation = Organisation.objects.create(kind=kind, name=name, division_code=division_code)
    if kind == OrganisationKind.DISTRICT and division_code:
        Jurisdiction.objects.create(
            organisation=organisation, division_code=division_code, valid_from=RULE_FROM
        )
    return organisation


def kind_of(role: Role) -> str:
    """The kind of organisation in which a role is held."""
    if role in CITY:
        return OrganisationKind.CITY
    if role in CENTRE | BANK | OFFICERS:
        return OrganisationKind.CENTRE
    return OrganisationKind.DISTRICT if role in DISTRICT else OrganisationKind.INSTITUTION


def make_user(role: Role, organisation: Organisation | None = None, *, name: str = "") -> User:
    """A staff account (or a learner's) that holds ``role`` in ``organisation`` (a new one if none is given)."""
    number = next(_count)
    if role == Role.LEARNER:
        return User.objects.create_user(
            login_of_identity(f"TEST{number}"), "x", display_name=name or f"学员{number}", is_learner=True
        )
    user = User.objects.create_user(f"{role}-{number}", "x", display_name=name or f"{role}{number}")
    organisation = organisation or make_organisation(kind_of(role))
    Membership.objects.create(user=user, organisation=organisation, role=role, valid_from=RULE_FROM)
    return user


def as_actor(user: User) -> Actor:
    """The actor of a user in his first organisation."""
    if user.is_learner:
        return Actor(user.pk, user.display_name, frozenset({Role.LEARNER}))
    held = list(memberships_of(user.pk))
    organisation = held[0].organisation
    return Actor(
        user.pk,
        user.display_name,
        frozenset(Role(m.role) for m in held if m.organisation_id == organisation.pk),
        organisation.pk,
        organisation.name,
        divisions_of(organisation.pk),
    )


def make_actor(role: Role, organisation: Organisation | None = None) -> Actor:
    """A new user with ``role``, as an actor."""
    return as_actor(make_user(role, organisation))


def sign_in(client: Client, user: User) -> Client:
    """Sign a test client in as ``user``, past password and second factor."""
    client.force_login(user)
    AccountSession.objects.create(
        user=user, session_key=client.session.session_key, created_at=clock.now(), last_seen_at=clock.now()
    )
    return client


def make_institution(
    type: str = "contractor", state: str = "published", division_code: str = "500157", *, name: str = ""
) -> Institution:
    """An institution with its organisation, its qualification (contractors) or licence, and the steps of its registration.

    It trains every post that the rulebook holds.
    """
    from zhupei.institutions.choices import LICENCE_KINDS, InstitutionType, RegistrationState
    from zhupei.institutions.models import Institution, Licence, Qualification, RegistrationStep
    from zhupei.rulebook.models import Post

    number = next(_count)
    prefix = {"contractor": "91", "social": "52", "association": "51", "college": "12"}[type]
    body = f"{prefix}500000MA{number:07d}"
    start = datetime(2019, 1, 1, tzinfo=clock.SHANGHAI)
    registered = state in ("registered", "published", "blocked", "cancelled")
    organisation = make_organisation(
        OrganisationKind.INSTITUTION, name or f"培训机构{number}", division_code=division_code
    )
    institution = Institution.objects.create(
        organisation=organisation,
        type=type,
        uscc=body + uscc.check_character(body),
        full_name=organisation.name,
        legal_representative="王建国",
        address="重庆市江北区建新路 1 号",
        division_code=division_code,
        contact="李文",
        contact_phone="023-63601234",
        state=state,
        registration_no=f"T{number:04d}" if registered else None,
        registered_on=RULE_FROM if registered else None,
        published_on=RULE_FROM if state in ("published", "blocked") else None,
        created_at=start,
    )
    institution.posts.set(Post.objects.all())
    if type == InstitutionType.CONTRACTOR:
        Qualification.objects.create(
            institution=institution,
            certificate_no=f"D{number}",
            category="general",
            specialty="建筑工程施工总承包",
            grade="first",
            issuer="住房城乡建设部",
            issued_on=date(2018, 1, 1),
            valid_to=date(2099, 12, 31),
            checked_at=start if registered else None,
        )
    else:
        kind = LICENCE_KINDS[InstitutionType(type)][0]
        Licence.objects.create(
            institution=institution, kind=kind, number=f"L{number}", issuer="重庆市教育委员会"
        )
    if state != RegistrationState.DRAFT:
        RegistrationStep.objects.create(
            institution=institution,
            verb="import",
            state=state,
            unit="市住房城乡建委",
            person="系统",
            at=start,
        )
    return institution


def make_site(
    institution: Institution,
    kind: str = "teaching",
    approved: bool = True,
    exam_clients: int = 200,
    spare_clients: int = 20,
    rooms: Sequence[tuple[str, int]] = (("A101", 60),),
) -> Site:
    """A teaching site or (``kind="hall"``) an exam hall with its rooms, approved from 2019 on unless said otherwise."""
    from zhupei.institutions.models import Room, Site

    site = Site.objects.create(
        institution=institution,
        kind=kind,
        name=f"场地{next(_count)}",
        address="重庆市两江新区金开大道 1 号",
        division_code=institution.division_code,
        state="approved" if approved else "draft",
        approved_on=RULE_FROM if approved else None,
        valid_to=date(2099, 12, 31) if approved else None,
        exam_clients=exam_clients if kind == "hall" else 0,
        spare_clients=spare_clients if kind == "hall" else 0,
    )
    room_kind = "exam_room" if kind == "hall" else "classroom"
    Room.objects.bulk_create(Room(site=site, name=name, kind=room_kind, seats=seats) for name, seats in rooms)
    return site


def make_teacher(institution: Institution, *, user: User | None = None) -> Teacher:
    """A full-time teacher with ten years on building sites."""
    from zhupei.institutions.models import Teacher

    return Teacher.objects.create(
        institution=institution,
        user=user,
        name=f"教师{next(_count)}",
        phone="13812345678",
        title="高级工程师",
        education="本科",
        specialty="土木工程",
        site_years=10,
    )


def make_person(name: str = "", **fields: object) -> Person:
    """A registered person with an invented identity number and a mobile."""
    from zhupei.people.api import demo_identity_number, register_person

    number = next(_count)
    values = {
        "identity_kind": "resident_id",
        "identity_number": demo_identity_number(number),
        "name": name or f"学员{number}",
        "phone": f"139{number:08d}",
        **fields,
    }
    return register_person(**values, by=SYSTEM)


def make_learner(name: str = "", **fields: object) -> tuple[Person, User]:
    """A person with a learner's account (password "x") and the consent it needs."""
    from zhupei.people.actions import give_consent

    person = make_person(name, **fields)
    person.user = User.objects.create_user(
        login_of_identity(person.identity_number),
        "x",
        display_name=person.name,
        phone=person.phone,
        is_learner=True,
    )
    person.save(update_fields=["user"])
    give_consent(person, "account", by=as_actor(person.user))
    return person, person.user


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
        source_key=source_key or f"test:{next(_count)}",
        occurred_on=clock.today(),
        by=SYSTEM,
    )


def make_bank() -> BankRelease:
    """The demonstration bank of 土建施工员 (101) with the default blueprints, released: enough to draw papers for post 101.

    Needs the rulebook (``make_rulebook``). About a third of a second.
    """
    from zhupei.itembank.api import load_demo_bank, make_release
    from zhupei.papers.api import load_default_blueprints

    load_demo_bank(by=SYSTEM)
    release = make_release(note="test", by=SYSTEM)
    load_default_blueprints(by=SYSTEM)
    return release


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
        name=f"班级{next(_count)}",
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

    today, number = clock.today(), next(_count)
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


def make_application(
    institution: Institution | None = None,
    *,
    hall: Site | None = None,
    rows: Sequence[tuple[str, int]] = (("101", 3),),
    sessions: Sequence[tuple[datetime, datetime]] = (),
    state: str = "submitted",
    clients: int = 100,
) -> BankApplication:
    """An application for the bank (annex 4), through the room's own actions; the first session is in six weeks at 9:00.

    ``state``: draft, submitted, scheduled, or filed (acknowledged by the education office as well).
    """
    from zhupei.exams import actions
    from zhupei.rulebook.models import Post

    institution = institution or make_institution()
    hall = hall or make_site(institution, "hall", rooms=(("第一考室", 50), ("第二考室", 50)))
    officer = make_actor(Role.EXAM_OFFICER, institution.organisation)
    if not sessions:
        start = datetime.combine(clock.today() + timedelta(days=42), time(9), clock.SHANGHAI)
        sessions = [(start, start + timedelta(hours=2))]
    picture = actions.Upload(b"\x89PNG\r\n\x1a\n" + b"0" * 32, "章.png", "image/png")
    data = actions.ApplicationData(
        hall=hall,
        clients_available=clients,
        lead="王强",
        lead_mobile="13812345678",
        contact="李敏",
        contact_mobile="13912345678",
        rows=[(Post.objects.get(code=code), count) for code, count in rows],
        sessions=sessions,
        signed_by="王强",
        signed_on=clock.today(),
        signature=picture,
        seal=picture,
    )
    application = actions.save_application(None, data, by=officer)
    if state == "draft":
        return application
    application = actions.submit_application(application, pledged=True, by=officer)
    if state == "submitted":
        return application
    actions.schedule(application, sessions, by=make_actor(Role.CENTRE_OFFICER))
    if state == "filed":
        filing = actions.file_with_office(application, by=make_actor(Role.CENTRE_OFFICER))
        actions.receive_filing(filing, f"宣教备{next(_count)}", by=make_actor(Role.CITY_EDUCATION_OFFICE))
    application.refresh_from_db()
    return application


BATCH_STATES = ("preparing", "locked", "ready", "released", "returned", "confirmed")


def make_batch(
    institution: Institution | None = None,
    candidates: int = 3,
    state: str = "preparing",
    *,
    persons: Sequence[Person] = (),
    wrong: int = 0,
    **application: object,
) -> Batch:
    """A batch of post 101 in any state up to ``confirmed``, through the room's own actions, filing received.

    From ``ready`` on it needs ``make_bank()``, which is called if the bank has no release. ``wrong``: how many of the first
    answers of every subject are left empty by the first candidate (0: everybody has 100 points).
    """
    from zhupei.exams import actions
    from zhupei.itembank.api import latest_release

    steps = BATCH_STATES.index(state)
    institution = institution or make_institution()
    count = len(persons) or candidates
    rows = [("101", count)]
    batch = make_application(institution, rows=rows, state="filed", **application).batch  # type: ignore[arg-type]
    officer = make_actor(Role.EXAM_OFFICER, institution.organisation)
    people = list(persons) or [make_person() for _ in range(count)]
    enrolments = [make_ready_enrolment(institution, person=one) for one in people]
    actions.add_candidates(batch, [one.pk for one in enrolments], by=officer)
    if steps >= 1:
        batch = actions.lock_batch(batch, by=officer)
    if steps >= 2:
        if latest_release() is None:
            make_bank()
        actions.draw_batch(batch, by=make_actor(Role.CENTRE_OFFICER))
    if steps >= 3:
        with clock.frozen(batch.slots.all()[0].starts_at - timedelta(minutes=30)):
            actions.release_bundle(batch, by=make_actor(Role.CENTRE_OFFICER))
            actions.release_bundle(batch, by=make_actor(Role.CENTRE_APPROVER))
    if steps >= 4:
        with clock.frozen(batch.slots.all()[0].ends_at + timedelta(minutes=30)):
            actions.receive_return(batch, make_hall_return(batch, wrong=wrong), by=SYSTEM)
            if steps >= 5:
                actions.confirm_batch(batch, by=make_actor(Role.CENTRE_APPROVER))
    batch.refresh_from_db()
    return batch


def make_hall_return(
    batch: Batch,
    *,
    wrong: int = 0,
    change: Callable[[delivery.Return], delivery.Return] | None = None,
    tamper: Callable[[delivery.Return], delivery.Return] | None = None,
    signer: Signer | None = None,
) -> bytes:
    """The return of a hall in which everybody knew everything but the first candidate, who left ``wrong`` answers of every
    subject empty. ``change`` alters what happened, before the journal is written; ``tamper`` alters the return afterwards."""
    from zhupei.delivery import api as delivery
    from zhupei.delivery.tests.honest import with_journal
    from zhupei.exams import actions, keys

    key = actions.bundle_key(batch)
    bundle = delivery.open_bundle(actions.bundle_file(batch), bundle_key=key, verifier=keys.centre_verifier())
    sittings = []
    for number, one in enumerate(bundle.candidates):
        answers = {
            subject: {
                slot.key: bundle.keys[slot.key].right
                for slot in list(paper.slots())[wrong if number == 0 else 0 :]
            }
            for subject, paper in one.papers.items()
        }
        start = bundle.sessions[0].starts_at
        sittings.append(
            delivery.SittingRecord(
                candidate_id=one.candidate_id,
                slip_no=one.slip_no,
                session_id=one.session_id,
                room_id=one.room_id,
                seat_no=one.seat_no,
                state="submitted",
                answers=answers,
                papers={subject: paper.digest for subject, paper in one.papers.items()},
                scores=delivery.score_sitting(one.papers, bundle.keys, answers, bundle.rules),
                started_at=start,
                submitted_at=start + 3_600_000,
                shown_at=start + 3_601_000,
                submit_kind="hand",
                used_ms=3_600_000,
            )
        )
    content = delivery.Return(
        return_id=f"R{next(_count)}",
        bundle_id=bundle.bundle_id,
        batch_no=bundle.batch_no,
        hall_id=bundle.hall.id,
        bundle_digests=bundle.digests,
        events=(),
        sittings=tuple(sittings),
        checkins=(),
        captures=(),
        incidents=(),
        created_at=bundle.sessions[0].ends_at,
        closed_by="王监考",
    )
    if change is not None:
        content = change(content)
    if not content.events:
        content = with_journal(bundle, content)
    if tamper is not None:
        content = tamper(content)
    content = delivery.complete_return(content)
    return delivery.seal_return(
        content, bundle_key=key, signer=signer or actions.local_hall_signer(batch.hall_id)
    )


def make_filed_staff(organisation: Organisation) -> dict[Role, User]:
    """A hall's technical head and room administrator, trained and filed with the centre (R146–R148)."""
    from zhupei.hall.api import file_staff, report_staff

    staff = {}
    for role in (Role.HALL_TECHNICAL_HEAD, Role.ROOM_ADMINISTRATOR):
        staff[role] = make_user(role, organisation)
        row = report_staff(
            staff[role].pk,
            role,
            trained_on=clock.today(),
            training="考场岗位培训",
            organisation_id=organisation.pk,
            by=SYSTEM,
        )
        file_staff(row, f"备{next(_count)}", by=SYSTEM)
    return staff


def make_hall_batch(batch: Batch | None = None, *, state: str = "open", candidates: int = 2) -> HallBatch:
    """A released batch whose bundle is in its hall: ``sealed`` or ``open``. Needs ``settings.HALL_DATA`` of the test's own,
    and ``close_engine()`` at its end (see the fixture of the hall's tests)."""
    from zhupei.exams.api import bundle_file
    from zhupei.hall.api import open_batch, take_in

    batch = batch or make_batch(candidates=candidates, state="released")
    row = take_in(bundle_file(batch), by=SYSTEM)
    return open_batch(row, by=SYSTEM) if state == "open" else row


def make_certificate(*, person: Person | None = None, institution: Institution | None = None) -> Certificate:
    """A valid certificate for post 101, from a batch whose result the centre has confirmed."""
    from zhupei.certificates.api import Certificate, consume_news

    batch = make_batch(institution, state="confirmed", persons=[person or make_person()])
    consume_news()
    return Certificate.objects.get(result__candidate__batch=batch)
