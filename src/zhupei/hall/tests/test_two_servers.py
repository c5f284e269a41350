"""Two servers in a hall: when the second takes over and when not, what it copies, who may go on alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.core.management.base import CommandError

from zhupei.audit.models import AuditEvent
from zhupei.evidence.api import Lacking, StoredFile, begun, lacking, read, store
from zhupei.evidence.queries import path_of
from zhupei.hall import process
from zhupei.hall.api import engine
from zhupei.hall.servers import local, peers
from zhupei.hall.servers.local import LocalServer, Unreachable
from zhupei.hall.servers.peers import Health, Peer, PeerApplication, State
from zhupei.hall.servers.standby import Doorkeeper, Standby, bring, go_alone, refuse_second, wait_to_take_over
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.crypto import sm3
from zhupei.kernel.errors import Refusal

FIRST, SECOND = "http://first.test:8000", "http://second.test:8000"
on_postgresql = pytest.mark.skipif(
    not os.environ.get("DATABASE_URL", "").startswith("postgres"), reason="this run has no PostgreSQL"
)


@pytest.fixture(autouse=True)
def two(settings: Any) -> None:
    settings.HALL_PEERS, settings.HALL_SELF = [FIRST, SECOND], SECOND


# --- when to take over ------------------------------------------------------------------------------------------------


class Elsewhere:
    """The first server, its PostgreSQL, and what this machine's PostgreSQL sees of it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.well: bool | None = True
        """Whether its journal takes answers; None: it does not answer."""
        self.synchronous = True
        self.held = self.streaming = True

    def receives(self) -> bool:
        return self.streaming

    def holds(self, position: str) -> bool:
        return self.held

    def health(self) -> Health:
        if self.well is None:
            raise Unreachable("no answer")
        return Health(FIRST, self.well, 3)

    def state(self) -> State:
        return State(3, self.synchronous, "0/1", {})


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    made, before = Elsewhere(), clock.elapsed_source()
    clock.set_monotonic(lambda: made.now)
    yield made
    clock.set_monotonic(before)


@pytest.fixture
def second(elsewhere: Elsewhere) -> Standby:
    return Standby(
        local=elsewhere,  # type: ignore[arg-type]
        origins=[FIRST],
        takeover_s=8,
        peer=lambda origin: elsewhere,  # type: ignore[arg-type,return-value]
    )


def looks(second: Standby, elsewhere: Elsewhere, seconds: int) -> bool:
    """True if it would take over within so many seconds."""
    for _ in range(seconds):
        elsewhere.now += 1
        if second.look():
            return True
    return False


def test_it_takes_over_when_server_and_database_are_gone(second: Standby, elsewhere: Elsewhere) -> None:
    assert not looks(second, elsewhere, 60)
    assert second.in_step
    elsewhere.well, elsewhere.streaming = None, False
    assert not looks(second, elsewhere, 7)
    assert looks(second, elsewhere, 1)


def test_a_server_whose_journal_fails_counts_as_gone(second: Standby, elsewhere: Elsewhere) -> None:
    looks(second, elsewhere, 2)
    elsewhere.well, elsewhere.streaming = False, False
    assert looks(second, elsewhere, 9)


def test_it_leaves_a_first_server_alone_whose_database_is_heard(
    second: Standby, elsewhere: Elsewhere
) -> None:
    looks(second, elsewhere, 2)
    elsewhere.well = None
    assert not looks(second, elsewhere, 60)


def test_a_short_silence_is_none(second: Standby, elsewhere: Elsewhere) -> None:
    looks(second, elsewhere, 2)
    elsewhere.streaming = False
    for _ in range(5):
        elsewhere.well = None
        assert not looks(second, elsewhere, 7)
        elsewhere.well = True
        assert not looks(second, elsewhere, 1)


