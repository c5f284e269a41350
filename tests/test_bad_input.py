"""Hostile input at every door: no page answers a bad address, query or form with a fault of the program (5xx).

Every URL is opened as a role that gets in, with row numbers that do not exist, queries and bodies full of rubbish. What
SQLite would swallow and PostgreSQL refuse (NUL, numbers beyond 64 bits, text longer than its column) counts as a fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.signals import got_request_exception
from django.db import connection, models, transaction
from django.db.models.signals import pre_save
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.urls.converters import IntConverter
from PIL import Image

from tests.makers import (
    as_actor,
    kind_of,
    make_batch,
    make_class,
    make_enrolment,
    make_filed_staff,
    make_hall_batch,
    make_institution,
    make_learner,
    make_organisation,
    make_plan,
    make_rulebook,
    make_teacher,
    make_user,
    sign_in,
)
from zhupei.accounts.models import User
from zhupei.exams.models import Batch
from zhupei.hall.models import HallBatch
from zhupei.kernel import clock
from zhupei.kernel.actor import ANONYMOUS
from zhupei.kernel.roles import HALL, INSTITUTION, Role
from zhupei.web.access import permission_table

HUGE = 2**63
LONG = "𠮷😀" * 300
RUBBISH = {"digits": "9" * 30, "odd digits": "²", "long": LONG}  # NUL does not get past the gate
DAYS = {"digits": "0001-01-01", "odd digits": "9999-12-31"}  # for what a day is asked for, beside the rubbish
GET_NAMES = set(
    """active after before candidate card code day division done from institution kind month name next page passed post q
    role room session since sort state type until view year""".split()  # noqa: SIM905
)
POST_NAMES = set(
    """active add_row back card code confirmed enrolment enrolments filing_no form-TOTAL_FORMS form-INITIAL_FORMS language
    login membership next number opinion password payload reason receipt_no room rows-TOTAL_FORMS send_code
    sessions-TOTAL_FORMS posts-TOTAL_FORMS token verdict version""".split()  # noqa: SIM905
)
BAD_NUMBERS = 0, 10**40
BAD_TEXTS = "²" + LONG[:400], "a\x00b"
FILES = re.compile(
    r"pdf|docx|template|bundle|slip|seat_list|score_list|lesson_roll|(return|archive|plan)_file"
)  # only read


@dataclass
class Door:
    """A URL name with its path parameters."""

    name: str
    converters: dict[str, Any]


def doors(resolver: URLResolver | None = None, prefix: str = "", outer: Any = ()) -> Iterator[Door]:
    """Every named address of the program."""
    for entry in (resolver or get_resolver()).url_patterns:
        found = {**dict(outer), **entry.pattern.converters}
        if isinstance(entry, URLPattern):
            yield Door(f"{prefix}{entry.name}", found)
        else:
            yield from doors(entry, f"{entry.namespace}:" if entry.namespace else prefix, found)


@dataclass
class World:
    """One of each thing, in one institution, and somebody of every role."""

    users: dict[Role, User]
    texts: dict[str, list[str]]
    numbers: dict[str, list[int]]
    now: datetime
    faults: list[str] = field(default_factory=list)

    def client(self, name: str) -> Client:
        """A browser of a role that may open the page: the institution's own people first."""
        permission = permission_table()[name]
        client = Client(raise_request_exception=False)
        order = sorted(Role, key=lambda role: (role not in INSTITUTION | HALL, role == Role.LEARNER, role))
        roles = [
            role for role in order if permission.everyone or permission.signed_in or role in permission.roles
        ]
        if name.startswith("accounts:") and permission.everyone:
            return client
        return sign_in(client, self.users[roles[0]])


OWN = {  # pages of one thing, where the first of each kind of thing in the room might be another
    "exams:machine": "exams.HallMachine",
    "exams:machine_pass": "exams.HallMachine",
    "exams:pass_file": "exams.HallPassOut",
    "hall:check_in_photo": "hall.CheckIn",
    "hall:decide": "hall.Proposal",
    "hall:incident_photo": "hall.Incident",
    "hall:machine": "hall.Machine",
    "hall:machine_remove": "hall.Machine",
    "hall:rehearsal": "hall.Rehearsal",
    "hall:rehearsal_keep": "hall.Rehearsal",
    "hall:rehearsal_start": "hall.Rehearsal",
    "hall:server_check": "hall.ServerCheck",
    "hall:transfer": "hall.Transfer",
    "hall:transfer_go_on": "hall.Transfer",
    "hall:transfer_stop": "hall.Transfer",
}


