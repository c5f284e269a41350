"""What the acts of the walkthrough share: the cast, the facts found on the way, and the record of steps."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from zhupei.kernel.clock import SHANGHAI

from .runner import Installation
from .visitor import Unexpected, Visitor

# A little less than the platform's own time-outs (30 minutes, two hours).
STAFF_IDLE, LEARNER_IDLE = timedelta(minutes=28), timedelta(minutes=115)
STRIDE = timedelta(minutes=25)


class Person:
    """Somebody of the cast: an account, a browser."""

    def __init__(self, visitor: Visitor, name: str, login: str, password: str, phone: str) -> None:
        self.visitor, self.name, self.login, self.password, self.phone = visitor, name, login, password, phone
        self.idle = LEARNER_IDLE if "learner" in visitor.name else STAFF_IDLE
        self.seen_at: datetime | None = None


class Story:
    """One telling. ``facts`` holds addresses and numbers that later acts need."""

    def __init__(self, installation: Installation, tell: Callable[[dict[str, Any]], None]) -> None:
        self.installation, self.clock, self.tell = installation, installation.clock, tell
        self.cast: dict[str, Person] = {}
        self.facts: dict[str, Any] = {}
        self.steps = self.refusals = 0

    # --- steps --------------------------------------------------------------------------------------------------

    @contextmanager
    def step(self, actor: str, what: str, *, refused: bool = False) -> Iterator[None]:
        """One step; told when it is over. ``refused`` steps are those in which the platform has to say no."""
        self.steps += 1
        started = time.monotonic()
        line: dict[str, Any] = {"step": self.steps, "actor": actor, "what": what, "refused": refused}
        try:
            yield
        except BaseException as problem:
            line |= {"ms": _ms(started), "failed": str(problem) or repr(problem)}
            self.tell(line)
            raise
        self.refusals += refused
        self.tell({**line, "ms": _ms(started)})

    @contextmanager
    def refused(self, actor: str, what: str) -> Iterator[None]:
        """A step in which the platform says no, and which leaves no row behind."""
        if actor in self.cast and self.cast[actor].seen_at is not None:
            self.by(actor)  # signing in again is on record, and no part of the refusal
        before = self.installation.row_counts()
        with self.step(actor, what, refused=True):
            yield
            after = self.installation.row_counts()
            changed = {
                name: (before.get(name, 0), n) for name, n in after.items() if before.get(name, 0) != n
            }
            if changed:
                raise Unexpected(f"the refusal left rows behind: {changed}")

    # --- the cast -----------------------------------------------------------------------------------------------

    def stranger(self, name: str = "a visitor") -> Visitor:
        """Somebody without an account."""
        return Visitor(self.installation.base, name)

    def join(self, role: str, name: str, login: str, phone: str, password: str = "") -> Person:
        """Put somebody into the cast."""
        password = password or f"Zp-{login}-2026!"
        self.cast[role] = Person(Visitor(self.installation.base, role), name, login, password, phone)
        return self.cast[role]

    def by(self, role: str) -> Visitor:
        """The browser of ``role``, signed in; after a pause longer than the platform allows, signed in again."""
        person, now = self.cast[role], self.clock.now()
        if person.seen_at is None or now - person.seen_at > person.idle:
            person.visitor.sign_in(person.login, person.password)
        person.seen_at = now
        return person.visitor

    def first_password(self, role: str) -> None:
        """Set the first password of a member of staff with the code that a demonstration shows."""
        person = self.cast[role]
        visitor = person.visitor
        visitor.open("/account/code/").submit({"login": person.login}, field="login")
        values = {"code": visitor.code(), "password": person.password, "again": person.password}
        visitor.submit(values, field="again")

    # --- time ---------------------------------------------------------------------------------------------------

    @staticmethod
    def moment(text: str) -> datetime:
        """``text`` as a moment in Shanghai."""
        return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)

    def at(self, text: str) -> None:
        """Let the platform's clock be ``text`` (Shanghai time)."""
        self.clock.set(self.moment(text))

    def wait_until(self, text: str, **watching: str) -> None:
        """Let time pass in strides, while each of ``watching`` (role → address) looks at a page and so stays signed in."""
        until = self.moment(text)
        while self.clock.now() < until:
            self.clock.set(min(until, self.clock.now() + STRIDE))
            for role, path in watching.items():
                person = self.cast[role.replace("_", " ")]
                if person.seen_at is None or self.clock.now() - person.seen_at > person.idle - STRIDE:
                    person.visitor.open(path)
                    person.seen_at = self.clock.now()

    def from_log(self, pattern: str) -> str:
        """The last thing in the server's log that ``pattern`` finds: where a demonstration's messages go."""
        for _try in range(50):
            found = re.findall(pattern, self.installation.log_tail(20000))
            if found:
                return str(found[-1])
            time.sleep(0.1)
        raise Unexpected(f"the server's log has no {pattern!r}")


def _ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def as_json(line: dict[str, Any]) -> str:
    """A step as one line of JSON."""
    return json.dumps(line, ensure_ascii=False)


def as_text(line: dict[str, Any]) -> str:
    """A step as people read it."""
    sign = "FAILED" if "failed" in line else "refused" if line["refused"] else "ok"
    words = f"{line['step']:3} {sign:7} {line['ms']:6} ms  {line['actor']}: {line['what']}"
    return f"{words}\n    {line['failed']}" if "failed" in line else words
