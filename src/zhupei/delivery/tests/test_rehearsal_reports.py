"""A command's report of a rehearsal, held against what the server itself has: counts, limits, bounds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zhupei.delivery.rehearsal.bundles import make_plan, people
from zhupei.delivery.rehearsal.report import browser_figures, command_figures
from zhupei.delivery.rehearsal.stage import MAX_REPORT, Seat, Stage
from zhupei.kernel.errors import Refusal

GOOD = {"count": 2, "p50_ms": 1.0, "p99_ms": 2.0, "max_ms": 2.0}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Two candidates: both began, gave three answers each, and handed in."""
    stage = Stage(tmp_path)
    plan = make_plan(seats=2, seconds=1.0)
    stage.prepare(plan)
    engine = stage.engine()
    assert engine is not None
    for one in people(plan):
        engine.start(one.candidate_id).wait()
        for slot in engine.slots_of(one.candidate_id, "general")[:3]:
            engine.save(one.candidate_id, "general", slot.key, slot.option_ids[:1]).wait()
        engine.turn_to(one.candidate_id, "professional").wait()
        engine.hand_in(one.candidate_id).wait()
    yield stage
    stage.close()


def figures(stage: Stage, **told: Any) -> dict[str, Any]:
    report = {"candidates": 2, "handed_in": 2, "acknowledged": 6, "all_papers_ms": 9.0}
    report |= {"start": GOOD, "save": GOOD, "submit": GOOD, **told}  # type: ignore[dict-item]
    stage.keep_report(json.dumps(report).encode())
    kept = stage.report()
    assert kept is not None
    return command_figures(kept, rss_mb=100.0)


@pytest.mark.req("R117", "R131")
def test_an_honest_report_stands_and_says_what_is_whose(stage: Stage) -> None:
    found = figures(stage)
    assert found["contradictions"] == []
    assert found["passed"], found["checks"]
    assert found["kept"] == {"started": 2, "handed_in": 2, "answers": 6}
    assert {one["name"] for one in found["checks"] if not one["reported"]} == {"lost", "rss_mb"}


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({"candidates": 220}, "started"),
        ({"candidates": 1}, "started"),
        ({"handed_in": 1}, "handed_in"),
        ({"handed_in": 3}, "handed_in"),
        ({"acknowledged": 5}, "answers"),
        ({"acknowledged": 7}, "answers"),
    ],
)
def test_what_the_journal_contradicts_is_told_and_never_passes(
    stage: Stage, told: dict[str, int], name: str
) -> None:
    found = figures(stage, **told)
    (value,) = told.values()
    server = {"started": 2, "handed_in": 2, "answers": 6}[name]
    assert found["contradictions"] == [{"name": name, "reported": value, "server": server}]
    assert not found["passed"]


@pytest.mark.parametrize("told", [{"candidates": 0}, {"candidates": 2, "unfinished": 2}])
def test_nothing_played_is_nothing_passed(tmp_path: Path, told: dict[str, int]) -> None:
    """Good figures alone, of a hall in which nobody sat."""
    stage = Stage(tmp_path)
    stage.prepare(make_plan(seats=2, seconds=1.0))
    found = figures(stage, **({"handed_in": 0, "acknowledged": 0} | told))
    stage.close()
    assert {one["name"] for one in found["checks"] if not one["passed"]} == {"missing"}
    assert not found["passed"]


def test_whoever_did_not_finish_leaves_the_counts_open(stage: Stage) -> None:
    found = figures(stage, candidates=3, unfinished=1, acknowledged=4, handed_in=2)
    assert found["contradictions"] == []


def test_the_verdict_and_the_servers_own_figures_are_not_the_reporters(stage: Stage) -> None:
    forged = {
        "passed": True,
        "checks": [],
        "server": {"rss_mb": 1.0},
        "contradictions": [],
        "kept": {"answers": 999},
        "seats": [{"place": 1}],
        "acknowledged": 9,
    }
    found = figures(stage, **forged, save={"p99_ms": 250.0})
    assert found["server"] == {"rss_mb": 100.0}
    assert found["lost"] == 3
    assert found["kept"]["answers"] == 6
    assert "seats" not in found
    failed = {one["name"] for one in found["checks"] if not one["passed"]}
    assert failed == {"lost", "save_p99_ms"}
    assert not found["passed"]


@pytest.mark.parametrize(
    "report",
    [
        b"",
        b"[]",
        b"null",
        b'{"candidates": "two"}',
        b'{"candidates": -1}',
        b'{"candidates": 1e99}',
        b'{"candidates": 2, "save": {"p99_ms": -3}}',
        b'{"candidates": 2, "save": {"p99_ms": NaN}}',
        b'{"candidates": 2, "problems": [' + b'"x",' * 200 + b'"x"]}',
        b'{"candidates": 2, "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"candidates": 2, "problems": ["' + b"x" * MAX_REPORT + b'"]}',
    ],
    ids=range(11),
)
def test_what_is_reported_is_bounded(stage: Stage, report: bytes) -> None:
    with pytest.raises(Refusal):
        stage.keep_report(report)
    assert stage.report() is None


def test_many_words_are_cut(stage: Stage) -> None:
    found = figures(stage, problems=["x" * 2_000] * 40)
    assert len(found["problems"]) == 30
    assert set(map(len, found["problems"])) == {300}


def test_computers_that_tell_less_than_the_server_has_are_contradicted(stage: Stage) -> None:
    plan, records = stage.plan, stage.account()[0]
    assert plan is not None
    one = Seat(place=1, state="done", start_ms=1.0, saves_ms=(1.0,), submit_ms=1.0)
    found = browser_figures(plan, [one], records, rss_mb=1.0)
    assert {each["name"] for each in found["contradictions"]} == {"started", "handed_in"}
    both = browser_figures(plan, [one, Seat(place=2, state="started")], records, rss_mb=1.0)
    assert both["contradictions"] == []
