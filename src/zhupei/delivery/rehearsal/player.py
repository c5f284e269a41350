"""Plays candidates: everybody signs in, starts at the agreed second, answers, goes to the second subject, hands in.

A player does what the candidate's page does: one answer on its way at a time, each with its sequence number; after a failure the
same again after 2, 4, 8, then every 15 seconds (spread a little, as thousands of pages would not be in step), until it is
acknowledged. What was acknowledged is noted: it is what the hall has to hold at the end.

Latencies run from the moment at which something was due, so that a server that stalls cannot hide it by slowing the players.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import time
import urllib.parse
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from zhupei.delivery.rehearsal.bank import SLOTS, Known, make_bank
from zhupei.delivery.rehearsal.bundles import Person, Plan
from zhupei.delivery.rehearsal.wire import Answer, Client, Target, Unreachable

BEAT_S = 15.0
WAIT_BEAT_S = 3.0
GROWTH = (2.0, 4.0, 8.0, 15.0)
RIGHT = 0.75  # how much candidates know
CHANGE = 0.1  # how often an earlier answer is changed
_FORM = re.compile(rb'data-form="([^"]+)"')
_ASSET = re.compile(rb'(?:href|src)="([^"]+/static/[^"]+)"')
_PAIR = tuple[str, str]


class Ack(msgspec.Struct):
    rev: int
    kept: bool
    answer: tuple[str, ...]


class SheetSlot(msgspec.Struct):
    key: str


class SheetUnit(msgspec.Struct):
    html: msgspec.Raw  # read, not taken apart
    slots: list[int]


class Sheet(msgspec.Struct):
    subject: str
    paper: str
    seq: int
    slots: list[SheetSlot]
    units: list[SheetUnit]

    def is_whole(self) -> bool:
        """True if every question is there, and shown."""
        shown = [no for unit in self.units if len(memoryview(unit.html)) > 2 for no in unit.slots]
        return shown == list(range(1, SLOTS + 1)) and len({slot.key for slot in self.slots}) == SLOTS


class Marks(msgspec.Struct):
    marks: str


class Scores(msgspec.Struct):
    subjects: dict[str, Marks]


class Receipt(msgspec.Struct):
    submitted_at: int | None = None
    submit_kind: str | None = None
    scores: Scores | None = None


class HandedIn(msgspec.Struct):
    receipt: Receipt


class Problem(msgspec.Struct):
    error: str = ""


_ack = msgspec.json.Decoder(Ack)
_sheet = msgspec.json.Decoder(Sheet)
_handed = msgspec.json.Decoder(HandedIn)


@dataclass(frozen=True, kw_only=True)
class Script:
    """How the rehearsal runs. Seconds. ``patience``: how long a player tries to reach the server before he gives up."""

    seconds: float = 30.0
    every: float = 5.0
    sign_in: float = 5.0
    settle: float = 2.0
    spread: float = 1.0
    hand_in: float = 1.0
    patience: float = 120.0
    statics: bool = True
    seed: str = "players"


@dataclass
class Tally:
    """Figures of the whole run. Latencies in milliseconds."""

    start: list[float] = field(default_factory=list)
    save: list[float] = field(default_factory=list)
    submit: list[float] = field(default_factory=list)
    requests: int = 0
    interruptions: dict[str, int] = field(default_factory=dict)
    """What had to be tried again, by cause: cut, TimeoutError, HTTP 503 …"""
    errors: list[str] = field(default_factory=list)
    """What went wrong for good: a candidate who did not finish, an answer refused."""

    def interrupted(self, cause: str) -> None:
        self.interruptions[cause] = self.interruptions.get(cause, 0) + 1


class GaveUp(Exception):
    """A player who cannot go on; the message says why."""


class Player:
    """One candidate at one machine."""

    def __init__(self, run: Run, person: Person) -> None:
        self.run, self.person = run, person
        self.client = Client(run.target)
        self.rng = random.Random(f"{run.script.seed}/{person.place}")  # noqa: S311 - play
        self.form = ""
        self.sheet: Sheet | None = None
        self.seq = 0
        self.dirty: dict[_PAIR, tuple[int, tuple[str, ...]]] = {}
        self.acknowledged: dict[_PAIR, tuple[int, tuple[str, ...]]] = {}
        self.acks = 0
        self.receipt: Receipt | None = None
        self.state = "new"
        self.started_at = self.papers_at = self.hands_in_at = self.handed_at = 0.0
        self._beat_at = 0.0
        self._misses = 0

    # --- reaching the server --------------------------------------------------------------------------------------

    async def once(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> Answer:
        """One try. ``Unreachable`` also for answers that say "later"."""
        self.run.tally.requests += 1
        answer = await self.client.send(method, path, body, kind)
        if answer.status >= 500 or answer.status == 429:
            raise Unreachable(f"HTTP {answer.status}")
        return answer

    async def call(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> Answer:
        """Until the server answers, as the page does. All that is asked so may be asked twice."""
        limit = time.perf_counter() + self.run.script.patience
        while True:
            try:
                answer = await self.once(method, path, body, kind)
                self._misses = 0
                return answer
            except Unreachable as problem:
                self.run.tally.interrupted(str(problem))
                if time.perf_counter() > limit:
                    raise GaveUp(f"{path}: not reached ({problem})") from None
                await asyncio.sleep(self.pause())

    def pause(self) -> float:
        """Seconds until the next try."""
        growth = GROWTH[min(self._misses, len(GROWTH) - 1)]
        self._misses += 1
        return growth * self.rng.uniform(0.75, 1.25)

    def expect(self, answer: Answer, status: int, what: str) -> Answer:
        """``answer`` if it has this status; otherwise the player gives up."""
        if answer.status != status:
            raise GaveUp(f"{what}: HTTP {answer.status} {answer.body[:200].decode(errors='replace')}")
        return answer

    async def fetch(self, path: str) -> bytes:
        """A page of one's own."""
        return self.expect(await self.call("GET", path), 200, path.partition("?")[0]).body

    def posted(self, **values: Any) -> bytes:
        return msgspec.json.encode({"form": self.form, **values})

    # --- a candidate's way ----------------------------------------------------------------------------------------

    async def play(self) -> None:
        """From the sign-in to the scores."""
        run, script = self.run, self.run.script
        try:
            await run.until(run.signs_in_at(self.rng.random()))
            await self.sign_in()
            await self.wait_for(run.starts_at + script.spread * self.rng.random())
            await self.start()
            half, end = run.ends_at(self.started_at) / 2 + self.started_at / 2, run.ends_at(self.started_at)
            first, *others = run.plan.rules.subjects
            await self.answer(first, half)
            for subject in others:
                await self.turn_to(subject)
                await self.answer(subject, end)
            await self.hand_in(end + script.hand_in * self.rng.random())
            self.state = "done"
        except (GaveUp, msgspec.MsgspecError) as problem:
            self.state = "failed"
            run.tally.errors.append(f"{self.person.slip_no}: {problem}")
        finally:
            self.client.close()

    async def sign_in(self) -> None:
        page = await self.fetch("/")
        if self.run.script.statics:
            for address in _ASSET.findall(page):
                await self.fetch(address.decode().removeprefix(self.run.target.root))
        fields = {"slip_no": self.person.slip_no, "id_number": self.person.id_number}
        body = urllib.parse.urlencode(fields).encode()
        answer = await self.call("POST", "/enter", body, "application/x-www-form-urlencoded")
        self.expect(answer, 303, "/enter")
        page = await self.fetch("/wait")
        found = _FORM.search(page)
        if found is None:
            raise GaveUp("/wait: no form token")
        self.form = found[1].decode()
        if self.run.script.statics:
            await self.fetch("/photo")
        self.state = "waiting"
        self.run.arrived += 1

    async def wait_for(self, moment: float) -> None:
        """Heartbeats until the moment has come."""
        beat = time.perf_counter() + WAIT_BEAT_S * self.rng.random()
        while beat < moment - 1:
            await self.run.until(beat)
            self.expect(await self.call("POST", "/heartbeat", self.posted()), 200, "/heartbeat")
            beat = time.perf_counter() + BEAT_S
        await self.run.until(moment)
        self.started_at = moment

    async def start(self) -> None:
        body = urllib.parse.urlencode({"form": self.form}).encode()
        answer = await self.call("POST", "/start", body, "application/x-www-form-urlencoded")
        self.expect(answer, 303, "/start")
        await self.fetch("/paper")
        await self.load(self.run.plan.rules.subjects[0])
        self.papers_at = time.perf_counter()
        self.run.tally.start.append((self.papers_at - self.started_at) * 1000)
        self._beat_at = self.papers_at + BEAT_S * self.rng.random()
        self.state = "answering"

    async def load(self, subject: str) -> None:
        """A subject's paper, as the page loads it."""
        self.take(await self.fetch(f"/paper.json?subject={subject}"))

    def take(self, content: bytes) -> None:
        """A paper that came; whole, or the player gives up."""
        sheet = _sheet.decode(content)
        if not sheet.is_whole():
            raise GaveUp(f"{sheet.paper}: questions are missing")
        self.sheet, self.seq = sheet, max(self.seq, sheet.seq)

    async def turn_to(self, subject: str) -> None:
        await self.fetch("/next-subject?part=1")
        answer = await self.call("POST", "/next-subject", self.posted(subject=subject))
        if answer.status != 200 and await self.was_turned(subject):
            return
        self.expect(answer, 200, "/next-subject")
        await self.load(subject)

    async def was_turned(self, subject: str) -> bool:
        """True if an earlier try had arrived after all (its answer was cut)."""
        answer = await self.call("GET", f"/paper.json?subject={subject}")
        if answer.status != 200:
            return False
        self.take(answer.body)
        return True

    def known(self, key: str) -> Known:
        known = self.run.slots.get(key)
        if known is None:
            raise GaveUp(f"a slot that is not in the plan: {key}")
        return known

    def choose(self, key: str) -> tuple[str, ...]:
        """An answer: mostly right, sometimes not."""
        known, rng = self.known(key), self.rng
        if rng.random() < RIGHT:
            return known.right
        return tuple(sorted(rng.sample(known.options, rng.randint(1, 3) if known.kind == "multiple" else 1)))

    async def answer(self, subject: str, until: float) -> None:
        """An answer every few seconds until then, and after that until all of them are acknowledged."""
        assert self.sheet is not None
        keys, at, every = [slot.key for slot in self.sheet.slots], 0, self.run.script.every
        due = time.perf_counter() + every * self.rng.random()
        retry_at, limit = 0.0, until + self.run.script.patience
        touched: dict[_PAIR, float] = {}
        while True:
            now = time.perf_counter()
            if now >= until and not self.dirty:
                return
            if now >= limit:
                raise GaveUp(f"{len(self.dirty)} answers were never acknowledged")
            moments = [self._beat_at]
            if due < until:
                moments.append(due)
            if self.dirty:
                moments.append(retry_at)
            await self.run.until(min(*moments, until) if now < until else min(*moments, limit))
            now = time.perf_counter()
            if due <= now and due < until:
                if at and self.rng.random() < CHANGE:
                    key = keys[self.rng.randrange(min(at, len(keys)))]
                else:
                    key, at = keys[at % len(keys)], at + 1
                self.seq += 1
                self.dirty[subject, key] = (self.seq, self.choose(key))
                touched[subject, key] = due
                due += every
            if self.dirty and retry_at <= now:
                pair = min(self.dirty, key=lambda one: self.dirty[one][0])
                if await self.save(pair, touched.get(pair, now)):
                    retry_at = 0.0
                else:
                    retry_at = time.perf_counter() + self.pause()
            if self._beat_at <= now:
                await self.beat()

    async def save(self, pair: _PAIR, due: float) -> bool:
        """Send one answer; False if it has to be sent again."""
        assert self.sheet is not None
        subject, key = pair
        seq, chosen = self.dirty[pair]
        body = self.posted(paper=self.sheet.paper, subject=subject, key=key, seq=seq, answer=chosen)
        first = self._misses == 0
        try:
            answer = await self.once("POST", "/save", body)
        except Unreachable as problem:
            self.run.tally.interrupted(str(problem))
            return False
        self._misses = 0
        if answer.status != 200:
            del self.dirty[pair]
            self.run.tally.errors.append(
                f"{self.person.slip_no}: save refused: {answer.body[:200].decode(errors='replace')}"
            )
            return True
        if first:
            self.run.tally.save.append((time.perf_counter() - due) * 1000)
        ack = _ack.decode(answer.body)
        if ack.rev == seq and not ack.kept:
            self.run.tally.errors.append(f"{self.person.slip_no}: {key} acknowledged with another answer")
        held = self.acknowledged.get(pair)
        if held is None or ack.rev > held[0]:
            self.acknowledged[pair] = (ack.rev, chosen if ack.kept else ack.answer)
        self.acks += 1
        if self.dirty.get(pair, (0,))[0] == seq:
            del self.dirty[pair]
        return True

    async def beat(self) -> None:
        self._beat_at = time.perf_counter() + BEAT_S
        try:
            answer = await self.once("POST", "/heartbeat", self.posted())
        except Unreachable as problem:
            self.run.tally.interrupted(str(problem))
            self._beat_at = time.perf_counter() + self.rng.uniform(2, 6)
            return
        self.expect(answer, 200, "/heartbeat")

    async def hand_in(self, moment: float) -> None:
        """The summary, the hand-in at its moment, the scores."""
        await self.run.until(moment - 1 - self.rng.random())
        await self.fetch("/hand-in?part=1")
        await self.run.until(moment)
        self.state, self.hands_in_at = "handing", moment
        answer = self.expect(await self.call("POST", "/hand-in", self.posted()), 200, "/hand-in")
        self.handed_at = time.perf_counter()
        self.receipt = _handed.decode(answer.body).receipt
        await self.fetch("/result")
        self.run.tally.submit.append((time.perf_counter() - moment) * 1000)


