"""Who may open which page of people, and whose records they see."""

from __future__ import annotations

from django.core import signing
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import Role
from zhupei.web.access import Nav, public, roles

from .models import Person

CARD_SECONDS = 30 * 60
_SALT = "people.card"

NAV = [
    Nav("people:me", _("My data"), "person", 90),
    Nav("people:find", _("Find a person"), "search", 60),
]

_LEARNER = roles(Role.LEARNER)
_FINDERS = roles(Role.REGISTRAR, Role.CENTRE_OFFICER)

PAGES = {
    "people:sign_up": public,
    "people:reset_password": public,
    "people:consent_text": public,
    "people:me": _LEARNER,
    "people:show_own": _LEARNER,
    "people:edit": _LEARNER,
    "people:change_phone": _LEARNER,
    "people:photo": _LEARNER,
    "people:photo_image": _LEARNER,
    "people:give_consent": _LEARNER,
    "people:withdraw_consent": _LEARNER,
    "people:export": _LEARNER,
    "people:find": _FINDERS,
    "people:card": _FINDERS,
    "people:card_photo": _FINDERS,
    "people:correct": roles(Role.CENTRE_OFFICER),
}


def own(actor: Actor) -> QuerySet[Person]:
    """The record of the signed-in learner himself."""
    rows = (
        Person.objects.filter(user_id=actor.user_id) if actor.user_id is not None else Person.objects.none()
    )
    return rows.select_related("photo", "user")


def may_search_names(actor: Actor) -> bool:
    """Only the centre searches by name; an institution needs the whole document number."""
    return actor.has(Role.CENTRE_OFFICER)


def card_of(person: Person, actor: Actor) -> str:
    """A token that opens a person's card for ``actor`` for half an hour, given once he has found that person.

    Without it nobody can walk through persons by their row number.
    """
    return signing.dumps([person.pk, actor.user_id, actor.organisation_id], salt=_SALT)


def by_card(actor: Actor, token: str) -> QuerySet[Person]:
    """The person that ``token`` opens for ``actor``; nobody if it is another's, or too old."""
    try:
        pk, user_id, organisation_id = signing.loads(token, salt=_SALT, max_age=CARD_SECONDS)
    except (signing.BadSignature, ValueError, TypeError):
        return Person.objects.none()
    if (user_id, organisation_id) != (actor.user_id, actor.organisation_id):
        return Person.objects.none()
    return Person.objects.filter(pk=pk).select_related("photo", "user")
