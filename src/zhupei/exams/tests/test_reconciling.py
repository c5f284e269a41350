"""A return checked from its journal up: what the centre keeps, shows and refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import make_actor, make_batch, make_hall_return, make_rulebook, make_user, sign_in

from zhupei.audit.models import AuditEvent
from zhupei.delivery import api as delivery
from zhupei.delivery.formats import events as ev
from zhupei.exams import actions
from zhupei.exams.actions import returns
from zhupei.exams.differences import KINDS
from zhupei.exams.models import Batch, Result, ReturnIn
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role

pytestmark = pytest.mark.django_db
replaced = msgspec.structs.replace
Tamper = Callable[[delivery.Return], delivery.Return]


@pytest.fixture(autouse=True)
def _rules() -> None:
    make_rulebook()


def received(tamper: Tamper | None = None, **more: Any) -> tuple[Batch, ReturnIn]:
    batch = make_batch(state="released")
    row = actions.receive_return(batch, make_hall_return(batch, tamper=tamper, **more), by=SYSTEM)
    return batch, row


def seen(role: Role, batch: Batch, organisation: Any = None) -> str:
    client = Client()
    sign_in(client, make_user(role, organisation))
    return client.get(reverse("exams:batch", args=[batch.pk])).content.decode()


def added(content: delivery.Return, *events: delivery.AnyEvent) -> delivery.Return:
    last = content.events[-1].no
    more = [delivery.Entry(no=last + n, event=event) for n, event in enumerate(events, 1)]
    return replaced(content, events=(*content.events, *more))


def one_name(content: delivery.Return) -> delivery.Return:
    """The first candidate came with a document, and only one person looked at it."""
    first = replaced(content.checkins[0], method="document")
    return replaced(content, checkins=(first, *content.checkins[1:]))


@pytest.mark.req("R032", "R038")
def test_an_honest_return_says_what_was_compared() -> None:
    batch, row = received()
    assert row.differences == []
    assert row.difference_count == 0
    figures = row.compared
    assert (figures["candidates"], figures["differences"], figures["kinds"]) == (3, 0, {})
    assert figures["answers"] > 100
    assert figures["entries"] > figures["answers"]
    text = seen(Role.CENTRE_OFFICER, batch)
    line = re.search(r"一致[^<]*", text)
    assert line is not None
    for name in ("candidates", "answers", "entries"):
        assert str(figures[name]) in line[0]


@pytest.mark.req("R032", "R049", "R050")
def test_a_difference_holds_the_batch_until_it_is_decided_on() -> None:
    batch, row = received(one_name)
    assert [(one["what"], one["hall"]) for one in row.differences] == [("one_name", "王监考 #1, ")]
    approver = make_actor(Role.CENTRE_APPROVER)
    with pytest.raises(Conflict) as refusal:
        actions.confirm_batch(batch, by=approver)
    assert refusal.value.code == "differences_stand"
    result = Result.objects.first()
    assert result is not None
    actions.doubt_result(result, reason="一人核验", by=approver)
    with pytest.raises(Conflict) as refusal:
        actions.confirm_result(result, reason="看过", by=approver)
    assert refusal.value.code == "batch_not_confirmed"
    text = seen(Role.CENTRE_APPROVER, batch)
    assert "王监考 #1" in text
    assert reverse("exams:confirm", args=[batch.pk]) not in text
    assert reverse("exams:accept_differences", args=[batch.pk]) in text
    actions.accept_differences(batch, reason="已电话核实第二人", by=approver)
    event = AuditEvent.objects.get(code="exams.differences_accepted")
    assert event.after == {"differences": 1, "kinds": {"one_name": 1}}
    actions.confirm_batch(batch, by=approver)
    batch.refresh_from_db()
    assert batch.state == "confirmed"


def test_both_values_stand_side_by_side_in_the_readers_words() -> None:
    def change(content: delivery.Return) -> delivery.Return:
        first = replaced(content.sittings[0], started_at=1_800_000_000_000, submit_kind="forced")
        return replaced(content, sittings=(first, *content.sittings[1:]))

    batch, row = received(change)
    assert [one["what"] for one in row.differences] == ["started_at", "kind"]
    text = seen(Role.CENTRE_OFFICER, batch)
    cells = re.findall(r'<td class="text-break">([^<]*)</td>', text)
    assert cells[0].startswith("2027")
    assert "1800000000000" not in text
    assert cells[2:4] == ["工作人员", "考生本人"]


def test_only_the_centre_reads_what_differs() -> None:
    def change(content: delivery.Return) -> delivery.Return:
        first = content.sittings[0]
        return replaced(content, sittings=(replaced(first, seat_no="77"), *content.sittings[1:]))

    batch, row = received(change)
    assert [one["what"] for one in row.differences] == ["seat"]
    for role in (Role.EXAM_OFFICER, Role.HALL_TECHNICAL_HEAD):
        text = seen(role, batch, batch.institution.organisation)
        assert "1 处" in text
        assert "77" not in re.sub(r"[0-9a-f]{4,}", "", text.split("<h3>")[1])
        assert reverse("exams:protocol", args=[batch.pk]) not in text


def test_many_differences_are_counted_all_and_listed_up_to_a_bound() -> None:
    def change(content: delivery.Return) -> delivery.Return:
        last = content.events[-1].event
        who = content.sittings[0].candidate_id
        stranger = ev.WindowLeft(at=last.at, tick=last.tick, candidate_id="nobody")
        flood = [stranger] * 3000
        second = ev.ResultShown(at=last.at, tick=last.tick, candidate_id=who)
        return added(content, *flood, second)

    batch, row = received(change)
    assert row.difference_count == 3001
    assert row.compared["kinds"] == {"foreign": 3000, "unfit": 1}
    assert len(row.differences) == returns.LISTED_OF_A_KIND + 1
    text = seen(Role.CENTRE_OFFICER, batch)
    assert "3001" in text
    assert str(3000 - returns.LISTED_OF_A_KIND) in text
    with pytest.raises(Conflict, match="differences_stand"):
        actions.confirm_batch(batch, by=make_actor(Role.CENTRE_APPROVER))


def test_every_kind_is_shown_however_many_there_are() -> None:
    kinds = [f"k{n}" for n in range(30)]
    found = [{"what": kind, "slip_no": str(n)} for kind in kinds for n in range(90)]
    kept = returns._bounded(found)
    assert len(kept) == returns.LISTED
    assert {one["what"] for one in kept} == set(kinds)


def test_every_kind_has_its_words() -> None:
    from typing import get_args

    from django.utils.translation import override

    assert set(get_args(delivery.What)) <= set(KINDS)
    with override("en"):
        english = {what: str(words) for what, words in KINDS.items()}
    with override("zh-hans"):
        for what, words in KINDS.items():
            assert str(words) != english[what], what


def test_a_return_without_its_journal_is_never_silent() -> None:
    _batch, row = received(lambda content: replaced(content, events=()))
    assert {one["what"] for one in row.differences} >= {"loaded", "state", "answers"}
    assert row.differences_stand


def test_moments_outside_of_time_are_refused_not_an_error() -> None:
    batch = make_batch(state="released")

    def change(content: delivery.Return) -> delivery.Return:
        first = replaced(content.sittings[0], submitted_at=10**18)
        return replaced(content, sittings=(first, *content.sittings[1:]))

    with pytest.raises(Refusal) as refusal:
        actions.receive_return(batch, make_hall_return(batch, tamper=change), by=SYSTEM)
    assert refusal.value.code == "moment_invalid"
    assert not ReturnIn.objects.exists()


def test_a_return_received_before_there_were_counts_is_still_shown() -> None:
    batch, row = received(one_name)
    row.compared = None
    row.save()
    assert row.difference_count == 1
    assert "王监考 #1" in seen(Role.CENTRE_OFFICER, batch)


# --- the protocol ---------------------------------------------------------------------------------------------


def eventful(content: delivery.Return) -> delivery.Return:
    last = content.events[-1].event
    who = content.sittings[0]
    stamp = {"at": last.at, "tick": last.tick, "candidate_id": who.candidate_id}
    return added(
        one_name(content),
        ev.TimeAdded(**stamp, by="甲 #1", approved_by="乙 #2", seconds=90, reason="停电补时"),
        ev.SeatMoved(
            **stamp,
            by="甲 #1",
            reason="键盘坏",
            from_room_id=who.room_id,
            from_seat_no=who.seat_no,
            room_id=who.room_id,
            seat_no="49",
        ),
        ev.Voided(**stamp, by="甲 #1", by2="乙 #2", reason="替考<b>"),
        ev.IncidentNoted(**stamp, by="甲 #1", kind="power", text="跳闸两分钟", evidence=("a" * 64,)),
    )


@pytest.mark.req("I09", "R040")
def test_the_protocol_says_who_did_what_when_and_why() -> None:
    batch, _row = received(eventful)
    client = Client()
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    page = reverse("exams:protocol", args=[batch.pk])
    assert page in client.get(reverse("exams:batch", args=[batch.pk])).content.decode()
    text = client.get(page).content.decode()
    for words in (
        "停电补时",
        "1.5",
        "甲（账号 1）、乙（账号 2）",
        "键盘坏",
        "→",
        "替考&lt;b&gt;",
        "跳闸两分钟",
    ):
        assert words in text, words
    pdf = client.get(reverse("exams:protocol_pdf", args=[batch.pk]))
    assert pdf.content[:5] == b"%PDF-"


def test_there_is_no_protocol_before_the_return() -> None:
    batch = make_batch(state="released")
    client = Client()
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    assert client.get(reverse("exams:protocol", args=[batch.pk])).status_code == 404


# --- the key, read out ----------------------------------------------------------------------------------------


@pytest.mark.req("I08")
def test_the_released_key_is_shown_in_groups_to_be_read_out() -> None:
    batch = make_batch(state="released")
    key = actions.bundle_key(batch)
    client = Client()
    sign_in(client, make_user(Role.HALL_TECHNICAL_HEAD, batch.hall.institution.organisation))
    url = reverse("exams:key", args=[batch.pk])
    answer = client.post(url, {"how": "read"})
    text = answer.content.decode()
    figures = re.findall(r"<code[^>]*>([0-9a-z]+)</code>", text)
    assert delivery.read_key(" ".join(figures[n] + figures[n + 1] for n in range(0, 16, 2))) == key
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.post(url).content.decode().strip() == key.hex()
    events = AuditEvent.objects.filter(code="exams.key_taken")
    assert events.count() == 2
    assert key.hex() not in str(list(events.values_list("after", flat=True)))


def test_a_key_that_is_not_released_is_not_shown() -> None:
    batch = make_batch(state="ready")
    client = Client()
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    assert client.post(reverse("exams:key", args=[batch.pk]), {"how": "read"}).status_code == 409
