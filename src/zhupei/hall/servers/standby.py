"""The second server of a hall: it waits, copies, and takes over when the first is gone.

Both machines run PostgreSQL; the second's is a streaming standby, and the first's commits wait for it
(``synchronous_standby_names``). So every acknowledged answer is on both disks.

**Taking over.** The first server has not answered for some seconds, and the standby's PostgreSQL does not hear from it either:
then that is promoted and this process serves. Only from a standby that was *in step*: in its lifetime it has seen the first
server's commits wait for a standby, and has had all of its log up to that moment. A standby that came up after the first was gone
cannot know what it missed while that ran alone; there a person decides (``zhupei hall --standby --now``).

**Why both can never acknowledge answers.** An answer is acknowledged after its commit has returned, which the first server's
PostgreSQL lets happen only once the standby has it on disk. From the promotion on, the standby takes nothing from the first:
any commit there waits without end, and the journal reports it as failed (``delivery.journal.postgresql``). What the standby
had taken before, it replays before it is primary. So an answer acknowledged by the first is known to the second, and once the
second acknowledges, the first acknowledges nothing any more, whatever the network between them does. A restart there changes
nothing: it cannot make its journal's first commit, nor does it get past ``refuse_second`` while it sees the other. The one way
around is a person who lets the first go on alone (``go_alone``) after the second has taken over; the program refuses that where
it can see the other.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Iterable
from shutil import disk_usage

from django.conf import settings
from django.db import connection

from zhupei.audit.api import record
from zhupei.evidence import api as evidence
from zhupei.hall import events
from zhupei.hall.models import HallBatch
from zhupei.kernel import clock, crypto
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.errors import Refusal

from .local import LocalServer, Unreachable
from .peers import NotThere, Peer, others

log = logging.getLogger(__name__)

ARM_EVERY_S = 5.0
COPY_EVERY_S = 2.0
LOOK_AGAIN_S = 60.0  # for files that could not be had
SAY_EVERY_S = 30.0
FREE_BYTES = 2 * 1024**3  # what copying leaves on the disk
MAX_LINES = 500  # connections at once while this is no hall yet
MAX_HEAD = 16 * 1024


class Standby:
    """One standby process. ``look()`` once a second says when to take over; ``copy()`` brings what is lacking."""

    def __init__(
        self,
        *,
        local: LocalServer,
        origins: list[str],
        takeover_s: float,
        peer: Callable[[str], Peer] = Peer,
    ) -> None:
        self.local, self.origins, self.takeover_s, self._peer = local, origins, takeover_s, peer
        self.in_step = False
        self.primary = ""
        self.heard_at = clock.monotonic()
        self._arm_at = self._say_at = self.heard_at
        self._copied = 0
        self._all_at = 0.0
        self.lacks = 0

    # --- watching ---------------------------------------------------------------------------------------------

    def look(self) -> bool:
        """True when it is time to take over."""
        why = "its journal fails"
        for origin in self.origins:
            try:
                is_well = self._peer(origin).health().ok
            except Unreachable as problem:
                why, is_well = str(problem), False
            if is_well:
                self.primary, self.heard_at = origin, clock.monotonic()
                self._keep_step()
                return False
        if clock.monotonic() - self.heard_at < self.takeover_s:
            return False
        if self.local.receives():
            self._say(
                f"the first server does not answer, but its PostgreSQL does: start 'zhupei hall' there again ({why})"
            )
            return False
        if not self.in_step:
            self._say(
                "the first server does not answer, and this one was not in step with it. If it never ran alone since this one "
                f"was in step, take over with 'zhupei hall --standby --now'; otherwise bring the first one back ({why})"
            )
            return False
        return True

    def _keep_step(self) -> None:
        """Learn whether whatever the first server acknowledges is here too."""
        now = clock.monotonic()
        if self.in_step and now < self._arm_at:
            return
        self._arm_at = now + ARM_EVERY_S
        try:
            state = self._peer(self.primary).state()
            in_step = state.synchronous and self.local.holds(state.position) and self.local.receives()
        except Unreachable as problem:
            self._say(str(problem))
            return
        if in_step != self.in_step:
            log.warning("in step with %s" if in_step else "no longer in step with %s", self.primary)
        elif not state.synchronous:
            self._say("the first server's commits wait for no standby: set synchronous_standby_names there")
        self.in_step = in_step

    def _say(self, words: str) -> None:
        if clock.monotonic() >= self._say_at:
            self._say_at = clock.monotonic() + SAY_EVERY_S
            log.warning(words)

    def heard_recently(self) -> bool:
        """True if the first server has answered within the time after which it counts as gone."""
        return bool(self.primary) and clock.monotonic() - self.heard_at < self.takeover_s

    def told(self) -> dict[str, object]:
        """What this process says of itself while it waits."""
        return {"ok": False, "active": False, "standby": True, "in_step": self.in_step, "lacks": self.lacks}

    # --- copying ----------------------------------------------------------------------------------------------

    def copy(self) -> None:
        """Bring the key files and the stored files that this disk lacks: bundles first, then by age."""
        if not self.primary:
            return
        peer = self._peer(self.primary)
        if clock.monotonic() >= self._all_at:
            self._all_at = clock.monotonic() + LOOK_AGAIN_S
            self._copied = 0
            _copy_keys(peer)
            self._bring(peer, evidence.lacking(digests=_bundle_digests()))
        last = evidence.last_row()
        if last > self._copied:
            self.lacks = self._bring(peer, evidence.lacking(after=self._copied))
            self._copied = last

    def _bring(self, peer: Peer, rows: Iterable[evidence.Lacking]) -> int:
        """Copy what ``rows`` name; how many could not be had."""
        missed = 0
        for one in rows:
            try:
                missed += not bring(peer, one)
            except Unreachable as problem:
                self._copied = 0
                self._say(str(problem))
                return missed + 1
        return missed

    def copy_until(self, stop: threading.Event) -> None:
        """``copy`` every two seconds, in a thread of its own."""
        while not stop.wait(COPY_EVERY_S):
            try:
                self.copy()
            except Exception:  # the rows stream in: a query may be cancelled for it
                log.exception("copying goes on in a moment")
            finally:
                connection.close()

    # --- taking over ------------------------------------------------------------------------------------------

    def take_over(self, *, ordered: bool = False) -> None:
        """Promote this machine's PostgreSQL. ``ordered``: a person said so. Raises ``Unreachable``."""
        started = clock.monotonic()
        self.local.promote()
        log.warning("this machine's PostgreSQL is the primary now (%.1f s)", clock.monotonic() - started)
        record(
            events.TOOK_OVER,
            by=SYSTEM,
            after={
                "server": settings.HALL_SELF,
                "from": self.primary,
                "ordered": ordered,
                "lacks": self.lacks,
            },
        )