@pytest.mark.parametrize("flaw", ["never seen", "alone", "behind"])
def test_out_of_step_it_never_takes_over_by_itself(
    second: Standby, elsewhere: Elsewhere, flaw: str, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere.synchronous, elsewhere.held = flaw != "alone", flaw != "behind"
    if flaw != "never seen":
        looks(second, elsewhere, 20)
    elsewhere.well, elsewhere.streaming = None, False
    assert not looks(second, elsewhere, 120)
    assert "--standby --now" in caplog.text


def test_a_first_server_that_goes_alone_is_out_of_step(second: Standby, elsewhere: Elsewhere) -> None:
    looks(second, elsewhere, 2)
    elsewhere.synchronous = False
    looks(second, elsewhere, 6)
    assert not second.in_step
    elsewhere.well, elsewhere.streaming = None, False
    assert not looks(second, elsewhere, 30)


# --- what they tell each other ----------------------------------------------------------------------------------------


class Wire(httpx.AsyncBaseTransport):
    """Requests go straight to the other server's application."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self.seen: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        messages: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b""}

        async def send(message: Any) -> None:
            messages.append(message)

        scope = {"type": "http", "method": request.method, "path": request.url.path}
        await self.application({**scope, "headers": request.headers.raw}, receive, send)
        return httpx.Response(messages[0]["status"], stream=httpx.ByteStream(messages[1]["body"]))

    def again(self, request: httpx.Request) -> httpx.Response:
        """Send it outside of the program, as somebody who listens in could."""
        answer = asyncio.run(self.handle_async_request(request))
        answer.read()
        return answer


@pytest.fixture
def wire() -> Wire:
    return Wire(PeerApplication())


def keep(data: bytes) -> StoredFile:
    return store(data, name="x", content_type="image/jpeg", purpose="capture", by=SYSTEM)


def forget(row: StoredFile) -> None:
    default_storage.delete(path_of(row.digest))


@pytest.mark.django_db
def test_a_file_comes_over_encrypted_and_only_for_a_server_of_the_hall(wire: Wire, settings: Any) -> None:
    row = keep(b"a photograph" * 1000)
    assert Peer(FIRST, transport=wire).part(row.digest, 0) == b"a photograph" * 1000
    assert Peer(FIRST, transport=wire).part(row.digest, 12_000) == b""
    path = wire.seen[0].url.path
    assert wire.again(httpx.Request("GET", FIRST + path)).status_code == 404
    told = wire.again(wire.seen[0])
    assert told.status_code == 200
    assert b"photograph" not in told.content
    other = httpx.Request("GET", f"{FIRST}{path}0", headers=wire.seen[0].headers)
    assert wire.again(other).status_code == 404
    settings.HALL_PEERS = []
    assert wire.again(wire.seen[0]).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/files/../../zhupei.env/0", "/keys/../x", "/files/" + "0" * 64 + "/-1", "/"]
)
def test_nothing_else_can_be_had(wire: Wire, path: str) -> None:
    with pytest.raises(Unreachable, match="404"):
        Peer(FIRST, transport=wire)._get(path, 2)


@pytest.mark.django_db
def test_another_master_key_is_told_apart(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    row = keep(b"a photograph")
    original = wire.handle_async_request

    async def answered(request: httpx.Request) -> httpx.Response:
        answer = await original(request)
        monkeypatch.setattr(peers, "_seal_key", lambda: b"2" * 16)
        return answer

    wire.handle_async_request = answered  # type: ignore[method-assign]
    with pytest.raises(Unreachable, match="master key"):
        Peer(FIRST, transport=wire).part(row.digest, 0)


@pytest.mark.django_db
def test_the_state_of_the_active_server(wire: Wire, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "LocalServer", lambda: local.LocalServer("x"))
    monkeypatch.setattr(LocalServer, "standing", lambda self: (True, "0/99"))
    with pytest.raises(Unreachable, match="404"):  # no engine, no hall
        Peer(FIRST, transport=wire).state()
    generation = engine().health().generation
    assert Peer(FIRST, transport=wire).state().generation == generation
    assert Peer(FIRST, transport=wire).state().position == "0/99"


@pytest.mark.django_db
def test_health_is_believed_of_the_server_asked_alone(wire: Wire, settings: Any) -> None:
    settings.HALL_SELF = FIRST
    with pytest.raises(peers.NotThere):  # no engine, no hall
        Peer(FIRST, transport=wire).health()
    generation = engine().health().generation
    wire.application._slots = asyncio.Semaphore(
        0
    )  # all places are taken by requests sent again, or for files
    assert Peer(FIRST, transport=wire).health() == Health(FIRST, True, generation)
    assert wire.again(httpx.Request("GET", wire.seen[-1].url)).status_code == 404  # it is for servers alone
    with pytest.raises(Unreachable, match="in place of"):  # somebody passes the question on to another server
        Peer(SECOND, transport=wire).health()


OPEN = msgspec.json.encode({"server": FIRST, "ok": True, "active": True, "generation": 7})


@pytest.mark.django_db
@pytest.mark.parametrize("said", ["in the open", "once more", "too much", "another version"])
def test_what_anybody_could_answer_is_not_believed(
    said: str, wire: Wire, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HALL_SELF = FIRST
    engine()
    Peer(FIRST, transport=wire).health()
    if said == "another version":
        monkeypatch.setattr(peers, "_health", lambda: b"[1]")
    content = {
        "in the open": OPEN,
        "once more": wire.again(wire.seen[0]).content,
        "too much": bytes(peers.MAX_ANSWER + 1),
    }.get(said)
    answer = (
        wire
        if content is None
        else httpx.MockTransport(lambda request: httpx.Response(200, stream=httpx.ByteStream(content)))
    )
    with pytest.raises(Unreachable):
        Peer(FIRST, transport=answer).health()


class Impostor:
    """Whoever listens at the first server's address when that is gone: answers as anybody can, or a byte now and then."""

    def __init__(self, body: bytes | None) -> None:
        self.body = body
        self.asked = 0
        self._door = socket.create_server(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                line, _address = self._door.accept()
            except OSError:
                return
            self.asked += 1
            threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def _answer(self, line: socket.socket) -> None:
        with line, contextlib.suppress(OSError):
            line.recv(4096)
            if self.body is not None:
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(self.body), self.body))
                return
            line.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while True:
                line.sendall(b"x")
                time.sleep(0.05)

    def close(self) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()


