"""Registering a person: numbers, names, duplicates."""

from datetime import date, datetime

import pytest
from tests.makers import make_actor, make_organisation, make_person

from zhupei.accounts.api import login_of_identity
from zhupei.audit.api import events_on
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.errors import Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.organisations.api import OrganisationKind
from zhupei.people.api import (
    demo_identity_number,
    find_person,
    identity_index,
    identity_warnings,
    named,
    register_person,
)
from zhupei.people.models import Person

pytestmark = pytest.mark.django_db


def register(number="11010519491231002X", kind="resident_id", name="王小明", by=SYSTEM, **fields):
    return register_person(identity_kind=kind, identity_number=number, name=name, by=by, **fields)


def test_the_number_gives_birth_and_sex_and_is_kept_encrypted():
    person = register(
        "1101 0519 4912 3100 2x", phone="+86 138-1234-5678", education="college", employer=" 某公司 "
    )
    assert (person.birth_date, person.sex) == (date(1949, 12, 31), "2")
    person = Person.objects.get(pk=person.pk)
    assert person.identity_number == "11010519491231002X"
    assert person.phone == "13812345678"
    assert person.employer == "某公司"
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT identity_number, phone, identity_index FROM people_person")
        raw = "".join(cursor.fetchone())
    assert "11010519491231002X" not in raw
    assert "13812345678" not in raw
    assert [e.code for e in events_on(person)] == ["people.registered"]
    assert "1101051949" not in str(events_on(person)[0].after)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("11010519491231", "bad_length"),
        ("11010519491231002Y", "bad_pattern"),
        ("99010519491231002X", "bad_province"),
        ("110105194912310021", "bad_checksum"),
        ("110105194913310028", "bad_date"),
    ],
)
def test_a_bad_number_is_refused_with_what_is_wrong(number, code):
    with pytest.raises(Refusal) as refused:
        register(number)
    assert refused.value.code == code
    assert list(refused.value.fields) == ["identity_number"]
    assert not Person.objects.exists()


def test_a_kind_of_document_that_does_not_exist_is_refused():
    with pytest.raises(Refusal) as refused:
        register(kind="library_card")
    assert refused.value.code == "unknown_identity_kind"


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("hk_macau_taiwan_residence", "810000199408230021"),
        ("foreigner_permanent_residence", "911124198108030024"),
        ("home_return_permit", "H1234567801"),
        ("taiwan_permit", "12345678"),
        ("passport", "E12345678"),
    ],
)
@pytest.mark.req("I11")
def test_every_document_of_the_rule_registers(kind, number):
    assert register(number, kind).identity_kind == kind


def test_an_unknown_county_is_a_warning_only():
    number = demo_identity_number(3)
    assert [w.code for w in identity_warnings("resident_id", number)] == ["unknown_county"]
    assert register(number).identity_number == number


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("  ", "name_empty"),
        ("王" * 51, "name_too_long"),
        ("王\u200b明", "name_bad_character"),
        ("12·3", "name_no_letter"),
    ],
)
def test_a_bad_name_is_refused(name, code):
    with pytest.raises(Refusal) as refused:
        register(name=name)
    assert refused.value.code == code


@pytest.mark.parametrize("name", ["𠮷田", "王\ue123", "阿卜杜拉·买买提", "O'Brien Anne", "明"])
@pytest.mark.req("I11")
def test_rare_characters_private_use_and_dots_are_kept_as_given(name):
    assert Person.objects.get(pk=register(name=name).pk).name == name


def test_names_are_found_in_any_form_of_dot_and_capitals():
    person = register(name="阿卜杜拉·买买提")
    for text in ("阿卜杜拉•买买提", "买买提", "拉・买"):
        assert list(named(text)) == [person]
    assert not named("张").exists()


def test_a_bad_mobile_is_refused():
    with pytest.raises(Refusal) as refused:
        register(phone="023-63672000")
    assert refused.value.code == "bad_mobile"


def test_one_document_is_one_person():
    person = register()
    with pytest.raises(Refusal) as refused:
        register("110105 19491231 002x", name="别人")
    assert refused.value.code == "person_exists"
    assert refused.value.status == 409
    assert find_person("resident_id", "１１０１０５19491231002x") == person
    assert find_person("resident_id", demo_identity_number(1)) is None


def test_the_sign_in_name_meets_the_index():
    number = demo_identity_number(9)
    assert login_of_identity(number) == "id:" + identity_index("resident_id", number.lower())


@pytest.mark.parametrize("role", [Role.TEACHER, Role.DISTRICT_OFFICER, Role.LEARNER])
def test_others_do_not_register(role):
    with pytest.raises(Forbidden):
        register(by=make_actor(role))


@pytest.mark.parametrize("role", [Role.REGISTRAR, Role.CENTRE_OFFICER])
def test_registrar_and_centre_register(role):
    kind = OrganisationKind.INSTITUTION if role == Role.REGISTRAR else OrganisationKind.CENTRE
    assert register(by=make_actor(role, make_organisation(kind))).pk


def test_invented_numbers_are_right_distinct_and_of_working_age():
    numbers = {demo_identity_number(i) for i in range(30000)}
    assert len(numbers) == 30000
    with clock.frozen(datetime(2026, 11, 22)):
        for i in range(0, 30000, 997):
            person = make_person(identity_number=demo_identity_number(i))
            assert person.identity_number.startswith("500999")
            assert 1971 <= person.birth_date.year <= 2006
    with pytest.raises(ValueError):
        demo_identity_number(-1)
