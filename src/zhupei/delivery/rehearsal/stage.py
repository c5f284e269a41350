"""The rehearsal of a hall: a folder with the plan, the bundles and a journal, and the engine that runs on it.

What lies in the folder is what goes on after a restart. A new plan replaces the old one and all that was played on it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from zhupei.delivery.engine.doors import Engine
from zhupei.delivery.formats.base import encoder
from zhupei.delivery.formats.bundles import Bundle, bundle_decoder
from zhupei.delivery.journal import Journal, SqliteJournal
from zhupei.delivery.rehearsal.bundles import Plan, bank_mark, make_bundle, people, session_id
from zhupei.delivery.rehearsal.record import Life, Record, fold
from zhupei.delivery.reserve import give_reserve, keep_reserve
from zhupei.kernel import clock
from zhupei.kernel.errors import Refusal

log = logging.getLogger("zhupei.delivery")

BY = "演练"
HELPERS = 64  # admissions that wait for the disk at once
MAX_REPORT = 100_000
MAX_TOLD = 256 << 20  # bytes that browsers may tell in all; each says three or four things, at most 80 kB
JOURNAL = "journal.sqlite3"


ShortText: TypeAlias = Annotated[str, Meta(max_length=100)]
Measured: TypeAlias = Annotated[float, Meta(ge=0, le=3_600_000)]


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser tells of the candidate it played. Milliseconds; ``at``: since 1970 UTC."""

    place: int
    state: Literal["joined", "started", "done", "failed"]
    at: int = 0
    start_ms: Measured | None = None
    saves_ms: Annotated[tuple[Measured, ...], Meta(max_length=2000)] = ()
    submit_ms: Measured | None = None
    acknowledged: Annotated[
        dict[ShortText, Annotated[int, Meta(ge=0, lt=1 << 53)]], Meta(max_length=500)
    ] = {}
    """subject/slot → the newest sequence number acknowledged."""
    errors: Annotated[int, Meta(ge=0, le=100_000)] = 0
    problem: str = ""
    address: str = ""


Count: TypeAlias = Annotated[int, Meta(ge=0, le=100_000_000)]


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Latencies of one kind of request, in milliseconds."""

    count: Count = 0
    p50_ms: Measured | None = None
    p99_ms: Measured | None = None
    max_ms: Measured | None = None


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How the command played: seconds over which candidates pressed start."""

    spread: Annotated[float, Meta(ge=0, le=86_400)] = 1.0


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a command tells that played all candidates; all else that it may send is left out. Figures as in
    ``report.figures``."""

    candidates: Count
    unfinished: Count = 0
    handed_in: Count = 0
    acknowledged: Count = 0
    lost: Count = 0
    errors: Count = 0
    requests: Count = 0
    all_papers_ms: Measured | None = None
    start: Spread = Spread()
    save: Spread = Spread()
    submit: Spread = Spread()
    client_cpu_share: Annotated[float, Meta(ge=0, le=1000)] | None = None
    problems: Annotated[tuple[str, ...], Meta(max_length=100)] = ()
    parameters: Pace = Pace()


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The server's own counts: candidates who started, who handed in, and answers that its journal holds."""

    started: int
    handed_in: int
    answers: int


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """A command's report, and what the server itself held when it came."""

    told: Told
    kept: Kept


def kept_in(records: Mapping[str, Record]) -> Kept:
    """The counts of an account."""
    return Kept(
        started=sum(one.started > 0 for one in records.values()),
        handed_in=sum(one.submitted > 0 for one in records.values()),
        answers=sum(len(slots) for one in records.values() for slots in one.answers.values()),
    )


def sqlite_journal(folder: Path) -> Journal:
    """The journal of a single hall server."""
    keep_reserve(folder)
    return SqliteJournal(folder / JOURNAL, make_room=partial(give_reserve, folder))


def write(path: Path, content: bytes) -> None:
    """Replace a file whole."""
    draft = path.with_suffix(".new")
    draft.write_bytes(content)
    draft.replace(path)


