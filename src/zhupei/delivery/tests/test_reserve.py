"""The reserve of disk space: set aside, given up once when the journal's disk is full, and no answer lost by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from zhupei.delivery import reserve
from zhupei.delivery.formats import events as f
from zhupei.delivery.journal import JournalError, SqliteJournal

pytestmark = pytest.mark.req("I03")


def big(tick: int) -> f.IncidentNoted:
    return f.IncidentNoted(at=tick, tick=tick, kind="x", text="长" * 200_000)


def test_a_full_disk_takes_the_reserve_and_the_answer_is_kept(tmp_path: Path) -> None:
    asked = []

    def make_room() -> bool:
        asked.append(1)
        journal._connection.execute("pragma max_page_count = 1000000")
        return len(asked) == 1

    journal = SqliteJournal(tmp_path / "j", make_room=make_room)
    journal._connection.execute("pragma max_page_count = 1")
    assert journal.append([big(1)]).result(10) == 1  # acknowledged: it is on disk
    journal._connection.execute("pragma max_page_count = 1")
    with pytest.raises(JournalError):  # nothing left to give
        journal.append([big(2)]).result(10)
    assert [entry.event.tick for entry in journal.replay()] == [1]
    assert len(asked) == 2
    journal.close()


def test_the_reserve_is_real_space_and_only_where_there_is_plenty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reserve.keep_reserve(tmp_path, 2**20)
    assert (tmp_path / reserve.NAME).stat().st_blocks * 512 >= 2**20
    assert reserve.keep_reserve(tmp_path, 2**20)
    assert reserve.give_reserve(tmp_path)
    assert not reserve.give_reserve(tmp_path)
    monkeypatch.setattr(reserve, "free_bytes", lambda folder: 2**21 - 1)
    assert not reserve.keep_reserve(tmp_path, 2**20)