@pytest.mark.req("I04")
@pytest.mark.parametrize("body", [OPEN, None], ids=["says that it is well", "a byte now and then"])
def test_nobody_can_stand_in_for_a_first_server_that_is_gone(
    body: bytes | None, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "ANSWER_S", 0.3)
    impostor = Impostor(body)
    second = Standby(
        local=elsewhere,  # type: ignore[arg-type]
        origins=[impostor.origin],
        takeover_s=8,
        peer=lambda origin: elsewhere,  # type: ignore[arg-type,return-value]
    )
    looks(second, elsewhere, 2)
    elsewhere.streaming, second._peer = False, Peer
    started = time.monotonic()
    assert not looks(second, elsewhere, 7)
    assert looks(second, elsewhere, 1)
    assert time.monotonic() - started < 8 * 1.5
    assert impostor.asked == 8
    impostor.close()


# --- copying ----------------------------------------------------------------------------------------------------------


class Source:
    """A server that has files, and loses its line now and then."""

    def __init__(self, *contents: bytes) -> None:
        self.contents = {sm3(content): content for content in contents}
        self.fails_at: set[int] = set()
        self.asked: list[int] = []

    def part(self, digest: str, start: int) -> bytes:
        self.asked.append(start)
        if start in self.fails_at:
            self.fails_at.discard(start)
            raise Unreachable("the line is gone")
        if digest not in self.contents:
            raise peers.NotThere("404")
        return self.contents[digest][start : start + 1024 * 1024]


@pytest.mark.django_db
def test_a_large_file_is_copied_in_parts_and_resumed() -> None:
    content = os.urandom(2_500_000)
    row = keep(content)
    forget(row)
    (lack,) = lacking()
    source = Source(content)
    source.fails_at = {1024 * 1024}
    with pytest.raises(Unreachable):
        bring(source, lack)  # type: ignore[arg-type]
    assert begun(row.digest) == 1024 * 1024
    assert bring(source, lack)  # type: ignore[arg-type]
    assert source.asked == [0, 1048576, 1048576, 2097152]
    assert read(row) == content
    assert not list(lacking())


@pytest.mark.django_db
def test_what_has_not_its_digest_is_not_kept() -> None:
    row = keep(b"the right content")
    forget(row)
    source = Source()
    source.contents[row.digest] = b"another content!!"
    lack = Lacking(row.pk, row.digest, row.size)
    assert not bring(source, lack)  # type: ignore[arg-type]
    assert not default_storage.exists(path_of(row.digest))
    assert begun(row.digest) == 0
    assert not bring(Source(), lack)  # type: ignore[arg-type]