def _bundle_digests() -> set[str]:
    rows = HallBatch.objects.order_by("-pk")[:200].values_list("file__digest", "return_file__digest")
    return {digest for row in rows for digest in row if digest}


def bring(peer: Peer, one: evidence.Lacking) -> bool:
    """Copy one stored file, going on where an earlier attempt ended. False if the other server has it not, or not whole."""
    if disk_usage(settings.DATA).free < one.size + FREE_BYTES:
        log.error("the disk is too full to copy %s (%d bytes)", one.digest, one.size)
        return False
    here = evidence.begun(one.digest)
    while here < one.size:
        try:
            part = peer.part(one.digest, here)
        except NotThere:
            return False
        if not part:
            break
        evidence.add_part(one.digest, part)
        here += len(part)
    return evidence.complete(one.digest)


def _copy_keys(peer: Peer) -> None:
    """The key files that are not here. One of the same name with another content stays; a return signed with it would not be
    this hall's."""
    folder = settings.DATA / "keys"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, mark in peer.state().keys.items():
        path = folder / f"{name}.key"
        if not path.exists():
            content = peer.key(name)
            if crypto.sm3(content) == mark:
                draft = path.with_suffix(".copy")
                draft.touch(mode=0o600)
                draft.write_bytes(content)
                draft.replace(path)
        elif crypto.sm3(path.read_bytes()) != mark:
            log.error("the key %s here is not that of the first server: move %s away", name, path)


# --- persons decide ---------------------------------------------------------------------------------------------------


