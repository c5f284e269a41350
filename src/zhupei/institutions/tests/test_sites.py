"""Sites, halls and rooms, from draft to approval; teachers."""

from datetime import date, datetime

import pytest
from django.urls import reverse
from tests.makers import (
    make_actor,
    make_institution,
    make_organisation,
    make_rulebook,
    make_site,
    make_teacher,
    make_user,
    sign_in,
)

from zhupei.audit.models import AuditEvent
from zhupei.institutions import actions, events
from zhupei.institutions.api import approved_sites
from zhupei.institutions.choices import SITE, SiteState
from zhupei.institutions.models import Room, Site, Teacher
from zhupei.institutions.queries import spare_needed
from zhupei.kernel import clock
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role
from zhupei.notices.api import Notice

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 9, tzinfo=clock.SHANGHAI)


@pytest.fixture(autouse=True)
def _rule():
    with clock.frozen(NOW):
        make_rulebook()
        yield


@pytest.fixture
def institution():
    return make_institution()


@pytest.fixture
def head(institution):
    return make_actor(Role.INSTITUTION_HEAD, institution.organisation)


def centre():
    return make_actor(Role.CENTRE_OFFICER)


@pytest.mark.req("R010", "R011", "R111", "R112")
def test_a_teaching_site_on_its_way(client, institution):
    technician = make_user(Role.TECHNICIAN, institution.organisation)
    officer = make_user(Role.CENTRE_OFFICER)
    sign_in(client, technician)
    data = {"name": "金开校区", "division_code": "500157", "address": "金开大道 1 号"}
    url = reverse("institutions:site_add") + "?kind=teaching"
    assert client.get(url).status_code == 200
    assert client.post(url, {**data, "division_code": "500105"}).status_code == 422
    assert client.post(url, data).status_code == 302
    assert client.post(url, data).status_code == 409  # the same name again
    site = Site.objects.get()
    pk = [site.pk]
    assert client.post(reverse("institutions:site_submit", args=pk)).status_code == 422  # no classroom
    rooms = reverse("institutions:room_add", args=pk)
    assert client.post(rooms, {"name": "A101", "kind": "classroom", "seats": 0}).status_code == 422
    assert (
        client.post(rooms, {"name": "A101", "kind": "classroom", "seats": 60, "area": "80.5"}).status_code
        == 302
    )
    assert client.post(rooms, {"name": "A101", "kind": "classroom", "seats": 60}).status_code == 409
    assert client.post(rooms, {"name": "B1", "kind": "office", "seats": 5}).status_code == 302
    room = Room.objects.get(name="A101")
    edit = reverse("institutions:room_edit", args=[room.pk])
    assert client.post(edit, {"name": "A101", "kind": "classroom", "seats": 50}).status_code == 302
    assert client.get(reverse("institutions:site", args=pk)).context["seats"] == 50
    assert (
        client.post(reverse("institutions:room_remove", args=[Room.objects.get(name="B1").pk])).status_code
        == 302
    )
    assert client.post(reverse("institutions:site_submit", args=pk)).status_code == 302
    assert client.post(rooms, {"name": "A102", "kind": "classroom", "seats": 60}).status_code == 409
    assert Notice.objects.filter(user=officer).count() == 1
    assert not approved_sites(institution, "teaching").exists()

    sign_in(client, officer)
    assert site.name in client.get(reverse("institutions:sites") + "?state=submitted").content.decode()
    assert client.get(reverse("institutions:site_approve", args=pk)).status_code == 200
    assert client.post(reverse("institutions:site_return", args=pk), {"opinion": ""}).status_code == 422
    assert (
        client.post(reverse("institutions:site_return", args=pk), {"opinion": "缺少消防证明"}).status_code
        == 302
    )
    assert client.post(reverse("institutions:site_approve", args=pk), {"opinion": ""}).status_code == 409
    sign_in(client, technician)
    assert "缺少消防证明" in client.get(reverse("institutions:site", args=pk)).content.decode()
    assert client.post(reverse("institutions:site_submit", args=pk)).status_code == 302
    sign_in(client, officer)
    assert client.post(reverse("institutions:site_approve", args=pk), {}).status_code == 302
    site.refresh_from_db()
    assert (site.state, site.approved_on, site.valid_to) == (
        "approved",
        date(2026, 11, 22),
        date(2029, 11, 22),
    )
    assert [step.verb for step in site.steps.order_by("pk")] == ["submit", "return", "submit", "approve"]
    assert list(approved_sites(institution, "teaching")) == [site]
    assert client.post(reverse("institutions:site_approve", args=pk), {}).status_code == 409
    codes = set(AuditEvent.objects.values_list("code", flat=True))
    assert {events.SITE_ADDED, events.SITE_SUBMITTED, events.SITE_RETURNED, events.SITE_APPROVED} <= codes
    assert {events.ROOM_ADDED, events.ROOM_EDITED, events.ROOM_REMOVED} <= codes


