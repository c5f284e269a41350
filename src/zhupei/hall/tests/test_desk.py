"""The desk: card, document and doubt, late entry, photos."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from tests.makers import make_actor, make_user, sign_in

from zhupei.audit.models import AuditEvent
from zhupei.hall import actions
from zhupei.hall.api import bundle_of, engine
from zhupei.hall.models import CheckIn
from zhupei.hall.personal import records_of
from zhupei.hall.tests.days import Day, picture, refused
from zhupei.kernel import clock
from zhupei.kernel.roles import Role
from zhupei.people.api import Person

pytestmark = pytest.mark.django_db


@pytest.mark.req("R049", "R050")
def test_a_card_that_was_read_lets_in_at_once(day: Day) -> None:
    refused("not_found", lambda: actions.find_candidate(day.row, "500103199001011234", by=day.keeper))
    by_slip = actions.find_candidate(day.row, bundle_of(day.row).candidates[0].slip_no, by=day.keeper)
    assert by_slip.card == ""
    refused("card_not_read", lambda: day.check_in(card=""))
    refused("card_not_read", lambda: day.check_in(card=day.card(1)))  # another person's card
    refused("bad_method", lambda: day.check_in(method="face"))
    row = day.check_in(photo=picture())
    assert (row.decision, row.by_2) == ("accepted", "")
    assert row.photo is not None
    assert engine().seat(day.key()).state == "admitted"
    refused("checked_in", lambda: day.check_in())
    refused("candidate_unknown", lambda: actions.check_in(day.row, "nobody", method="card", by=day.keeper))
    assert day.people[0].identity_number not in str(list(AuditEvent.objects.values_list("after", "reason")))


@pytest.mark.req("R050", "I11")
def test_a_document_or_a_doubt_needs_a_second_person(day: Day) -> None:
    refused("no_reason", lambda: day.check_in(method="document"))
    pending = day.check_in(method="document", reason="身份证遗失，持护照")
    assert pending.decision == "pending"
    assert engine().seat(day.key()).state == "not_admitted"
    refused("check_in_pending", lambda: day.check_in())
    refused("same_person", lambda: actions.decide_check_in(pending, accept=True, by=day.keeper))
    stranger = make_actor(Role.INVIGILATOR)
    refused("other_organisation", lambda: actions.decide_check_in(pending, accept=True, by=stranger))
    refused("no_reason", lambda: actions.decide_check_in(pending, accept=False, by=day.watch))
    done = actions.decide_check_in(pending, accept=False, reason="照片不符", by=day.watch)
    assert (done.decision, done.by_2_id) == ("refused", day.watch.user_id)
    refused("wrong_state", lambda: actions.decide_check_in(pending, accept=True, by=day.watch2))
    # turned away, he comes again with the card; the face leaves doubts, two persons look
    unsure = day.check_in(alike=False, reason="面貌变化大")
    actions.decide_check_in(unsure, accept=True, by=day.watch2)
    assert engine().seat(day.key()).state == "admitted"
    assert [one.decision for one in day.row.checkins.order_by("pk")] == ["refused", "accepted"]
    refused("no_reason", lambda: day.check_in(1, accept=False))
    assert day.check_in(1, accept=False, reason="证件过期").decision == "refused"


def test_check_in_has_its_window(day: Day) -> None:
    with clock.frozen(day.starts_at - timedelta(minutes=61)):
        refused("check_in_early", lambda: day.check_in())
    assert day.check_in().decision == "accepted"


@pytest.mark.req("R049")
def test_late_entry_is_for_the_heads(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    day.staffed()
    actions.open_room(day.row, day.session, by=day.watch)
    real = clock.monotonic()
    monkeypatch.setattr(clock, "_monotonic", lambda: real + 31 * 60)
    refused("late_entry", lambda: day.check_in())
    assert not CheckIn.objects.exists()  # nothing was written
    refused("late_not_yours", lambda: day.check_in(late_reason="地铁停运"))
    row = day.check_in(by=day.officer, late_reason="地铁停运")
    assert (row.decision, row.late_reason) == ("accepted", "地铁停运")
    assert engine().seat(day.key()).state == "admitted"


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"no picture", "photo_unreadable"), (b"\xff\xd8\xff" + b"0" * (6 * 1024 * 1024), "photo_too_large")],
)
def test_a_bad_photo_is_refused_and_nothing_is_kept(day: Day, data: bytes, code: str) -> None:
    refused(code, lambda: day.check_in(photo=data))
    assert not CheckIn.objects.exists()
    assert engine().seat(day.key()).state == "not_admitted"


def test_the_desk_by_its_pages(day: Day) -> None:
    client = sign_in(Client(), make_user(Role.INVIGILATOR, day.unit))
    desk = reverse("hall:desk", args=[day.row.pk])
    assert client.get(desk).status_code == 200
    wrong = client.post(desk, {"q": "nobody"})
    assert wrong.status_code == 422
    assert "没有这个准考证号" in wrong.content.decode()
    slip = bundle_of(day.row).candidates[0].slip_no
    found = client.post(desk, {"q": slip})
    assert found.status_code == 302
    page = client.get(found.headers["Location"]).content.decode()
    assert "座位" in page
    photo = SimpleUploadedFile("a.jpg", picture(), "image/jpeg")
    values = {"method": "document", "alike": "yes", "reason": "临时证", "photo": photo, "verdict": "accept"}
    assert client.post(found.headers["Location"], values).status_code == 302
    row = CheckIn.objects.get()
    assert client.get(reverse("hall:check_in_photo", args=[row.pk])).headers["Content-Type"] == "image/jpeg"
    other = sign_in(Client(), make_user(Role.HALL_TECHNICAL_HEAD, day.unit))
    decide = reverse("hall:decide_check_in", args=[row.pk])
    assert "第一核验人" in client.get(decide).content.decode() + other.get(decide).content.decode()
    assert other.post(decide, {"verdict": "refuse"}).status_code == 422
    assert other.post(decide, {"verdict": "accept"}).status_code == 302
    row.refresh_from_db()
    assert row.decision == "accepted"
    assert client.get(desk).status_code == 200
    key = row.candidate_key
    assert client.get(reverse("hall:photo", args=[day.row.pk, key])).status_code == 404  # none on record
    person = Person.objects.get(candidacies__pk=int(key))
    assert records_of(person)["check_ins"][0]["method"] == "document"
