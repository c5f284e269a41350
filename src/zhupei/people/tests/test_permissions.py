"""Who gets in, page by page."""

import pytest
from tests.makers import make_person
from tests.permissions import EVERYONE, Row, check

from zhupei.kernel.roles import Role
from zhupei.people import access

LEARNER = frozenset({Role.LEARNER})
FINDERS = frozenset({Role.REGISTRAR, Role.CENTRE_OFFICER})


def purpose() -> dict[str, str]:
    return {"purpose": "face"}


def token() -> dict[str, str]:
    from zhupei.kernel.actor import Actor

    return {"token": access.card_of(make_person(), Actor(0, "nobody"))}


ROWS = [
    Row("people:sign_up", EVERYONE),
    Row("people:reset_password", EVERYONE),
    Row("people:consent_text", EVERYONE, purpose),
    Row("people:me", LEARNER),
    Row("people:show_own", LEARNER, method="post"),
    Row("people:edit", LEARNER),
    Row("people:change_phone", LEARNER),
    Row("people:photo", LEARNER),
    Row("people:photo_image", LEARNER),
    Row("people:give_consent", LEARNER, purpose, "post"),
    Row("people:withdraw_consent", LEARNER, purpose, "post"),
    Row("people:export", LEARNER, method="post"),
    Row("people:find", FINDERS),
    Row("people:card", FINDERS, token),
    Row("people:card_photo", FINDERS, token),
    Row("people:correct", frozenset({Role.CENTRE_OFFICER}), token),
]


@pytest.mark.django_db
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_who_gets_in(row: Row) -> None:
    check(row)
