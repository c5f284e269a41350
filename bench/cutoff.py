"""A hall on its own machine, cut off from the centre from bundle to return, then reconciled: 0 differences.

Two installations of their own, each with secrets, database and server: a centre with the small demonstration city, and an empty
one that becomes the hall. Between them lies a line (``bench.line``) that is broken in the middle of the bundle and of the
return, and dead in between. Everything is done over HTTP by pages, as people would, but for the commands of the hall's console.

Where the system allows it, the hall's processes live in a network of their own (``bench.namespace``), which that line alone
leads out of; elsewhere all is on one loopback, and the line is a port that is closed. ``network`` says which.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from zhupei.config.walkthrough.runner import Installation
from zhupei.config.walkthrough.steps.sitting import all_right, answer_all
from zhupei.config.walkthrough.story import Story
from zhupei.config.walkthrough.visitor import Unexpected, Visitor

from .line import Inside, Line
from .machine import machine
from .namespace import Namespace

PASSWORD = "Zhupei-demo-2026"  # noqa: S105 - the demonstration's, printed for everybody
BEGIN = "2026-09-14T10:00"  # a Monday
PIECE = 2048  # bytes of a return in one call: small, so that it has several
WAIT_SECONDS = 90.0

# The oracle, never an actor: the batch whose bundle waits, its people and its keys.
BATCH = """
from zhupei.exams.api import Batch
from zhupei.papers.api import Draw, keys_of, papers_of
batch = Batch.objects.filter(state="ready").order_by("pk").first()
draw = Draw.objects.get(batch_key=str(batch))
keys, papers = keys_of(draw), papers_of(draw)
people = [
    {
        "slip": one.slip_no,
        "number": one.person.identity_number,
        "papers": {
            subject: [[s.key, s.kind, str(s.marks), list(keys[s.key].right), paper.paper_id] for s in paper.slots()]
            for subject, paper in papers[str(one.pk)].items()
        },
    }
    for one in batch.candidates.filter(removed_at=None).order_by("seat").select_related("person")
]
owner = batch.hall.institution
answer = {
    "pk": batch.pk,
    "no": str(batch),
    "hall": batch.hall.name,
    "hall_id": batch.hall_id,
    "starts_at": batch.slots.all()[0].starts_at.isoformat(),
    "ends_at": batch.slots.all()[0].ends_at.isoformat(),
    "people": people,
    "bundle": {"digest": batch.bundle.digest, "size": batch.bundle.file.size, "id": batch.bundle.bundle_id},
    "staff": [[m.user.login, m.role] for m in owner.organisation.memberships.select_related("user")],
}
"""
RETURNED = """
from zhupei.exams.api import ReturnIn, Result
row = ReturnIn.objects.get(batch_id={pk})
answer = {{
    "digest": row.digest,
    "sittings": row.sittings,
    "differences": row.difference_count,
    "listed": row.differences,
    "results": Result.objects.filter(candidate__batch_id={pk}).count(),
    "passed": Result.objects.filter(candidate__batch_id={pk}, passed=True).count(),
}}
"""
AT_HALL = """
from zhupei.hall.api import HallBatch
row = HallBatch.objects.get()
answer = {
    "bundle": row.file.digest,
    "return": row.return_file.digest if row.return_file else "",
    "return_size": row.return_file.size if row.return_file else 0,
    "counts": row.counts,
}
"""


class Secluded(Installation):
    """An installation in a network of its own, and a door for those who visit its pages."""

    def __init__(self, network: Namespace, *, keep: bool = False) -> None:
        super().__init__(keep=keep)
        self.network = network
        self.door: Line | None = None

    def manage(self, *arguments: str) -> str:
        return self.network.inside(lambda: super(Secluded, self).manage(*arguments))

    def serve(self, *command: str) -> None:
        self.network.inside(lambda: super(Secluded, self).serve(*command))
        self.door = Line(int(self.base.rsplit(":", 1)[1]), far=self.network.inside)
        self.base = self.door.address

    def close(self) -> None:
        if self.door is not None:
            self.door.down()
        super().close()
        self.network.close()


def secluded(*, keep: bool) -> Installation:
    """In a network of its own, where there can be one, and its database is not on this machine's."""
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        with suppress(OSError):
            return Secluded(Namespace(), keep=keep)
    return Installation(keep=keep)


