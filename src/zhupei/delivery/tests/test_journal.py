"""An acknowledged event is on disk: after kill -9, after a full disk, after a lost server, in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from zhupei.delivery.formats import events as f
from zhupei.delivery.journal import JournalError
from zhupei.delivery.tests.journals import BACKENDS, break_it, forget, mend_it, new_place, open_journal

WRITER = """
import sys, threading
from zhupei.delivery.formats import events as f
from zhupei.delivery.tests.journals import open_journal
journal = open_journal(sys.argv[1])
lock = threading.Lock()
def acknowledged(number, batch):
    try:
        batch.result()
    except Exception:
        return
    with lock:
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()
n = int(sys.argv[2])
while True:
    n += 1
    event = f.Saved(at=n, tick=n, candidate_id="C", subject="s", key=str(n), answer=("a",), seq=n)
    threading.Thread(target=acknowledged, args=(n, journal.append([event]))).start()
    if n % 50 == 0:
        journal.settle()
"""


@pytest.fixture(params=BACKENDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    where = new_place(request.param, tmp_path)
    yield where
    forget(where)


def save(n: int) -> f.Saved:
    return f.Saved(at=n, tick=n, candidate_id="C", subject="s", key=str(n), answer=("a",), seq=n)


def writer(place: str, base: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, place, str(base)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def told_by(process: subprocess.Popen[bytes], lines: int) -> list[int]:
    assert process.stdout is not None
    return [int(process.stdout.readline()) for _ in range(lines)]


def rest_of(process: subprocess.Popen[bytes]) -> list[int]:
    process.send_signal(signal.SIGKILL)
    out, _ = process.communicate()
    return [int(line) for line in out.split(b"\n")[:-1]]


def kept_in(place: str) -> list[int]:
    journal = open_journal(place)
    entries = list(journal.replay())
    journal.close()
    kept = [entry.event.seq for entry in entries if isinstance(entry.event, f.Saved)]
    assert kept == sorted(kept)
    assert [entry.no for entry in entries] == list(range(1, len(entries) + 1))
    return kept


@pytest.mark.req("I03")
def test_kill_minus_nine_loses_no_acknowledged_event(place: str) -> None:
    base = 0
    for lines in (20, 333, 700):
        process = writer(place, base)
        told = told_by(process, lines) + rest_of(process)
        kept = kept_in(place)
        assert set(told) <= set(kept)
        base = kept[-1]


def test_order_and_numbers_from_many_threads(place: str) -> None:
    journal = open_journal(place)

    def write(base: int) -> None:
        for n in range(50):
            journal.append([save(base + n)]).result(10)

    threads = [threading.Thread(target=write, args=(base,)) for base in (1000, 2000, 3000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = list(journal.replay())
    assert [entry.no for entry in entries] == list(range(1, 151))
    for base in (1000, 2000, 3000):
        own = [e.event.tick for e in entries if base <= e.event.tick < base + 1000]
        assert own == sorted(own)
    assert [entry.no for entry in journal.replay(after=148)] == [149, 150]
    journal.close()
    with pytest.raises(JournalError):
        journal.append([save(1)]).result(1)


def test_the_past_cannot_be_edited(place: str) -> None:
    journal = open_journal(place)
    journal.append([save(1)]).result(10)
    journal.close()
    for statement in ("update entries set candidate = 'x'", "delete from entries"):
        with pytest.raises(Exception, match="append-only"):
            _execute(place, statement)
    assert kept_in(place) == [1]


def _execute(place: str, statement: str) -> None:
    if place.startswith("postgres"):
        import psycopg

        url, schema = place.split("#")
        with psycopg.connect(url, options=f"-c search_path={schema}") as connection:
            connection.execute(statement)
    else:
        import sqlite3

        with sqlite3.connect(place) as connection:
            connection.execute(statement)


def test_after_a_failed_write_nothing_is_acknowledged_until_settled(place: str) -> None:
    journal = open_journal(place)
    journal.append([save(1)]).result(10)
    break_it(journal)
    big = f.IncidentNoted(at=2, tick=2, kind="x", text="长" * 200_000)
    with pytest.raises(JournalError):
        journal.append([big]).result(10)
    mend_it(journal)
    with pytest.raises(JournalError):
        journal.append([save(3)]).result(10)
    journal.settle()
    assert journal.append([save(4)]).result(10) == 2
    assert [entry.event.tick for entry in journal.replay()] == [1, 4]
    journal.close()


def test_odd_bytes_and_a_large_batch_come_back_as_they_were(place: str) -> None:
    events = [f.IncidentNoted(at=n, tick=n, kind="x", text="{\"\\N',长\x00}" * (n % 7)) for n in range(3000)]
    journal = open_journal(place)
    journal.append(events).result(20)
    journal.close()
    again = open_journal(place)
    assert [entry.event for entry in again.replay()] == events
    again.close()


def test_delivery_on_sqlite_needs_no_driver_of_postgresql() -> None:
    probe = "import sys; sys.modules['psycopg'] = None; import zhupei.delivery.api"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", probe], env=environment, check=True)
