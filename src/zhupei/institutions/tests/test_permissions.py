"""Who may open which page of institutions."""

import pytest
from django.urls import reverse
from tests.makers import (
    make_institution,
    make_organisation,
    make_rulebook,
    make_site,
    make_teacher,
    make_user,
    sign_in,
)
from tests.permissions import EVERYONE, Row

from zhupei.institutions.models import Licence
from zhupei.kernel.roles import CENTRE, CITY, DISTRICT, HALL, INSTITUTION, Role

pytestmark = pytest.mark.django_db

REVIEWERS = CITY | CENTRE | DISTRICT
OWN = INSTITUTION | HALL
HEAD = {Role.INSTITUTION_HEAD}
SITE = {Role.INSTITUTION_HEAD, Role.TECHNICIAN}
TEACHING = {Role.INSTITUTION_HEAD, Role.TEACHING_HEAD}
OFFICE = {Role.CITY_EDUCATION_OFFICE}
CENTRE_SITE = {Role.CENTRE_OFFICER, Role.CENTRE_APPROVER}

_things = {}


def of(name):
    return lambda: {"pk": _things[name].pk}


institution, qualification, licence, site, room, teacher = map(
    of, ("institution", "qualification", "licence", "site", "room", "teacher")
)

ROWS = [
    Row("institutions:public_list", EVERYONE),
    Row("institutions:public_detail", EVERYONE, institution),
    Row("institutions:apply", EVERYONE),
    Row("institutions:apply", EVERYONE, dict, "post"),
    Row("institutions:list", REVIEWERS),
    Row("institutions:mine", OWN),
    Row("institutions:detail", REVIEWERS | OWN, institution),
    Row("institutions:edit", HEAD, institution),
    Row("institutions:contact", HEAD, institution),
    Row("institutions:submit", HEAD, institution, "post"),
    Row("institutions:qualification_add", HEAD, institution),
    Row("institutions:qualification_remove", HEAD, qualification, "post"),
    Row("institutions:qualification_scan", REVIEWERS | HEAD, qualification),
    Row("institutions:qualification_check", DISTRICT | OFFICE, qualification, "post"),
    Row("institutions:licence_add", HEAD, institution),
    Row("institutions:licence_remove", HEAD, licence, "post"),
    Row("institutions:licence_scan", REVIEWERS | HEAD, licence),
    Row("institutions:vet", DISTRICT, institution),
    Row("institutions:return", DISTRICT | OFFICE, institution),
    Row("institutions:register", OFFICE, institution),
    Row("institutions:publish", OFFICE, institution, "post"),
    Row("institutions:block", OFFICE, institution),
    Row("institutions:restore", OFFICE, institution),
    Row("institutions:cancel", OFFICE, institution),
    Row("institutions:sites", REVIEWERS | OWN),
    Row("institutions:site", REVIEWERS | OWN, site),
    Row("institutions:site_add", SITE),
    Row("institutions:site_edit", SITE, site),
    Row("institutions:site_submit", SITE, site, "post"),
    Row("institutions:site_revise", SITE, site),
    Row("institutions:site_close", SITE, site),
    Row("institutions:site_approve", CENTRE_SITE, site),
    Row("institutions:site_return", CENTRE_SITE, site),
    Row("institutions:room_add", SITE, site),
    Row("institutions:room_edit", SITE, room),
    Row("institutions:room_remove", SITE, room, "post"),
    Row("institutions:teachers", REVIEWERS | OWN),
    Row("institutions:teacher_add", TEACHING),
    Row("institutions:teacher_edit", TEACHING, teacher),
    Row("institutions:teacher_set_active", TEACHING, teacher, "post"),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_permission(client, row):
    make_rulebook()
    its = make_institution()
    district = make_organisation("district", division_code=its.division_code)
    its_site = make_site(its)
    _things.update(
        institution=its,
        qualification=its.qualifications.get(),
        licence=Licence.objects.create(institution=its, kind="business", number="1", issuer="x"),
        site=its_site,
        room=its_site.rooms.get(),
        teacher=make_teacher(its),
    )
    url = reverse(row.name, kwargs=row.kwargs())
    for role in [*sorted(set(Role) - row.allowed), *sorted(row.allowed - {"anonymous"})]:
        unit = its.organisation if role in OWN else district if role in DISTRICT else None
        sign_in(client, make_user(role, unit))
        response = getattr(client, row.method)(url)
        assert (response.status_code != 403) == (role in row.allowed), (row.name, role)
        assert response.status_code < 500
    client.logout()
    response = getattr(client, row.method)(url)
    refused = response.status_code == 401 or (response.status_code == 302 and "sign" in response["Location"])
    assert refused != ("anonymous" in row.allowed)


OTHERS = [row for row in ROWS if row.kwargs is not dict and "anonymous" not in row.allowed]


@pytest.mark.parametrize("row", OTHERS, ids=str)
def test_another_unit_finds_nothing(client, row):
    """A role that may open the page, held in another institution or district."""
    make_rulebook()
    its = make_institution()
    its_site = make_site(its)
    _things.update(
        institution=its,
        qualification=its.qualifications.get(),
        licence=Licence.objects.create(institution=its, kind="business", number="1", issuer="x"),
        site=its_site,
        room=its_site.rooms.get(),
        teacher=make_teacher(its),
    )
    other = make_institution(division_code="500101")
    district = make_organisation("district", division_code="500101")
    url = reverse(row.name, kwargs=row.kwargs())
    for role in row.allowed & (OWN | DISTRICT):
        sign_in(client, make_user(role, other.organisation if role in OWN else district))
        assert getattr(client, row.method)(url).status_code == 404, (row.name, role)
