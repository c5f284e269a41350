"""Candidates at their machines, in a process of their own that does as little as it can: one keep-alive connection each.

Reads a plan (JSON) from its input and prints what it measured (JSON). The processor time of the server is read from ``/proc``
at the ends of each phase, all processes below ``server``; that of the client is its own.
"""

from __future__ import annotations

import asyncio
import html
import json
import re
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import uvloop

_TICKS = 100  # of /proc/<pid>/stat, in a second
_LENGTH = b"content-length: "


def cpu_seconds(root: int) -> float:
    """User and system time of ``root`` and all processes below it."""
    parents: dict[int, int] = {}
    spent: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)], spent[int(entry.name)] = (
                int(fields[1]),
                int(fields[11]) + int(fields[12]),
            )
    own = {root}
    while more := {pid for pid, parent in parents.items() if parent in own} - own:
        own |= more
    return sum(spent.get(pid, 0) for pid in own) / _TICKS


class Line(asyncio.Protocol):
    """A keep-alive connection with one request on its way. ``answered(status, head, body)`` is called for each answer."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.held = b""
        self.answered: Callable[[int, bytes, bytes], None] | None = None
        self.lost = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, problem: Exception | None) -> None:
        self.lost = True
        if self.answered is not None:
            self.answered(0, b"", b"")

    def data_received(self, data: bytes) -> None:
        if self.held:
            data = self.held + data
        end = data.find(b"\r\n\r\n")
        at = data.find(_LENGTH, 0, end) if end >= 0 else -1
        if end < 0:
            self.held = data
            return
        length = int(data[at + len(_LENGTH) : data.find(b"\r\n", at)]) if at >= 0 else 0
        if len(data) < end + 4 + length:
            self.held = data
            return
        self.held = b""
        if self.answered is not None:
            self.answered(int(data[9:12]), data[:end], data[end + 4 :])


class Candidate:
    """Somebody at a machine."""

    def __init__(self, port: int, slip_no: str, id_number: str) -> None:
        self.port, self.slip_no, self.id_number = port, slip_no, id_number
        self.line = Line()
        self.cookie = self.form = self.subject = ""
        self.raw: dict[str, bytes] = {}
        self.paper = ""
        self.slots: list[tuple[str, list[str]]] = []
        self.seq = self.sent = self.kept = 0
        self.acknowledged: list[tuple[int, str, str, str]] = []

    async def connect(self) -> None:
        self.line = Line()
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self.line, "127.0.0.1", self.port)

    async def reconnect(self) -> None:
        """The server closes connections that were idle for half a minute."""
        if self.line.lost or self.line.transport.is_closing():
            await self.connect()

    def request(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> bytes:
        """The bytes of a request, with the headers that a browser sends."""
        head = (
            f"{method} /exam{path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nConnection: keep-alive\r\n"
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0\r\n"
            "Accept: */*\r\nAccept-Encoding: gzip, deflate\r\nAccept-Language: zh-CN,zh;q=0.9\r\n"
        )
        if self.cookie:
            head += f"Cookie: zhupei_look=zh; zhupei_sitting={self.cookie}\r\n"
        if method == "POST":
            head += f"Origin: http://127.0.0.1:{self.port}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        return head.encode() + b"\r\n" + body

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bytes, bytes]]:
        """Send a request; its answer in the end."""
        waiter = asyncio.get_running_loop().create_future()
        self.line.answered = lambda *answer: waiter.done() or waiter.set_result(answer)
        if self.line.lost:
            waiter.set_result((0, b"", b""))
        else:
            self.line.transport.write(request)
        return waiter

    async def expect(self, status: int, method: str, path: str, body: bytes = b"", **more: str) -> bytes:
        """The body of the answer (the head of a redirection), which must have this status."""
        got = 0
        for _ in range(2):  # like a browser: once more if the connection was just being closed
            await self.reconnect()
            got, head, content = await self.ask(self.request(method, path, body, **more))
            if got:
                break
        if got != status:
            raise RuntimeError(f"{method} {path}: {got} instead of {status}: {content[:200]!r}")
        return head if status == 303 else content

    async def enter(self) -> None:
        """Sign in, and the waiting page."""
        await self.connect()
        fields = f"slip_no={self.slip_no}&id_number={self.id_number}".encode()
        head = await self.expect(303, "POST", "/enter", fields, kind="application/x-www-form-urlencoded")
        self.cookie = head.split(b"zhupei_sitting=", 1)[1].split(b";", 1)[0].decode()
        page = await self.expect(200, "GET", "/wait")
        self.form = _found(rb'name="form" value="(\w+)"', page)

    async def start(self) -> None:
        """Press start, and all that a browser with script fetches until the paper is there."""
        form = f"form={self.form}".encode()
        await self.expect(303, "POST", "/start", form, kind="application/x-www-form-urlencoded")
        await self._pages("/paper", "general")

    async def turn(self) -> None:
        """On to the second subject."""
        wish = msgspec.json.encode({"form": self.form, "subject": "professional"})
        await self.expect(200, "POST", "/next-subject", wish)
        await self._pages("/paper?subject=professional", "professional")

    async def _pages(self, page: str, subject: str) -> None:
        self.raw["page"] = await self.expect(200, "GET", page)
        self.raw["json"] = await self.expect(200, "GET", f"/paper.json?subject={subject}")

    def read(self) -> None:
        """Take in what ``start`` or ``turn`` fetched (apart from it: this costs the client)."""
        self.form = _found(rb'data-form="(\w+)"', self.raw["page"])
        data = json.loads(self.raw.pop("json"))
        self.subject, self.paper, self.seq, self.sent = data["subject"], data["paper"], data["seq"], 0
        options: dict[str, list[str]] = {}
        for unit in data["units"]:
            for key, value in re.findall(r'name="a:([^"]+)" value="([^"]+)"', unit["html"]):
                options.setdefault(html.unescape(key), []).append(value)
        self.slots = [(slot["key"], options[slot["key"]]) for slot in data["slots"]]
        self._head = (
            self.request("POST", "/save", b"").partition(b"Content-Length: ")[0] + b"Content-Length: "
        )

    def next_save(self) -> bytes:
        """The request of one more answer, other than the last one in its place."""
        self.sent += 1
        key, options = self.slots[self.sent % len(self.slots)]
        answer = options[self.sent // len(self.slots) % len(options)]
        seq = self.seq + self.sent
        self.pending = (seq, self.subject, key, answer)
        body = (
            f'{{"form":"{self.form}","paper":"{self.paper}","subject":"{self.subject}","key":"{key}",'
            f'"seq":{seq},"answer":["{answer}"],"marked":null}}'
        ).encode()
        return self._head + b"%d\r\n\r\n" % len(body) + body

    def took(self, status: int, body: bytes) -> bool:
        """Note an acknowledgement; False if it was none."""
        if status != 200 or b'"kept":true' not in body:
            return False
        self.acknowledged.append(self.pending)
        return True

    async def fill(self) -> None:
        """An answer to every question of the subject."""
        await self.reconnect()
        for _ in self.slots:
            status, _, body = await self.ask(self.next_save())
            if not self.took(status, body):
                raise RuntimeError(f"save: {status} {body[:200]!r}")

    async def heartbeats(self) -> None:
        wish = msgspec.json.encode({"form": self.form})
        for _ in range(10):
            await self.expect(200, "POST", "/heartbeat", wish)

    async def hand_in(self) -> None:
        """Press hand in, and the page of the scores."""
        wish = msgspec.json.encode({"form": self.form, "subject": ""})
        await self.expect(200, "POST", "/hand-in", wish)
        await self.expect(200, "GET", "/result")


def _found(pattern: bytes, page: bytes) -> str:
    found = re.search(pattern, page)
    if not found:
        raise RuntimeError(f"{pattern!r} not in {page[:300]!r}")
    return found[1].decode()


def told(times: list[float], server_s: float, client_s: float, wall_s: float) -> dict[str, float]:
    """A phase in numbers: what one act cost the server, how long it took, and what share the client had."""
    times.sort()
    return {
        "count": len(times),
        "per_s": round(len(times) / wall_s, 1),
        "cpu_ms": round(1000 * server_s / max(len(times), 1), 4),
        "p50_ms": round(1000 * times[len(times) // 2], 2),
        "p99_ms": round(1000 * times[int(len(times) * 0.99)], 2),
        "client_cpu_ms": round(1000 * client_s / max(len(times), 1), 4),
        "client_cpu_share": round(client_s / max(client_s + server_s, 1e-9), 3),
    }


class Bench:
    """The phases of one run."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.server, self.connections = int(plan["server"]), int(plan["connections"])
        self.database = int(plan["database"])
        self.people = [Candidate(plan["port"], *one) for one in plan["people"]]
        self.result: dict[str, Any] = {}
        self.errors = 0

    async def phase(self, name: str, act: Callable[[Candidate], Awaitable[None]], each: int = 1) -> None:
        """``act`` of everybody, as many at once as there are connections; it holds ``each`` requests that count."""
        waiting = iter(self.people)
        times: list[float] = []

        async def work() -> None:
            for one in waiting:
                started = time.perf_counter()
                await act(one)
                times.extend([(time.perf_counter() - started) / each] * each)

        with Measured(self, name, times):
            await asyncio.gather(*(work() for _ in range(self.connections)))

    async def spread(self, name: str, act: Callable[[Candidate], Awaitable[None]], seconds: float) -> None:
        """``act`` of everybody, evenly over ``seconds``, whether those before are through or not."""
        times: list[float] = []

        async def work(one: Candidate, at: float) -> None:
            await asyncio.sleep(at)
            started = time.perf_counter()
            await act(one)
            times.append(time.perf_counter() - started)

        pause = seconds / len(self.people)
        with Measured(self, name, times):
            await asyncio.gather(*(work(one, at * pause) for at, one in enumerate(self.people)))

    async def saves(self, name: str, seconds: float) -> None:
        """Answers, each on its way as soon as the one before was acknowledged."""
        times: list[float] = []
        done = asyncio.get_running_loop().create_future()
        people = self.people[: self.connections]
        await asyncio.gather(*(one.reconnect() for one in people))
        left = len(people)
        clock = time.perf_counter
        with Measured(self, name, times):
            until = clock() + seconds

            def saver(one: Candidate) -> None:
                write = one.line.transport.write
                started = clock()

                def answered(status: int, head: bytes, body: bytes) -> None:
                    nonlocal started, left
                    now = clock()
                    times.append(now - started)
                    if not one.took(status, body):
                        self.errors += 1
                    if now < until and status:
                        started = now
                        write(one.next_save())
                        return
                    left -= 1
                    if not left:
                        done.set_result(None)

                one.line.answered = answered
                write(one.next_save())

            for one in people:
                saver(one)
            await done

    def acknowledged(self) -> Iterable[list[Any]]:
        """Every acknowledged answer: whose, its number, subject, key, option."""
        return ([at, *told_] for at, one in enumerate(self.people) for told_ in one.acknowledged)


