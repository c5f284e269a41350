"""What only PostgreSQL can do to a journal: one writer across machines, a lost server, a lost standby.

Collected in runs on PostgreSQL. What breaks a server gets one of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest
from tools.clusters import Cluster

from zhupei.delivery.journal import JournalError, JournalTaken, PostgresJournal
from zhupei.delivery.tests.journals import BACKENDS, URL, forget, new_place
from zhupei.delivery.tests.test_journal import kept_in, rest_of, save, told_by, writer

if "postgresql" not in BACKENDS:
    pytest.skip("this run has no PostgreSQL", allow_module_level=True)


@pytest.fixture
def schema() -> Iterator[str]:
    place = new_place("postgresql", None)  # type: ignore[arg-type]
    yield place.split("#")[1]
    forget(place)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster({"fsync": "off"}) as one:
        yield one


def test_a_second_writer_is_refused_until_the_first_is_gone(schema: str) -> None:
    first = PostgresJournal(URL, schema)
    with pytest.raises(JournalTaken):
        PostgresJournal(URL, schema)
    assert first.append([save(1)]).result(10) == 1
    first.close()
    second = PostgresJournal(URL, schema)
    assert second.append([save(2)]).result(10) == 2
    second.close()


def test_whoever_lost_the_lock_to_another_writes_no_more(schema: str) -> None:
    first = PostgresJournal(URL, schema)
    first.append([save(1)]).result(10)
    with psycopg.connect(URL, autocommit=True) as connection:
        connection.execute("select pg_terminate_backend(%s)", [first._connection.info.backend_pid])
    second = PostgresJournal(URL, schema)
    second.append([save(2)]).result(10)
    with pytest.raises(JournalError):
        first.append([save(3)]).result(10)
    with pytest.raises(JournalError, match="another server"):
        first.settle()
    second.close()
    first.settle()
    assert first.append([save(4)]).result(10) == 3
    first.close()


def test_the_server_forces_nothing_weaker_upon_the_journal(schema: str) -> None:
    journal = PostgresJournal(URL, schema)
    (value,) = journal._connection.execute("show synchronous_commit").fetchone()
    assert value == "on"
    journal.close()


@pytest.mark.req("I03")
def test_postgresql_killed_in_mid_batch_loses_no_acknowledged_event(cluster: Cluster) -> None:
    place, base = f"{cluster.url}#hall", 0
    for lines in (150, 600):
        process = writer(place, base)
        told = told_by(process, lines)
        cluster.kill()
        told += rest_of(process)
        cluster.start()
        kept = kept_in(place)
        assert set(told) <= set(kept)
        base = kept[-1]


def test_a_journal_goes_on_once_its_server_is_back(cluster: Cluster) -> None:
    journal = PostgresJournal(cluster.url)
    journal.append([save(1)]).result(10)
    cluster.kill()
    started = time.monotonic()
    with pytest.raises(JournalError):
        journal.append([save(2)]).result(10)
    with pytest.raises(JournalError):
        journal.settle()
    with pytest.raises(JournalError):
        list(journal.replay())
    assert time.monotonic() - started < 5
    cluster.start()
    journal.settle()
    assert journal.append([save(3)]).result(10) == 2
    journal.close()


def test_without_its_standby_a_commit_fails_and_what_lies_here_alone_is_not_taken_for_safe(
    cluster: Cluster,
) -> None:
    journal = PostgresJournal(cluster.url, patience=1)
    journal.append([save(1)]).result(10)
    with psycopg.connect(cluster.url, autocommit=True) as desk:
        desk.execute("alter system set synchronous_standby_names = 'standby'")
        desk.execute("select pg_reload_conf()")
        time.sleep(0.3)
        with pytest.raises(JournalError, match="standby"):
            journal.append([save(2)]).result(10)
        with pytest.raises(JournalError, match="standby"):  # its old session still waits with the lock
            journal.settle()
        # ended by hand, the commit lies here alone; a new session sees it, but may not build on it
        desk.execute("select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'")
        time.sleep(0.3)
        assert [entry.event.tick for entry in journal.replay()] == [1, 2]
        with pytest.raises(JournalError):
            journal.settle()
        desk.execute("alter system reset synchronous_standby_names")
        desk.execute("select pg_reload_conf()")
    until = time.monotonic() + 10
    while True:
        try:
            journal.settle()
            break
        except JournalError:
            assert time.monotonic() < until
    assert journal.append([save(3)]).result(10) == 3
    journal.close()


def test_a_cancelled_wait_for_the_standby_is_no_acknowledgement(cluster: Cluster) -> None:
    """PostgreSQL itself reports such a commit as done, with a warning."""
    journal = PostgresJournal(cluster.url, patience=5)
    with psycopg.connect(cluster.url, autocommit=True) as desk:
        desk.execute("alter system set synchronous_standby_names = 'standby'")
        desk.execute("select pg_reload_conf()")
        time.sleep(0.3)
        batch = journal.append([save(1)])
        while not desk.execute(
            "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'"
        ).fetchall():
            time.sleep(0.05)
        with pytest.raises(JournalError, match="synchronous replication"):
            batch.result(10)
        desk.execute("alter system reset synchronous_standby_names")
        desk.execute("select pg_reload_conf()")
    journal.close()


def test_a_standby_takes_no_journal(cluster: Cluster) -> None:
    with Cluster({"fsync": "off"}, of=cluster) as standby, pytest.raises(JournalError, match="standby"):
        PostgresJournal(standby.url)


def test_a_server_that_is_not_there_is_said_so_at_once() -> None:
    started = time.monotonic()
    with pytest.raises(JournalError, match="cannot be reached"):
        PostgresJournal("postgresql://nobody@127.0.0.1:1/none")
    assert time.monotonic() - started < 4
