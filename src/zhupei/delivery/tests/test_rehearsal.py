"""The rehearsal: plan and papers, the players over real HTTP, the account, the page for the hall's own computers."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from zhupei.delivery import api
from zhupei.delivery.rehearsal import player, runner
from zhupei.delivery.rehearsal.account import Account, account, ask_account
from zhupei.delivery.rehearsal.app import RehearsalApp
from zhupei.delivery.rehearsal.bank import make_bank
from zhupei.delivery.rehearsal.bundles import Plan, identify, make_bundle, make_plan, people, person
from zhupei.delivery.rehearsal.player import Run, Script
from zhupei.delivery.rehearsal.record import events_on_disk, fold
from zhupei.delivery.rehearsal.report import LIMITS, browser_figures, command_figures, figures, quantile
from zhupei.delivery.rehearsal.servers import HallProcess
from zhupei.delivery.rehearsal.stage import JOURNAL, Seat, Stage
from zhupei.delivery.rehearsal.wire import Client, Target, Unreachable, run
from zhupei.delivery.rehearsal.words import EN, ZH
from zhupei.kernel.errors import Refusal

QUICK = Script(seconds=2.0, every=0.2, sign_in=0.3, settle=0.2, spread=0.2, hand_in=0.2)


def small_plan(**values: Any) -> Plan:
    return make_plan(**({"seats": 6, "seconds": 2.0, "every": 0.2, "seed": "t"} | values))


# --- the plan ------------------------------------------------------------------------------------------------------


@pytest.mark.req("R036", "R037", "R041")
def test_a_plan_gives_real_papers_and_always_the_same() -> None:
    plan = small_plan(seats=60, halls=2)
    bundle = make_bundle(plan, 2)
    api.check_bundle(bundle)  # 100 marks a subject, four kinds, keys in order
    assert make_bundle(plan, 2) == bundle
    assert make_bundle(msgspec.structs.replace(plan, seed="u", bank=""), 2) != bundle
    assert [len(list(paper.slots())) for paper in bundle.candidates[0].papers.values()] == [50, 50]
    orders = {tuple(unit.item_uid for unit in one.papers["general"].units) for one in bundle.candidates}
    assert len(orders) == 60
    assert {room.id for room in bundle.rooms} == {"1", "2"}
    assert bundle.candidates[0].candidate_id == person(plan, 61).candidate_id
    assert bundle.candidates[0].id_hash == identify(plan, person(plan, 61).id_number)
    everybody = people(plan)
    assert len({one.slip_no for one in everybody}) == len({one.id_number for one in everybody}) == 120


@pytest.mark.parametrize(
    "values", [{"seats": 0}, {"seats": 5000}, {"halls": 0}, {"minutes": 1, "seconds": 61}]
)
def test_a_plan_has_a_possible_size(values: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refused:
        small_plan(**values)
    assert refused.value.code == "rehearsal_size"


# --- the stage -----------------------------------------------------------------------------------------------------


def test_everybody_is_let_in_and_a_restart_goes_on(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    plan = small_plan()
    stage.prepare(plan)
    engine = stage.engine()
    assert engine is not None
    assert engine.health().states == {"admitted": 6}
    one = person(plan, 3)
    sign = engine.enter(one.slip_no, identify(plan, one.id_number)).wait()
    engine.start(sign.candidate_id).wait()
    stage.go(60)
    stage.tell(Seat(place=3, state="joined"))
    stage.close()
    again = Stage(tmp_path)
    again.open()
    assert again.plan == plan
    engine = again.engine()
    assert engine is not None
    assert engine.seat(one.candidate_id).state == "running"
    assert 55_000 < (again.starts_in_ms() or 0) <= 60_000
    assert [seat.place for seat in again.seats()] == [3]
    again.prepare(small_plan(seats=2))
    assert again.seats() == []
    assert again.starts_in_ms() is None
    assert again.account()[0].keys() == {one.candidate_id for one in people(again.plan)}  # type: ignore[arg-type]
    again.close()


def test_a_plan_of_another_version_is_refused(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    with pytest.raises(Refusal) as refused:
        stage.prepare(msgspec.structs.replace(small_plan(), bank="another"))
    assert refused.value.code == "rehearsal_old"
    assert stage.engine() is None


def test_the_last_word_of_a_computer_counts_but_done_stays(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.prepare(small_plan())
    for state in ("joined", "done", "failed"):
        stage.tell(Seat(place=1, state=state))  # type: ignore[arg-type]
    assert [one.state for one in stage.seats()] == ["done"]
    with pytest.raises(Refusal):
        stage.tell(Seat(place=7, state="joined"))
    stage.close()


# --- over HTTP -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def served(app: RehearsalApp) -> AsyncIterator[Target]:
    """The application on a port of the loopback interface, behind the few lines of HTTP that the players need."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, path, _ = head[0].split(" ")
                headers = [tuple(line.split(": ", 1)) for line in head[1:] if line]
                length = next((int(v) for k, v in headers if k.lower() == "content-length"), 0)
                body = await reader.readexactly(length)
                path, _, query = path.partition("?")
                scope = {
                    "type": "http", "method": method, "path": path, "root_path": "/rehearsal",
                    "query_string": query.encode(), "scheme": "http", "client": ("127.0.0.1", 1),
                    "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in headers],
                }  # fmt: skip
                parts: list[bytes] = []

                async def receive(body: bytes = body) -> dict[str, Any]:
                    return {"type": "http.request", "body": body}

                async def send(message: Any, parts: list[bytes] = parts) -> None:
                    if message["type"] == "http.response.start":
                        lines = [b"%s: %s\r\n" % pair for pair in message["headers"]]
                        parts.append(b"HTTP/1.1 %d X\r\n%s\r\n" % (message["status"], b"".join(lines)))
                    else:
                        parts.append(message["body"])

                await app(scope, receive, send)
                writer.write(b"".join(parts))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    try:
        yield Target(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    finally:
        server.close()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Run, Account, Path]:
    """Six candidates, played once for all tests that look at it."""
    folder = tmp_path_factory.mktemp("rehearsal")
    stage = Stage(folder)
    plan = small_plan()
    stage.prepare(plan)
    besides: list[int] = []

    async def beside(one: Run) -> None:
        besides.append(len(one.players))
        await asyncio.sleep(60)

    async def whole() -> tuple[dict[str, Any], Run, Account]:
        async with served(RehearsalApp(stage)) as target:
            assert await runner.ask_plan(target, plan.code) == plan
            result = await runner.rehearse(plan, target, QUICK, beside=beside)
            assert await runner.send_report(target, plan, result[0])
            return result

    report, run_, result = run(whole())
    assert besides == [6]
    kept = stage.report()
    stage.close()
    assert kept is not None
    assert kept.told.candidates == kept.kept.started == kept.kept.handed_in == 6
    assert command_figures(kept, rss_mb=1.0)["contradictions"] == []
    return report, run_, result, folder


