from __future__ import annotations

from datetime import date, datetime

import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import as_actor, make_organisation, make_user, sign_in

from zhupei.accounts.models import User
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.organisations.api import (
    OrganisationKind,
    divisions_of,
    end_role,
    grant_role,
    memberships_of,
    set_jurisdiction,
    supervisor_of,
)

pytestmark = pytest.mark.django_db


def test_nobody_gives_a_role_to_himself() -> None:
    admin = make_user(Role.SYSTEM_ADMINISTRATOR)
    with pytest.raises(Forbidden, match="own_role"):
        grant_role(admin, make_organisation(), Role.CENTRE_APPROVER, by=as_actor(admin))


def test_a_head_gives_roles_in_his_own_institution_only() -> None:
    head = make_user(Role.INSTITUTION_HEAD)
    own = head.memberships.get().organisation
    other = make_organisation(OrganisationKind.INSTITUTION)
    person = make_user(Role.TEACHER)
    with pytest.raises(Forbidden, match="other_organisation"):
        grant_role(person, other, Role.REGISTRAR, by=as_actor(head))
    grant_role(person, own, Role.REGISTRAR, by=as_actor(head))
    with pytest.raises(Conflict, match="role_held"):
        grant_role(person, own, Role.REGISTRAR, by=as_actor(head))
    with pytest.raises(Refusal, match="role_not_here"):
        grant_role(person, own, Role.CENTRE_OFFICER, by=as_actor(head))


def test_the_three_officers_are_three_persons() -> None:
    admin = as_actor(make_user(Role.SYSTEM_ADMINISTRATOR))
    auditor = make_user(Role.AUDITOR)
    with pytest.raises(Refusal, match="separate_officers"):
        grant_role(auditor, auditor.memberships.get().organisation, Role.SECURITY_OFFICER, by=admin)


def test_an_ended_role_stays_as_history_and_opens_nothing(client: Client) -> None:
    user = make_user(Role.SYSTEM_ADMINISTRATOR)
    sign_in(client, user)
    assert client.get(reverse("accounts:users")).status_code == 200
    end_role(user.memberships.get(), by=SYSTEM)
    assert client.get(reverse("accounts:users")).status_code == 403
    assert user.memberships.count() == 1
    assert not memberships_of(user.pk)


def test_a_person_acts_for_one_organisation_at_a_time(client: Client) -> None:
    user = make_user(Role.INSTITUTION_HEAD)
    second = make_organisation(OrganisationKind.INSTITUTION)
    grant_role(user, second, Role.TEACHER, by=SYSTEM)
    sign_in(client, user)
    assert client.get(reverse("organisations:members")).status_code == 200
    client.post(reverse("organisations:act_as"), {"membership": second.pk})
    assert client.get(reverse("organisations:members")).status_code == 403
    stranger = make_organisation(OrganisationKind.INSTITUTION)
    assert client.post(reverse("organisations:act_as"), {"membership": stranger.pk}).status_code == 403


def test_a_division_that_moves_keeps_its_history() -> None:
    old = make_organisation(OrganisationKind.DISTRICT, "江北区住房城乡建委", division_code="500105")
    new = make_organisation(OrganisationKind.DISTRICT, "两江新区建设局")
    set_jurisdiction(new, "500105", valid_from=date(2026, 1, 25), by=SYSTEM)
    assert supervisor_of("500105", date(2026, 1, 24)) == old
    assert supervisor_of("500105", date(2026, 1, 25)) == new
    with clock.frozen(datetime(2026, 2, 1)):
        assert divisions_of(old.pk) == frozenset()


@pytest.mark.django_db(transaction=True)
def test_inviting_opens_an_account_once(client: Client) -> None:
    head = make_user(Role.INSTITUTION_HEAD)
    sign_in(client, head)
    organisation = head.memberships.get().organisation
    url = reverse("organisations:invite", args=[organisation.pk])
    data = {"login": "li.hua", "display_name": "李华", "phone": "13812345678", "role": Role.REGISTRAR}
    assert client.post(url, {**data, "phone": "12"}).status_code == 422
    assert client.post(url, data).status_code == 302
    assert client.post(url, {**data, "role": Role.TEACHER}).status_code == 302
    assert User.objects.filter(login="li.hua").count() == 1
    assert client.post(url, {**data, "display_name": "王五", "role": Role.TECHNICIAN}).status_code == 409
    stranger = sign_in(Client(), make_user(Role.INSTITUTION_HEAD))
    assert stranger.post(url, data).status_code == 404