class Measured:
    """Processor time of both sides and wall time of what stands inside."""

    def __init__(self, bench: Bench, name: str, times: list[float]) -> None:
        self.bench, self.name, self.times = bench, name, times

    def __enter__(self) -> None:
        self.server = cpu_seconds(self.bench.server)
        self.database = cpu_seconds(self.bench.database) if self.bench.database else 0.0
        self.client, self.wall = time.process_time(), time.perf_counter()

    def __exit__(self, kind: object, *rest: object) -> None:
        wall, client = time.perf_counter() - self.wall, time.process_time() - self.client
        server = cpu_seconds(self.bench.server) - self.server
        if kind is None:
            result = self.bench.result[self.name] = told(self.times, server, client, wall)
            if self.bench.database:
                spent = cpu_seconds(self.bench.database) - self.database
                result["database_cpu_ms"] = round(1000 * spent / max(len(self.times), 1), 4)


async def run(plan: dict[str, Any]) -> dict[str, Any]:
    """All phases, in the order of a test."""
    bench = Bench(plan)
    everybody = bench.people
    await bench.phase("enter", Candidate.enter)
    if plan["spread"]:
        await bench.spread("start", Candidate.start, plan["spread"])
    else:
        await bench.phase("start", Candidate.start)
    for one in everybody:
        one.read()
    if plan["fill"]:
        await bench.phase("fill", Candidate.fill, each=len(everybody[0].slots))
    await bench.saves("warm", min(1.0, plan["seconds"]))
    await bench.saves("save", plan["seconds"])
    await bench.phase("heartbeat", Candidate.heartbeats, each=10)
    await bench.phase("turn", Candidate.turn)
    for one in everybody:
        one.read()
    if plan["fill"]:
        await bench.phase("fill2", Candidate.fill, each=len(everybody[0].slots))
    await bench.phase("submit", Candidate.hand_in)
    Path(plan["acknowledged"]).write_bytes(msgspec.msgpack.encode(list(bench.acknowledged())))
    return bench.result | {"errors": bench.errors}


if __name__ == "__main__":
    uvloop.install()
    print(json.dumps(asyncio.run(run(json.load(sys.stdin)))))
