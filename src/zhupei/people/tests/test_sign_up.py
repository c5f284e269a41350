"""Opening an account and a forgotten password, through the pages."""

import re
from datetime import datetime, timedelta

import pytest
from django.urls import reverse
from tests.makers import make_learner, make_person, make_user, sign_in

from zhupei.accounts.models import User
from zhupei.audit.api import events_on
from zhupei.kernel import clock
from zhupei.kernel.roles import Role
from zhupei.notices.models import OutboundMessage
from zhupei.notices.senders import Memory
from zhupei.people import throttle
from zhupei.people.api import demo_identity_number, find_person, has_consent
from zhupei.people.models import Person

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "Gongdi-2026-an"
URL = "/me/sign-up/"


def details(number="", name="王小明", phone="13800000001", **fields):
    return {
        "identity_kind": "resident_id",
        "identity_number": number or demo_identity_number(1),
        "name": name,
        "phone": phone,
        **fields,
    }


def code_for(phone):
    return next(re.search(r"\d{6}", text)[0] for to, text in reversed(Memory.sent) if to == phone)


def ask(client, **fields):
    return client.post(URL, details(**fields) | {"send_code": "1"})


def finish(client, sent, **fields):
    values = {"code": sent, "password": PASSWORD, "again": PASSWORD, "consent_account": "on"}
    return client.post(URL, details() | values | fields)


def test_a_learner_opens_an_account_and_signs_in(client):
    assert client.get(URL).status_code == 200
    answer = ask(client, phone="13800000001")
    assert answer.status_code == 200
    code = code_for("13800000001")
    assert code not in answer.content.decode()
    assert not OutboundMessage.objects.filter(text__contains=code).exists()
    answer = finish(client, code)
    assert answer.status_code == 302
    assert answer.url == reverse("accounts:sign_in")
    person = Person.objects.get()
    assert person.user.is_learner
    assert person.user.phone == "13800000001"
    assert has_consent(person, "account")
    assert not has_consent(person, "face")
    assert [e.code for e in events_on(person)] == [
        "people.registered",
        "people.consent_given",
        "people.signed_up",
    ]
    answer = client.post(
        reverse("accounts:sign_in"), {"login": demo_identity_number(1).lower(), "password": PASSWORD}
    )
    assert answer.status_code == 302
    assert client.get("/me/").status_code == 200


def test_face_comparison_is_a_separate_consent(client):
    ask(client)
    finish(client, code_for("13800000001"), consent_face="on")
    assert has_consent(Person.objects.get(), "face")


def test_without_consent_no_account(client):
    ask(client)
    answer = finish(client, code_for("13800000001"), consent_account="")
    assert answer.status_code == 422
    assert not User.objects.exists()


def test_the_demonstration_shows_the_code(client, settings):
    settings.DEMO = True
    answer = ask(client)
    assert code_for("13800000001") in answer.content.decode()


@pytest.mark.req("I11")
def test_unknown_county_and_rare_character_are_pointed_out_only(client):
    answer = ask(client, name="王\ue123")
    assert answer.content.decode().count("z-message-warning") == 2
    assert finish(client, code_for("13800000001"), name="王\ue123").status_code == 302


@pytest.mark.parametrize(
    "fields",
    [
        {"identity_number": "500999199001011234"},
        {"name": "123"},
        {"phone": "023-63672000"},
        {"phone": ""},
        {"name": ""},
    ],
)
def test_wrong_details_get_no_code(client, fields):
    answer = client.post(
        URL,
        details()
        | ({"identity_number": fields["number"]} if "number" in fields else fields)
        | {"send_code": "1"},
    )
    assert answer.status_code == 422
    assert "z-errors" in answer.content.decode()
    assert Memory.sent == []


@pytest.mark.parametrize(
    "fields",
    [
        {"password": "kurz", "again": "kurz"},
        {"again": "Anders-2026-x"},
        {"code": "12"},
        {"password": "", "again": ""},
    ],
)
def test_a_refused_finish_leaves_the_code_usable(client, fields):
    ask(client)
    code = code_for("13800000001")
    answer = finish(client, code, **fields)
    assert answer.status_code == 422
    assert not User.objects.exists()
    assert finish(client, code).status_code == 302


def test_a_code_serves_once_and_for_these_details_only(client):
    ask(client)
    code = code_for("13800000001")
    assert finish(client, code, identity_number=demo_identity_number(2)).status_code == 422
    assert finish(client, "000000" if code != "000000" else "111111").status_code == 422
    with clock.frozen(clock.now() + timedelta(minutes=11)):
        assert finish(client, code).status_code == 422
    assert finish(client, code).status_code == 302
    assert finish(client, code, identity_number=demo_identity_number(1)).status_code == 422
    assert User.objects.count() == 1


def test_an_imported_person_claims_his_records(client):
    person = make_person("阿卜杜拉·买买提", identity_number=demo_identity_number(1), phone="13911111111")
    ask(client, name="阿卜杜拉•买买提")
    assert [to for to, _text in Memory.sent] == ["13911111111"]
    assert finish(client, code_for("13911111111"), name="阿卜杜拉•买买提").status_code == 302
    person.refresh_from_db()
    assert person.user is not None
    assert person.phone == person.user.phone == "13911111111"
    assert person.name == "阿卜杜拉·买买提"
    assert "people.claimed" in [e.code for e in events_on(person)]