@pytest.mark.req("R135", "R136", "R163")
@pytest.mark.parametrize(
    ("clients", "spares", "code"),
    [
        (199, 20, "too_few_clients"),
        (200, 0, "too_few_spares"),
        (200, 19, "too_few_spares"),
        (201, 20, "too_few_spares"),  # 20.1 spares are 21
        (200, 20, None),
        (201, 21, None),
        (600, 60, None),
    ],
)
def test_computers_of_a_hall(institution, head, clients, spares, code):
    hall = make_site(institution, "hall", approved=False, exam_clients=clients, spare_clients=spares)
    if code is None:
        assert actions.submit_site(hall, by=head).state == "submitted"
        return
    with pytest.raises(Refusal) as refused:
        actions.submit_site(hall, by=head)
    assert refused.value.code == code
    assert refused.value.clause == "附件3四（四）"
    hall.refresh_from_db()
    assert hall.state == "draft"


@pytest.mark.req("R136")
def test_spares_are_rounded_up():
    assert [spare_needed(n) for n in (0, 1, 10, 11, 200, 201, 210, 211)] == [0, 1, 1, 2, 20, 21, 21, 22]


@pytest.mark.req("R163")
def test_a_hall_needs_an_exam_room_and_is_checked_again_at_approval(institution, head):
    hall = make_site(institution, "hall", approved=False, rooms=[])
    with pytest.raises(Refusal, match="no_exam_room"):
        actions.submit_site(hall, by=head)
    actions.add_room(hall, {"name": "一考室", "kind": "exam_room", "seats": 220}, by=head)
    actions.submit_site(hall, by=head)
    Site.objects.filter(pk=hall.pk).update(spare_clients=3)
    with pytest.raises(Refusal, match="too_few_spares"):
        actions.approve_site(hall, by=centre())


def test_the_form_of_a_hall_counts_computers(client, institution):
    sign_in(client, make_user(Role.INSTITUTION_HEAD, institution.organisation))
    data = {
        "name": "考场",
        "division_code": "500157",
        "address": "x",
        "exam_clients": 200,
        "spare_clients": 20,
    }
    url = reverse("institutions:site_add") + "?kind=hall"
    assert client.post(url, {**data, "spare_clients": -1}).status_code == 422
    assert client.post(url, data).status_code == 302
    hall = Site.objects.get()
    assert (hall.kind, hall.exam_clients, hall.spare_clients) == ("hall", 200, 20)
    edit = reverse("institutions:site_edit", args=[hall.pk])
    assert client.get(edit).status_code == 200
    assert client.post(edit, {**data, "exam_clients": 300, "spare_clients": 30}).status_code == 302
    hall.refresh_from_db()
    assert hall.exam_clients == 300
    event = AuditEvent.objects.get(code=events.SITE_EDITED)
    assert (event.before["exam_clients"], event.after["exam_clients"]) == (200, 300)


def act(verb, site, by):
    extra = {"approve": ("",), "return": ("补正",), "revise": ("换教室",), "close": ("搬迁",)}.get(verb, ())
    return getattr(actions, f"{verb}_site")(site, *extra, by=by)


@pytest.mark.req("R111", "R112")
@pytest.mark.parametrize("verb", sorted(SITE.verbs))
@pytest.mark.parametrize("state", SiteState.values)
def test_the_machine_walks_only_its_table(verb, state, institution, head):
    site = make_site(institution, approved=False)
    Site.objects.filter(pk=site.pk).update(state=state)
    by = centre() if verb in ("approve", "return") else head
    if not SITE.allows(state, verb):
        with pytest.raises(Conflict):
            act(verb, site, by)
        return
    assert act(verb, site, by).state == SITE.after(state, verb)
    assert site.steps.get().verb == verb


@pytest.mark.parametrize("verb", sorted(SITE.verbs))
def test_wrong_roles(verb, institution):
    state = next(a for a, v, _b in SITE.moves() if v == verb)
    site = make_site(institution, approved=False)
    Site.objects.filter(pk=site.pk).update(state=state)
    right = (
        {Role.CENTRE_OFFICER, Role.CENTRE_APPROVER}
        if verb in ("approve", "return")
        else {Role.INSTITUTION_HEAD, Role.TECHNICIAN}
    )
    wrong = [make_actor(role) for role in sorted(set(Role) - right)]
    if Role.TECHNICIAN in right:
        wrong.append(make_actor(Role.TECHNICIAN, make_institution().organisation))
    for by in wrong:
        with pytest.raises(Refusal) as refused:
            act(verb, site, by)
        assert refused.value.status == 403


@pytest.mark.req("R010")
def test_changing_an_approved_site_needs_a_new_review(client, institution, head):
    site = make_site(institution)
    with pytest.raises(Conflict):
        actions.edit_site(site, {"name": "x", "address": "y", "division_code": "500157"}, by=head)
    with pytest.raises(Conflict):
        actions.add_room(site, {"name": "Z", "kind": "classroom", "seats": 5}, by=head)
    with pytest.raises(Conflict):
        actions.remove_room(site.rooms.get(), by=head)
    sign_in(client, make_user(Role.INSTITUTION_HEAD, institution.organisation))
    url = reverse("institutions:site_revise", args=[site.pk])
    assert client.get(url).status_code == 200
    assert client.post(url, {"opinion": "换教室"}).status_code == 302
    assert not approved_sites(institution, "teaching").exists()
    assert client.post(url, {"opinion": "换教室"}).status_code == 409
    close = reverse("institutions:site_close", args=[site.pk])
    assert client.get(close).status_code == 200
    assert client.post(close, {"opinion": "搬迁"}).status_code == 302
    assert {events.SITE_REVISED, events.SITE_CLOSED} <= set(AuditEvent.objects.values_list("code", flat=True))