def keep_plan(folder: Path, plan: Plan) -> None:
    """Put a plan into a folder, for the server that will be started on it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write(folder / "plan.json", msgspec.json.encode(plan))


class Stage:
    """The rehearsal of this process. Safe to call from any thread."""

    def __init__(self, folder: Path, make_journal: Callable[[Path], Journal] = sqlite_journal) -> None:
        self.folder, self._make_journal = folder, make_journal
        self._lock = threading.RLock()
        self._plan: Plan | None = None
        self._engine: Engine | None = None
        self._journal: Journal | None = None
        self._starts_at: float | None = None
        self._seats: dict[int, Seat] = {}

    @property
    def plan(self) -> Plan | None:
        return self._plan

    def engine(self) -> Engine | None:
        """The engine once everybody is admitted; None before."""
        return self._engine

    # --- life -------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Go on with what lies in the folder; nothing if nothing does.

        ``Refusal("rehearsal_old")``: made by another version of the program.
        """
        with self._lock:
            path = self.folder / "plan.json"
            if self._engine is not None or not path.exists():
                return
            plan = msgspec.json.decode(path.read_bytes(), type=Plan)
            if plan.bank != bank_mark(plan.seed):
                raise Refusal("rehearsal_old", "the plan was made by another version of this program")
            journal = self._make_journal(self.folder)
            try:
                engine = Engine(journal, data_dir=self.folder)
            except BaseException:
                journal.close()
                raise
            try:
                for hall in range(1, plan.halls + 1):
                    engine.load(self._bundle(plan, hall))
                self._let_in(engine, plan)
            except BaseException:
                engine.close()
                raise
            self._plan, self._journal, self._engine = plan, journal, engine
            self._read_results()

    def _bundle(self, plan: Plan, hall: int) -> Bundle:
        path = self.folder / f"bundle-{hall}.msgpack"
        if not path.exists():
            write(path, encoder.encode(make_bundle(plan, hall)))
        return bundle_decoder.decode(path.read_bytes())

    def _let_in(self, engine: Engine, plan: Plan) -> None:
        """Admit everybody and open all rooms: no clicks are needed."""
        waiting = [one for one in people(plan) if engine.seat(one.candidate_id).state == "not_admitted"]
        with ThreadPoolExecutor(HELPERS) as pool:
            list(pool.map(lambda one: engine.admit(one.candidate_id, by=BY, method="rehearsal"), waiting))
        for hall in range(1, plan.halls + 1):
            engine.open_session(session_id(plan, hall), by=BY)

    def prepare(self, plan: Plan) -> None:
        """Put ``plan`` in the place of what is there, and open it."""
        with self._lock:
            self.close()
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for pattern in (
                "bundle-*.msgpack",
                f"{JOURNAL}*",
                "start.json",
                "seats.jsonl",
                "report.json",
                "plan.json",
            ):
                for path in self.folder.glob(pattern):
                    path.unlink()
            self._seats, self._starts_at = {}, None
            keep_plan(self.folder, plan)
            self.open()

    def close(self) -> None:
        """Write out and let go of the folder."""
        with self._lock:
            engine, self._engine, self._journal, self._plan = self._engine, None, None, None
            if engine is not None:
                engine.close()

    # --- the common start -----------------------------------------------------------------------------------------

    def go(self, in_seconds: float) -> None:
        """All clients start in so many seconds. Again: the first word stands."""
        with self._lock:
            if self._starts_at is None:
                self._starts_at = clock.monotonic() + in_seconds
                at = clock.now().timestamp() + in_seconds
                write(self.folder / "start.json", msgspec.json.encode(at))

    def starts_in_ms(self) -> int | None:
        """Milliseconds until the common start, negative after it; None while nobody said when."""
        at = self._starts_at
        return None if at is None else int((at - clock.monotonic()) * 1000)

    # --- results ----------------------------------------------------------------------------------------------

    def _read_results(self) -> None:
        start = self.folder / "start.json"
        if start.exists():  # after a restart the wall clock is all there is
            at = msgspec.json.decode(start.read_bytes(), type=float)
            self._starts_at = clock.monotonic() + at - clock.now().timestamp()
        path = self.folder / "seats.jsonl"
        for line in path.read_bytes().splitlines() if path.exists() else ():
            with contextlib.suppress(msgspec.MsgspecError):  # a line that a power cut left half
                one = msgspec.json.decode(line, type=Seat)
                self._seats[one.place] = one

    def tell(self, seat: Seat) -> None:
        """Keep what a browser says of its candidate; the last word counts."""
        with self._lock:
            if self._plan is None or not 1 <= seat.place <= self._plan.seats * self._plan.halls:
                raise Refusal("rehearsal_seat", "no such seat in this rehearsal", status=422)
            before = self._seats.get(seat.place)
            if before is not None and before.state == "done":
                return
            seat = msgspec.structs.replace(seat, at=int(clock.now().timestamp() * 1000))
            with (self.folder / "seats.jsonl").open("ab") as file:
                if file.tell() > MAX_TOLD:
                    raise Refusal("too_large", "more was told than a rehearsal has to tell", status=413)
                file.write(msgspec.json.encode(seat) + b"\n")
            self._seats[seat.place] = seat

    def seats(self) -> list[Seat]:
        """What browsers told, by place."""
        with self._lock:
            return [self._seats[place] for place in sorted(self._seats)]

    def keep_report(self, report: bytes) -> None:
        """Keep the report (JSON) of a command that played against this hall, beside what the journal holds now.

        ``Refusal``: too large, or not the figures that ``Told`` names.
        """
        if len(report) > MAX_REPORT:
            raise Refusal("too_large", "the report is too large", status=413)
        try:
            told = msgspec.json.decode(report, type=Told)
        except (msgspec.MsgspecError, RecursionError):
            raise Refusal("bad_request", "this is no report", status=400) from None
        both = Reported(told=told, kept=kept_in(self.account()[0]))
        write(self.folder / "report.json", msgspec.json.encode(both))

    def report(self) -> Reported | None:
        """That report, if there is one."""
        path = self.folder / "report.json"
        if not path.exists():
            return None
        return msgspec.json.decode(path.read_bytes(), type=Reported)

    def account(self) -> tuple[dict[str, Record], Life]:
        """What the journal on disk holds of this rehearsal's candidates."""
        journal, plan = self._journal, self._plan
        if journal is None or plan is None:
            raise Refusal("not_ready", "no rehearsal is prepared", status=503)

        def events() -> Iterator[object]:
            for no, entry in enumerate(journal.replay()):
                if no % 2000 == 1999:
                    time.sleep(0)  # candidates go before the account
                yield entry.event

        return fold(events(), prefix=f"{plan.id}-")  # type: ignore[arg-type]


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """This process: processor time in milliseconds so far, memory now in MB."""

    cpu_ms: float
    rss_mb: float


def usage() -> Usage:
    """What the serving process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(Path("/proc/self/statm").read_text().split()[1]) if Path("/proc/self/statm").exists() else 0
    memory = pages * os.sysconf("SC_PAGE_SIZE") / 2**20 if pages else used.ru_maxrss / 1024
    return Usage(cpu_ms=round((used.ru_utime + used.ru_stime) * 1000, 1), rss_mb=round(memory, 1))
