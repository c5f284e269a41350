"""The consoles' live streams (server-sent events), beside the threads that answer pages.

A page asks the view ``hall:live``. That checks who asks and answers at once, with a header that names what may be watched
(``answer_with_stream``). The server's front (``config.asgi``) takes the header off Django's answer and streams from the event
loop (``Streams``), so that no thread is held. The header counts only in an answer of Django's, is signed, and lapses in seconds.

A stream gives the whole at first, then what has changed, looked at once a second for all who watch a session, in a thread of
its own, and only while somebody watches. It ends after ``LONGEST_S``, and within ``CHECK_S`` and a look when its reader signs
out, loses a role or ends a duty: the page asks again, and who may watch is checked anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.core import signing
from django.db import close_old_connections
from django.http import HttpResponse

from zhupei.hall.models import HallBatch, RoomStaff
from zhupei.kernel import clock
from zhupei.kernel.errors import Refusal
from zhupei.organisations.api import Membership, in_force
from zhupei.web.threads import close_connections

from .drawing import Drawing, Variant
from .watching import Look, look

log = logging.getLogger(__name__)

HEADER = "X-Zhupei-Stream"
SALT = "zhupei.hall.console.live"
SIGNED_S = 15  # from Django's answer to the front, in one process
MOST = 200  # streams at a time
THREADS = 2  # that look, for all streams
EVERY_S = 1.0
CHECK_S = 3.0  # whether those who watch still may
COMMENT_S = 15.0
LONGEST_S = 600.0
SEND_S = 30.0  # a reader who takes nothing for so long is gone
RETRY_MS = 2000
BEAT = b": beat\nevent: beat\ndata: 1\n\n"  # the comment keeps proxies awake; script cannot hear comments
FAILURES = 5  # looks in a row; then the streams end, and the pages fall back to loading
_TAKEN_OVER = {b"content-type", b"content-length", HEADER.lower().encode()}

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


@dataclass(frozen=True)
class Subject:
    """What a stream shows, and to whom: batch, session, room ("" for the whole hall), language, links to seats; and by
    what right: the sign-in (a row of the account's sessions), the roles in the organisation acted for, the duties."""

    batch: int
    session: str
    room: str
    language: str
    may_act: bool
    sign_in: int
    organisation: int
    roles: tuple[str, ...]
    duties: tuple[int, ...]

    @property
    def variant(self) -> Variant:
        return Variant(self.room, self.language, self.may_act)


def answer_with_stream(subject: Subject) -> HttpResponse:
    """Django's answer that the front turns into a stream. A browser that gets it as it is (204) does not ask again."""
    response = HttpResponse(status=204)
    response[HEADER] = signing.dumps(asdict(subject), salt=SALT)
    return response


def subject_of(signed: str) -> Subject | None:
    """What was signed; None if it was not signed here, or too long ago."""
    try:
        made = Subject(**signing.loads(signed, salt=SALT, max_age=SIGNED_S))
        return replace(made, roles=tuple(made.roles), duties=tuple(made.duties))
    except (signing.BadSignature, TypeError):
        return None


def lapsed(subjects: Collection[Subject]) -> frozenset[Subject]:
    """Those whose reader has signed out, was signed out, has other roles by now, or has ended a duty."""
    rows = Membership.objects.filter(
        in_force(clock.today()),
        organisation__is_open=True,
        user__is_active=True,
        user__sessions__in=[one.sign_in for one in subjects],
        user__sessions__ended_at=None,
    )
    held: dict[tuple[int, int], set[str]] = {}
    for sign_in, organisation, role in rows.values_list("user__sessions", "organisation_id", "role"):
        held.setdefault((sign_in, organisation), set()).add(role)
    duties = {duty for one in subjects for duty in one.duties}
    ended = set(RoomStaff.objects.filter(pk__in=duties).exclude(left_at=None).values_list("pk", flat=True))
    return frozenset(
        one
        for one in subjects
        if held.get((one.sign_in, one.organisation)) != set(one.roles) or not ended.isdisjoint(one.duties)
    )


class Front:
    """Passes an answer of Django's on, but holds one back that asks for a stream."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.signed: str | None = None
        self.headers: list[tuple[bytes, bytes]] = []

    async def send(self, message: Any) -> None:
        """In place of the server's own ``send``."""
        if message["type"] == "http.response.start":
            name = HEADER.lower().encode()
            signed = [value for key, value in message["headers"] if key.lower() == name]
            if signed:
                self.signed = signed[0].decode("latin-1")
                self.headers = [one for one in message["headers"] if one[0].lower() not in _TAKEN_OVER]
        if self.signed is None:
            await self._send(message)


@dataclass(frozen=True)
class Drawn:
    """What a view has at one moment; replaced as one, so that thread and event loop agree.

    ``delta`` is what changed at ``stamp``; ``whole`` is everything at the look ``whole_look``. An older whole is of no use, even
    if nothing has changed since: its clocks stand where they stood.
    """

    look: int = 0
    stamp: int = 0
    delta: bytes = b""
    whole_look: int = 0
    whole: bytes = b""


class View:
    """What all who watch the same variant get. Written by the looking thread, read in the event loop."""

    def __init__(self, variant: Variant) -> None:
        self.watchers = 0
        self.wanted = True
        self._drawing = Drawing(variant)
        self._drawn = Drawn()

    def draw(self, seen: Look, number: int) -> None:
        """Take a look in; looks are numbered from 1."""
        wanted, self.wanted = self.wanted, False
        new = replace(self._drawn, look=number)
        if changed := self._drawing.changed(seen):
            new = replace(new, stamp=new.stamp + 1, delta=_event(changed))
        if wanted:
            new = replace(new, whole_look=number, whole=_event(self._drawing.whole(seen)))
        self._drawn = new

    def since(self, stamp: int, after: int = 0) -> tuple[bytes, int]:
        """What to send to one who has seen ``stamp`` (0: nothing yet), and what he has seen then.

        Nothing from the look ``after`` or an earlier one: that began before he asked.
        """
        drawn = self._drawn
        if stamp == drawn.stamp:
            return b"", stamp
        if stamp and stamp == drawn.stamp - 1:
            return drawn.delta, drawn.stamp
        if drawn.whole_look == drawn.look > after:
            return drawn.whole, drawn.stamp
        self.wanted = True
        return b"", stamp


def _event(parts: dict[str, str]) -> bytes:
    return b"data: " + json.dumps(parts, ensure_ascii=False).encode() + b"\n\n"


class Source:
    """One session that somebody watches: looks once a second and tells the streams."""

    def __init__(self, batch: int, session: str, pool: ThreadPoolExecutor) -> None:
        self.batch, self.session, self._pool = batch, session, pool
        self.views: dict[Variant, View] = {}
        self.subjects: Counter[Subject] = Counter()
        self.lapsed: frozenset[Subject] = frozenset()
        """Those who watch and may no more."""
        self._check_at = 0.0
        self._before: Look | None = None
        self._hurry = asyncio.Event()
        self._news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.failed = False
        self.looks = 0
        """How many looks have begun."""
        self.task = asyncio.create_task(self._run())

    def join(self, subject: Subject) -> View:
        """One more watcher."""
        self.subjects[subject] += 1
        view = self.views.setdefault(subject.variant, View(subject.variant))
        view.watchers += 1
        view.wanted = True
        self._hurry.set()
        return view

    def leave(self, subject: Subject) -> bool:
        """One fewer; True if nobody is left."""
        self.subjects -= Counter([subject])
        view = self.views[subject.variant]
        view.watchers -= 1
        if not view.watchers:
            del self.views[subject.variant]
        return not self.views

    @property
    def news(self) -> asyncio.Future[None]:
        """Done at the next look."""
        return self._news

    async def _run(self) -> None:
        loop, failures = asyncio.get_running_loop(), 0
        while not self.failed:
            began = loop.time()
            self._hurry.clear()
            self.looks += 1
            try:
                await loop.run_in_executor(self._pool, self._look)
                failures = 0
            except Exception as error:
                failures += 1
                if failures == 1 and not isinstance(error, Refusal):
                    log.exception("the console of session %s cannot be drawn", self.session)
                self.failed = failures >= FAILURES or isinstance(error, Refusal)
            done, self._news = self._news, loop.create_future()
            done.set_result(None)
            rest = max(EVERY_S - (loop.time() - began), EVERY_S / 4)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), rest)

    def _look(self) -> None:
        close_old_connections()
        try:
            if clock.monotonic() >= self._check_at:
                self.lapsed = lapsed(list(self.subjects))
                self._check_at = clock.monotonic() + CHECK_S
            batch = HallBatch.objects.select_related("file").get(pk=self.batch)
            self._before = seen = look(batch, self.session, self._before)
            for view in list(self.views.values()):
                view.draw(seen, self.looks)
        finally:
            close_old_connections()