@pytest.mark.req("R084")
def test_a_hidden_institution_adds_and_hands_in_nothing(institution, head):
    site = make_site(institution, approved=False)
    institution.state = "blocked"
    institution.save()
    with pytest.raises(Conflict):
        actions.submit_site(site, by=head)
    with pytest.raises(Conflict):
        actions.add_site(institution, {"kind": "teaching"}, by=head)


def test_a_room_taken_out_twice(institution, head):
    site = make_site(institution, approved=False)
    room = site.rooms.get()
    actions.remove_room(room, by=head)
    with pytest.raises(Conflict):
        actions.remove_room(room, by=head)


@pytest.mark.req("R079")
def test_a_district_sees_sites_of_others_that_lie_in_it(client, institution):
    site = make_site(institution)
    Site.objects.filter(pk=site.pk).update(division_code="500101")
    other = make_site(make_institution(division_code="500102"))
    sign_in(client, make_user(Role.DISTRICT_OFFICER, make_organisation("district", division_code="500101")))
    page = client.get(reverse("institutions:sites")).content.decode()
    assert site.name in page
    assert other.name not in page
    assert client.get(reverse("institutions:site", args=[other.pk])).status_code == 404


def test_query_counts(client, django_assert_max_num_queries):
    for _n in range(5):
        institution = make_institution()
        make_site(institution)
        teacher = make_teacher(institution)
        teacher.posts.set(institution.posts.all()[:3])
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    for name in ("sites", "teachers"):
        with django_assert_max_num_queries(10):
            assert client.get(reverse(f"institutions:{name}")).status_code == 200
    assert client.get(reverse("institutions:sites") + "?q=nothing&kind=hall").status_code == 200


# ── teachers ────────────────────────────────────────────────────────────────────────────────────────────


def teacher_data(**changes):
    values = {
        "name": "张工",
        "phone": "13812345678",
        "title": "高级工程师",
        "education": "本科",
        "specialty": "结构",
        "site_years": 8,
        "employment": "full_time",
        "posts": [],
    }
    return {**values, **changes}


@pytest.mark.req("R014")
def test_the_list_of_teachers(client, institution):
    sign_in(client, make_user(Role.TEACHING_HEAD, institution.organisation))
    url = reverse("institutions:teacher_add")
    assert client.get(url).status_code == 200
    assert client.post(url, teacher_data(name="12")).status_code == 422
    assert client.post(url, teacher_data(site_years=-1)).status_code == 422
    assert client.post(url, teacher_data()).status_code == 302
    teacher = Teacher.objects.get()
    page = client.get(reverse("institutions:teachers")).content.decode()
    assert "张工" in page
    assert "13812345678" not in page
    assert "138****5678" in page
    edit = reverse("institutions:teacher_edit", args=[teacher.pk])
    assert client.get(edit).status_code == 200
    assert client.post(edit, teacher_data(title="教授级高工")).status_code == 302
    active = reverse("institutions:teacher_set_active", args=[teacher.pk])
    assert client.post(active, {"active": "0"}).status_code == 302
    assert client.post(active, {"active": "0"}).status_code == 409
    assert "张工" not in client.get(reverse("institutions:teachers")).content.decode()
    assert "张工" in client.get(reverse("institutions:teachers") + "?active=no").content.decode()
    assert client.post(active, {"active": "1"}).status_code == 302
    for code in (events.TEACHER_ADDED, events.TEACHER_EDITED, events.TEACHER_LEFT, events.TEACHER_BACK):
        event = AuditEvent.objects.get(code=code)
        assert "13812345678" not in str(event.after) + str(event.before)


def test_a_teachers_account_is_one_of_the_own_teachers(institution, head):
    user = make_user(Role.TEACHER, institution.organisation)
    stranger = make_user(Role.TEACHER, make_institution().organisation)
    with pytest.raises(Refusal, match="not_a_teacher"):
        actions.add_teacher(institution, teacher_data(user=stranger), by=head)
    teacher = actions.add_teacher(institution, teacher_data(user=user), by=head)
    with pytest.raises(Refusal, match="account_taken"):
        actions.add_teacher(institution, teacher_data(user=user), by=head)
    assert actions.edit_teacher(teacher, teacher_data(user=user), by=head).user == user
    wrong = make_actor(Role.REGISTRAR, institution.organisation)
    for write in (
        lambda: actions.add_teacher(institution, teacher_data(), by=wrong),
        lambda: actions.edit_teacher(teacher, teacher_data(), by=wrong),
        lambda: actions.set_teacher_active(teacher, False, by=wrong),
    ):
        with pytest.raises(Refusal) as refused:
            write()
        assert refused.value.status == 403
