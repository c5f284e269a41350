"""Two servers of a hall: the first loses its power in mid-test; how soon does the second acknowledge, and is anything lost?

Everything on this machine's loopback and in temporary folders: two PostgreSQL servers, the second a synchronous standby of the
first, and a ``zhupei hall`` on each. Candidates save; then the first server and its PostgreSQL get ``kill -9``. The pages look
for the other server, cross over and go on. In the end every acknowledged answer is looked for in the journal of the second.

``--failure freeze``: the first is not killed but stands still (as when its network is cut), and comes back to life after the
second has taken over. Pages that stayed with it then save there: none of that may be acknowledged.

``--failure second``: the second server is killed. The first must acknowledge nothing until ``zhupei hall --alone``, and then
go on.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import psycopg
from tools.clusters import Cluster, free_port

from bench.machine import machine

HERE = Path(__file__).resolve().parents[1]
ZHUPEI = (sys.executable, "-c", "from zhupei.config.cli import main; main()")
PATIENCE_S = 90.0


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="zhupei bench takeover")
    parser.add_argument("--candidates", type=int, default=50)
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two saves of a candidate")
    parser.add_argument("--seconds", type=float, default=8.0, help="of saves before the power fails")
    parser.add_argument("--failure", choices=("power", "freeze", "second"), default="power")
    parser.add_argument("--takeover-seconds", type=float, default=8.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    with contextlib.ExitStack() as stack:
        result = drill(options, stack)
    result = {"machine": machine(), "parameters": vars(options)} | result
    print(json.dumps(result, indent=None if options.json else 2))
    bad = ("lost", "errors", "acknowledged_by_both", "acknowledged_on_one_disk")
    if any(result.get(name) for name in bad) or result.get("first_refuses") is False:
        raise SystemExit(1)


def say(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {words}", file=sys.stderr, flush=True)


class Server:
    """A ``zhupei hall`` of one machine: its data, its PostgreSQL, its port."""

    def __init__(
        self, cluster: Cluster, folder: Path, port: int, ports: list[int], common: dict[str, str]
    ) -> None:
        self.cluster, self.port, self.origin = cluster, port, f"http://127.0.0.1:{port}"
        folder.mkdir()
        self.log = folder / "log"
        self.environment = {
            **os.environ,
            **common,
            "ZHUPEI_DATA": str(folder),
            "ZHUPEI_ENV_FILE": str(folder / "none"),
            "DATABASE_URL": cluster.url,
            "ZHUPEI_HALL_JOURNAL": "database",
            "ZHUPEI_HALL_PEERS": ",".join(f"http://127.0.0.1:{one}" for one in ports),
            "ZHUPEI_HALL_SELF": self.origin,
            "DJANGO_SETTINGS_MODULE": "zhupei.config.settings",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, *command: str) -> str:
        told = subprocess.run(
            command, env=self.environment, cwd=HERE, check=True, stdout=subprocess.PIPE, text=True
        )
        return told.stdout

    def start(self, *more: str) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*ZHUPEI, "hall", "--port", str(self.port), *more],
                env=self.environment,
                cwd=HERE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def end(self, sign: signal.Signals) -> None:
        """Signal the command and all that it started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, sign)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
            self.process = None

    def send(self, sign: signal.Signals) -> None:
        """Signal the command and all that it started, and its PostgreSQL."""
        if self.process is not None:
            os.killpg(self.process.pid, sign)
        self.cluster.send(sign)

    def refuses(self) -> bool:
        """True if a new ``zhupei hall`` here ends at once because the other server is active."""
        command = [*ZHUPEI, "hall", "--port", str(self.port)]
        try:
            told = subprocess.run(
                command,
                env=self.environment,
                cwd=HERE,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
        return told.returncode != 0 and "The hall runs on" in told.stderr

    def says(self) -> dict[str, Any]:
        with contextlib.suppress(httpx.HTTPError, ValueError):
            return dict(httpx.get(f"{self.origin}/exam/health", timeout=2, trust_env=False).json())
        return {}

    def wait(self, **wanted: object) -> None:
        """Until its health says so."""
        until = time.monotonic() + PATIENCE_S
        while any((said := self.says()).get(name) != value for name, value in wanted.items()):
            if time.monotonic() > until or self.process is None or self.process.poll() is not None:
                raise RuntimeError(f"{said} instead of {wanted}\n{self.log.read_text()[-4000:]}")
            time.sleep(0.3)


class Candidate:
    """A page with script: one save after the other, and a way over when its server is gone."""

    def __init__(self, origins: list[str], slip_no: str, id_number: str) -> None:
        self.origins, self.here = origins, origins[0]
        self.slip_no, self.id_number = slip_no, id_number
        self.client = httpx.AsyncClient(timeout=5, trust_env=False)
        self.acknowledged: dict[tuple[str, str], tuple[int, tuple[str, ...]]] = {}
        self.count = 0
        self.again_at: float | None = None
        self.errors = 0
        self.left: dict[str, Any] = {}
        """What a copy of the page that stayed with the first server would send."""

    async def enter(self) -> None:
        fields = {"slip_no": self.slip_no, "id_number": self.id_number}
        await self._post("/enter", fields, 303)
        page = await self._get("/wait")
        await self._post("/start", {"form": _found(r'name="form" value="(\w+)"', page)}, 303)
        await self.load()

    async def load(self) -> None:
        """The paper and what its script needs."""
        self.form = _found(r'data-form="(\w+)"', await self._get("/paper"))
        data = json.loads(await self._get("/paper.json"))
        self.paper, self.subject, self.seq = data["paper"], data["subject"], data["seq"]
        options: dict[str, list[str]] = {}
        for unit in data["units"]:
            for key, value in re.findall(r'name="a:([^"]+)" value="([^"]+)"', unit["html"]):
                options.setdefault(key, []).append(value)
        self.slots = list(options.items())

    async def _get(self, path: str) -> str:
        answer = await self.client.get(f"{self.here}/exam{path}")
        if answer.status_code != 200:
            raise RuntimeError(f"GET {path}: {answer.status_code}")
        return answer.text

    async def _post(self, path: str, fields: dict[str, str], status: int) -> httpx.Response:
        answer = await self.client.post(f"{self.here}/exam{path}", data=fields, headers={"origin": self.here})
        if answer.status_code != status:
            raise RuntimeError(f"POST {path}: {answer.status_code} {answer.text[:300]}")
        return answer

    async def sit(self, every: float, failed_at: list[float], stop: asyncio.Event) -> None:
        """Save until told to stop; note when the first save after the power failure was acknowledged."""
        number = 0
        while not stop.is_set():
            key, options = self.slots[number % len(self.slots)]
            answer = options[number // len(self.slots) % len(options)]
            number, self.seq = number + 1, self.seq + 1
            wish = {
                "paper": self.paper,
                "subject": self.subject,
                "key": key,
                "seq": self.seq,
                "answer": [answer],
            }
            while not await self._save(wish, failed_at):
                await self._cross(wish)
                if stop.is_set():
                    return
            await asyncio.sleep(every)

    async def _save(self, wish: dict[str, Any], failed_at: list[float]) -> bool:
        sent_at = time.monotonic()
        try:
            answer = await self.client.post(
                f"{self.here}/exam/save", json={"form": self.form, **wish}, headers={"origin": self.here}
            )
        except httpx.HTTPError:
            return False
        if answer.status_code != 200:
            self.errors += answer.status_code < 500
            return False
        ack = answer.json()
        self.acknowledged[wish["subject"], wish["key"]] = (ack["rev"], tuple(ack["answer"]))
        self.count += 1
        if len(failed_at) > 1 and self.again_at is None and sent_at > failed_at[1]:
            self.again_at = time.monotonic()
        return True

    async def _cross(self, unsent: dict[str, Any]) -> None:
        """Look for the other server once; go over to it if it is active."""
        await asyncio.sleep(0.5)
        other = next(one for one in self.origins if one != self.here)
        carry = self.client.cookies.get("zhupei_carry", "")
        try:
            alive = await self.client.get(f"{other}/exam/alive.gif")
            if alive.status_code != 200:
                return
            before, fields = self.here, {"carry": carry, "unsent": json.dumps([unsent])}
            self.left = {
                "headers": {
                    "origin": before,
                    "cookie": f"zhupei_sitting={self.client.cookies['zhupei_sitting']}",
                },
                "json": {"form": self.form, **unsent, "seq": unsent["seq"] + 100},
            }
            answer = await self.client.post(f"{other}/exam/cross", data=fields, headers={"origin": before})
            if answer.status_code != 200:
                self.errors += answer.status_code < 500
                return
            self.here = other
            seq = self.seq
            await self.load()
            self.seq = max(self.seq, seq)
            unsent["seq"] = self.seq = self.seq + 1
        except httpx.HTTPError:
            return

    async def stayed(self) -> int:
        """Save at the first server as a page that never left it; the status of its answer, 0 without one."""
        async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
            try:
                answer = await client.post(f"{self.origins[0]}/exam/save", **self.left)
            except httpx.HTTPError:
                return 0
            return answer.status_code


def _found(pattern: str, page: str) -> str:
    found = re.search(pattern, page)
    if not found:
        raise RuntimeError(f"{pattern} not in {page[:300]}")
    return found[1]


def drill(options: argparse.Namespace, stack: contextlib.ExitStack) -> dict[str, Any]:
    """The whole of it; see the module."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="zhupei-takeover-")))
    common = {
        "ZHUPEI_SECRET_KEY": secrets.token_urlsafe(60),
        "ZHUPEI_MASTER_KEY": secrets.token_hex(32),
        "ZHUPEI_DEMO": "0",
        "ZHUPEI_HTTPS": "0",
        "ZHUPEI_HALL_TAKEOVER_SECONDS": str(options.takeover_seconds),
    }
    say("two PostgreSQL servers, one the other's synchronous standby")
    ports = [free_port(), free_port()]
    primary = stack.enter_context(Cluster())
    first = Server(primary, folder / "first", ports[0], ports, common)
    say("tables, a batch of invented candidates, everybody checked in")
    people = json.loads(
        first.run(sys.executable, "-m", "bench.takeover", str(options.candidates)).splitlines()[-1]
    )
    standby = stack.enter_context(Cluster({"wal_receiver_timeout": "5s"}, of=primary))
    with psycopg.connect(primary.url, autocommit=True) as desk:
        desk.execute("alter system set synchronous_standby_names = 'standby'")
        desk.execute("select pg_reload_conf()")
    second = Server(standby, folder / "second", ports[1], ports, common)
    for server in (first, second):
        stack.callback(server.end, signal.SIGTERM)
    first.start()
    first.wait(ok=True, active=True)
    second.start("--standby")
    second.wait(in_step=True, lacks=0)
    say(f"{len(people)} candidates save")
    told = asyncio.run(play(options, first, second, people))
    second.end(signal.SIGTERM)
    return told


async def play(
    options: argparse.Namespace, first: Server, second: Server, people: list[dict[str, str]]
) -> dict[str, Any]:
    """Saves, the power failure, saves at the other server, and the account."""
    origins = [first.origin, second.origin]
    everybody = {one["candidate_id"]: Candidate(origins, one["slip_no"], one["id_number"]) for one in people}
    for candidate in everybody.values():
        await candidate.enter()
    failed_at: list[float] = []  # the failure, and when acknowledgements count as of after it
    stop = asyncio.Event()
    tasks = [asyncio.create_task(one.sit(options.every, failed_at, stop)) for one in everybody.values()]

    def count() -> int:
        return sum(one.count for one in everybody.values())

    await asyncio.sleep(options.seconds)
    told: dict[str, Any] = {}
    failed_at.append(time.monotonic())
    if options.failure == "power":
        first.end(signal.SIGKILL)
        first.cluster.kill()
    elif options.failure == "freeze":
        first.send(signal.SIGSTOP)
    else:
        second.end(signal.SIGKILL)
        second.cluster.kill()
    say("one server is gone")
    failed_at.append(time.monotonic())
    told["acknowledged_before"] = before = count()
    if options.failure == "second":
        await asyncio.sleep(2)  # what was on its way
        before = count()
        await asyncio.sleep(6)
        told["acknowledged_on_one_disk"] = count() - before
        say("zhupei hall --alone")
        await asyncio.to_thread(first.run, *ZHUPEI, "hall", "--alone", "--reason", "drill")
        told["seconds_until_alone"] = round(time.monotonic() - failed_at[0], 2)
    until = failed_at[0] + PATIENCE_S
    while any(one.again_at is None for one in everybody.values()) and time.monotonic() < until:
        await asyncio.sleep(0.1)
    await asyncio.sleep(2 * options.every)
    if options.failure == "freeze":
        say("the first server is back, and pages that stayed with it save there")
        first.send(signal.SIGCONT)
        said: Counter[str] = Counter()
        for _ in range(2):
            said.update(map(str, await asyncio.gather(*(one.stayed() for one in everybody.values()))))
        told["first_said"] = dict(said)
        told["acknowledged_by_both"] = told["first_said"].get("200", 0)
        await asyncio.to_thread(first.end, signal.SIGKILL)
    elif options.failure == "power":
        await asyncio.to_thread(first.cluster.start)
    if options.failure != "second":
        told["first_refuses"] = await asyncio.to_thread(first.refuses)
    stop.set()
    await asyncio.gather(*tasks)
    for one in everybody.values():
        await one.client.aclose()
    last = first if options.failure == "second" else second
    await asyncio.to_thread(last.end, signal.SIGTERM)
    again = sorted(one.again_at - failed_at[0] for one in everybody.values() if one.again_at is not None)
    say("the account")
    held = held_in(last.cluster.url)
    lost = [
        (who, at)
        for who, one in everybody.items()
        for at, (seq, answer) in one.acknowledged.items()
        if not_held(held.get((who, *at)), seq, answer)
    ]
    return {
        "seconds_to_first_save": round(again[0], 2) if again else None,
        "seconds_to_last_save": round(again[-1], 2) if len(again) == len(everybody) else None,
        "candidates": len(everybody),
        "gone_on": len(again),
        "acknowledged": count(),
        "lost": len(lost),
        "errors": sum(one.errors for one in everybody.values()),
        **told,
    }


def held_in(url: str) -> dict[tuple[str, str, str], tuple[int, tuple[str, ...]]]:
    """What a journal holds: candidate, subject, key → number and answer."""
    from zhupei.delivery.journal import PostgresJournal
    from zhupei.delivery.state import Hall

    journal, hall = PostgresJournal(url), Hall()
    for entry in journal.replay():
        hall.apply(entry.event)
    journal.close()
    return {
        (who, *at): (held.seq, held.answer)
        for who, sitting in hall.sittings.items()
        for at, held in sitting.answers.items()
    }


def not_held(held: tuple[int, tuple[str, ...]] | None, seq: int, answer: tuple[str, ...]) -> bool:
    """True if an acknowledged answer is neither held nor followed by a newer one."""
    return held is None or held[0] < seq or (held[0] == seq and held[1] != answer)


def seed(size: int) -> None:
    """In a process of its own, on the first server: tables, one open batch, everybody checked in, the room opened."""
    import django
    from django.conf import settings

    django.setup()
    from django.core.management import call_command

    settings.MIGRATION_MODULES = dict.fromkeys(settings.ROOMS)
    call_command("migrate", run_syncdb=True, verbosity=0)
    from bench.hall.bundle import make_bundle
    from zhupei.delivery.api import seal_bundle
    from zhupei.evidence.api import store
    from zhupei.exams.keys import centre_signer
    from zhupei.hall.keys import sealed
    from zhupei.hall.models import HallBatch
    from zhupei.hall.process import close_engine, engine
    from zhupei.kernel import clock
    from zhupei.kernel.actor import SYSTEM

    bundle, people = make_bundle(1, size)
    key = secrets.token_bytes(16)
    kind = {"content_type": "application/octet-stream", "by": SYSTEM}
    file = store(
        seal_bundle(bundle, bundle_key=key, signer=centre_signer()),
        name="1.zpb",
        purpose="exam_bundle",
        **kind,
    )
    store(secrets.token_bytes(3_000_000), name="photo", purpose="capture", **kind)
    row = HallBatch(
        bundle_id=bundle.bundle_id,
        batch_no=bundle.batch_no,
        organisation_id=1,
        site_id_ref=1,
        state="open",
        file=file,
        taken_in_by="drill",
        taken_in_at=clock.now(),
    )
    row.sealed_key = sealed(row, key)
    row.save()
    hall = engine()
    for one in bundle.candidates:
        hall.admit(one.candidate_id, by="签到台", method="id_card")
    for session in bundle.sessions:
        hall.open_session(session.id, by="监考")
    close_engine()
    print(
        json.dumps(
            [
                {"candidate_id": one.candidate_id, "slip_no": one.slip_no, "id_number": one.id_number}
                for one in people
            ]
        )
    )


if __name__ == "__main__":
    seed(int(sys.argv[1]))