@pytest.mark.req("R038", "R131")
def test_everybody_plays_and_nothing_is_lost(played: tuple[dict[str, Any], Run, Account, Path]) -> None:
    report, one, result, folder = played
    assert report["problems"] == []
    assert (report["candidates"], report["handed_in"], report["errors"], report["lost"]) == (6, 6, 0, 0)
    assert report["acknowledged"] > 6 * 5
    assert result.agrees
    names = {check["name"]: check["passed"] for check in report["checks"]}
    assert names.keys() == LIMITS.keys()
    assert [names[one] for one in ("lost", "errors", "all_papers_ms")] == [True, True, True]
    assert json.loads(json.dumps(report)) == report
    on_disk, life = fold(events_on_disk(folder / JOURNAL), f"{one.plan.id}-")
    assert account(one.players, on_disk, life, one.plan).agrees
    assert (
        len({Decimal(r.marks["general"]) for r in on_disk.values() if r.marks}) > 1
    )  # they know different things


@pytest.mark.parametrize(
    ("plant", "lost", "word"),
    [
        ("gone", 1, "scores"),
        ("older", 1, None),
        ("other", 1, None),
        ("twice", 0, "handed in 2 times"),
        ("marks", 0, "scores"),
        ("time", 0, "of the test's time used"),
        ("nobody", None, "not in the record"),
    ],
)
def test_the_account_finds_what_is_planted(
    played: tuple[dict[str, Any], Run, Account, Path], plant: str, lost: int | None, word: str | None
) -> None:
    _, one, _, folder = played
    records, life = fold(events_on_disk(folder / JOURNAL), f"{one.plan.id}-")
    someone = one.players[0]
    record = records[someone.person.candidate_id]
    slots = make_bank(one.plan.seed).slots
    subject, key = next(p for p, (_, a) in someone.acknowledged.items() if set(a) == set(slots[p[1]].right))
    seq, answer = record.answers[subject][key]
    if plant == "gone":
        del record.answers[subject][key]
        record.marks = {code: str(Decimal(value) - 1) for code, value in (record.marks or {}).items()}
    elif plant == "older":
        record.answers[subject][key] = (seq - 1, answer)
    elif plant == "other":
        record.answers[subject][key] = (seq, ("z",))
    elif plant == "twice":
        record.submitted = 2
    elif plant == "marks":
        record.marks = {"general": "100", "professional": "100"}
    elif plant == "time":
        record.submitted_tick += 60_000
    else:
        del records[someone.person.candidate_id]
    found = account(one.players, records, life, one.plan)
    assert found.lost == (len(someone.acknowledged) if lost is None else lost)
    assert not found.agrees
    if word is not None:
        assert any(word in line for line in found.faults), found.faults
    report = figures(one, found, server={}, client_cpu_s=0, seconds=1, parameters={})
    assert not report["passed"]


