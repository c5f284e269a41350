"""A restart after which one batch's bundle cannot be read: its candidates lose no time, the others go on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.makers import make_batch, make_hall_batch, make_person

from zhupei.hall import actions, keys
from zhupei.hall.api import bundle_of, close_engine, engine
from zhupei.hall.models import HallBatch
from zhupei.hall.tests.days import Day, refused
from zhupei.kernel import clock

pytestmark = pytest.mark.django_db


@pytest.mark.req("R040")
def test_a_bundle_that_fails_to_load_after_a_restart_costs_its_candidates_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    day = Day()
    later = day.starts_at + timedelta(hours=4)
    batch = make_batch(
        state="released",
        persons=[make_person()],
        hall=day.batch.hall,
        sessions=[(later, later + timedelta(hours=2))],
    )
    other = make_hall_batch(batch, state="open")
    mine, theirs = day.key(), str(batch.candidates.get().pk)
    noon = day.starts_at
    with clock.frozen(noon):
        running = engine()
        for key in (mine, theirs):
            running.admit(key, by="监考", method="card")
        for row in (day.row, other):
            running.open_session(bundle_of(row).sessions[0].id, by="监考")
        for key in (mine, theirs):
            running.start(key).wait()
        whole = running.view(theirs).remaining_ms
    close_engine()
    load = keys.load_into

    def damaged(target: object, row: HallBatch) -> object:
        if row.pk == other.pk:
            raise OSError("the file cannot be read")
        return load(target, row)  # type: ignore[arg-type]

    monkeypatch.setattr(keys, "load_into", damaged)
    with clock.frozen(noon + timedelta(minutes=1)):
        running = engine()
    refused("not_loaded", lambda: bundle_of(other))
    tick, since = running._base
    running._base = (tick, since - 3600)  # an hour goes by
    refused("candidate_unknown", lambda: running.seat(theirs))
    assert running.view(mine).remaining_ms < whole - 3_500_000
    monkeypatch.undo()
    actions.open_batch(other, by=day.keeper)
    assert whole - 60_000 < running.view(theirs).remaining_ms <= whole
