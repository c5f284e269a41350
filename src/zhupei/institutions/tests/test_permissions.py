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

from zhupei.institutions.models import Licence
from zhupei.kernel.roles import CENTRE, CITY, DISTRICT, HALL, INSTITUTION, Role

pytestmark = pytest.mark.django_db

EVERYONE = frozenset(Role) | {None}
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

# url name, its arguments, method, roles let in (None: the public)
ROWS = [
    ("institutions:public_list", dict, "get", EVERYONE),
    ("institutions:public_detail", institution, "get", EVERYONE),
    ("institutions:apply", dict, "get", EVERYONE),
    ("institutions:apply", dict, "post", EVERYONE),
    ("institutions:list", dict, "get", REVIEWERS),
    ("institutions:mine", dict, "get", OWN),
    ("institutions:detail", institution, "get", REVIEWERS | OWN),
    ("institutions:edit", institution, "get", HEAD),
    ("institutions:contact", institution, "get", HEAD),
    ("institutions:submit", institution, "post", HEAD),
    ("institutions:qualification_add", institution, "get", HEAD),
    ("institutions:qualification_remove", qualification, "post", HEAD),
    ("institutions:qualification_scan", qualification, "get", REVIEWERS | HEAD),
    ("institutions:qualification_check", qualification, "post", DISTRICT | OFFICE),
    ("institutions:licence_add", institution, "get", HEAD),
    ("institutions:licence_remove", licence, "post", HEAD),
    ("institutions:licence_scan", licence, "get", REVIEWERS | HEAD),
    ("institutions:vet", institution, "get", DISTRICT),
    ("institutions:return", institution, "get", DISTRICT | OFFICE),
    ("institutions:register", institution, "get", OFFICE),
    ("institutions:publish", institution, "post", OFFICE),
    ("institutions:block", institution, "get", OFFICE),
    ("institutions:restore", institution, "get", OFFICE),
    ("institutions:cancel", institution, "get", OFFICE),
    ("institutions:sites", dict, "get", REVIEWERS | OWN),
    ("institutions:site", site, "get", REVIEWERS | OWN),
    ("institutions:site_add", dict, "get", SITE),
    ("institutions:site_edit", site, "get", SITE),
    ("institutions:site_submit", site, "post", SITE),
    ("institutions:site_revise", site, "get", SITE),
    ("institutions:site_close", site, "get", SITE),
    ("institutions:site_approve", site, "get", CENTRE_SITE),
    ("institutions:site_return", site, "get", CENTRE_SITE),
    ("institutions:room_add", site, "get", SITE),
    ("institutions:room_edit", room, "get", SITE),
    ("institutions:room_remove", room, "post", SITE),
    ("institutions:teachers", dict, "get", REVIEWERS | OWN),
    ("institutions:teacher_add", dict, "get", TEACHING),
    ("institutions:teacher_edit", teacher, "get", TEACHING),
    ("institutions:teacher_set_active", teacher, "post", TEACHING),
]


@pytest.mark.parametrize(("name", "kwargs", "method", "let_in"), ROWS)
def test_permission(client, name, kwargs, method, let_in):
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
    url = reverse(name, kwargs=kwargs())
    for role in [*sorted(set(Role) - set(let_in)), *sorted(set(let_in) - {None})]:
        unit = its.organisation if role in OWN else district if role in DISTRICT else None
        sign_in(client, make_user(role, unit))
        response = getattr(client, method)(url)
        assert (response.status_code != 403) == (role in let_in), (name, role)
        assert response.status_code < 500
    client.logout()
    response = getattr(client, method)(url)
    refused = response.status_code == 401 or (response.status_code == 302 and "sign" in response["Location"])
    assert refused != (None in let_in)


OTHERS = [row for row in ROWS if row[1] is not dict and None not in row[3]]


@pytest.mark.parametrize(("name", "kwargs", "method", "let_in"), OTHERS)
def test_another_unit_finds_nothing(client, name, kwargs, method, let_in):
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
    url = reverse(name, kwargs=kwargs())
    for role in set(let_in) & (OWN | DISTRICT):
        sign_in(client, make_user(role, other.organisation if role in OWN else district))
        assert getattr(client, method)(url).status_code == 404, (name, role)
