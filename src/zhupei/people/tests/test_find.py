"""Staff reading persons: only who is found, masked, unmasked with a reason."""

from datetime import timedelta

import pytest
from django.core import signing
from tests.makers import (
    as_actor,
    make_actor,
    make_learner,
    make_organisation,
    make_person,
    make_user,
    sign_in,
)

from zhupei.audit.api import events_on
from zhupei.kernel.errors import Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.notices.models import Notice
from zhupei.notices.senders import Memory
from zhupei.people import access, actions, throttle

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/me/find/"


@pytest.fixture
def registrar(client):
    user = make_user(Role.REGISTRAR)
    sign_in(client, user)
    return user


@pytest.fixture
def officer(client):
    user = make_user(Role.CENTRE_OFFICER)
    sign_in(client, user)
    return user


def look(client, number):
    return client.post(URL, {"identity_kind": "resident_id", "identity_number": number})


def test_found_masked_then_unmasked_with_a_reason(client, registrar):
    person, user = make_learner("王小明", phone="13911111111")
    answer = look(client, person.identity_number)
    assert answer.status_code == 302
    page = client.get(answer.url).content.decode()
    assert "王小明" in page
    assert person.identity_number not in page
    assert "13911111111" not in page
    for reason, status in (("", 422), ("ab", 422), ("核对报名表与身份证", 200)):
        shown = client.post(answer.url, {"reason": reason})
        assert shown.status_code == status
        assert (person.identity_number in shown.content.decode()) == (status == 200)
    codes = [e.code for e in events_on(person)]
    assert codes[-2:] == ["people.found", "people.unmasked"]
    event = events_on(person).last()
    assert event.reason == "核对报名表与身份证"
    assert person.identity_number not in str(event.after)
    assert Notice.objects.filter(user=user, kind="people.unmasked").count() == 1
    assert client.get(answer.url + "correct/").status_code == 403


def test_nobody_found_and_a_wrong_number(client, registrar):
    assert client.get(URL).status_code == 200
    assert look(client, "11010519491231002X").status_code == 404
    assert look(client, "110105194912310021").status_code == 422


def test_an_institution_does_not_search_names(client, registrar):
    make_person("王小明")
    page = client.get(URL, {"name": "王"}).content.decode()
    assert "王小明" not in page


def test_a_card_serves_its_finder_alone_and_for_half_an_hour(client, registrar, monkeypatch):
    person = make_person()
    actor = as_actor(registrar)
    assert client.get(f"{URL}{access.card_of(person, actor)}/").status_code == 200
    other = access.card_of(person, make_actor(Role.REGISTRAR))
    forged = signing.dumps([person.pk, registrar.pk, actor.organisation_id], salt="other")
    odd = signing.dumps({"a": 1}, salt="people.card")
    for token in (other, forged, odd, "1"):
        assert client.get(f"{URL}{token}/").status_code == 404
        assert client.post(f"{URL}{token}/", {"reason": "核对身份"}).status_code == 404
    token = access.card_of(person, actor)
    monkeypatch.setattr(access, "CARD_SECONDS", timedelta(seconds=-1))
    assert client.get(f"{URL}{token}/").status_code == 404
    assert client.get(f"{URL}{token}/photo/").status_code == 404


def test_lookups_are_bounded(client, registrar, monkeypatch):
    monkeypatch.setattr(throttle, "LOOKUPS_PER_USER", type(throttle.LOOKUPS_PER_USER)(1, namespace="t2"))
    assert look(client, "11010519491231002X").status_code == 404
    assert look(client, "11010519491231002X").status_code == 429


def test_the_photo_on_the_card(client, registrar):
    from zhupei.kernel.actor import SYSTEM
    from zhupei.people.tests.test_own import picture

    person = make_person()
    token = access.card_of(person, as_actor(registrar))
    assert client.get(f"{URL}{token}/photo/").status_code == 404
    actions.set_photo(person, picture(), by=SYSTEM)
    assert client.get(f"{URL}{token}/photo/")["Content-Type"] == "image/jpeg"


def test_the_centre_searches_names_in_pages(client, officer, django_assert_num_queries):
    for i in range(32):
        make_person(f"王小{i:02d}")
    make_person("李四")
    client.get(URL)
    with django_assert_num_queries(7):
        page = client.get(URL, {"name": "王小"})
    assert page.content.decode().count('scope="row"') == 30
    following = page.context["page"].next_url
    rest = client.get(URL + following)
    assert [p.name for p, _token in rest.context["rows"]] == ["王小30", "王小31"]
    assert "z-empty" in client.get(URL, {"name": "赵"}).content.decode()
    row, token = page.context["rows"][0]
    assert row.name in client.get(f"{URL}{token}/").content.decode()


@pytest.mark.req("I11")
def test_the_centre_corrects_name_and_mobile_of_who_was_identified(client, officer):
    person, user = make_learner("王小名", phone="13911111111")
    url = f"{URL}{access.card_of(person, as_actor(officer))}/correct/"
    assert client.get(url).status_code == 200
    data = {"name": "王\ue123明", "phone": "13822222222", "reason": "凭身份证更正"}
    assert client.post(url, data | {"reason": "x"}).status_code == 422
    assert client.post(url, data | {"name": "12"}).status_code == 422
    assert client.post(url, data | {"phone": ""}).status_code == 422
    assert client.post(url, data | {"name": "王小名", "phone": "13911111111"}).status_code == 409
    assert client.post(url, data).status_code == 302
    person.refresh_from_db()
    user.refresh_from_db()
    assert (person.name, person.phone, user.phone, user.display_name) == (
        "王\ue123明",
        "13822222222",
        "13822222222",
        "王\ue123明",
    )
    assert {to for to, _text in Memory.sent} == {"13911111111", "13822222222"}
    event = events_on(person).last()
    assert event.code == "people.corrected"
    assert "13822222222" not in str(event.after)


@pytest.mark.parametrize("role", [Role.TEACHER, Role.DISTRICT_OFFICER, Role.AUDITOR, Role.LEARNER])
def test_others_neither_find_nor_unmask_nor_correct(role):
    person, by = make_person(), make_actor(role)
    with pytest.raises(Forbidden):
        actions.find_by_number("resident_id", person.identity_number, by=by)
    with pytest.raises(Forbidden):
        actions.unmask(person, reason="好奇得很啊", by=by)
    with pytest.raises(Forbidden):
        actions.correct_person(person, name="甲", phone="", reason="好奇得很啊", by=by)
    with pytest.raises(Forbidden):
        actions.correct_person(
            person, name="甲", phone="", reason="好奇得很啊", by=make_actor(Role.REGISTRAR)
        )


def test_the_action_asks_for_a_reason():
    with pytest.raises(Refusal) as refused:
        actions.unmask(make_person(), reason=" ", by=make_actor(Role.CENTRE_OFFICER, make_organisation()))
    assert refused.value.code == "reason_missing"
