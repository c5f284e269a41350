"""A synthetic city for benchmarks: rows written in bulk, past the actions, in the proportions of a city in service.

Nothing here is a record of anybody. Names are dealt from lists, digests and encrypted values are only of the right form
(the ledger and most certificates do not verify), the audit chain is sealed by number alone. Five years of classes: the
newest enrol and run, those before are archived, tested and certified. The first institution holds a tenth of everything.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from typing import Any

from django.db import connection, models, transaction

from zhupei.accounts.models import SignInEvent, User, login_of_identity
from zhupei.audit.models import AuditEvent, ChainHead
from zhupei.certificates.actions import SOURCE, signed_bytes
from zhupei.certificates.models import Certificate, CertificateEvent, ConsumedEvent, WaitingResult
from zhupei.config.founding import found_city
from zhupei.evidence.models import StoredFile
from zhupei.exams import models as exams
from zhupei.exams.api import centre_signer
from zhupei.hours.models import GENESIS, HourEntry, Ledger
from zhupei.institutions.models import Institution, Room, Site, Teacher
from zhupei.itembank.api import load_demo_bank, make_release
from zhupei.itembank.models import Item
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.dates import retain_until
from zhupei.kernel.roles import Role
from zhupei.notices.models import Notice
from zhupei.organisations.models import Membership, Organisation
from zhupei.people.api import demo_identity_number, identity_index
from zhupei.people.models import Consent, Person
from zhupei.rulebook.api import active_divisions, active_posts, calendar, current_rule_set
from zhupei.training import models as training

SIZE = 30  # persons in a class
PER_BATCH = 4  # classes tested together
YEARS = 5
ITEMS = 20_000
SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华建国志文海波春梅红玉兰飞鹏辉鑫宇浩轩梓涵雨欣怡然博"
STAFF = (
    ("head", Role.INSTITUTION_HEAD),
    ("teaching", Role.TEACHING_HEAD),
    ("registrar", Role.REGISTRAR),
    ("teacher", Role.TEACHER),
    ("exam", Role.EXAM_OFFICER),
    ("tech", Role.TECHNICIAN),
)


@dataclass
class SyntheticCity:
    """What the benchmark needs to find its way: accounts by name, and rows worth opening."""

    accounts: dict[str, int] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────────


@lru_cache(200_000)
def _moment(value: datetime | None) -> Any:
    return connection.ops.adapt_datetimefield_value(value)


@lru_cache(20_000)
def _decimal(value: Decimal) -> Any:
    return str(value)


def _converter(column: models.Field[Any, Any]) -> Callable[[Any], Any] | None:
    if connection.vendor == "postgresql":
        return None
    if isinstance(column, models.DateTimeField):
        return _moment
    if isinstance(column, models.DateField):
        return lambda value: value.isoformat() if value is not None else None
    return _decimal if isinstance(column, models.DecimalField) else None


def fill(model: type[models.Model], names: str, rows: Iterable[tuple[Any, ...]]) -> int:
    """Write rows of ``names`` (attribute names); every other column gets its default. Returns how many."""
    columns = {column.attname: column for column in model._meta.local_concrete_fields}
    given = [columns.pop(name) for name in names.split()]
    if any(column.primary_key for column in given):
        columns.pop(model._meta.pk.attname, None)  # type: ignore[union-attr]
    else:
        columns = {name: column for name, column in columns.items() if not column.primary_key}
    rest = tuple(
        None if column.null else column.get_db_prep_save(column.get_default(), connection)
        for column in columns.values()
    )
    converters = [(at, c) for at, column in enumerate(given) if (c := _converter(column)) is not None]
    quoted = ", ".join(f'"{column.column}"' for column in [*given, *columns.values()])

    def ready() -> Iterator[tuple[Any, ...]]:
        for row in rows:
            if converters:
                values = list(row)
                for at, convert in converters:
                    values[at] = convert(values[at])
                row = tuple(values)
            yield row + rest

    count, table = 0, model._meta.db_table
    source = ready()
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.cursor.copy(f'COPY "{table}" ({quoted}) FROM STDIN') as copy:
                for row in source:
                    copy.write_row(row)
                    count += 1
            return count
        marks = ", ".join(["?"] * (len(given) + len(rest)))
        sql = f'INSERT INTO "{table}" ({quoted}) VALUES ({marks})'  # noqa: S608
        while chunk := list(islice(source, 20_000)):
            cursor.cursor.connection.executemany(sql, chunk)
            count += len(chunk)
    return count


def _hex(*parts: object) -> str:
    """Sixty-four hex digits that look like a digest, one for each set of parts."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()


