"""The gates that other rooms rely on."""

from datetime import date, datetime

import pytest
from tests.makers import make_institution, make_rulebook, make_site, make_teacher

from zhupei.institutions.api import (
    active_teachers,
    approved_sites,
    published_institutions,
    require_may_train,
    state_on,
)
from zhupei.institutions.models import RegistrationStep
from zhupei.kernel import clock
from zhupei.kernel.errors import Refusal

NOW = datetime(2026, 11, 22, 9, tzinfo=clock.SHANGHAI)
pytestmark = pytest.mark.django_db


@pytest.mark.req("R005", "R006", "R084")
@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("draft", "institution_not_registered"),
        ("district_review", "institution_not_registered"),
        ("city_review", "institution_not_registered"),
        ("returned", "institution_not_registered"),
        ("cancelled", "institution_not_registered"),
        ("registered", "institution_not_published"),
        ("blocked", "institution_blocked"),
    ],
)
def test_only_published_institutions_may_train(state, code):
    institution = make_institution(state=state)
    with pytest.raises(Refusal) as refused:
        require_may_train(institution)
    assert refused.value.code == code
    assert refused.value.status == 409
    assert institution not in published_institutions()


@pytest.mark.req("R005", "R006")
@pytest.mark.parametrize("type", ["contractor", "social", "association", "college"])
def test_a_published_institution_may_train(type):
    institution = make_institution(type)
    require_may_train(institution)
    assert institution in published_institutions()


@pytest.mark.req("R008")
@pytest.mark.parametrize(
    ("grade", "passes"), [("special", True), ("first", True), ("second", False), ("third", False)]
)
def test_a_contractor_needs_grade_one_or_special(grade, passes):
    institution = make_institution()
    institution.qualifications.update(grade=grade)
    if passes:
        require_may_train(institution)
        return
    with pytest.raises(Refusal) as refused:
        require_may_train(institution)
    assert refused.value.code == "qualification_missing"


@pytest.mark.req("R008")
def test_the_qualification_must_be_in_force_on_the_very_day():
    institution = make_institution()
    institution.qualifications.update(valid_to=date(2026, 12, 31))
    with clock.frozen(NOW):
        require_may_train(institution, on=date(2026, 12, 31))
        with pytest.raises(Refusal):
            require_may_train(institution, on=date(2027, 1, 1))


@pytest.mark.req("R005", "R084")
def test_what_held_on_a_past_day_is_read_from_the_steps():
    institution = make_institution(state="published")
    RegistrationStep.objects.create(
        institution=institution,
        verb="block",
        state="blocked",
        unit="市住房城乡建委",
        person="甲",
        at=datetime(2026, 11, 10, 15, tzinfo=clock.SHANGHAI),
    )
    institution.state = "blocked"
    institution.save()
    with clock.frozen(NOW):
        assert state_on(institution, date(2026, 11, 9)) == "published"
        assert state_on(institution, date(2026, 11, 10)) == "blocked"
        require_may_train(institution, on=date(2026, 11, 9))
        with pytest.raises(Refusal):
            require_may_train(institution, on=date(2026, 11, 10))
        with pytest.raises(Refusal):
            require_may_train(institution)
        assert state_on(institution, date(2018, 12, 31)) == "draft"


@pytest.mark.req("R010", "R112", "R163")
def test_only_approved_sites_in_force_may_be_used():
    institution = make_institution()
    site = make_site(institution)
    hall = make_site(institution, "hall")
    make_site(institution, approved=False)
    assert list(approved_sites(institution, "teaching")) == [site]
    assert list(approved_sites(institution, "hall")) == [hall]
    site.valid_to = date(2026, 6, 30)
    site.save()
    assert list(approved_sites(institution, "teaching", on=date(2026, 6, 30))) == [site]
    assert not approved_sites(institution, "teaching", on=date(2026, 7, 1)).exists()
    assert not approved_sites(institution, "hall", on=date(2018, 12, 31)).exists()
    assert not approved_sites(make_institution(), "teaching").exists()


@pytest.mark.req("R014")
def test_teachers_who_left_are_not_offered():
    make_rulebook()
    institution = make_institution()
    teacher, gone = make_teacher(institution), make_teacher(institution)
    gone.is_active = False
    gone.save()
    assert list(active_teachers(institution)) == [teacher]