def _pks(name: str, most: int) -> list[int]:
    """Row numbers that exist in the room of a URL: the first of each kind of thing, at most so many."""
    if name in OWN:
        return list(apps.get_model(OWN[name]).objects.order_by("pk").values_list("pk", flat=True)[:1])
    room = name.partition(":")[0]
    firsts = {model.objects.order_by("pk").values_list("pk", flat=True).first()
              for model in apps.get_app_config(room).get_models()}  # fmt: skip
    return sorted(pk for pk in firsts if isinstance(pk, int))[:most] or [1]


def _equip(batch: Batch, row: HallBatch, users: dict[Role, User]) -> None:
    """The hall on the day of its test: machines measured, server examined, rehearsed; one candidate sits, one is in doubt."""
    from zhupei.exams.actions import register_machine
    from zhupei.exams.passes import read_request, write_request
    from zhupei.hall import actions
    from zhupei.hall.actions import machines
    from zhupei.hall.api import bundle_of, engine
    from zhupei.hall.models import Machine, Transfer
    from zhupei.hall.rehearsals import stage
    from zhupei.kernel.crypto import Sm2Signer, generate_sm2_key

    head, desk = as_actor(users[Role.HALL_TECHNICAL_HEAD]), as_actor(users[Role.ROOM_ADMINISTRATOR])
    machines.lay_out(batch.hall, by=head)
    machines.keep_check(Machine.objects.order_by("pk")[0], {"agent": "?", "cookies": True}, by=ANONYMOUS)
    machines.check_server(batch.hall, by=head)
    rehearsal = actions.prepare_rehearsal(site_id=batch.hall_id, seats=1, minutes=1, by=head)
    stage().keep_report(b'{"candidates": 1, "passed": true, "checks": []}')
    actions.keep_rehearsal(rehearsal, by=head)
    picture = BytesIO()
    Image.new("RGB", (640, 480), "white").save(picture, "JPEG")
    bundle, image = bundle_of(row), picture.getvalue()
    first, second = bundle.candidates[:2]
    for one, alike in ((first, True), (second, False)):
        actions.check_in(
            row, one.candidate_id, method="document", alike=alike, photo=image, reason="证件消磁", by=desk
        )
    check = row.checkins.get(candidate_key=first.candidate_id)
    actions.decide_check_in(check, accept=True, reason="属实", by=head)
    make_filed_staff(batch.hall.institution.organisation)
    for _n in range(2):
        watch = as_actor(make_user(Role.INVIGILATOR, batch.hall.institution.organisation))
        actions.take_on_duty(row, first.room_id, by=watch)
    actions.open_room(row, bundle.sessions[0].id, first.room_id, by=head)
    engine().enter(first.slip_no, first.id_hash, address="10.0.0.1").wait()
    engine().start(first.candidate_id).wait()
    actions.add_incident(
        row, kind="device", text="手机", candidate_key=first.candidate_id, photo=image, by=desk
    )
    actions.propose(row, first.candidate_id, "add_time", minutes=3, reason="断网", by=desk)
    data = write_request(batch.hall.name, batch.hall_id, Sm2Signer(generate_sm2_key()))
    register_machine(
        batch.hall,
        data,
        fingerprint=read_request(data).fingerprint,
        compared_with="周敏",
        address="http://centre.test",
        by=as_actor(users[Role.CENTRE_OFFICER]),
    )
    Transfer.objects.create(
        kind="bundle",
        bundle_id="ZP-1",
        batch_no="2026—001",
        digest="0" * 64,
        size=10,
        next_at=clock.now(),
        asked_by="周敏",
        asked_by_id=users[Role.HALL_TECHNICAL_HEAD].pk,
        asked_by_role=Role.HALL_TECHNICAL_HEAD,
        unit_name="考场",
        organisation_id=batch.hall.institution.organisation_id,
        asked_at=clock.now(),
    )


