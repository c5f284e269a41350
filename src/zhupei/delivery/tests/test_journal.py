"""An acknowledged event is on disk: after kill -9, after a full disk, in order."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from zhupei.delivery.formats import events as f
from zhupei.delivery.journal import JournalError, SqliteJournal

WRITER = """
import sys, threading
from zhupei.delivery.formats import events as f
from zhupei.delivery.journal import SqliteJournal
journal = SqliteJournal(sys.argv[1])
lock = threading.Lock()
def acknowledged(number, batch):
    batch.result()
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


def save(n: int) -> f.Saved:
    return f.Saved(at=n, tick=n, candidate_id="C", subject="s", key=str(n), answer=("a",), seq=n)


@pytest.mark.req("I03")
def test_kill_minus_nine_loses_no_acknowledged_event(tmp_path: Path) -> None:
    path, base = tmp_path / "journal.sqlite3", 0
    for lines in (20, 333, 700):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(base)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(lines)]
        writer.send_signal(signal.SIGKILL)
        told += [int(line) for line in writer.stdout.read().split(b"\n")[:-1]]
        writer.wait()
        writer.stdout.close()
        journal = SqliteJournal(path)
        entries = list(journal.replay())
        journal.close()
        kept = [entry.event.seq for entry in entries if isinstance(entry.event, f.Saved)]
        assert set(told) <= set(kept)
        assert kept == sorted(kept)
        assert [entry.no for entry in entries] == list(range(1, len(entries) + 1))
        base = kept[-1]


def test_order_and_numbers_from_many_threads(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j")

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


def test_the_past_cannot_be_edited(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j")
    journal.append([save(1)]).result(10)
    journal.close()
    connection = sqlite3.connect(tmp_path / "j")
    for statement in ("update entries set candidate = 'x'", "delete from entries"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    connection.close()


def test_after_a_failed_write_nothing_is_acknowledged_until_settled(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j")
    journal.append([save(1)]).result(10)
    journal._connection.execute("pragma max_page_count = 1")  # the disk is full
    big = f.IncidentNoted(at=2, tick=2, kind="x", text="长" * 200_000)
    with pytest.raises(JournalError):
        journal.append([big]).result(10)
    journal._connection.execute("pragma max_page_count = 1000000")  # there is space again
    with pytest.raises(JournalError):
        journal.append([save(3)]).result(10)
    journal.settle()
    assert journal.append([save(4)]).result(10) == 2
    assert [entry.event.tick for entry in journal.replay()] == [1, 4]
    journal.close()
