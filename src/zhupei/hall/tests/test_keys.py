"""The key that the hall types: heard over the telephone, in groups."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import make_batch, make_hall_batch, make_rulebook, make_user, sign_in

from zhupei.delivery import api as delivery
from zhupei.exams.api import bundle_key
from zhupei.hall.actions import parse_key
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role

pytestmark = pytest.mark.django_db


@pytest.mark.req("I08")
def test_a_misheard_group_is_named_and_the_right_ones_open_the_bundle() -> None:
    make_rulebook()
    batch = make_batch(state="released")
    row = make_hall_batch(batch, state="sealed")
    client = sign_in(Client(), make_user(Role.ROOM_ADMINISTRATOR, batch.hall.institution.organisation))
    url = reverse("hall:key", args=[row.pk])
    groups = delivery.spell_key(bundle_key(batch))
    third = groups[2]
    wrong = ("0" if third[0] != "0" else "1") + third[1:]
    answer = client.post(url, {"key": " ".join([*groups[:2], wrong, *groups[3:]])})
    assert answer.status_code == 422
    assert "第3组" in answer.content.decode()
    row.refresh_from_db()
    assert row.state == "sealed"
    typed = " ".join(f"{one[:4]}-{one[4]}" for one in groups).upper()
    assert client.post(url, {"key": typed}).status_code == 302
    row.refresh_from_db()
    assert row.state == "open"


def test_two_wrong_groups_are_both_named_and_a_short_key_says_how_it_looks() -> None:
    key = bytes(range(16))
    groups = delivery.spell_key(key)
    with pytest.raises(Refusal) as refusal:
        parse_key(" ".join([groups[1], groups[0], *groups[2:]]))
    assert "1" in str(refusal.value.message)
    assert "2" in str(refusal.value.message)
    with pytest.raises(Refusal) as refusal:
        parse_key("12 34")
    assert "8" in str(refusal.value.message)
    assert parse_key(key.hex().upper()) == key