@pytest.mark.django_db
def test_the_standby_fetches_keys_and_files_and_says_what_it_lacks(
    second: Standby, elsewhere: Elsewhere, settings: Any, tmp_path: Path
) -> None:
    settings.DATA = tmp_path
    rows = [keep(b"one"), keep(b"two"), keep(b"three")]
    for row in rows:
        forget(row)
    source: Any = Source(b"one", b"two")
    source.state = lambda: State(3, True, "0/1", {"centre": sm3(b"sealed key"), "bad": sm3(b"right")})
    source.key = lambda name: {"centre": b"sealed key", "bad": b"wrong"}[name]
    second._peer = lambda origin: source
    second.copy()
    assert source.asked == []  # nobody to ask yet
    second.primary = FIRST
    second.copy()
    assert [read(row) for row in rows[:2]] == [b"one", b"two"]
    assert second.told() == {"ok": False, "active": False, "standby": True, "in_step": False, "lacks": 1}
    assert (tmp_path / "keys" / "centre.key").read_bytes() == b"sealed key"
    assert (tmp_path / "keys" / "centre.key").stat().st_mode & 0o077 == 0
    assert not (tmp_path / "keys" / "bad.key").exists()
    source.contents[rows[2].digest] = b"three"
    elsewhere.now += 61
    second.copy()
    assert second.lacks == 0
    assert read(rows[2]) == b"three"


# --- persons decide ---------------------------------------------------------------------------------------------------


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What this machine's PostgreSQL says."""
    says: dict[str, Any] = {"is_standby": False, "generation": 4, "go_alone": True}
    for name in says:
        monkeypatch.setattr(LocalServer, name, lambda self, name=name: says[name])
    return says


class Other:
    """The other server, or none."""

    def __init__(self, generation: int | None) -> None:
        self.generation = generation

    def __call__(self, origin: str) -> Any:
        return self

    def health(self) -> Health:
        if self.generation is None:
            raise Unreachable("no answer")
        return Health(FIRST, True, self.generation)


def test_a_hall_starts_where_no_other_is_active(here: dict[str, Any]) -> None:
    refuse_second(peer=Other(None))
    refuse_second(peer=Other(3))  # it was overtaken: this one is newer
    for generation in (4, 5):
        with pytest.raises(Refusal) as refused:
            refuse_second(peer=Other(generation))
        assert f"The hall runs on {FIRST}" in refused.value.message
        assert "pg_basebackup" in refused.value.message
    here["is_standby"] = True
    with pytest.raises(Refusal) as refused:
        refuse_second(peer=Other(None))
    assert "zhupei hall --standby" in refused.value.message


@pytest.mark.parametrize("command", ["serve", "hall"])
def test_neither_command_serves_beside_the_other_server(
    command: str, here: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(*args: Any, **options: Any) -> Any:
        raise AssertionError("it serves")

    monkeypatch.setattr(subprocess, "Popen", started)
    monkeypatch.setattr(Peer, "health", lambda self: Health(FIRST, True, 4))
    with pytest.raises(CommandError, match=f"The hall runs on {FIRST}"):
        call_command(command, port=0)
    here["is_standby"] = True
    with pytest.raises(CommandError, match="zhupei hall --standby"):
        call_command(command, port=0)


@pytest.mark.parametrize(
    ("given", "proven"),
    [
        ("host=10.0.0.1 user=replica", False),
        ("host=10.0.0.1 user=replica sslmode=require", False),
        ("host=10.0.0.1 user=replica sslmode=verify-full", True),
        ("host=10.0.0.1 user=replica require_auth=scram-sha-256", True),
        ("host=127.0.0.1 user=replica", True),
    ],
)
def test_a_standby_whose_postgresql_believes_anybody_is_told_so(
    given: str, proven: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalServer, "_one", lambda self, statement: (given,))
    assert LocalServer("x").is_primary_proven() is proven


@pytest.mark.django_db
def test_going_alone_wants_a_reason_and_nobody_else_active_and_is_on_record(here: dict[str, Any]) -> None:
    with pytest.raises(Refusal):
        go_alone(reason=" ", peer=Other(None))
    with pytest.raises(Refusal) as refused:
        go_alone(reason="power supply burnt", peer=Other(1))
    assert "would be lost" in refused.value.message
    assert not AuditEvent.objects.filter(code="hall.went_alone").exists()
    assert go_alone(reason="power supply burnt", peer=Other(None))
    assert AuditEvent.objects.get(code="hall.went_alone").reason == "power supply burnt"
    here["go_alone"] = False
    assert not go_alone(reason="again", peer=Other(None))
    here["is_standby"] = True
    with pytest.raises(Refusal):
        go_alone(reason="power supply burnt", peer=Other(None))


@pytest.mark.parametrize("options", [{"standby": True}, {"alone": True}])
def test_a_hall_of_one_server_has_no_second(options: dict[str, Any], settings: Any) -> None:
    settings.HALL_PEERS, settings.HALL_SELF = [], ""
    with pytest.raises(CommandError, match="ZHUPEI_HALL_PEERS"):
        call_command("hall", **options)


def test_while_it_waits_the_standby_answers_briefly_and_then_frees_its_port() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    door = Doorkeeper("127.0.0.1", port, lambda: {"active": False, "standby": True})
    door.start()
    told = {}
    for path in ("/exam/health", "/exam/", "/hall/"):
        with pytest.raises(urllib.error.HTTPError) as answered:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5)
        assert answered.value.code == 503
        told[path] = answered.value.read()
    with socket.create_connection(("127.0.0.1", port), timeout=5) as rude:
        rude.sendall(b"x" * 40_000 + b"\r\n\r\n")
        assert rude.recv(10) == b""
    with pytest.raises(OSError):
        Doorkeeper("127.0.0.1", port, dict).start()
    door.stop()
    assert msgspec.json.decode(told["/exam/health"]) == {"active": False, "standby": True}
    assert "备用服务器" in told["/exam/"].decode()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


