"""One machine, door to door: from drawn papers to the certificate and its public check, and to its revocation."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import (
    make_actor,
    make_batch,
    make_filed_staff,
    make_learner,
    make_rulebook,
    make_user,
    sign_in,
)

from zhupei.certificates import throttle
from zhupei.certificates.api import Certificate
from zhupei.exams.api import ResultState, confirm_batch, decide_void, propose_void
from zhupei.exams.models import Result
from zhupei.hall.api import HallBatch, bundle_of, close_engine, engine
from zhupei.hall.tests.browser import Browser, play
from zhupei.kernel import clock
from zhupei.kernel.roles import Role

pytestmark = pytest.mark.django_db


def page(client: Client, name: str, *args: Any, status: int = 200, **data: Any) -> str:
    answer = client.post(reverse(name, args=args), data) if data else client.get(reverse(name, args=args))
    assert answer.status_code == status, (name, answer.status_code, answer.content.decode()[:3000])
    return answer.content.decode()


def press(client: Client, name: str, *args: Any, status: int = 302, **data: Any) -> str:
    answer = client.post(reverse(name, args=args), data)
    assert answer.status_code == status, (name, answer.status_code, answer.content.decode()[:3000])
    return answer.content.decode()


@pytest.mark.req("R038", "R039", "R040", "R042", "R049", "R050", "R150", "I01", "I03", "I04", "I09", "J22")
def test_a_whole_exam_day() -> None:
    make_rulebook()
    throttle.forget()
    (anna, anna_user), (bert, _), (cleo, _) = (make_learner(name) for name in ("周安娜", "吴伯特", "郑可儿"))
    batch = make_batch(state="ready", persons=[anna, bert, cleo])
    first = batch.slots.get()
    unit = batch.hall.institution.organisation
    slips = {one.person_id: one.slip_no for one in batch.candidates.all()}
    keys = {one.person_id: str(one.pk) for one in batch.candidates.all()}
    with clock.frozen(first.starts_at - timedelta(minutes=50)):
        staff = make_filed_staff(unit)
        head = sign_in(Client(), staff[Role.HALL_TECHNICAL_HEAD])
        keeper = sign_in(Client(), staff[Role.ROOM_ADMINISTRATOR])
        guards = [make_user(Role.INVIGILATOR, unit, name=name) for name in ("王监考", "李监考")]
        watch, watch2 = (sign_in(Client(), user) for user in guards)
        stranger = sign_in(Client(), make_user(Role.HALL_TECHNICAL_HEAD))
        officer = sign_in(Client(), make_user(Role.CENTRE_OFFICER))
        approver = sign_in(Client(), make_user(Role.CENTRE_APPROVER))

        # the bundle comes in sealed; the key is released by two
        press(keeper, "hall:take_in", batch.pk)
        row = HallBatch.objects.get()
        assert row.state == "sealed"
        assert page(stranger, "hall:batch", row.pk, status=404)
        press(keeper, "hall:open", row.pk, status=409)
        press(officer, "exams:release", batch.pk)
        press(keeper, "hall:open", row.pk, status=409)
        press(approver, "exams:release", batch.pk)
        press(keeper, "hall:open", row.pk)
        row.refresh_from_db()
        assert row.state == "open"
        page(keeper, "hall:batch", row.pk)

        # check-in: a card for one, a document and two persons for the other
        answer = keeper.post(reverse("hall:desk", args=[row.pk]), {"q": anna.identity_number})
        assert answer.status_code == 302
        assert "card=" in answer.headers["Location"]
        assert anna.identity_number not in answer.headers["Location"]
        page(keeper, "hall:check_in", row.pk, keys[anna.pk])
        press(keeper, "hall:check_in", row.pk, keys[anna.pk], status=422, method="card", alike="yes", card="")
        answer = keeper.post(
            answer.headers["Location"], {"method": "card", "alike": "yes", "verdict": "accept"}
        )
        assert answer.status_code == 302
        assert engine().seat(keys[anna.pk]).state == "admitted"
        press(
            keeper, "hall:check_in", row.pk, keys[bert.pk],
            method="document", alike="yes", verdict="accept", reason="身份证遗失，出示临时身份证",
        )  # fmt: skip
        assert engine().seat(keys[bert.pk]).state == "not_admitted"
        waiting = row.checkins.get(decision="pending")
        assert "另一人" in press(keeper, "hall:decide_check_in", waiting.pk, status=403, verdict="accept")
        press(watch, "hall:decide_check_in", waiting.pk, verdict="accept")
        assert engine().seat(keys[bert.pk]).state == "admitted"

        # too few invigilators
        session, room = bundle_of(row).sessions[0].id, engine().seat(keys[anna.pk]).room_id
        press(watch, "hall:duty", row.pk, room)
        said = press(watch, "hall:start", row.pk, session, status=409, room=room)
        assert "2" in said
        press(watch2, "hall:duty", row.pk, room)
        press(watch, "hall:start", row.pk, session, room=room)

    bundle = bundle_of(row)
    people = {one.candidate_id: one for one in bundle.candidates}
    right = {
        key: {
            subject: {slot.key: bundle.keys[slot.key].right for slot in paper.slots()}
            for subject, paper in people[key].papers.items()
        }
        for key in keys.values()
    }
    totals = {subject: len(list(paper.slots())) for subject, paper in people[keys[anna.pk]].papers.items()}

    with clock.frozen(first.starts_at + timedelta(minutes=5)):
        watch, watch2 = (sign_in(Client(), user) for user in guards)
        head = sign_in(Client(), staff[Role.HALL_TECHNICAL_HEAD])

        async def anna_begins(browser: Browser) -> None:
            refused = await browser.enter(slips[cleo.pk], cleo.identity_number)
            assert refused.status_code == 403  # not checked in
            wrong = await browser.enter(slips[anna.pk], bert.identity_number)
            assert wrong.status_code == 403
            await browser.enter(slips[anna.pk], anna.identity_number.lower())
            await browser.start()
            await browser.answer_subject(
                "general", totals["general"], right[keys[anna.pk]]["general"], until=10
            )

        play(anna_begins)
        before = engine().seat(keys[anna.pk])
        assert before.state == "running"
        answered = before.progress[0].answered
        assert answered >= 10

        # the server goes down in mid-test and comes up again: answers and time are there (I03)
        close_engine()
        after = engine().seat(keys[anna.pk])
        assert (after.state, after.progress[0].answered) == ("running", answered)
        assert after.remaining_s is not None
        assert after.remaining_s > 119 * 60

        # to a spare seat: signs in there anew, everything kept (I04)
        seat = f"{room}/50"
        press(watch, "hall:move_seat", row.pk, keys[anna.pk], seat=seat, reason="电脑黑屏")
        assert engine().seat(keys[anna.pk]).seat_no == "50"
        console = page(watch, "hall:console", row.pk, session, room)
        assert "周安娜" in console
        assert reverse("hall:live", args=[row.pk, session]) in console

        # extra time needs another person
        press(watch, "hall:propose", row.pk, keys[anna.pk], "add_time", minutes="5", reason="换机")
        proposal = row.proposals.get()
        press(watch2, "hall:decide", proposal.pk, status=403, verdict="accept")
        press(head, "hall:decide", proposal.pk, verdict="accept")
        assert engine().seat(keys[anna.pk]).added_s == 300

        receipts: list[str] = []

        async def anna_ends(browser: Browser) -> None:
            await browser.enter(slips[anna.pk], anna.identity_number)
            general, professional = right[keys[anna.pk]]["general"], right[keys[anna.pk]]["professional"]
            await browser.answer_subject("general", totals["general"], general)
            await browser.get("/next-subject")
            await browser.post("/next-subject", {"form": browser.hidden("form"), "subject": "professional"})
            # another person's paper cannot be reached
            foreign = await browser.get("/paper?subject=general&n=1")
            assert foreign.status_code in (403, 404, 409)
            await browser.answer_subject("professional", totals["professional"], professional)
            await browser.get("/hand-in")
            form = browser.hidden("form")
            done = await browser.post("/hand-in", {"form": form})
            assert done.status_code == 200
            assert "100" in browser.page
            receipts.append(browser.page)
            again = await browser.post("/hand-in", {"form": form})
            assert again.status_code == 200
            receipts.append(browser.page)

        async def bert_sits(browser: Browser) -> None:
            await browser.enter(slips[bert.pk], bert.identity_number)
            await browser.start()
            mine = people[keys[bert.pk]].papers["general"].paper_id
            theirs = people[keys[anna.pk]].papers["general"].paper_id
            await browser.get("/paper")
            assert browser.hidden("paper") == mine
            fields = {
                "form": browser.hidden("form"),
                "paper": theirs,
                "subject": "general",
                "n": "1",
                "go": "next",
            }
            assert (await browser.post("/save", fields)).status_code == 404

        play(anna_ends, bert_sits)
        submitted = engine().seat(keys[anna.pk])
        assert submitted.marks == {"general": "100", "professional": "100"}
        assert receipts[0] == receipts[1]

        # a breach: written down, voided by two
        press(watch, "hall:incident", row.pk, kind="notes", candidate=keys[bert.pk], text="携带小抄")
        press(head, "hall:propose", row.pk, keys[bert.pk], "void", reason="夹带")
        void = row.proposals.get(decided_at=None)
        press(head, "hall:decide", void.pk, status=403, verdict="accept")
        press(sign_in(Client(), make_user(Role.EXAM_OFFICER, unit)), "hall:decide", void.pk, verdict="accept")
        assert engine().seat(keys[bert.pk]).state == "voided"
        assert "100" in page(head, "hall:scores", row.pk)

    with clock.frozen(first.ends_at + timedelta(minutes=10)):
        press(head := sign_in(Client(), staff[Role.HALL_TECHNICAL_HEAD]), "hall:return", row.pk, status=409)
        press(head, "hall:close", row.pk, confirmed="1")
        press(head, "hall:return", row.pk)
        row.refresh_from_db()
        assert (row.state, row.sealed_key) == ("returned", "")
        batch.refresh_from_db()
        assert batch.state == "returned"
        assert batch.hall_return.differences == []
        results = {one.candidate.person_id: one for one in Result.objects.select_related("candidate")}
        assert set(results) == {anna.pk, bert.pk}
        assert results[anna.pk].state == ResultState.PROVISIONAL
        assert results[bert.pk].state == ResultState.VOID
        press(head, "hall:return", row.pk)  # again: the same file, received already
        confirm_batch(batch, by=make_actor(Role.CENTRE_APPROVER))

        # the certificate
        learner = sign_in(Client(), anna_user)
        mine = page(learner, "certificates:mine")
        certificate = Certificate.objects.get()
        assert certificate.number in mine
        assert certificate.holder_name == "周安娜"
        public = Client()
        seen = public.get(reverse("certificates:check"), {"number": certificate.number.lower()})
        text = seen.content.decode()
        assert seen.status_code == 200
        assert "周安娜" not in text
        assert "周**" in text
        assert "有效" in text
        pdf = learner.get(reverse("certificates:pdf", args=[certificate.pk]))
        assert pdf.content.startswith(b"%PDF")

        # voided later: revoked, and told apart from unknown
        proposal = propose_void(results[anna.pk], reason="替考", by=make_actor(Role.CENTRE_OFFICER))
        decide_void(proposal, accept=True, reason="查实", by=make_actor(Role.CENTRE_APPROVER))
        text = public.get(
            reverse("certificates:check_token", args=[certificate.check_token])
        ).content.decode()
        assert "撤销" in text
        missing = public.get(reverse("certificates:check"), {"number": "0000"})
        assert missing.status_code == 404
        assert "撤销" not in missing.content.decode()