class Streams:
    """All streams of this process."""

    def __init__(self) -> None:
        self.open = 0
        self.sources: dict[tuple[int, str], Source] = {}
        self._stopping = asyncio.Event()
        self._pool: ThreadPoolExecutor | None = None
        self._restore: Callable[[], None] | None = None

    async def start(self) -> None:
        """With the server: streams end at once when the process is told to stop; a server waits for its answers."""
        self._stopping = asyncio.Event()
        self._restore = _before_signals(self._stopping.set)

    async def stop(self) -> None:
        """With the server."""
        self._stopping.set()
        if self._restore is not None:
            self._restore()
            self._restore = None
        for source in list(self.sources.values()):
            source.task.cancel()
        self.sources.clear()
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await asyncio.to_thread(close_connections, pool, THREADS)
            pool.shutdown(wait=False)

    async def serve(self, front: Front, receive: Receive, send: Send) -> None:
        """Answer one request with the stream that Django granted it."""
        subject = subject_of(front.signed or "")
        if subject is None:
            await _refuse(403, front, send)
        elif self.open >= MOST or self._stopping.is_set():
            await _refuse(503, front, send)
        else:
            self.open += 1
            gone = asyncio.ensure_future(_gone(receive))
            stop = asyncio.ensure_future(self._stopping.wait())
            try:
                await self._stream(subject, front, send, gone, stop)
            finally:
                self.open -= 1
                gone.cancel()
                stop.cancel()

    async def _stream(
        self,
        subject: Subject,
        front: Front,
        send: Send,
        gone: asyncio.Future[None],
        stop: asyncio.Future[Any],
    ) -> None:
        loop = asyncio.get_running_loop()
        own = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": [*front.headers, *own]})
        started = spoken = loop.time()
        text, stamp = b"retry: %d\n\n" % RETRY_MS, 0
        with self._watching(subject) as (source, view):
            before = source.looks
            while not (gone.done() or stop.done() or source.failed or loop.time() - started > LONGEST_S):
                if subject in source.lapsed:
                    break
                news = source.news
                if not text:
                    text, stamp = view.since(stamp, before)
                if not text and loop.time() - spoken >= COMMENT_S:
                    text = BEAT
                if text:
                    try:
                        await asyncio.wait_for(_send(send, text), SEND_S)
                    except TimeoutError:
                        return
                    text, spoken = b"", loop.time()
                    continue
                await asyncio.wait({gone, stop, news}, timeout=COMMENT_S, return_when=asyncio.FIRST_COMPLETED)
        if not gone.done():
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    @contextlib.contextmanager
    def _watching(self, subject: Subject) -> Iterator[tuple[Source, View]]:
        at = (subject.batch, subject.session)
        source = self.sources.get(at)
        if source is None or source.failed:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="hall-live")
            source = self.sources[at] = Source(*at, self._pool)
        view = source.join(subject)
        try:
            yield source, view
        finally:
            if source.leave(subject):
                source.task.cancel()
                if self.sources.get(at) is source:
                    del self.sources[at]


async def _send(send: Send, text: bytes) -> None:
    await send({"type": "http.response.body", "body": text, "more_body": True})


async def _gone(receive: Receive) -> None:
    """Returns when the reader has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(status: int, front: Front, send: Send) -> None:
    headers = [*front.headers, (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _before_signals(tell: Callable[[], None]) -> Callable[[], None] | None:
    """Call ``tell`` in the loop when the process is told to stop, before what is there already; returns how to undo that.

    A server tells its application that it stops only after the last answer is finished: too late for an answer that ends
    because of it.
    """
    if threading.current_thread() is not threading.main_thread():
        return None
    loop = asyncio.get_running_loop()
    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def heard(number: int, frame: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            loop.call_soon_threadsafe(tell)
        before = former[signal.Signals(number)]
        if callable(before):
            before(number, frame)

    for number, before in former.items():
        if callable(before):  # nobody stops gracefully where the default is left
            signal.signal(number, heard)
            signal.siginterrupt(number, False)

    def undo() -> None:
        for number, before in former.items():
            if signal.getsignal(number) is heard:
                signal.signal(number, before)

    return undo