class Drill:
    """The drill, step by step; ``facts`` is what it says at the end."""

    sitters = 3

    def __init__(self, tell: Callable[[str], None], *, keep: bool = False) -> None:
        self.tell = tell
        self.centre, self.hall = Installation(keep=keep), secluded(keep=keep)
        self.hall.clock = self.centre.clock
        self.hall.environment |= {
            "ZHUPEI_CLOCK_FILE": str(self.centre.clock.path),
            "ZHUPEI_HALL_PIECE": str(PIECE),
        }
        network = self.hall.network if isinstance(self.hall, Secluded) else None
        self.inside: Inside = network.inside if network else lambda make: make()
        told = (
            f"own namespace of the hall ({', '.join(network.interfaces())})" if network else "a closed port"
        )
        self.facts: dict[str, Any] = {"network": told, "steps_s": {}}
        self.line: Line | None = None

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.facts["steps_s"][name] = took = round(time.monotonic() - started, 1)
        self.tell(f"{name} … {took:.1f} s")

    def close(self) -> None:
        if self.line is not None:
            self.line.down()
        self.hall.close()
        self.centre.close()

    # --- the people -------------------------------------------------------------------------------------------

    def at_centre(self, login: str) -> Visitor:
        """Somebody of the centre, at the centre's pages."""
        return self._by(self.story, login)

    def at_hall(self, login: str) -> Visitor:
        """Somebody of the hall, at the pages of the hall's own machine."""
        return self._by(self.hall_story, login)

    def _by(self, story: Story, login: str) -> Visitor:
        if login not in story.cast:
            story.join(login, login, login, "", PASSWORD)
        return story.by(login)

    def who(self, role: str) -> list[str]:
        """The accounts of the hall that hold ``role``."""
        return [login for login, held in self.batch["staff"] if held == role]

    # --- the drill --------------------------------------------------------------------------------------------

    def run(self) -> None:
        with self.step("two installations"):
            self.centre.clock.set(Story.moment(BEGIN))
            self.batch = self.install()
            self.centre.serve("serve", "--no-worker")
            self.line = Line(int(self.centre.base.rsplit(":", 1)[1]), near=self.inside)
            self.story = Story(self.centre, lambda line: None)
        with self.step("registration by voice"):
            self.register()
        with self.step("bundle over a line that breaks"):
            self.fetch()
        with self.step("key read out, line dead"):
            self.open()
        with self.step("test, cut off"):
            self.hold()
        with self.step("return over a line that breaks"):
            self.send()
        self.compare()

    def install(self) -> dict[str, Any]:
        """A centre with a batch whose bundle waits, told as ``BATCH`` does, and an empty installation for the hall."""
        self.centre.prepare()
        self.centre.manage("demo", "--scale", "small")
        self.hall.prepare()
        found: dict[str, Any] = self.centre.ask(BATCH)
        return found

    def register(self) -> None:
        """Request, fingerprints compared both ways, pass; first passwords; the hall is served."""
        assert self.line is not None
        shown = self.hall.manage("hall_setup", "--name", self.batch["hall"])
        mark = _groups(shown)
        request = (self.hall.folder / "hall-request.json").read_bytes()
        page = self.at_centre("centre").open("/exams/machines/new/")
        values = {
            "hall": page.option("hall", self.batch["hall"]),
            "compared_with": "考场技术负责人",
            "address": self.line.address,
        }
        file = {"file": ("hall-request.json", request, "application/json")}
        page.submit({**values, "fingerprint": "0" * 32}, field="fingerprint", files=file, expect=422)
        page.submit({**values, "fingerprint": mark}, field="fingerprint", files=file)
        marks = [str(code) for code in page.page.xpath("//main//code/text()")]
        page.follow(r"/exams/passes/\d+\.zph")
        path = self.hall.folder / "hall.zph"
        path.write_bytes(page.content)
        told = self.hall.manage("hall_setup", str(path), "--centre-fingerprint", marks[1])
        if self.batch["hall"] not in told:
            raise Unexpected(f"the hall's machine does not know which hall it is: {told}")
        self.hall.serve("hall")
        self.hall_story = Story(self.hall, lambda line: None)
        heads, rooms, watches = map(self.who, ("hall_technical_head", "room_administrator", "invigilator"))
        logins = [heads[0], *rooms[:1], *watches[:2]]
        for login in logins:  # each reads the own code at the centre; nobody of the hall hands it out
            page = self.at_centre(login).open("/exams/first-codes/").submit(action="/exams/first-codes/")
            found = re.search(r"(?:\d{4} ){4}\d{4}", page.said())
            assert found is not None
            self._set_password(login, found[0])
        self.facts["accounts_on_the_hall"] = len(logins)

    def _set_password(self, login: str, code: str) -> None:
        visitor = Visitor(self.hall.base, login).open("/account/new-password/")
        visitor.submit({"login": login, "code": code, "password": PASSWORD, "again": PASSWORD}, field="again")

    def _until(self, login: str, path: str, done: Callable[[Visitor], bool]) -> Visitor:
        """Look at a page until it says so."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            page = self.at_hall(login).open(path)
            if done(page):
                return page
            time.sleep(0.5)
        raise Unexpected(f"{path} does not come to it: {page.said()[:600]}")

    def _broken_at(self, login: str, path: str, broken: int) -> int:
        """Wait until the line has broken and the page says how far the transfer came, in bytes."""

        def done(page: Visitor) -> bool:
            return (
                self.line is not None
                and self.line.broken > broken
                and bool(page.page.xpath("//li//progress"))
            )

        page = self._until(login, path, done)
        bar = page.page.xpath("//li//progress")[0]
        there, size = int(bar.get("value")), int(bar.get("max"))
        if not 0 < there < size:
            raise Unexpected(f"the line broke, but {there} of {size} bytes are there: {page.said()[:300]}")
        return there

    def _kill_carrier(self) -> int:
        """kill -9 of the hall's process that fetches and sends, found in the session of the hall's own server."""
        assert self.hall.server is not None
        killed = 0
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if b"carry" in words and os.getsid(int(entry.name)) == self.hall.server.pid:
                    os.kill(int(entry.name), signal.SIGKILL)
                    killed += 1
        return killed

    def fetch(self) -> None:
        """The bundle is fetched; the line breaks in the middle; it goes on at the same byte, the carrier killed meanwhile."""
        assert self.line is not None
        head, size = self.who("hall_technical_head")[0], self.batch["bundle"]["size"]
        self.at_hall(head).open("/hall/").submit(action="/hall/centre/ask/")
        page = self.at_hall(head).open("/hall/")
        self.line.break_down = size // 2
        page.submit(action="/hall/centre/fetch/")
        there = self._broken_at(head, "/hall/", 0)
        killed = self._kill_carrier()
        bundle = {"size": size, "broke_at": there, "carriers_killed": killed}
        self.facts["bundle"] = {**bundle, "digest": self.batch["bundle"]["digest"]}
        page = self._until(head, "/hall/", lambda page: bool(page.links(r"/hall/batches/\d+/$")))
        self.here = page.link(r"/hall/batches/\d+/$")

    def open(self) -> None:
        """From here on the hall is alone. The key is released at the centre and read out."""
        assert self.line is not None
        head, batch = self.who("hall_technical_head")[0], f"/exams/batches/{self.batch['pk']}/"
        self.line.down()
        self.bytes_before = (self.line.bytes_down, self.line.bytes_up)
        start = datetime.fromisoformat(self.batch["starts_at"])
        self.centre.clock.set(start - timedelta(minutes=50))
        self.at_hall(head).open("/hall/").submit(action="/hall/centre/ask/").must_say("电话")
        self.at_hall(head).open(self.here).submit(action="/open/", expect=503)
        for login in ("centre", "approver"):
            self.at_centre(login).open(batch).submit(action="/release/")
        page = self.at_centre("centre").open(batch)
        page.press(f"{batch}key/", {"how": "read"})
        heard = [
            str(one) for one in page.page.xpath("//main//td/code/text()")
        ]  # eight groups, each with its check letter
        key = " ".join(heard)
        self.at_hall(head).open(f"{self.here}key/").submit({"key": key}, field="key")
        items = ["computers", "spares", "network", "cameras", "clocks", "power", "readers"]
        self.at_hall(head).open(f"{self.here}checklist/").submit({"items": items}, field="items")

    def hold(self) -> None:
        """Check-in, two invigilators, the test of a few, the close."""
        room = self.who("room_administrator")[0]
        people = self.batch["people"][: self.sitters]
        for one in people:
            page = self.at_hall(room).open(f"{self.here}desk/").submit({"q": one["number"]}, field="q")
            page.submit({"alike": "yes"}, field="alike", button=("verdict", "accept"))
        watch, second = self.who("invigilator")[:2]
        page = self.at_hall(watch).open(self.here)
        duty = page.form("/duty/").get("action") or ""
        page.submit(action="/duty/")
        start = datetime.fromisoformat(self.batch["starts_at"])
        self.centre.clock.set(start)
        self.at_hall(second).open(self.here).submit(action=duty).open(self.here).submit(action="/start/")
        for one in people:
            page = Visitor(self.hall.base, one["slip"]).open("/exam/")
            page.submit({"slip_no": one["slip"], "id_number": one["number"]}, field="slip_no")
            page.submit(action="/exam/start")
            page.open("/exam/paper")
            answer_all(page, all_right(one["papers"]))
            page.submit(action="/exam/hand-in")
        self.centre.clock.set(datetime.fromisoformat(self.batch["ends_at"]) + timedelta(minutes=2))
        head = self.who("hall_technical_head")[0]
        self.at_hall(head).open(f"{self.here}close/").submit()
        self.at_hall(head).open(self.here).submit(action="/return/")
        assert self.line is not None
        self.facts["bytes_while_cut_off"] = sum((self.line.bytes_down, self.line.bytes_up)) - sum(
            self.bytes_before
        )

    def send(self) -> None:
        """The line is back, and breaks once more in the middle of the return."""
        assert self.line is not None
        head = self.who("hall_technical_head")[0]
        self.line.up()
        broken = self.line.broken
        self.held = self.hall.ask(AT_HALL)
        size = int(self.held["return_size"])
        self.line.break_up = PIECE + PIECE // 2 + 1500  # past the first piece and its heads
        self.at_hall(head).open(self.here).submit(action="/send/")
        there = self._broken_at(head, self.here, broken)
        self.facts["return"] = {"size": size, "broke_at": there, "pieces_of": PIECE}
        self._until(head, self.here, lambda page: "中心已接收" in page.said())

    def compare(self) -> None:
        """The centre's books against the hall's."""
        hall, centre = self.held, self.centre.ask(RETURNED.format(pk=self.batch["pk"]))
        listed = centre.pop("listed")
        self.facts |= {
            "candidates": len(self.batch["people"]),
            "sat": self.sitters,
            "differences": centre["differences"],
            "results": centre["results"],
            "passed": centre["passed"],
            "bundle_digests_agree": hall["bundle"] == self.batch["bundle"]["digest"],
            "return_digests_agree": hall["return"] == centre["digest"],
        }
        self.facts["return"]["digest"] = hall["return"]
        ok = (
            not listed
            and centre["differences"] == 0
            and centre["sittings"] == len(self.batch["people"])
            and centre["results"] == centre["passed"] == self.sitters
            and self.facts["bundle_digests_agree"]
            and self.facts["return_digests_agree"]
            and self.facts["bytes_while_cut_off"] == 0
        )
        self.facts["ok"] = ok
        if listed:
            self.tell(f"differences: {listed}")


def _groups(text: str) -> str:
    found = re.search(r"(?:[0-9a-f]{4} ){7}[0-9a-f]{4}", text)
    if found is None:
        raise Unexpected(f"no fingerprint: {text}")
    return found[0]


def main(arguments: list[str]) -> None:
    """``zhupei bench cutoff [--json] [--keep]``."""
    parser = argparse.ArgumentParser("cutoff", description=__doc__)
    parser.add_argument("--json", action="store_true", help="only the result, as one JSON object")
    parser.add_argument("--keep", action="store_true", help="keep the temporary files and databases")
    options = parser.parse_args(arguments)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    started = time.monotonic()
    drill = Drill(
        lambda line: print(line, file=sys.stderr if options.json else sys.stdout, flush=True),
        keep=options.keep,
    )
    try:
        drill.run()
    except BaseException:
        for name, one in (("centre", drill.centre), ("hall", drill.hall)):
            print(f"{name}: {one.errors()}", file=sys.stderr)
        raise
    finally:
        drill.close()
    result = {"machine": machine(), **drill.facts, "seconds_s": round(time.monotonic() - started, 1)}
    print(json.dumps(result, ensure_ascii=False))
    if not result["ok"]:
        raise SystemExit(1)
