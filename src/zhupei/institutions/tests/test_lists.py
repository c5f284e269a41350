"""The public list and the reviewers' own; what is shown of whom."""

from datetime import date

import pytest
from django.urls import reverse
from tests.makers import make_institution, make_user, sign_in

from zhupei.audit.models import AuditEvent
from zhupei.institutions import actions, events
from zhupei.institutions.models import Institution, RegistrationStep
from zhupei.institutions.tests.registering import head_of
from zhupei.kernel.errors import Conflict
from zhupei.kernel.roles import Role
from zhupei.rulebook.api import Post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("november")]


@pytest.mark.req("R084", "R006")
def test_hiding_takes_effect_at_once_and_can_be_undone(client):
    institution = make_institution()
    url = reverse("institutions:public_detail", args=[institution.pk])
    sign_in(client, make_user(Role.CITY_EDUCATION_OFFICE))
    block = reverse("institutions:block", args=[institution.pk])
    assert institution.full_name in client.get(block).content.decode()
    assert client.post(block, {"opinion": "  "}).status_code == 422
    assert client.get(url).status_code == 200
    assert client.post(block, {"opinion": "替考，渝建〔2026〕3号"}).status_code == 302
    assert client.get(url).status_code == 404
    assert institution.full_name not in client.get(reverse("institutions:public_list")).content.decode()
    assert client.get(block).status_code == 409
    client.post(reverse("institutions:restore", args=[institution.pk]), {"opinion": "整改完成"})
    client.post(reverse("institutions:publish", args=[institution.pk]))
    assert client.get(url).status_code == 200
    assert AuditEvent.objects.get(code=events.BLOCKED).reason == "替考，渝建〔2026〕3号"
    assert RegistrationStep.objects.filter(
        institution=institution, verb="block", opinion__contains="替考"
    ).exists()


def test_contact_data_of_a_published_institution(client):
    institution = make_institution()
    sign_in(client, make_user(Role.INSTITUTION_HEAD, institution.organisation))
    url = reverse("institutions:contact", args=[institution.pk])
    assert client.get(url).status_code == 200
    assert client.post(url, {"contact": "孙丽", "contact_phone": "1"}).status_code == 422
    assert (
        client.post(
            url, {"contact": "孙丽", "contact_phone": "13900001111", "introduction": "好"}
        ).status_code
        == 302
    )
    institution.refresh_from_db()
    assert (institution.contact, institution.contact_phone) == ("孙丽", "13900001111")
    event = AuditEvent.objects.get(code=events.EDITED)
    assert "13900001111" not in str(event.after) + str(event.before)
    hidden = make_institution(state="blocked")
    with pytest.raises(Conflict):
        actions.edit_contact(hidden, {}, by=head_of(hidden))


@pytest.mark.req("R006")
def test_the_public_list_filters(client):
    one = make_institution("social", name="甲学校", division_code="500101")
    two = make_institution("college", name="乙学院")
    make_institution(state="registered", name="丙公司")
    two.posts.set(Post.objects.filter(code="111"))
    url = reverse("institutions:public_list")

    def names(**query):
        return [i.full_name for i in client.get(url, query).context["page"].items]

    assert names() == ["乙学院", "甲学校"]
    assert (
        names(q="甲")
        == names(division="500101")
        == names(type="social")
        == names(post="101")
        == [one.full_name]
    )
    assert names(post="111") == ["乙学院", "甲学校"]
    assert names(q="丙") == []
    assert names(type="nonsense") == ["乙学院", "甲学校"]
    Post.objects.filter(code="111").update(active_to=date(2026, 1, 1))
    assert "材料员" not in client.get(reverse("institutions:public_detail", args=[two.pk])).content.decode()


@pytest.mark.req("R079")
def test_each_reviewer_sees_his_own(client, district):
    here, there = make_institution(), make_institution(division_code="500101")
    draft = make_institution(state="draft")
    url = reverse("institutions:list")

    def shown(user=None, **query):
        if user is not None:
            sign_in(client, user)
        page = client.get(url, query).content.decode()
        return {i for i in (here, there, draft) if i.full_name in page}

    assert shown(make_user(Role.DISTRICT_OFFICER, district)) == {here}
    for role in (Role.CITY_EDUCATION_OFFICE, Role.CITY_OFFICE, Role.CENTRE_OFFICER):
        assert shown(make_user(role)) == {here, there}
    assert shown(q=there.uscc) == shown(division="500101") == {there}
    assert shown(state="blocked") == set()


def test_query_counts(client, django_assert_max_num_queries):
    for n in range(35):
        make_institution("social", name=f"学校{n:02d}")
    with django_assert_max_num_queries(8):
        page = client.get(reverse("institutions:public_list"))
    assert len(page.context["page"].items) == 30
    second = client.get(reverse("institutions:public_list") + page.context["page"].next_url)
    assert len(second.context["page"].items) == 5
    sign_in(client, make_user(Role.CENTRE_OFFICER))
    with django_assert_max_num_queries(10):
        client.get(reverse("institutions:list"))
    institution = Institution.objects.first()
    with django_assert_max_num_queries(20):
        client.get(reverse("institutions:detail", args=[institution.pk]))


def test_an_organisation_without_registration(client):
    sign_in(client, make_user(Role.INSTITUTION_HEAD))
    assert client.get(reverse("institutions:mine")).status_code == 200
    assert client.get(reverse("institutions:site_add")).status_code == 409