def refuse_second(*, peer: Callable[[str], Peer] = Peer) -> None:
    """Before serving as the hall: ``Refusal`` when this machine's PostgreSQL is a standby or another server is active."""
    local = LocalServer()
    try:
        if local.is_standby():
            raise Refusal(
                "standby", "This machine's PostgreSQL is a standby. Start 'zhupei hall --standby' here."
            )
        own = local.generation()
    except Unreachable as problem:
        raise Refusal("journal_failed", f"{problem}. Start PostgreSQL on this machine first.") from None
    for origin in others():
        generation = _serves(peer(origin))
        if generation is not None and generation >= own:
            raise Refusal(
                "other_active",
                f"The hall runs on {origin} (generation {generation}; here {own}). Make this machine its standby: stop "
                "PostgreSQL here, copy the other's data anew (pg_basebackup -R), start it, then 'zhupei hall --standby'.",
            )


def _serves(other: Peer) -> int | None:
    """The generation of a server that serves the hall; None if it does not, or cannot be asked."""
    try:
        return other.health().generation
    except NotThere:
        return None
    except Unreachable as problem:
        log.warning("the other server: %s", problem)
        return None


def go_alone(*, reason: str, peer: Callable[[str], Peer] = Peer) -> bool:
    """Let this server acknowledge answers without its standby; False if it did already. Audited.

    ``Refusal`` when this is the standby itself, or another server is active: then its answers count.
    """
    if not reason.strip():
        raise Refusal("value_missing", "Say why, with --reason.", field="reason")
    local = LocalServer()
    try:
        if local.is_standby():
            raise Refusal(
                "standby", "This machine is the standby. To take over: 'zhupei hall --standby --now'."
            )
        for origin in others():
            if _serves(peer(origin)) is not None:
                raise Refusal(
                    "other_active", f"The hall runs on {origin}; whatever went on here alone would be lost."
                )
        changed = local.go_alone()
    except Unreachable as problem:
        raise Refusal("journal_failed", str(problem)) from None
    if changed:
        record(events.WENT_ALONE, by=SYSTEM, after={"server": settings.HALL_SELF}, reason=reason)
    return changed


# --- while it waits ---------------------------------------------------------------------------------------------------


class Doorkeeper:
    """Answers on the hall's port while this is the standby: 503, in JSON or in plain words. Runs in a thread of its own."""

    def __init__(self, host: str, port: int, told: Callable[[], dict[str, object]]) -> None:
        self._host, self._port, self._told = host, port, told
        self._loop = asyncio.new_event_loop()
        self._lines = asyncio.Semaphore(MAX_LINES)
        self._thread = threading.Thread(target=self._run, name="standby-door", daemon=True)
        self._ready = threading.Event()
        self._problem: OSError | None = None

    def start(self) -> None:
        """Listen. Raises ``OSError`` when the port is taken."""
        self._thread.start()
        self._ready.wait(10)
        if self._problem is not None:
            raise self._problem

    def stop(self) -> None:
        """Free the port."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            server = self._loop.run_until_complete(
                asyncio.start_server(self._answer, self._host, self._port, limit=MAX_HEAD)
            )
        except OSError as problem:
            self._problem = problem
            return
        finally:
            self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._lines.locked():  # who waits for a place would hold a file that taking over needs
            writer.transport.abort()
            return
        try:
            async with self._lines, asyncio.timeout(5):
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].split(b"?")[0]
                if path == b"/exam/health" or path.endswith(b".json") or b"application/json" in head:
                    kind, body = b"application/json", json.dumps(self._told()).encode()
                else:
                    words = "这是考场的备用服务器，考试在另一台服务器上进行。\nThe test runs on the other server.\n"
                    kind, body = b"text/plain; charset=utf-8", words.encode()
                writer.write(
                    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nCache-Control: no-store\r\nRetry-After: 5\r\n"
                    b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (kind, len(body), body)
                )
                await writer.drain()
        except asyncio.CancelledError:
            pass  # the port is being freed
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError, IndexError):
            pass
        finally:
            writer.close()


def wait_to_take_over(standby: Standby, stop: threading.Event, *, pause: float = 1.0) -> bool:
    """Watch and copy until it is time (True) or until ``stop`` is set (False)."""
    copying = threading.Event()
    copier = threading.Thread(target=standby.copy_until, args=(copying,), name="standby-copies", daemon=True)
    copier.start()
    try:
        while not stop.is_set():
            started = time.monotonic()
            try:
                if standby.look():
                    return True
            except Exception:  # whatever it is, this server has to be there when the first is gone
                log.exception("watching goes on in a moment")
            stop.wait(max(pause - (time.monotonic() - started), 0.05))
        return False
    finally:
        copying.set()
        copier.join(5)