def test_a_server_that_fails_is_asked_again_until_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every third request is answered 503 without being done, every seventh is done and not answered."""
    stage = Stage(tmp_path)
    plan = small_plan(seats=3)
    stage.prepare(plan)
    app = RehearsalApp(stage)
    count = 0

    async def plain(send: Any, status: int) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    class Shaky(RehearsalApp):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            nonlocal count
            if not scope["path"].endswith((".json", "/")) or "paper" in scope["path"]:
                count += 1
                if count % 7 == 0:

                    async def unheard(message: Any) -> None:
                        return

                    await app(scope, receive, unheard)
                    await plain(send, 503)
                    return
                if count % 3 == 0:
                    await plain(send, 503)
                    return
            await app(scope, receive, send)

    async def whole() -> tuple[dict[str, Any], Run, Account]:
        async with served(Shaky(stage)) as target:
            return await runner.rehearse(plan, target, QUICK)

    monkeypatch.setattr(player, "GROWTH", (0.02, 0.04))
    report, _, result = run(whole())
    stage.close()
    assert report["interruptions"]["HTTP 503"] > 10
    assert report["unfinished"] == 0, report["problems"]
    assert result.agrees, result.faults
    assert report["errors"] == sum(report["interruptions"].values())  # counted, though all were made good
    assert not report["passed"]


def test_nobody_there_is_said_and_not_waited_for() -> None:
    async def ask() -> None:
        await Client(Target("http://127.0.0.1:9")).send("GET", "/")

    with pytest.raises(Unreachable):
        run(ask())
    with pytest.raises(Refusal, match="does not answer"):
        run(runner.ask_plan(Target("http://127.0.0.1:9"), "X"))
    with pytest.raises(ValueError, match="not an address"):
        Target("hall.example")


# --- the page, and what the code lets in -----------------------------------------------------------------------------


async def _browse(app: RehearsalApp, *asks: tuple[str, str, Any]) -> list[httpx.Response]:
    transport = httpx.ASGITransport(app=app, root_path="/rehearsal")  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://hall.test") as client:
        return [await client.request(m, f"/rehearsal{p}", **({"json": v} if v else {})) for m, p, v in asks]


def browse(app: RehearsalApp, *asks: tuple[str, str, Any]) -> list[httpx.Response]:
    return asyncio.run(_browse(app, *asks))


def test_the_page_in_both_languages(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    app = RehearsalApp(stage)
    (empty,) = browse(app, ("GET", "/play", None))
    assert ZH["none.title"] in empty.text
    stage.prepare(small_plan())
    zh, en = browse(app, ("GET", "/play?seat=3&code=<b>", None), ("GET", "/play?lang=en", None))
    assert ZH["title"] in zh.text
    assert 'value="3"' in zh.text
    assert "<b>" not in zh.text
    assert EN["title"] in en.text
    assert 'lang="en"' in en.text
    assert EN["join"] in en.text
    script = re.search(r'src="/rehearsal(/static/rehearsal\.js\?v=\w+)"', zh.text)
    assert script is not None
    assert browse(app, ("GET", script[1], None))[0].status_code == 200
    assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son\w+=", zh.text)
    assert "script-src 'self'" in zh.headers["content-security-policy"]
    stage.close()


def test_words_are_there_in_both_languages() -> None:
    assert ZH.keys() == EN.keys()
    script = (Path(__file__).parents[1] / "static" / "rehearsal.js").read_text()
    used = set(re.findall(r'say\("([a-z.]+)"', script))
    assert used
    assert used <= ZH.keys()


def test_only_the_code_lets_in_and_guessing_is_slowed(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    plan = small_plan()
    stage.prepare(plan)
    app = RehearsalApp(stage)
    paths = [
        "/play.json",
        "/go.json",
        "/seat.json",
        "/plan.json",
        "/account.json",
        "/usage.json",
        "/report.json",
    ]
    for answer in browse(app, *(("POST", path, {"code": "WRONG", "place": 1}) for path in paths)):
        assert answer.status_code == 403
        assert answer.json()["message"] == ZH["error.rehearsal_code"]
        assert plan.seed not in answer.text
    assert browse(app, ("GET", "/plan.json", None))[0].status_code == 405
    played, unknown = browse(
        app,
        ("POST", "/play.json", {"code": plan.code.lower(), "place": 2}),
        ("POST", "/play.json", {"code": plan.code, "place": 99}),
    )
    assert played.json()["slip_no"] == person(plan, 2).slip_no
    assert unknown.status_code == 422
    for _ in range(13):
        browse(app, ("POST", "/plan.json", {"code": "GUESS"}))
    assert browse(app, ("POST", "/plan.json", {"code": plan.code}))[0].status_code == 429
    stage.close()


@pytest.mark.parametrize(
    "seat",
    [
        {"place": 1, "state": "king"},
        {"place": 1, "state": "done", "start_ms": -1},
        {"place": 1, "state": "done", "saves_ms": [1.0] * 2001},
        {"place": 1, "state": "done", "acknowledged": {"x" * 101: 1}},
        {"place": 1, "state": "done", "errors": 10**9},
    ],
)
def test_what_a_computer_tells_is_bounded(tmp_path: Path, seat: dict[str, Any]) -> None:
    stage = Stage(tmp_path)
    plan = small_plan(seats=1)
    stage.prepare(plan)
    (answer,) = browse(RehearsalApp(stage), ("POST", "/seat.json", {"code": plan.code, "seat": seat}))
    assert answer.status_code == 400
    assert stage.seats() == []
    stage.close()


@pytest.mark.req("R117", "R131")
def test_the_report_of_the_halls_own_computers(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    plan = small_plan(seats=2)
    stage.prepare(plan)
    engine = stage.engine()
    assert engine is not None
    acknowledged = {}
    for one in people(plan):
        engine.enter(one.slip_no, identify(plan, one.id_number)).wait()
        engine.start(one.candidate_id).wait()
        key = engine.page_of(one.candidate_id, "general").units[0].item_uid
        ack = engine.save(one.candidate_id, "general", key, ["a"], 10_001).wait()
        acknowledged[one.place] = {f"general/{key}": ack.rev}
        engine.turn_to(one.candidate_id, "professional").wait()
        engine.hand_in(one.candidate_id).wait()

    def seat(place: int, **values: Any) -> Seat:
        told = {
            "start_ms": 200.0,
            "saves_ms": (5.0, 9.0),
            "submit_ms": 90.0,
            "acknowledged": acknowledged[place],
        }
        return Seat(place=place, state="done", **(told | values))

    records = stage.account()[0]
    good = browser_figures(plan, [seat(1), seat(2)], records, rss_mb=200)
    assert good["passed"], good["checks"]
    assert good["save"]["p99_ms"] == 9.0

    def failing(*seats: Seat, rss_mb: float = 200) -> set[str]:
        found = browser_figures(plan, list(seats), records, rss_mb=rss_mb)
        assert not found["passed"]
        return {one["name"] for one in found["checks"] if not one["passed"]}

    assert failing(seat(1)) == {"missing"}
    assert failing(seat(1), seat(2, acknowledged={"general/none": 5})) == {"lost"}
    assert failing(seat(1), seat(2, start_ms=4000.0)) == {"start_p99_ms"}
    assert failing(seat(1), seat(2, errors=1)) == {"errors"}
    assert failing(seat(1), seat(2), rss_mb=500) == {"rss_mb"}
    early = browser_figures(plan, [seat(1), seat(2)], None, rss_mb=200)
    assert early["lost"] == 0
    assert "lost" not in {one["name"] for one in early["checks"]}
    stage.close()


def test_quantiles_are_nearest_rank() -> None:
    assert quantile([], 0.5) is None
    assert quantile([3, 1, 2], 0.5) == 2
    assert quantile(list(range(1, 101)), 0.99) == 99
    assert quantile([7], 0.99) == 7
    assert quantile(list(range(1, 221)), 0.99) == 218


# --- the process -----------------------------------------------------------------------------------------------------


def is_alive(pid: int) -> bool:
    """Neither gone nor waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_hall_process_can_be_killed_and_started_again(tmp_path: Path) -> None:
    plan = small_plan(seats=2)
    with runner.own_hall(plan, folder=tmp_path / "hall", environment={"ZHUPEI_HALL_ONLY": "1"}) as hall:
        assert isinstance(hall, HallProcess)
        hall.start()
        assert hall.is_running()
        assert len(hall.pids()) >= 2
        assert hall.cpu_ms() > 0
        assert 50 < hall.rss_mb() < 1000
        target = Target(hall.base)
        records, life = run(ask_account(target, plan))
        assert (len(records), life.starts) == (2, 1)
        spent = hall.cpu_ms()
        pids = hall.pids()
        hall.kill9()
        assert not hall.is_running()
        assert not hall.answers()
        assert not any(is_alive(pid) for pid in pids)
        hall.restart()
        assert hall.cpu_ms() > spent
        assert run(ask_account(target, plan))[1].starts == 2
    assert hall.pids() == []
    assert (tmp_path / "hall").exists()  # only a folder of its own is removed