@pytest.fixture
def world(db: None, tmp_path: Path, settings: Any) -> Iterator[World]:
    from zhupei.certificates.api import consume_news
    from zhupei.hall.api import bundle_of, close_engine
    from zhupei.hall.rehearsals import close_stage
    from zhupei.training import actions as training

    settings.HALL_DATA = tmp_path / "hall"
    make_rulebook()
    institution = make_institution()
    unit = institution.organisation
    person, learner = make_learner(education="college")
    make_batch(institution, state="confirmed", persons=[person])
    consume_news()
    released = make_batch(institution, state="released", candidates=2)
    hall = released.hall.institution.organisation
    assert hall == unit
    row = make_hall_batch(released)
    teacher = make_user(Role.TEACHER, unit)
    group = make_class(institution, lessons=1, teacher=make_teacher(institution, user=teacher))
    make_enrolment(group, person)
    make_plan(institution, "draft")
    district = make_organisation("district", division_code=institution.division_code)
    users = {Role.LEARNER: learner, Role.TEACHER: teacher}
    for role in Role:
        where = unit if role in INSTITUTION | HALL else district if kind_of(role) == "district" else None
        users.setdefault(role, learner if role == Role.LEARNER else make_user(role, where))
    training.add_to_archive(
        group,
        "photo",
        upload=training.Upload("a.pdf", "application/pdf", b"%PDF-"),
        by=as_actor(users[Role.REGISTRAR]),
    )
    now = released.slots.get().starts_at - timedelta(minutes=20)
    with clock.frozen(now):
        _equip(released, row, users)
        bundle = bundle_of(row)
        texts = {
            "key": [bundle.candidates[0].candidate_id],
            "session": [bundle.sessions[0].id],
            "room": [bundle.candidates[0].room_id],
            "kind": ["add_time", "void"],
            "which": ["seal", "signature"],
            "purpose": ["account"],
        }
        numbers = {"site": [released.hall_id], "room": [int(bundle.candidates[0].room_id)]}
        yield World(users, texts, numbers, now)
    close_engine()
    close_stage()