def _sealed(model: type[models.Model], name: str, texts: Iterable[str]) -> list[str]:
    """Some values as the encrypted column keeps them; rows share them."""
    column = model._meta.get_field(name)
    return [column.get_db_prep_save(text, connection) for text in texts]


def _name(n: int) -> str:
    first, second = GIVEN[n // 40 % len(GIVEN)], GIVEN[n // 40 // len(GIVEN) % len(GIVEN)]
    return f"{SURNAMES[n % 40]}{first}{second if n % 3 else ''}"


def _account(city: SyntheticCity, login: str, organisation_id: int, role: Role, since: date) -> int:
    user = User.objects.create_user(login, display_name=_name(len(city.accounts) * 7))
    Membership.objects.create(user=user, organisation_id=organisation_id, role=role, valid_from=since)
    city.accounts[login] = user.pk
    return user.pk


# ── the city ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _House:
    institution: int
    organisation: int
    name: str
    site: int
    rooms: tuple[int, ...]
    hall: int
    exam_rooms: tuple[int, ...]
    teachers: tuple[int, ...]


def _houses(city: SyntheticCity, count: int, start: datetime) -> list[_House]:
    divisions = [row.code for row in active_divisions()]
    posts = list(active_posts())
    found = []
    for n in range(count):
        code = divisions[n % len(divisions)]
        name = f"合成培训机构{n:03d}"
        organisation = Organisation.objects.create(kind="institution", name=name, division_code=code)
        institution = Institution.objects.create(
            organisation=organisation,
            type="social",
            uscc=f"5250000099{n:08d}",
            full_name=name,
            legal_representative=_name(n),
            address=f"合成大道 {n} 号",
            division_code=code,
            contact=_name(n + 1),
            contact_phone="023-60000000",
            state="published",
            registration_no=f"S{n:05d}",
            registered_on=start.date(),
            published_on=start.date(),
            created_at=start,
        )
        institution.posts.set(posts[:12])
        approved = {
            "address": institution.address,
            "division_code": code,
            "state": "approved",
            "approved_on": start.date(),
        }
        site = Site.objects.create(
            institution=institution, kind="teaching", name="教学点", valid_to=None, **approved
        )
        hall = Site.objects.create(
            institution=institution, kind="hall", name="考点", exam_clients=100, spare_clients=10, **approved
        )
        rooms = [Room.objects.create(site=site, name=f"{r}", kind="classroom", seats=60) for r in range(4)]
        exam = [Room.objects.create(site=hall, name=f"{r}", kind="exam_room", seats=50) for r in range(2)]
        accounts = {
            role: _account(city, f"{role}{n}", organisation.pk, held, start.date()) for role, held in STAFF
        }
        teachers = [
            Teacher.objects.create(
                institution=institution,
                user_id=accounts["teacher"] if t == 0 else None,
                name=_name(t + n),
                site_years=9,
            )
            for t in range(6)
        ]
        found.append(
            _House(
                institution.pk,
                organisation.pk,
                name,
                site.pk,
                tuple(r.pk for r in rooms),
                hall.pk,
                tuple(r.pk for r in exam),
                tuple(t.pk for t in teachers),
            )
        )
    return found


@dataclass(frozen=True)
class _Class:
    """A class; its row, its plan and its plan's row carry the number ``n``."""

    n: int
    house: _House
    post: int
    post_code: str
    first: date
    last: date
    state: str


def _classes(count: int, houses: list[_House], posts: list[Any], today: date) -> list[_Class]:
    """The newest classes enrol, those before are in session, the rest lie up to five years back."""
    enrolling, running, finished = (max(3, round(count * share)) for share in (0.016, 0.006, 0.02))
    found = []
    for n in range(1, count + 1):
        left = count - n  # newer ones
        if left < enrolling:
            state, first = "enrolling", today + timedelta(days=1 + 30 * (enrolling - left) // enrolling)
        elif left < enrolling + running:
            state, first = "running", today - timedelta(days=3)
        else:
            past = count - enrolling - running
            state = "finished" if n > past - finished else "archived"
            first = today - timedelta(days=20 + (past - n) * 365 * YEARS // max(past, 1))
        first_house = n % 10 == 0 or left in (0, enrolling)
        house = houses[0] if first_house else houses[1 + n % (len(houses) - 1)]
        post = posts[n // 10 % len(posts)]
        found.append(_Class(n, house, post.pk, post.code, first, first + timedelta(days=4), state))
    return found


def _at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), clock.SHANGHAI)


def build(people: int, say: Callable[[str], None]) -> SyntheticCity:
    """The city of ``people`` learners, in an empty database whose rulebook is loaded."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for pragma in ("foreign_keys=OFF", "synchronous=OFF", "cache_size=-2000000", "temp_store=MEMORY"):
                cursor.execute(f"PRAGMA {pragma}")
    city = SyntheticCity()

    def put(model: type[models.Model], names: str, rows: Iterable[tuple[Any, ...]]) -> None:
        label = model._meta.label_lower
        city.rows[label] = city.rows.get(label, 0) + fill(model, names, rows)
        say(f"{label} {city.rows[label]}")

    today, now = clock.today(), clock.now()
    start = _at(today - timedelta(days=365 * (YEARS + 1)), 9)
    offices = found_city(since=start.date())
    centre = offices.centre.pk
    for login, role in (
        ("city", Role.CITY_EDUCATION_OFFICE),
        ("office", Role.CITY_OFFICE),
    ):
        _account(city, login, offices.commission.pk, role, start.date())
    for login, role in (
        ("centre", Role.CENTRE_OFFICER),
        ("approver", Role.CENTRE_APPROVER),
        ("author", Role.ITEM_AUTHOR),
        ("keeper", Role.BANK_KEEPER),
        ("admin", Role.SYSTEM_ADMINISTRATOR),
        ("security", Role.SECURITY_OFFICER),
        ("auditor", Role.AUDITOR),
    ):
        _account(city, login, centre, role, start.date())
    load_demo_bank(by=SYSTEM)
    make_release(note="synthetic", by=SYSTEM)
    houses = _houses(city, max(6, min(60, people // 5000)), start)
    first_house = houses[0]
    division = Institution.objects.get(pk=first_house.institution).division_code
    _account(city, "district", offices.districts[division].pk, Role.DISTRICT_OFFICER, start.date())
    posts = list(active_posts())[:8]
    classes = _classes(max(12, -(-people // SIZE)), houses, posts, today)
    by_number = {one.n: one for one in classes}
    rules, version = current_rule_set().pk, calendar().version
    base = User.objects.order_by("-pk").values_list("pk", flat=True)[0]

    items = ("single", "multiple", "true_false")
    put(
        Item,
        "uid subject kind chapter level stem state created_at",
        (
            (
                f"S-{n:06d}",
                "general" if n % 3 else "professional",
                items[n % 3],
                str(n % 9 + 1),
                "掌握",
                f"合成题 {n}：{_name(n)}在施工现场应当先做什么？",
                "draft" if n % 40 == 0 else "published",
                start,
            )
            for n in range(ITEMS)
        ),
    )

    # ── plans, classes, lessons
    sequence: dict[tuple[int, int], int] = defaultdict(int)

    def term(one: _Class) -> int:
        key = (one.house.institution, one.first.year)
        sequence[key] += 1
        return sequence[key]

    def plan_state(one: _Class) -> str:
        return (
            ("submitted", "late", "draft", "received")[one.n % 4] if one.state == "enrolling" else "received"
        )

    put(
        training.TrainingPlan,
        "id institution_id year sequence state filled_on institution_name site_id address teaching_head"
        " teaching_head_phone contact contact_phone first_day deadline calendar_version rule_set_id submitted_at created_at",
        (
            (
                c.n,
                c.house.institution,
                c.first.year,
                term(c),
                plan_state(c),
                c.first - timedelta(days=30),
                c.house.name,
                c.house.site,
                "合成大道 1 号",
                "周敏",
                "023-60000000",
                "李文",
                "023-60000000",
                c.first,
                c.first - timedelta(days=14),
                version,
                rules,
                None if plan_state(c) == "draft" else _at(c.first - timedelta(days=20), 10),
                _at(c.first - timedelta(days=30), 10),
            )
            for c in classes
        ),
    )
    put(
        training.PlanRow,
        "id plan_id position post_id expected periods time_text hours fee",
        ((c.n, c.n, 1, c.post, SIZE, "[]", "—", Decimal(40), Decimal(1200)) for c in classes),
    )
    put(
        training.PlanStep,
        "plan_id verb state unit person at",
        (
            (c.n, verb, state, c.house.name, "李文", _at(c.first - timedelta(days=20), 10))
            for c in classes
            for verb, state in (("submit", "submitted"), ("receive", "received"))
        ),
    )
    put(
        training.TrainingClass,
        "id institution_id plan_row_id post_id site_id name capacity fee first_day last_day state created_at",
        (
            (
                c.n,
                c.house.institution,
                c.n,
                c.post,
                c.house.site,
                f"合成{c.n}班",
                SIZE + 10,
                Decimal(1200),
                c.first,
                c.last,
                c.state,
                _at(c.first - timedelta(days=25), 9),
            )
            for c in classes
        ),
    )
    held = next(c for c in reversed(classes) if c.state == "running" and c.house is first_house)

    def lessons() -> Iterator[tuple[Any, ...]]:
        number = 0
        for c in classes:
            for half in range(10):
                number += 1
                day = c.first + timedelta(days=half // 2)
                begins, ends = _at(day, 9 + half % 2 * 5), _at(day, 12 + half % 2 * 5)
                done = c.state in ("finished", "archived") or (c.state == "running" and ends < now)
                if c is held and half == 9:  # in session while the benchmark runs
                    begins, ends, done = now - timedelta(minutes=20), now + timedelta(hours=3), False
                    city.keys["lesson"] = number
                teacher = c.house.teachers[0 if c is held else number % 6]
                closed = ends + timedelta(hours=1) if done else None
                yield (
                    number,
                    c.n,
                    c.house.rooms[half % 4],
                    teacher,
                    "合成课",
                    begins,
                    ends,
                    Decimal(4),
                    closed,
                )

    put(
        training.Lesson,
        "id training_class_id room_id teacher_id topic starts_at ends_at hours closed_at",
        lessons(),
    )

    # ── people: person, account and enrolment i share the number base + i
    numbers = range(1, people + 1)
    known = next(  # somebody with a certificate, and the learner whose pages are measured
        i
        for i in numbers
        if (c := by_number[(i - 1) // SIZE + 1]).house is first_house and c.state == "archived" and i % 5 == 1
    )
    me = (held.n - 1) * SIZE + 1
    real = {known: demo_identity_number(1), me: demo_identity_number(2)}
    phones = _sealed(User, "phone", (f"139{n:08d}" for n in range(256)))
    own_phones = _sealed(Person, "phone", (f"139{n:08d}" for n in range(256)))
    documents = _sealed(Person, "identity_number", (demo_identity_number(n) for n in range(10, 266)))
    real_documents = {i: _sealed(Person, "identity_number", [number])[0] for i, number in real.items()}

    def class_of(i: int) -> _Class:
        return by_number[(i - 1) // SIZE + 1]

    def applied(i: int) -> datetime:
        return _at(class_of(i).first - timedelta(days=15), 9, i % SIZE)

    def state_of(i: int) -> str:
        if class_of(i).state == "enrolling":
            return "accepted" if i % 3 == 0 else "applied"
        return "cancelled" if i % 50 == 7 else "returned" if i % 100 == 9 else "accepted"

    put(
        User,
        "id password login display_name phone is_active is_learner created_at",
        (
            (
                base + i,
                "!synthetic",
                login_of_identity(real[i]) if i in real else f"id:{_hex('login', i)}",
                _name(i),
                phones[i % 256],
                True,
                True,
                applied(i),
            )
            for i in numbers
        ),
    )
    put(
        Person,
        "id user_id name name_key identity_kind identity_number identity_index sex birth_date phone education employer"
        " created_at",
        (
            (
                base + i,
                base + i,
                _name(i),
                _name(i),
                "resident_id",
                real_documents.get(i, documents[i % 256]),
                identity_index("resident_id", real[i]) if i in real else _hex("identity", i),
                "m" if i % 3 else "f",
                date(1975 + i % 25, i % 12 + 1, i % 28 + 1),
                own_phones[i % 256],
                "college",
                f"合成施工企业{i % 900}",
                applied(i),
            )
            for i in numbers
        ),
    )
    put(
        Consent,
        "person_id purpose text_version given_at",
        ((base + i, "account", "1", applied(i)) for i in numbers),
    )
    put(
        training.Enrolment,
        "id person_id training_class_id post_id organisation_id state applied_at applied_by_id retain_until",
        (
            (
                base + i,
                base + i,
                c.n,
                c.post,
                c.house.organisation,
                state_of(i),
                applied(i),
                base + i,
                retain_until(c.first),
            )
            for i in numbers
            for c in (class_of(i),)
        ),
    )
    put(
        training.EnrolmentStep,
        "enrolment_id verb state person at",
        (
            (base + i, verb, state, "李文", applied(i))
            for i in numbers
            for verb, state in (("apply", "applied"), ("accept", "accepted"))
            if verb == "apply" or state_of(i) == "accepted"
        ),
    )
    begun = [i for i in numbers if state_of(i) == "accepted" and class_of(i).state != "enrolling"]

    def hours_of(i: int) -> tuple[int, int]:
        return (20, 4) if class_of(i).state == "running" or i % 60 == 3 else (24, 16)

    put(
        Ledger,
        "enrolment_id person_id organisation_id post_code opened_at entries accepted head seal",
        (
            (
                base + i,
                base + i,
                class_of(i).house.organisation,
                class_of(i).post_code,
                applied(i),
                2,
                Decimal(sum(hours_of(i))),
                _hex("hours", i, 1),
                _hex("seal", i),
            )
            for i in begun
        ),
    )
    put(
        HourEntry,
        "person_id enrolment_id organisation_id post_code hours source source_key occurred_on entered_by entered_at"
        " previous_digest digest",
        (
            (
                base + i,
                base + i,
                c.house.organisation,
                c.post_code,
                Decimal(hours_of(i)[n]),
                "attendance",
                f"synthetic:{n}",
                c.first + timedelta(days=n),
                "李文",
                _at(c.first + timedelta(days=n), 18),
                _hex("hours", i, 0) if n else GENESIS,
                _hex("hours", i, n),
            )
            for i in begun
            for c in (class_of(i),)
            for n in range(2)
        ),
    )
    live = [i for i in begun if class_of(i).state in ("running", "finished")]
    put(
        training.Punch,
        "lesson_id enrolment_id kind method at",
        (
            ((c.n - 1) * 10 + half + 1, base + i, kind, "qr", _at(c.first + timedelta(days=half // 2), hour))
            for i in live
            for c in (class_of(i),)
            for half in range(6)
            for kind, hour in (("in", 9), ("out", 17))
        ),
    )
    put(
        training.Attendance,
        "lesson_id enrolment_id state minutes credited",
        (
            ((class_of(i).n - 1) * 10 + half + 1, base + i, "present", 180, Decimal(4))
            for i in live
            for half in range(6)
        ),
    )

    # ── tests: each institution's past classes in groups of four
    groups: list[list[_Class]] = []
    own: dict[int, list[_Class]] = defaultdict(list)
    for c in classes:
        if c.state in ("finished", "archived"):
            own[c.house.institution].append(c)
    for ended in own.values():
        groups += [ended[n : n + PER_BATCH] for n in range(0, len(ended), PER_BATCH)]
    groups.sort(key=lambda group: (group[-1].last, group[-1].n))
    running_number: dict[int, int] = defaultdict(int)
    tests = []
    for n, group in enumerate(groups, 1):
        day = group[-1].last + timedelta(days=20)
        running_number[day.year] += 1
        tests.append((n, group, day, running_number[day.year]))
    early = {
        group[0].house.institution: n for n, group, day, _seq in tests
    }  # the last of each picks candidates
    picking = set(early.values())

    def batch_state(n: int, day: date) -> str:
        if n in picking:
            return "preparing"
        return "confirmed" if day < today - timedelta(days=3) else "returned" if day < today else "locked"

    def application_state(n: int) -> str:
        return "scheduled" if n in picking else "filed"

    waiting = [(len(tests) + n + 1, house) for n, house in enumerate(houses)]
    columns = (
        "id institution_id institution_name hall_id address state clients_available total lead lead_mobile contact"
        " contact_mobile first_day deadline calendar_version rule_set_id submitted_at created_at"
    )
    mobile = _sealed(exams.BankApplication, "lead_mobile", ["13900000000"])[0]
    contact = _sealed(exams.BankApplication, "contact_mobile", ["13900000000"])[0]

    def application(n: int, house: _House, state: str, day: date) -> tuple[Any, ...]:
        sent = None if state == "draft" else _at(day - timedelta(days=15), 9)
        return (
            *(
                n,
                house.institution,
                house.name,
                house.hall,
                "合成大道 1 号",
                state,
                100,
                120,
                "周敏",
                mobile,
                "李文",
            ),
            *(contact, day, day - timedelta(days=14), version, rules, sent, _at(day - timedelta(days=20), 9)),
        )

    put(
        exams.BankApplication,
        columns,
        (
            *(application(n, group[0].house, application_state(n), day) for n, group, day, _seq in tests),
            *(
                application(n, house, ("submitted", "late", "draft")[n % 3], today + timedelta(days=20))
                for n, house in waiting
            ),
        ),
    )
    put(
        exams.ApplicationRow,
        "application_id post_id count",
        (
            *((n, post, 60) for n, group, _day, _seq in tests for post in sorted({c.post for c in group})),
            *((n, posts[0].pk, 60) for n, _house in waiting),
        ),
    )
    put(
        exams.Filing,
        "kind application_id filed_by filed_at receipt_no received_by received_at",
        (
            (
                "bank_use",
                n,
                "李文",
                _at(day - timedelta(days=9), 9),
                f"S{n}",
                "周敏",
                _at(day - timedelta(days=8), 9),
            )
            for n, _group, day, _seq in tests
            if n not in picking
        ),
    )
    put(
        exams.Batch,
        "id application_id institution_id hall_id year sequence state rule_set_id created_at",
        (
            (
                n,
                n,
                group[0].house.institution,
                group[0].house.hall,
                day.year,
                seq,
                batch_state(n, day),
                rules,
                _at(day - timedelta(days=10), 9),
            )
            for n, group, day, seq in tests
        ),
    )
    put(
        exams.BatchStep,
        "batch_id verb state unit person at",
        (
            (n, "lock", "locked", "合成", "李文", _at(day - timedelta(days=5), 9))
            for n, _group, day, _seq in tests
        ),
    )
    put(
        exams.Slot,
        "id batch_id number starts_at ends_at planned decided_by decided_at",
        (
            (
                2 * n + s,
                n,
                s + 1,
                _at(day, 9 + 5 * s),
                _at(day, 11 + 5 * s),
                60,
                "李文",
                _at(day - timedelta(days=10), 9),
            )
            for n, _group, day, _seq in tests
            for s in range(2)
        ),
    )
    seated: list[tuple[int, int, int, int, str]] = []  # candidate, batch, person, place, state of the batch
    for n, group, day, _seq in tests:
        if n in picking:
            continue
        persons = (
            i
            for c in group
            for i in range((c.n - 1) * SIZE + 1, min(c.n * SIZE, people) + 1)
            if state_of(i) == "accepted"
        )
        state = batch_state(n, day)
        for place, i in enumerate(persons):
            seated.append((len(seated) + 1, n, i, place, state))
    put(
        exams.Candidate,
        "id batch_id person_id enrolment_id post_id slot_id room_id seat slip_no attempt",
        (
            (
                pk,
                n,
                base + i,
                base + i,
                class_of(i).post,
                2 * n + place // 100,
                tests[n - 1][1][0].house.exam_rooms[place % 100 // 50],
                place % 50 + 1,
                f"{tests[n - 1][2].year}{tests[n - 1][3]:05d}{place:04d}",
                1,
            )
            for pk, n, i, place, _state in seated
        ),
    )
    put(
        StoredFile,
        "id name content_type size digest purpose retention stored_at",
        (
            (1_000_000 + n, "合成", "text/plain", 0, _hex("file", n), "synthetic", "permanent", start)
            for n, *_rest in tests
        ),
    )
    returned = [test for test in tests if batch_state(test[0], test[2]) in ("confirmed", "returned")]
    put(
        exams.ReturnIn,
        "id batch_id file_id digest received_at received_by sittings differences",
        (
            (n, n, 1_000_000 + n, _hex("return", n), _at(day, 18), "李文", 116, "[]")
            for n, _group, day, _seq in returned
        ),
    )
    sat = [row for row in seated if row[4] in ("confirmed", "returned") and row[0] % 33]
    put(
        exams.Result,
        "id candidate_id hall_return_id organisation_id general professional passed state submitted_at answers_digest"
        " confirmed_at",
        (
            (
                pk,
                pk,
                n,
                class_of(i).house.organisation,
                Decimal(61 + i % 35),
                Decimal(62 + i % 30) if i % 5 else Decimal(40),
                i % 5 != 0,
                "confirmed" if state == "confirmed" else "provisional",
                _at(tests[n - 1][2], 11),
                _hex("answers", pk),
                _at(tests[n - 1][2] + timedelta(days=2), 9) if state == "confirmed" else None,
            )
            for pk, n, i, _place, state in sat
        ),
    )
    put(
        exams.ResultStep,
        "result_id verb state person at",
        (
            (pk, "compute", "provisional", "合成", _at(tests[n - 1][2], 18))
            for pk, n, _i, _place, _state in sat
        ),
    )
    confirmed = [row for row in sat if row[4] == "confirmed"]
    put(
        exams.ExamsEvent,
        "id kind result_id at",
        (
            (number, "result_confirmed", row[0], _at(tests[row[1] - 1][2] + timedelta(days=2), 9))
            for number, row in enumerate(confirmed, 1)
        ),
    )
    ConsumedEvent.objects.create(source=SOURCE, last_id=len(confirmed))
    passed = [row for row in confirmed if row[2] % 5]
    waits, passed = passed[:3], passed[3:]
    put(WaitingResult, "result_id since", ((row[0], start) for row in waits))
    names = {post.pk: post.name for post in posts}
    put(
        Certificate,
        "id number person_id post_id institution_id result_id holder_name id_last4 institution_name post_name hours"
        " trained_from trained_to issued_on check_token signature created_at",
        (
            (
                pk,
                f"S{pk:012d}",
                base + i,
                c.post,
                c.house.institution,
                pk,
                _name(i),
                "0000",
                c.house.name,
                names[c.post],
                Decimal(40),
                c.first,
                c.last,
                tests[n - 1][2] + timedelta(days=2),
                _hex("token", pk)[:32],
                "synthetic",
                _at(tests[n - 1][2] + timedelta(days=2), 9),
            )
            for pk, n, i, _place, _state in passed
            for c in (class_of(i),)
        ),
    )
    put(
        CertificateEvent,
        "certificate_id state reason person at",
        (
            (pk, "valid", "合成", "system", _at(tests[n - 1][2] + timedelta(days=2), 9))
            for pk, n, _i, _place, _state in passed
        ),
    )

    # ── the traces: notices, sign-ins, audit events, in the order in which they came
    texts = ("报名已提交", "报名已受理", "培训合格证已核发")
    put(
        Notice,
        "user_id kind title created_at read_at",
        (
            (base + i, "synthetic", text, applied(i), None if n == 2 else applied(i))
            for i in numbers
            for n, text in enumerate(texts)
        ),
    )
    put(
        SignInEvent,
        "user_id login_index at ip agent method result",
        (
            (
                base + i,
                _hex("login", i),
                applied(i) + timedelta(days=n),
                "10.0.0.1",
                "synthetic",
                "password",
                "ok",
            )
            for i in numbers
            for n in range(4)
        ),
    )
    put(
        SignInEvent,
        "user_id login_index at ip agent method result",
        (
            (pk, _hex("staff", pk), now - timedelta(days=n), "10.0.0.2", "synthetic", "second_factor", "ok")
            for pk in city.accounts.values()
            for n in range(300)
        ),
    )
    head = ChainHead.objects.filter(pk=1).first()
    sealed = head.count if head else 0
    acts = (
        ("accounts.signed_in", "accounts.user", 0),
        ("training.enrolment_applied", "training.enrolment", 0),
        ("training.enrolment_accepted", "training.enrolment", 1),
        ("hours.credited", "hours.hourentry", 10),
        ("exams.result_confirmed", "exams.result", 26),
    )

    def events() -> Iterator[tuple[Any, ...]]:
        position = sealed
        for i in numbers:
            c, name = class_of(i), _name(i)
            registrar = (
                city.accounts[f"registrar{houses.index(c.house)}"] if i % SIZE == 1 else registrar_of[c.house]
            )
            for n, (code, kind, days) in enumerate(acts):
                position += 1
                mine = n < 2
                yield (
                    applied(i) + timedelta(days=days),
                    code,
                    base + i if mine else registrar,
                    name if mine else "李文",
                    "learner" if mine else "registrar",
                    None if mine else c.house.organisation,
                    "" if mine else c.house.name,
                    kind,
                    str(base + i),
                    name,
                    "{}",
                    '{"state": "synthetic"}',
                    "10.0.0.1",
                    position,
                    _hex("audit", position),
                )

    registrar_of = {house: city.accounts[f"registrar{n}"] for n, house in enumerate(houses)}
    put(
        AuditEvent,
        "at code actor_id actor_name actor_roles organisation_id organisation_name object_type object_id object_label"
        " before after ip position digest",
        events(),
    )
    total = sealed + people * len(acts)
    ChainHead.objects.update_or_create(pk=1, defaults={"digest": _hex("audit", total), "count": total})

    shown = Certificate.objects.filter(person_id=base + known).first() or Certificate.objects.latest("pk")
    shown.signature = centre_signer().sign(signed_bytes(shown))
    shown.save(update_fields=["signature"])
    _after_loading(say)
    ready = early[first_house.institution]
    city.accounts |= {"learner": base + me, "holder": shown.person_id}
    city.keys |= {
        "class": held.n,
        "enrolling": next(
            c.n for c in reversed(classes) if c.state == "enrolling" and c.house is first_house
        ),
        "enrolment": base + me,
        "ledger": base + me,
        "certificate": shown.number,
        "batch": ready,
        "confirmed": next(n for n, group, day, _s in reversed(tests) if batch_state(n, day) == "confirmed"),
        "application": ready,
        "number": real[known],
        "name": _name(known),
        "slip": next(
            f"{tests[n - 1][2].year}{tests[n - 1][3]:05d}{p:04d}" for _pk, n, _i, p, _s in reversed(seated)
        ),
        "holder_enrolment": shown.result.candidate.enrolment_id,
    }
    return city


def _after_loading(say: Callable[[str], None]) -> None:
    """Numbers go on after the rows; PostgreSQL knows their counts, as its autovacuum sees to."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            from django.apps import apps
            from django.core.management.color import no_style

            for sql in connection.ops.sequence_reset_sql(no_style(), apps.get_models()):
                cursor.execute(sql)
            cursor.execute("ANALYZE")
        else:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()  # and with it the settings for loading
    say("loaded")