class Run:
    """A rehearsal that is being played. Moments are of ``time.perf_counter``; ``starts_at`` is the agreed second."""

    def __init__(self, plan: Plan, target: Target, people: Sequence[Person], script: Script) -> None:
        self.plan, self.target, self.script = plan, target, script
        self.slots = make_bank(plan.seed).slots
        self.tally = Tally()
        self.players = [Player(self, person) for person in people]
        self.began_at = self.starts_at = 0.0
        self.arrived = 0
        self.is_over = False

    def signs_in_at(self, share: float) -> float:
        """When a player signs in: spread over the time for it."""
        return self.began_at + self.script.sign_in * share

    def ends_at(self, started_at: float) -> float:
        """When a player who started then has answered enough: all end together, so that all hand in together."""
        return max(self.starts_at + self.script.spread, started_at) + self.script.seconds

    async def until(self, moment: float) -> None:
        """Sleep until then."""
        left = moment - time.perf_counter()
        if left > 0:
            await asyncio.sleep(left)

    async def play(self, beside: Callable[[Run], Awaitable[None]] | None = None) -> None:
        """Everybody's test. ``beside`` runs as a task of its own meanwhile (a drill) and is ended with it."""
        self.began_at = time.perf_counter()
        self.starts_at = self.began_at + self.script.sign_in + self.script.settle
        task = asyncio.ensure_future(beside(self)) if beside is not None else None
        try:
            await asyncio.gather(*(player.play() for player in self.players))
        finally:
            self.is_over = True
            if task is not None:
                if not task.done():
                    task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