# --- PostgreSQL itself ------------------------------------------------------------------------------------------------


@on_postgresql
@pytest.mark.django_db
def test_a_real_standby_takes_over_what_was_acknowledged_and_the_first_acknowledges_no_more(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg
    from tools.clusters import Cluster

    from zhupei.delivery.api import JournalError, PostgresJournal, last_generation
    from zhupei.delivery.formats import events as f

    def save(n: int) -> f.Saved:
        return f.Saved(at=n, tick=n, candidate_id="C", subject="s", key="k", answer=(), seq=n)

    careless = {"fsync": "off"}
    with (
        Cluster(careless) as primary,
        Cluster({**careless, "wal_receiver_timeout": "5s"}, of=primary) as copy,
    ):
        settings.HALL_JOURNAL = copy.url
        first, second = LocalServer(primary.url), LocalServer(copy.url)
        assert process.journal_dsn() == copy.url
        assert not first.is_standby()
        assert second.is_standby()
        assert second.grants_missing() == ""
        assert second.timeout_s() == 5
        assert second.is_primary_proven()
        with pytest.raises(Refusal) as refused:
            refuse_second(peer=Other(None))
        assert "--standby" in refused.value.message
        with psycopg.connect(primary.url, autocommit=True) as desk:
            desk.execute("create role clerk login")
            desk.execute("alter system set synchronous_standby_names = 'standby'")
            desk.execute("select pg_reload_conf()")
        journal = PostgresJournal(primary.url, patience=1)
        journal.append([f.EngineStarted(at=1, tick=1, generation=6), save(1)]).result(10)
        synchronous, position = first.standing()
        assert synchronous
        assert second.holds(position)
        assert second.receives()
        assert second.generation() == 6 == last_generation(copy.url)
        assert "pg_monitor to clerk" in LocalServer(copy.url.replace("zhupei@", "clerk@")).grants_missing()
        waiting = Standby(local=second, origins=[FIRST], takeover_s=0)
        waiting.take_over()
        assert AuditEvent.objects.get(code="hall.took_over").after["ordered"] is False
        assert not second.is_standby()
        assert second.standing()[0] is False
        other = PostgresJournal(copy.url)
        assert [entry.event.tick for entry in other.replay()] == [1, 1]
        assert other.append([save(3)]).result(10) == 3
        with pytest.raises(JournalError):
            journal.append([save(2)]).result(10)
        assert not second.receives()
        assert first.go_alone()  # a person's mistake, to show what it does: the waiting commit comes through
        assert not first.go_alone()
        assert [entry.event.tick for entry in other.replay()] == [1, 1, 3]
        other.close()
        journal.close()


def test_what_cannot_be_reached_is_said_so() -> None:
    with pytest.raises(Unreachable):
        LocalServer("postgresql://nobody@127.0.0.1:1/none").is_standby()
    assert not LocalServer("postgresql://nobody@127.0.0.1:1/none").receives()
    with pytest.raises(Unreachable):
        LocalServer("postgresql://nobody@127.0.0.1:1/none").generation()


def test_a_fault_while_it_watches_does_not_end_the_watch(
    second: Standby, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    def look() -> bool:
        looked.append(1)
        if len(looked) == 1:
            raise ValueError("the other server runs another version")
        return True

    monkeypatch.setattr(second, "look", look)
    monkeypatch.setattr(second, "copy", lambda: None)
    assert wait_to_take_over(second, threading.Event(), pause=0.01)
    assert len(looked) == 2
