"""The hall's rehearsal page: prepared, started, put on the record; never during a test; by whom."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import make_actor, make_institution, make_rulebook, make_site, make_user, sign_in

from zhupei.audit.models import AuditEvent
from zhupei.delivery.rehearsal.bundles import identify, people
from zhupei.delivery.rehearsal.stage import Seat
from zhupei.hall import actions
from zhupei.hall.api import rehearsal_application
from zhupei.hall.models import Rehearsal, RehearsalState
from zhupei.hall.rehearsals import close_stage, stage
from zhupei.kernel.errors import Forbidden, Refusal
from zhupei.kernel.roles import Role

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_stage(hall_folder: Any) -> Iterator[None]:
    yield
    close_stage()


@pytest.fixture
def unit() -> Any:
    make_rulebook()
    return make_institution().organisation


def prepared(unit: Any, *, seats: int = 2) -> Rehearsal:
    head = make_actor(Role.HALL_TECHNICAL_HEAD, unit)
    return actions.prepare_rehearsal(site_id=None, seats=seats, minutes=1, by=head)


def play_all(row: Rehearsal) -> None:
    """What two computers would do, without their browsers."""
    plan, engine = stage().plan, stage().engine()
    assert plan is not None
    assert engine is not None
    assert plan.id == row.plan_id
    for one in people(plan):
        engine.enter(one.slip_no, identify(plan, one.id_number)).wait()
        engine.start(one.candidate_id).wait()
        key = engine.page_of(one.candidate_id, "general").units[0].item_uid
        ack = engine.save(one.candidate_id, "general", key, ["a"], 10_001).wait()
        engine.turn_to(one.candidate_id, "professional").wait()
        engine.hand_in(one.candidate_id).wait()
        told = Seat(
            place=one.place,
            state="done",
            start_ms=200.0,
            saves_ms=(4.0, 8.0),
            submit_ms=90.0,
            acknowledged={f"general/{key}": ack.rev},
            address="10.0.0.7",
        )
        stage().tell(told)


@pytest.mark.req("R117", "R131")
def test_from_preparation_to_the_record(client: Client, unit: Any) -> None:
    sign_in(client, make_user(Role.HALL_TECHNICAL_HEAD, unit))
    empty = client.get(reverse("hall:rehearsals"))
    assert "还没有演练" in empty.content.decode()
    form = client.get(reverse("hall:rehearsal_prepare"))
    assert form.status_code == 200
    bad = client.post(reverse("hall:rehearsal_prepare"), {"seats": "0", "minutes": "1"})
    assert bad.status_code == 422
    assert not Rehearsal.objects.exists()
    client.post(reverse("hall:rehearsal_prepare"), {"seats": "2", "minutes": "1"})
    row = Rehearsal.objects.get()
    assert (row.state, row.organisation_id, row.passed) == (RehearsalState.PREPARED, unit.pk, None)
    url = reverse("hall:rehearsal", args=[row.pk])
    plan = stage().plan
    assert plan is not None
    page = client.get(url).content.decode()
    assert plan.code in page
    assert "http://testserver/rehearsal/play" in page
    assert "还没有计算机加入" in page
    keep = reverse("hall:rehearsal_keep", args=[row.pk])
    assert client.post(keep).status_code == 409  # nothing to keep yet
    assert stage().starts_in_ms() is None
    client.post(reverse("hall:rehearsal_start", args=[row.pk]))
    client.post(reverse("hall:rehearsal_start", args=[row.pk]))  # a second press changes nothing
    assert 0 < (stage().starts_in_ms() or 0) <= 10_000
    play_all(row)
    client.cookies["zhupei_language"] = "en"
    english = client.get(url).content.decode()
    assert "10.0.0.7" in english
    assert "2 computers have finished." in english
    del client.cookies["zhupei_language"]
    client.post(keep)
    row.refresh_from_db()
    assert row.state == RehearsalState.KEPT
    assert row.source == "browsers"
    assert row.results["candidates"] == 2
    assert row.results["lost"] == 0
    limits = {one["name"]: one["passed"] for one in row.results["checks"]}
    assert limits.keys() == {
        "missing",
        "start_p99_ms",
        "save_p99_ms",
        "submit_p99_ms",
        "lost",
        "errors",
        "rss_mb",
    }
    assert all(
        passed for name, passed in limits.items() if name != "rss_mb"
    )  # the tests' own process may be larger
    assert row.passed == all(limits.values())
    assert plan.code not in str(row.results)
    assert client.post(keep).status_code == 409
    close_stage()
    page = client.get(url).content.decode()  # the record needs no engine
    assert "10.0.0.7" in page
    assert plan.code not in page
    rows = AuditEvent.objects.filter(code__startswith="hall.rehearsal").order_by("pk")
    codes = list(rows.values_list("code", flat=True))
    assert codes == ["hall.rehearsal_prepared", "hall.rehearsal_started", "hall.rehearsal_kept"]


@pytest.mark.req("R131")
def test_a_lost_answer_fails_the_rehearsal(unit: Any) -> None:
    row = prepared(unit)
    play_all(row)
    told = stage().seats()[0]
    stage()._seats[1] = type(told)(
        place=1, state="done", start_ms=1.0, saves_ms=(1.0,), submit_ms=1.0, acknowledged={"general/none": 7}
    )
    row = actions.keep_rehearsal(row, by=make_actor(Role.ROOM_ADMINISTRATOR, unit))
    assert row.passed is False
    assert row.results["lost"] == 1


def test_the_commands_report_can_be_kept(client: Client, unit: Any) -> None:
    row = prepared(unit)
    plan = stage().plan
    assert plan is not None
    report = {
        "candidates": 2,
        "unfinished": 2,
        "errors": 2,
        "save": {"count": 4, "p50_ms": 12.5, "p99_ms": 300.5, "max_ms": 301},
        "problems": ["YL1: <b>not reached</b>"],
    }

    async def send() -> int:
        transport = httpx.ASGITransport(app=rehearsal_application(), root_path="/rehearsal")  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://hall.test") as one:
            wrong = await one.post("/rehearsal/report.json", json={"code": "NO", "report": report})
            assert wrong.status_code == 403
            answer = await one.post("/rehearsal/report.json", json={"code": plan.code, "report": report})
            return answer.status_code

    assert asyncio.run(send()) == 200
    sign_in(client, make_user(Role.EXAM_OFFICER, unit))
    page = client.get(reverse("hall:rehearsal", args=[row.pk])).content.decode()
    assert "300" in page
    assert "&lt;b&gt;" in page
    client.post(reverse("hall:rehearsal_keep", args=[row.pk]))
    row.refresh_from_db()
    assert (row.source, row.passed) == ("command", False)


def test_a_new_one_takes_the_place_of_the_old_one(unit: Any) -> None:
    first, second = prepared(unit), prepared(unit, seats=3)
    first.refresh_from_db()
    assert first.state == RehearsalState.REPLACED
    officer = make_actor(Role.EXAM_OFFICER, unit)
    with pytest.raises(Refusal) as refused:
        actions.start_rehearsal(first, by=officer)
    assert refused.value.code == "rehearsal_gone"
    actions.start_rehearsal(second, by=officer)


def test_not_beside_another_units_rehearsal_or_a_test(unit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    other = make_institution().organisation
    row = prepared(unit)
    with pytest.raises(Refusal) as refused:
        prepared(other)
    assert refused.value.code == "rehearsal_other"
    with pytest.raises(Forbidden):
        actions.start_rehearsal(row, by=make_actor(Role.HALL_TECHNICAL_HEAD, other))
    with pytest.raises(Forbidden):
        actions.start_rehearsal(row, by=make_actor(Role.INVIGILATOR, unit))

    class Busy:
        def health(self) -> Any:
            return type("Health", (), {"states": {"running": 1}})

    monkeypatch.setattr("zhupei.hall.actions.rehearsals.running_engine", Busy)
    for act in (
        lambda: prepared(unit),
        lambda: actions.start_rehearsal(row, by=make_actor(Role.EXAM_OFFICER, unit)),
    ):
        with pytest.raises(Refusal) as refused:
            act()
        assert refused.value.code == "test_running"
    assert Rehearsal.objects.get().state == RehearsalState.PREPARED


@pytest.mark.parametrize(
    ("seats", "minutes", "code"),
    [(0, 1, "rehearsal_seats"), (1001, 1, "rehearsal_seats"), (2, 31, "rehearsal_minutes")],
)
def test_sizes_have_limits(unit: Any, seats: int, minutes: int, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        actions.prepare_rehearsal(
            site_id=None, seats=seats, minutes=minutes, by=make_actor(Role.EXAM_OFFICER, unit)
        )
    assert refused.value.code == code


def test_units_see_their_own_and_the_centre_all(client: Client, unit: Any) -> None:
    row = prepared(unit)
    url = reverse("hall:rehearsal", args=[row.pk])
    sign_in(client, make_user(Role.EXAM_OFFICER, make_institution().organisation))
    assert client.get(url).status_code == 404
    plan = stage().plan
    assert plan is not None
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    page = client.get(url)
    assert page.status_code == 200
    assert plan.code not in page.content.decode()


def test_the_form_offers_the_units_own_halls(client: Client) -> None:
    make_rulebook()
    institution = make_institution()
    site = make_site(institution, kind="hall")
    make_site(make_institution(), kind="hall")
    sign_in(client, make_user(Role.HALL_TECHNICAL_HEAD, institution.organisation))
    form = client.get(reverse("hall:rehearsal_prepare")).context["form"]
    assert [pk for pk, _ in form.fields["site"].choices] == [str(site.pk)]
    client.post(reverse("hall:rehearsal_prepare"), {"site": site.pk, "seats": "2", "minutes": "1"})
    assert Rehearsal.objects.get().site_id_ref == site.pk


@pytest.mark.req("R131")
def test_a_report_of_what_never_happened_is_shown_as_that(client: Client, unit: Any) -> None:
    row = prepared(unit)
    good = {"count": 2, "p50_ms": 1.0, "p99_ms": 2.0, "max_ms": 2.0}
    forged = {"candidates": 2, "handed_in": 2, "acknowledged": 80, "passed": True, "all_papers_ms": 5.0}
    stage().keep_report(json.dumps(forged | dict.fromkeys(("start", "save", "submit"), good)).encode())
    sign_in(client, make_user(Role.EXAM_OFFICER, unit))
    url = reverse("hall:rehearsal", args=[row.pk])
    page = client.get(url).content.decode()
    assert "与服务器自己的记录不符" in page
    assert "由各计算机上报" in page
    client.post(reverse("hall:rehearsal_keep", args=[row.pk]))
    row.refresh_from_db()
    assert (row.state, row.passed) == (RehearsalState.KEPT, False)
    assert {one["name"] for one in row.results["contradictions"]} == {"started", "handed_in", "answers"}
    kept = AuditEvent.objects.get(code="hall.rehearsal_kept")
    assert set(kept.after["contradictions"]) == {"started", "handed_in", "answers"}
    assert "与服务器自己的记录不符" in client.get(url).content.decode()


@pytest.mark.parametrize("content", [b'{"figures": {}}', b'{"told": {"candidates": "x"}}', b"\xff\x00"])
def test_a_report_of_an_older_form_is_shown_as_unreadable(unit: Any, content: bytes) -> None:
    row = prepared(unit)
    (stage().folder / "report.json").write_bytes(content)
    client = sign_in(Client(), make_user(Role.HALL_TECHNICAL_HEAD, unit))
    url = reverse("hall:rehearsal", args=[row.pk])
    answer = client.get(url)
    assert answer.status_code == 200
    assert "无法读取" in answer.content.decode()
    play_all(row)  # what computers tell counts as before
    page = client.get(url).content.decode()
    assert "无法读取" in page
    assert reverse("hall:rehearsal_keep", args=[row.pk]) in page
    (stage().folder / "report.json").unlink()
    assert "无法读取" not in client.get(url).content.decode()
