"""A hall's day with everything that can happen in it: the centre finds the return in order, and reads the protocol in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.makers import make_actor

from zhupei.delivery import api as delivery
from zhupei.evidence.api import read
from zhupei.exams import api as exams
from zhupei.hall import actions
from zhupei.hall.process import engine
from zhupei.hall.tests.days import Day, picture
from zhupei.kernel import clock
from zhupei.kernel.crypto import Sm2Verifier
from zhupei.kernel.roles import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def day() -> Iterator[Day]:
    day = Day(candidates=4)
    with clock.frozen(day.starts_at - timedelta(minutes=20)):
        yield day


@pytest.mark.req("R032", "R040", "R049", "R050", "I09")
def test_the_centre_finds_an_eventful_day_in_order(day: Day) -> None:
    namesake = make_actor(Role.INVIGILATOR, day.unit)  # two persons of one name stay two
    waiting = day.check_in(1, method="document", reason="身份证遗失", photo=picture(), by=day.watch)
    actions.decide_check_in(waiting, accept=True, by=namesake)
    day.check_in(2, photo=picture())
    day.running()
    for n in (1, 2):
        engine().start(day.key(n)).wait()
    papers = engine().bundles()[0].candidates[0].papers
    slot = next(iter(papers["general"].slots()))
    first = engine().bundles()[0].candidates[0].candidate_id
    if engine().seat(first).state == "running":
        engine().save(first, "general", slot.key, [slot.option_ids[0]]).wait()
    actions.add_incident(
        day.row, kind="device", text="手机响", candidate_key=day.key(1), photo=picture(), by=day.watch
    )
    actions.add_incident(day.row, kind="power", text="跳闸", photo=picture(), by=day.watch)
    actions.pause_room(day.row, day.session, None, "跳闸", by=day.watch)
    actions.resume_room(day.row, day.session, None, by=day.watch)
    extra = actions.propose(day.row, day.key(), "add_time", minutes=5, reason="跳闸", by=day.watch)
    actions.decide(extra, accept=True, by=day.officer)
    void = actions.propose(day.row, day.key(1), "void", reason="手机作弊", by=day.watch)
    actions.decide(void, accept=True, by=day.head)
    actions.force_hand_in(day.row, day.key(), reason="收卷", by=day.head)
    actions.force_hand_in(day.row, day.key(2), reason="收卷", by=day.head)
    with clock.frozen(day.starts_at + timedelta(hours=3)):
        actions.close_batch(day.row, by=day.head)
        data = actions.make_return(day.row, by=day.head)
    row = exams.ReturnIn.objects.get(batch=day.batch)
    assert row.differences == []
    assert row.compared["candidates"] == 4
    signer = exams.local_hall_signer(day.row.site_id_ref)
    content = delivery.open_return(
        data, bundle_key=exams.bundle_key(day.batch), verifier=Sm2Verifier(signer.public_key)
    )
    assert data == read(row.file)
    photos = {one.digest: one.size for one in content.captures}
    named = {mark for one in content.incidents for mark in one.evidence}
    assert named
    assert named <= set(photos)
    assert all(photos.values())
    lines, count = delivery.protocol(content)
    assert len(lines) == count
    told = {one.what: one for one in lines}
    assert {"check_in", "incident", "paused", "resumed", "time_added", "voided", "forced"} <= set(told)
    assert len(set(told["check_in"].who)) == len(set(told["voided"].who)) == 2