def test_a_person_without_mobile_on_record_takes_the_given_one(client):
    person = make_person("王小明", identity_number=demo_identity_number(1), phone="")
    ask(client)
    assert finish(client, code_for("13800000001")).status_code == 302
    person.refresh_from_db()
    assert person.phone == "13800000001"


def test_another_name_gets_the_same_answer_but_no_code(client):
    make_person("李四", identity_number=demo_identity_number(1), phone="13911111111")
    unknown = ask(client, number=demo_identity_number(2), phone="13800000002")
    Memory.sent.clear()
    known = ask(client)
    assert Memory.sent == []
    strip = lambda page: re.sub(r'(value|content)="[^"]*"', "", page.content.decode())  # noqa: E731
    assert strip(known) == strip(unknown)
    assert known.status_code == unknown.status_code == 200
    assert finish(client, "123456").status_code == 422


def test_who_has_an_account_is_told_on_the_phone_on_record_only(client):
    person, _user = make_learner("王小明", identity_number=demo_identity_number(1), phone="13911111111")
    answer = ask(client)
    assert answer.status_code == 200
    assert [to for to, _text in Memory.sent] == ["13911111111"]
    assert not re.search(r"\d{6}", Memory.sent[0][1])
    assert finish(client, "123456").status_code == 422
    person.refresh_from_db()
    assert User.objects.count() == 1


def test_codes_are_bounded_for_a_number_a_phone_and_an_address(client, monkeypatch):
    with clock.frozen(datetime(2026, 11, 22, 9)):
        for _i in range(5):
            assert ask(client).status_code == 200
        assert ask(client).status_code == 429
        assert ask(client, phone="13800000009").status_code == 429  # the number
        assert ask(client, number=demo_identity_number(5)).status_code == 429  # the phone
    with clock.frozen(datetime(2026, 11, 22, 10, 1)):
        assert ask(client).status_code == 200
    throttle.forget()
    monkeypatch.setattr(throttle, "CODES_PER_ADDRESS", type(throttle.CODES_PER_ADDRESS)(1, namespace="t"))
    assert ask(client, number=demo_identity_number(6), phone="13800000006").status_code == 200
    assert ask(client, number=demo_identity_number(7), phone="13800000007").status_code == 429


def test_a_complaint_never_tells_of_a_phone_on_record(client):
    make_person("王小明", identity_number=demo_identity_number(1), phone="13911111111")
    with clock.frozen(datetime(2026, 11, 22, 9)):
        for i in range(2, 7):
            ask(client, number=demo_identity_number(i), phone="13911111111")
        Memory.sent.clear()
        assert ask(client).status_code == 200
        assert Memory.sent == []


def test_who_is_signed_in_goes_home(client):
    _person, user = make_learner()
    assert sign_in(client, user).get(URL).status_code == 302
    assert sign_in(client, make_user(Role.REGISTRAR)).post(URL).status_code == 302


# ── forgotten password ──────────────────────────────────────────────────────────────────────────────────

RESET = "/me/new-password/"


def reset(client, **fields):
    return client.post(
        RESET, {"identity_kind": "resident_id", "identity_number": demo_identity_number(1), **fields}
    )


def test_a_forgotten_password_is_set_anew(client):
    person, user = make_learner("王小明", identity_number=demo_identity_number(1), phone="13911111111")
    assert client.get(RESET).status_code == 200
    assert reset(client, send_code="1").status_code == 200
    code = code_for("13911111111")
    assert reset(client, code=code, password="weak", again="weak").status_code == 422
    assert reset(client, code=code, password=PASSWORD, again="Anders-2026-x").status_code == 422
    assert reset(client, code=code, password=PASSWORD, again=PASSWORD).status_code == 302
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    assert "people.password_reset" in [e.code for e in events_on(person)]
    assert reset(client, code=code, password=PASSWORD, again=PASSWORD).status_code == 422


def test_the_reset_does_not_tell_who_has_an_account(client, settings):
    make_person("王小明", identity_number=demo_identity_number(2))
    for number in (demo_identity_number(1), demo_identity_number(2)):
        assert reset(client, identity_number=number, send_code="1").status_code == 200
        assert (
            reset(
                client, identity_number=number, code="123456", password=PASSWORD, again=PASSWORD
            ).status_code
            == 422
        )
    assert Memory.sent == []
    settings.DEMO = True
    assert not re.search(r"<b>\d{6}</b>", reset(client, send_code="1").content.decode())
    assert reset(client, identity_number="1", send_code="1").status_code == 422


def test_a_closed_account_gets_no_code(client):
    _person, user = make_learner(identity_number=demo_identity_number(1))
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert reset(client, send_code="1").status_code == 200
    assert Memory.sent == []


def test_reset_codes_are_bounded(client):
    with clock.frozen(datetime(2026, 11, 22, 9)):
        for _i in range(5):
            reset(client, send_code="1")
        assert reset(client, send_code="1").status_code == 429


def test_the_action_refuses_a_missing_consent():
    from zhupei.kernel.actor import ANONYMOUS
    from zhupei.kernel.errors import Refusal
    from zhupei.people.api import sign_up

    with pytest.raises(Refusal) as refused:
        sign_up(**details(), code="123456", password=PASSWORD, consent_account=False, by=ANONYMOUS)
    assert refused.value.code == "consent_missing"
    assert find_person("resident_id", demo_identity_number(1)) is None