def _strict_parameters(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    """As strict as PostgreSQL on every database."""
    for row in (params or []) if many else [params or ()]:
        for value in row:
            if isinstance(value, str) and ("\x00" in value or "\\u0000" in value):
                raise ValueError("NUL reached the database")
            if isinstance(value, int) and not -HUGE <= value < HUGE:
                raise ValueError("a number beyond 64 bits reached the database")
    return execute(sql, params, many, context)


def _strict_rows(sender: Any, instance: models.Model, **_more: Any) -> None:
    for one in sender._meta.concrete_fields:
        value = getattr(instance, one.attname)
        if isinstance(one, models.CharField) and isinstance(value, str) and one.max_length:
            if len(value) > one.max_length:
                raise ValueError(f"{sender.__name__}.{one.name} takes {one.max_length}, got {len(value)}")
        elif isinstance(one, models.SmallIntegerField) and isinstance(value, int) and abs(value) > 32767:
            raise ValueError(f"{sender.__name__}.{one.name} is too small for {value}")


@pytest.fixture
def strict() -> Iterator[list[BaseException]]:
    """The exceptions that pages let through, with the strictness of PostgreSQL."""
    caught: list[BaseException] = []

    def note(sender: Any, request: Any, **_more: Any) -> None:
        import sys

        caught.append(sys.exc_info()[1] or RuntimeError("?"))

    got_request_exception.connect(note)
    pre_save.connect(_strict_rows)
    with connection.execute_wrapper(_strict_parameters):
        yield caught
    pre_save.disconnect(_strict_rows)
    got_request_exception.disconnect(note)


def _where(error: BaseException) -> str:
    trace, last = error.__traceback__, "?"
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if "/zhupei/" in name and "/web/middleware" not in name:
            last = f"{name.split('/src/')[-1]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__}: {str(error)[:120]} at {last}"


def _try(
    world: World, caught: list[BaseException], what: str, act: Callable[[], HttpResponse]
) -> HttpResponse:
    """Do one request and forget what it wrote; note a fault."""
    caught.clear()
    with transaction.atomic():
        response = act()
        if response.streaming:
            b"".join(response)
        transaction.set_rollback(True)
    if response.status_code >= 500 and response.status_code != 503:
        world.faults.append(f"{what}: {'; '.join(map(_where, caught)) or response.status_code}")
    return response


def _kwargs(door: Door, world: World, most: int) -> Iterator[tuple[bool, dict[str, Any]]]:
    """Path parameters: (they exist, values). First those that exist, then each of the bad ones in turn."""
    real: dict[str, list[Any]] = {}
    bad: dict[str, list[Any]] = {}
    for name, converter in door.converters.items():
        if isinstance(converter, IntConverter):
            real[name], bad[name] = world.numbers.get(name) or _pks(door.name, most), list(BAD_NUMBERS)
        else:
            real[name], bad[name] = world.texts.get(name, ["x"]), list(BAD_TEXTS)
    for n in range(max((len(values) for values in real.values()), default=1)):
        yield True, {name: values[min(n, len(values) - 1)] for name, values in real.items()}
    for name, values in bad.items():
        for value in values:
            yield False, {**{other: found[0] for other, found in real.items()}, name: value}


def _urls(door: Door, world: World, most: int = 3) -> Iterator[tuple[bool, str]]:
    from django.urls import NoReverseMatch

    for good, kwargs in _kwargs(door, world, most):
        try:
            yield good, reverse(door.name, kwargs=kwargs)
        except NoReverseMatch:  # the converter shuts this one out itself
            continue


DOORS = sorted(doors(), key=lambda door: door.name)


@pytest.mark.django_db
def test_no_address_and_no_query_is_a_fault_of_the_program(world: World, strict: list[BaseException]) -> None:
    for door in DOORS:
        client = world.client(door.name)
        for good, url in _urls(door, world):
            _try(world, strict, f"GET {url}", lambda url=url, client=client: client.get(url))
            if not good or FILES.search(door.name):
                continue
            for what in ("digits",) if door.converters else RUBBISH:  # a page of one thing takes few queries
                query = dict.fromkeys(GET_NAMES, RUBBISH[what])
                if what in DAYS:
                    query |= dict.fromkeys(("day", "since", "until", "from", "name"), DAYS[what])
                _try(
                    world,
                    strict,
                    f"GET {url} with {what}",
                    lambda url=url, client=client, query=query: client.get(url, query),
                )
    assert not world.faults, "\n".join(sorted(set(world.faults)))


UNREACHED = {
    "hall:return_file": 409,
    "hall:photo": 404,
}  # no return yet; bundles of tests hold no photographs


@pytest.mark.django_db
def test_the_pages_of_a_hall_are_opened_with_something_on_them(
    world: World, strict: list[BaseException]
) -> None:
    """The tests of this file say little about a page that only ever answers that there is no such thing."""
    names = set(OWN) | {"exams:keys", "exams:protocol", "exams:protocol_pdf"}
    missed = {}
    for door in DOORS:
        if not door.name.startswith("hall:") and door.name not in names:
            continue
        client = world.client(door.name)
        urls = [url for good, url in _urls(door, world, most=100) if good]
        found = {
            _try(world, strict, url, lambda url=url, client=client: client.get(url)).status_code
            for url in urls
        }
        if not found & {200, 204, 302, 405}:  # 204: a live page has nothing new; 405: takes posts alone
            missed[door.name] = max(found)
    assert missed == UNREACHED


_INPUT = re.compile(r"<(input|select|textarea|button)\b([^>]*)>", re.S)
_OPTION = re.compile(r'<option value="([^"]+)"')


def _fields(html: str) -> dict[str, tuple[str, str]]:
    """Name → (kind, value) of every field on a page."""
    found = {}
    for tag, attributes in _INPUT.findall(html):
        name = re.search(r'\bname="([^"]*)"', attributes)
        kind = re.search(r'\btype="([^"]*)"', attributes)
        value = re.search(r'\bvalue="([^"]*)"', attributes)
        if name and name[1] != "csrfmiddlewaretoken":
            found[name[1]] = (kind[1] if kind else tag, value[1] if value else "")
    return found


def _body(fields: dict[str, tuple[str, str]], value: str) -> dict[str, Any]:
    return {
        name: SimpleUploadedFile("x.pdf", b"%PDF-\x00", "application/pdf") if kind == "file" else value
        for name, (kind, _value) in fields.items()
    }


def _plausible(html: str, fields: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """What a form would take, with text as long as somebody likes."""
    options = _OPTION.findall(html)
    values: dict[str, Any] = {}
    for name, (kind, value) in fields.items():
        if kind == "file":
            values[name] = SimpleUploadedFile("x.png", b"\x89PNG\r\n\x1a\n" + b"0" * 50, "image/png")
        elif kind == "select":
            values[name] = options[-1] if options else "1"
        elif kind in ("hidden", "submit", "button", "checkbox", "radio"):
            values[name] = value or "on"
        elif kind in ("date", "time", "datetime-local"):
            values[name] = {"date": "9999-12-31", "time": "23:59"}.get(kind, "9999-12-31T23:59")
        else:
            values[name] = "长" * 5000 if kind == "textarea" else value or "9" * 9
    return values


@pytest.mark.django_db
def test_no_form_is_a_fault_of_the_program(world: World, strict: list[BaseException]) -> None:
    for door in DOORS:
        if FILES.search(door.name):
            continue
        client = world.client(door.name)
        for good, url in _urls(door, world):
            bodies: dict[str, dict[str, Any]] = {"nothing": {}}
            if good:
                page = _try(world, strict, f"GET {url}", lambda url=url, client=client: client.get(url))
                is_page = page.status_code == 200 and "html" in page.headers.get("Content-Type", "")
                html = page.content.decode() if is_page else ""
                fields = {**dict.fromkeys(POST_NAMES, ("text", "")), **_fields(html)}
                bodies |= {what: _body(fields, RUBBISH[what]) for what in ("digits", "odd digits")}
                bodies["plausible"] = _plausible(html, fields)
            for what, body in bodies.items():
                _try(
                    world,
                    strict,
                    f"POST {url} with {what}",
                    lambda url=url, client=client, body=body: client.post(url, body),
                )
    assert not world.faults, "\n".join(sorted(set(world.faults)))
