"""From the draw to the confirmed result: bundle, key, return, comparison, decisions."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import get_resolver, reverse
from tests.makers import (
    make_actor,
    make_batch,
    make_hall_return,
    make_institution,
    make_learner,
    make_person,
    make_rulebook,
    make_site,
    make_user,
    sign_in,
)

from zhupei.audit.models import AuditEvent
from zhupei.delivery import api as delivery
from zhupei.exams import access, actions, api, keys, prints
from zhupei.exams.choices import BatchState, ResultState
from zhupei.exams.models import BundleOut, Candidate, ExamsEvent, HallKey, Result, ReturnIn
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.crypto import Sm2Signer, generate_sm2_key
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.identity import Kind, mark
from zhupei.kernel.roles import Role

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def rules():
    make_rulebook()


def first_session(batch):
    return batch.slots.all()[0]


@pytest.mark.req("R033", "R034", "R036", "R037", "I08")
def test_the_bundle_holds_a_paper_of_ones_own_and_no_identity_number():
    batch = make_batch(state="ready", candidates=2)
    data = actions.bundle_file(batch)
    row = BundleOut.objects.get()
    header = delivery.read_bundle_header(data, verifier=keys.centre_verifier())
    assert header.batch_no == str(batch)
    bundle = delivery.open_bundle(
        data, bundle_key=actions.bundles._open_key(row), verifier=keys.centre_verifier()
    )
    one, two = bundle.candidates
    assert set(one.papers) == {"general", "professional"}
    assert [u.item_uid for u in one.papers["professional"].units] != [
        u.item_uid for u in two.papers["professional"].units
    ]
    assert all(paper.full_mark == 100 for paper in one.papers.values())
    candidate = Candidate.objects.get(pk=int(one.candidate_id))
    person = candidate.person
    assert delivery.is_person(bundle, one, mark(Kind(person.identity_kind), person.identity_number))
    assert one.id_hash not in (
        person.identity_index,
        mark(Kind(person.identity_kind), person.identity_number),
    )
    assert candidate.person.identity_number.encode() not in data
    assert bundle.rules.minutes == 120
    assert actions.bundles._open_key(row).hex() not in row.sealed_key


@pytest.mark.req("R033")
def test_only_the_centre_draws_and_only_once():
    batch = make_batch(state="ready")
    with pytest.raises(Forbidden):
        actions.draw_batch(batch, by=make_actor(Role.EXAM_OFFICER, batch.institution.organisation))
    with pytest.raises(Conflict):
        actions.draw_batch(batch, by=make_actor(Role.CENTRE_OFFICER))


def test_no_draw_without_a_release_of_the_bank():
    batch = make_batch(state="locked")
    with pytest.raises(Conflict) as refusal:
        actions.draw_batch(batch, by=make_actor(Role.CENTRE_OFFICER))
    assert refusal.value.code == "no_release"
    assert type(batch).objects.get().state == BatchState.LOCKED


@pytest.mark.req("I08")
def test_the_key_takes_two_persons_and_the_right_hour():
    batch = make_batch(state="ready")
    officer, approver = make_actor(Role.CENTRE_OFFICER), make_actor(Role.CENTRE_APPROVER)
    with pytest.raises(Conflict):
        api.bundle_key(batch)
    start = first_session(batch).starts_at
    with clock.frozen(start - timedelta(minutes=61)), pytest.raises(Conflict) as refusal:
        actions.release_bundle(batch, by=officer)
    assert refusal.value.code == "too_early"
    with clock.frozen(start - timedelta(minutes=60)):
        with pytest.raises(Forbidden):
            actions.release_bundle(
                batch, by=make_actor(Role.HALL_TECHNICAL_HEAD, batch.hall.institution.organisation)
            )
        assert actions.release_bundle(batch, by=officer).released_at is None
        for person, code in ((officer, "same_person"), (make_actor(Role.CENTRE_OFFICER), "same_role")):
            with pytest.raises(Refusal) as refusal:
                actions.release_bundle(batch, by=person)
            assert refusal.value.code == code
        with pytest.raises(Conflict):
            api.bundle_key(batch)
        assert actions.release_bundle(batch, by=approver).released_at is not None
        with pytest.raises(Conflict):
            actions.release_bundle(batch, by=approver)
    assert len(api.bundle_key(batch)) == 16
    batch.refresh_from_db()
    assert batch.state == BatchState.RELEASED


@pytest.mark.req("I08")
def test_the_hall_takes_bundle_and_key_through_its_pages(client):
    hall = make_site(make_institution(), "hall", rooms=(("第一考室", 50),))
    batch = make_batch(state="released", hall=hall)
    bundle, key = (reverse(f"exams:{name}", args=[batch.pk]) for name in ("bundle", "key"))
    sign_in(client, make_user(Role.HALL_TECHNICAL_HEAD, batch.institution.organisation))
    assert client.get(bundle).status_code == 404
    client.logout()
    sign_in(client, make_user(Role.HALL_TECHNICAL_HEAD, hall.institution.organisation))
    assert client.get(reverse("exams:batch", args=[batch.pk])).status_code == 200
    assert client.get(bundle).content == actions.bundle_file(batch)
    assert client.get(key).status_code == 405
    assert bytes.fromhex(client.post(key).content.decode().strip()) == api.bundle_key(batch)
    assert AuditEvent.objects.filter(code="exams.key_taken").count() == 1
    assert client.get(reverse("exams:results", args=[batch.pk])).status_code == 403


def test_draw_and_release_through_the_pages(client):
    from tests.makers import make_bank

    make_bank()
    batch = make_batch(state="locked")
    page = reverse("exams:batch", args=[batch.pk])
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    assert reverse("exams:draw", args=[batch.pk]) in client.get(page).content.decode()
    assert client.post(reverse("exams:draw", args=[batch.pk])).status_code == 302
    release = reverse("exams:release", args=[batch.pk])
    assert release not in client.get(page).content.decode()
    assert client.post(release).status_code == 409
    with clock.frozen(first_session(batch).starts_at - timedelta(minutes=10)):
        client.logout()
        sign_in(client, make_user(Role.CENTRE_OFFICER))
        assert release in client.get(page).content.decode()
        assert client.post(release).status_code == 302
        assert release not in client.get(page).content.decode()
        assert client.post(release).status_code == 403
        client.logout()
        sign_in(client, make_user(Role.CENTRE_APPROVER))
        assert client.post(release).status_code == 302
    assert client.get(page).status_code == 200


@pytest.mark.req("R032", "R038", "R041", "R042", "J02")
def test_a_return_is_scored_again_from_the_raw_answers():
    batch = make_batch(state="released")
    data = make_hall_return(batch, wrong=60)
    with pytest.raises(Forbidden):
        api.receive_return(batch, data, by=make_actor(Role.EXAM_OFFICER, batch.institution.organisation))
    row = api.receive_return(batch, data, by=SYSTEM)
    assert row.differences == []
    assert api.receive_return(batch, data, by=SYSTEM) == row
    assert Result.objects.count() == 3
    best = Result.objects.order_by("-general").first()
    assert (best.general, best.professional, best.passed) == (Decimal(100), Decimal(100), True)
    assert best.shown_at - best.submitted_at == timedelta(seconds=1)
    assert set(Result.objects.values_list("state", flat=True)) == {ResultState.PROVISIONAL}
    with pytest.raises(Conflict) as refusal:
        api.receive_return(batch, make_hall_return(batch), by=SYSTEM)
    assert refusal.value.code == "return_exists"


def _cheat(content):
    """The hall claims another score for the first candidate than the answers give."""
    first = content.sittings[0]
    general = msgspec.structs.replace(first.scores.subjects["general"], marks=Decimal("61"))
    scores = msgspec.structs.replace(first.scores, subjects={**first.scores.subjects, "general": general})
    return msgspec.structs.replace(
        content, sittings=(msgspec.structs.replace(first, scores=scores), *content.sittings[1:])
    )


@pytest.mark.req("R032", "R038")
def test_differences_are_listed_and_hold_the_batch(client):
    batch = make_batch(state="released")
    row = api.receive_return(batch, make_hall_return(batch, change=_cheat), by=SYSTEM)
    assert [(one["what"], one["hall"], one["centre"]) for one in row.differences] == [("marks", "61", "100")]
    approver = make_actor(Role.CENTRE_APPROVER)
    with pytest.raises(Conflict) as refusal:
        api.confirm_batch(batch, by=approver)
    assert refusal.value.code == "differences_stand"
    sign_in(client, make_user(Role.CENTRE_APPROVER))
    text = client.get(reverse("exams:batch", args=[batch.pk])).content.decode()
    assert "61" in text
    assert reverse("exams:confirm", args=[batch.pk]) not in text
    page = reverse("exams:accept_differences", args=[batch.pk])
    assert client.get(page).status_code == 200
    assert client.post(page, {"reason": ""}).status_code == 422
    assert client.post(page, {"reason": "考场程序版本旧，已复核"}).status_code == 302
    assert client.post(page, {"reason": "再次"}).status_code == 409
    assert client.post(reverse("exams:confirm", args=[batch.pk])).status_code == 302
    assert Result.objects.filter(state=ResultState.CONFIRMED).count() == 3


def _other_paper(content):
    first = msgspec.structs.replace(content.sittings[0], papers={"general": "x"})
    return msgspec.structs.replace(content, sittings=(first, *content.sittings[1:]))


def _fewer(content):
    return msgspec.structs.replace(content, sittings=content.sittings[1:])


def _other_bundle(content):
    return msgspec.structs.replace(content, bundle_digests={**content.bundle_digests, "keys": "0" * 64})


def _other_batch(content):
    return msgspec.structs.replace(content, batch_no="2019—001")


BAD = [(_fewer, "candidates_differ"), (_other_bundle, "bundle_differs"), (_other_batch, "other_batch")]


@pytest.mark.req("R032")
@pytest.mark.parametrize(("change", "code"), BAD, ids=[code for _change, code in BAD])
def test_a_return_that_does_not_belong_is_refused_and_kept_in_the_record(change, code):
    batch = make_batch(state="released")
    with pytest.raises(Refusal) as refusal:
        api.receive_return(batch, make_hall_return(batch, change=change), by=SYSTEM)
    assert refusal.value.code == code
    assert not ReturnIn.objects.exists()
    assert AuditEvent.objects.get(code="exams.return_refused").after["code"] == code


def test_damaged_foreign_and_unsigned_files_are_refused():
    batch = make_batch(state="released")
    good = make_hall_return(batch)
    stranger = make_hall_return(batch, signer=Sm2Signer(generate_sm2_key()))
    cases = [
        (b"hello", "not_this_kind"),
        (good[:-300], "truncated"),
        (good + b"x", "trailing"),
        (good[:400] + bytes([good[400] ^ 1]) + good[401:], "signature_invalid"),
        (stranger, "signature_invalid"),
        (actions.bundle_file(batch), "not_this_kind"),
    ]
    for data, code in cases:
        with pytest.raises(Refusal) as refusal:
            api.receive_return(batch, data, by=SYSTEM)
        assert refusal.value.code in (code, "header_invalid"), code
        assert refusal.value.message
    HallKey.objects.update(ended_at=clock.now())
    with pytest.raises(Refusal) as refusal:
        api.receive_return(batch, good, by=SYSTEM)
    assert refusal.value.code == "hall_key_missing"
    assert not Result.objects.exists()


def test_another_paper_is_a_difference():
    batch = make_batch(state="released")
    row = api.receive_return(batch, make_hall_return(batch, change=_other_paper), by=SYSTEM)
    assert {one["what"] for one in row.differences} == {"paper"}


def _absent_and_void(content):
    gone = msgspec.structs.replace(
        content.sittings[0],
        state="not_admitted",
        scores=None,
        answers={},
        started_at=None,
        submitted_at=None,
        shown_at=None,
        submit_kind=None,
        used_ms=0,
    )
    void = msgspec.structs.replace(content.sittings[1], state="voided", scores=None, void_reason="替考")
    return msgspec.structs.replace(content, sittings=(gone, void, *content.sittings[2:]))


@pytest.mark.req("R038")
def test_absent_people_have_no_result_and_voided_sittings_are_void(client):
    batch = make_batch(state="released")
    api.receive_return(batch, make_hall_return(batch, change=_absent_and_void), by=SYSTEM)
    assert Result.objects.count() == 2
    void = Result.objects.get(state=ResultState.VOID)
    assert void.steps.get().reason == "替考"
    api.confirm_batch(batch, by=make_actor(Role.CENTRE_APPROVER))
    assert [one.kind for one in api.news_after(0)] == ["result_confirmed"]
    candidate = Candidate.objects.select_related("slot", "room").first()
    batch.refresh_from_db()
    sheet = prints.score_list(batch, candidate.slot, candidate.room_id)
    assert sorted(row.outcome for row in sheet.rows) == sorted(["缺考", "作废", "合格"])
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    url = reverse("exams:score_list", args=[batch.pk, candidate.slot_id, candidate.room_id])
    assert client.get(url).content[:5] == b"%PDF-"
    assert client.get(reverse("exams:results", args=[batch.pk])).status_code == 200


def test_a_return_is_uploaded_by_the_hall(client):
    batch = make_batch(state="released")
    data = make_hall_return(batch)
    page = reverse("exams:return", args=[batch.pk])
    sign_in(client, make_user(Role.HALL_TECHNICAL_HEAD, batch.hall.institution.organisation))
    assert client.get(page).status_code == 200
    assert client.post(page, {"file": SimpleUploadedFile("x.zpr", b"nonsense")}).status_code == 422
    assert client.post(page, {"file": SimpleUploadedFile("x.zpr", data)}).status_code == 302
    batch.refresh_from_db()
    assert batch.state == BatchState.RETURNED


def test_keys_of_halls(client):
    hall = make_site(make_institution(), "hall")
    signer = Sm2Signer(generate_sm2_key())
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    page = reverse("exams:keys")
    assert keys.centre_public_key() in client.get(page).content.decode()
    assert client.post(page, {"hall": hall.pk, "public_key": "04abc"}).status_code == 422
    assert client.post(page, {"hall": hall.pk, "public_key": signer.public_key}).status_code == 302
    row = HallKey.objects.get()
    end = reverse("exams:hall_key_end", args=[row.pk])
    assert client.get(end).status_code == 200
    assert client.post(end, {"reason": "服务器更换"}).status_code == 302
    assert client.post(end, {"reason": "服务器更换"}).status_code == 409
    assert client.post(page, {"hall": hall.pk, "public_key": signer.public_key}).status_code == 409
    with pytest.raises(Forbidden):
        actions.register_hall_key(hall, signer.public_key, by=make_actor(Role.EXAM_OFFICER))


def test_the_centres_key_lies_sealed_and_private():
    path = keys._folder() / "centre.key"
    assert keys.centre_signer() is keys.centre_signer()
    assert path.stat().st_mode & 0o077 == 0
    signature = keys.centre_signer().sign(b"x")
    assert keys.centre_verifier().verify(b"x", signature)


@pytest.mark.req("R032")
def test_confirming_is_the_approvers_and_tells_the_rooms_above():
    person, _user = make_learner()
    batch = make_batch(state="returned", persons=[person])
    with pytest.raises(Forbidden):
        api.confirm_batch(batch, by=make_actor(Role.CENTRE_OFFICER))
    assert api.confirm_batch(batch, by=make_actor(Role.CENTRE_APPROVER)) == 1
    with pytest.raises(Conflict):
        api.confirm_batch(batch, by=make_actor(Role.CENTRE_APPROVER))
    (news,) = api.news_after(0)
    assert (news.kind, news.result.candidate.person) == ("result_confirmed", person)
    assert api.news_after(news.pk) == []
    assert [one.batch for one in api.candidacies_of(person)] == [batch]


@pytest.mark.req("R160")
def test_voiding_takes_two_persons_and_a_reason():
    batch = make_batch(state="confirmed", candidates=1)
    result = Result.objects.get()
    officer, approver = make_actor(Role.CENTRE_OFFICER), make_actor(Role.CENTRE_APPROVER)
    with pytest.raises(Forbidden):
        api.propose_void(
            result, reason="录像缺失", by=make_actor(Role.EXAM_OFFICER, batch.institution.organisation)
        )
    with pytest.raises(Refusal):
        api.propose_void(result, reason=" ", by=officer)
    own = api.propose_void(result, reason="录像缺失", by=approver)
    with pytest.raises(Conflict):
        api.propose_void(result, reason="录像缺失", by=officer)
    with pytest.raises(Refusal) as refusal:
        api.decide_void(own, accept=True, reason="属实", by=approver)
    assert refusal.value.code == "same_person"
    with pytest.raises(Forbidden):
        api.decide_void(own, accept=True, reason="属实", by=officer)
    other = make_actor(Role.CENTRE_APPROVER)
    api.decide_void(own, accept=False, reason="已找到录像", by=other)
    result.refresh_from_db()
    assert result.state == ResultState.CONFIRMED
    again = api.propose_void(result, reason="替考", by=officer)
    api.decide_void(again, accept=True, reason="属实", by=approver)
    with pytest.raises(Conflict):
        api.decide_void(again, accept=True, reason="属实", by=approver)
    result.refresh_from_db()
    assert result.state == ResultState.VOID
    assert list(ExamsEvent.objects.order_by("pk").values_list("kind", flat=True)) == [
        "result_confirmed",
        "result_voided",
    ]
    assert result.steps.get(verb="void").second_person.endswith(officer.name)
    with pytest.raises(Conflict):
        api.propose_void(result, reason="替考", by=officer)


def test_a_result_in_doubt_is_left_out_and_confirmed_alone():
    batch = make_batch(state="returned", candidates=2)
    officer, approver = make_actor(Role.CENTRE_OFFICER), make_actor(Role.CENTRE_APPROVER)
    doubtful = Result.objects.first()
    with pytest.raises(Refusal):
        actions.doubt_result(doubtful, reason="", by=officer)
    actions.doubt_result(doubtful, reason="作答异常快", by=officer)
    with pytest.raises(Conflict):
        actions.confirm_result(doubtful, reason="已核实", by=approver)
    proposal = api.propose_void(doubtful, reason="待查", by=officer)
    with pytest.raises(Conflict) as refusal:
        api.confirm_batch(batch, by=approver)
    assert refusal.value.code == "void_open"
    api.decide_void(proposal, accept=False, reason="无证据", by=approver)
    assert api.confirm_batch(batch, by=approver) == 1
    with pytest.raises(Forbidden):
        actions.confirm_result(doubtful, reason="已核实", by=officer)
    actions.confirm_result(doubtful, reason="已核实", by=approver)
    with pytest.raises(Conflict):
        actions.confirm_result(doubtful, reason="已核实", by=approver)
    assert ExamsEvent.objects.filter(kind="result_confirmed").count() == 2
    actions.doubt_result(doubtful, reason="举报", by=officer)
    actions.confirm_result(doubtful, reason="查无实据", by=approver)
    assert ExamsEvent.objects.filter(kind="result_confirmed").count() == 2


@pytest.mark.req("R032")
def test_no_address_takes_a_mark():
    """Nowhere in the room can a score be typed: no form has a field for it, no action takes one."""
    from zhupei.exams import forms

    fields = {
        name
        for thing in vars(forms).values()
        if isinstance(thing, type) and hasattr(thing, "base_fields")
        for name in thing.base_fields
    }
    assert not fields & {"general", "professional", "score", "marks", "passed_mark"}
    names = {str(key) for key in get_resolver("zhupei.exams.urls").reverse_dict if isinstance(key, str)}
    assert not any("score_" in name and name != "score_list" for name in names)


def test_decisions_through_the_pages(client):
    make_batch(state="confirmed", candidates=1)
    result = Result.objects.get()
    url = {
        name: reverse(f"exams:{name}", args=[result.pk])
        for name in ("result", "result_doubt", "void_propose", "result_confirm")
    }
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    for page in url.values():
        if page != url["result_confirm"]:
            assert client.get(page).status_code == 200
    assert client.post(url["result_doubt"], {"reason": "异常"}).status_code == 302
    proof = SimpleUploadedFile("证据.pdf", b"%PDF-1.4", "application/pdf")
    assert client.post(url["void_propose"], {"reason": "替考", "evidence": proof}).status_code == 302
    proposal = result.void_proposals.get()
    assert client.get(reverse("exams:void_evidence", args=[proposal.pk])).content == b"%PDF-1.4"
    client.logout()
    sign_in(client, make_user(Role.CENTRE_APPROVER))
    decide = reverse("exams:void_decide", args=[proposal.pk])
    assert decide in client.get(url["result"]).content.decode()
    assert client.get(decide).status_code == 200
    assert client.post(decide, {"accept": "0", "reason": "证据不足"}).status_code == 302
    assert client.get(url["result_confirm"]).status_code == 200
    assert client.post(url["result_confirm"], {"reason": "查清"}).status_code == 302
    result.refresh_from_db()
    assert result.state == ResultState.CONFIRMED


def test_who_sees_which_result():
    batch = make_batch(state="confirmed", candidates=1)
    make_batch(state="confirmed", candidates=1)
    assert access.results_for(make_actor(Role.CENTRE_OFFICER)).count() == 2
    assert access.results_for(make_actor(Role.EXAM_OFFICER, batch.institution.organisation)).count() == 1
    assert not access.results_for(make_actor(Role.DISTRICT_OFFICER)).exists()
    assert not access.results_for(make_actor(Role.LEARNER)).exists()
    assert not access.results_for(
        make_actor(Role.HALL_TECHNICAL_HEAD, batch.hall.institution.organisation)
    ).exists()


@pytest.mark.req("R038", "R044")
def test_a_learner_reads_what_the_result_means(client):
    (good, good_user), (bad, bad_user) = make_learner(), make_learner()
    make_batch(state="returned", persons=[good])
    batch = make_batch(state="confirmed", persons=[bad], wrong=60)
    page = reverse("exams:my_results")
    sign_in(client, good_user)
    assert "100" in client.get(page).content.decode()
    client.logout()
    sign_in(client, bad_user)
    assert "60" in client.get(page).content.decode()
    result = Result.objects.get(candidate__batch=batch)
    proposal = api.propose_void(result, reason="录像缺失", by=make_actor(Role.CENTRE_OFFICER))
    api.decide_void(proposal, accept=True, reason="考室录像中断", by=make_actor(Role.CENTRE_APPROVER))
    assert "考室录像中断" in client.get(page).content.decode()


def test_lists_ask_few_questions(client, django_assert_max_num_queries):
    batch = make_batch(state="confirmed", candidates=5)
    make_batch(state="confirmed", candidates=2)
    sign_in(client, make_user(Role.CENTRE_APPROVER))
    client.get(reverse("exams:batches"))
    with django_assert_max_num_queries(12):
        text = client.get(reverse("exams:batches"), {"q": str(batch).replace("—", "-")}).content.decode()
    assert str(batch) in text
    with django_assert_max_num_queries(12):
        client.get(reverse("exams:all_results"), {"passed": "1", "state": "confirmed"})
    with django_assert_max_num_queries(16):
        client.get(reverse("exams:results", args=[batch.pk]))
    with django_assert_max_num_queries(26):
        client.get(reverse("exams:batch", args=[batch.pk]))
    assert client.get(reverse("exams:all_results"), {"q": "没有这个人"}).status_code == 200


def test_what_waits_for_whom():
    from zhupei.exams.todo import tasks_for

    batch = make_batch(state="locked")
    waits = {task.url for task in tasks_for(make_actor(Role.CENTRE_OFFICER)) if task.count}
    assert waits == {f"{reverse('exams:batches')}?state=locked"}
    assert not [t for t in tasks_for(make_actor(Role.CITY_EDUCATION_OFFICE)) if t.count]
    assert not [
        t for t in tasks_for(make_actor(Role.EXAM_OFFICER, batch.institution.organisation)) if t.count
    ]
    assert list(tasks_for(make_actor(Role.LEARNER))) == []
    assert make_person()


def test_a_person_gets_what_the_room_keeps_of_him():
    from zhupei.exams.personal import records_of

    person = make_person()
    assert records_of(person) == {"tests": []}
    make_batch(state="confirmed", persons=[person])
    (test,) = records_of(person)["tests"]
    assert test["result"]["general"] == "100.00"
    assert [step["what"] for step in test["result"]["decisions"]] == ["compute", "confirm"]
