"""Finding persons, and what is known of them."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import QuerySet
from stdnum.iso7064 import mod_11_2

from zhupei.evidence.api import read
from zhupei.kernel import identity, names
from zhupei.kernel.actor import Actor
from zhupei.web.fields import blind_index

from .consents import TEXTS
from .models import Consent, Person

DEMO_COUNTY = (
    "500999"  # a county code of Chongqing that was never given out: no such number belongs to anybody
)


def identity_index(kind: str, number: str) -> str:
    """The keyed index under which a document number is stored and found; takes the number as typed.

    ``kind`` only says how the number is normalised: in the exam hall and at the sign-in page people type the number alone.
    """
    return blind_index("identity", identity.normalise(identity.Kind(kind), number))


def find_person(identity_kind: str, identity_number: str) -> Person | None:
    """The person with this document number, or None."""
    return Person.objects.filter(identity_index=identity_index(identity_kind, identity_number)).first()


def person_of(actor: Actor) -> Person | None:
    """The person that the signed-in learner is, or None."""
    if actor.user_id is None:
        return None
    return Person.objects.filter(user_id=actor.user_id).select_related("photo", "user").first()


def named(text: str) -> QuerySet[Person]:
    """Persons whose name holds ``text``, whatever form of dot, space or capitals it is written with."""
    return Person.objects.filter(name_key__contains=name_key(text))


def name_key(name: str) -> str:
    """The form of a name that is searched."""
    return names.normalise(name).casefold()[: names.MAX_LENGTH]


def photo_bytes(person: Person) -> bytes | None:
    """The person's photo as JPEG, or None. ``evidence.DamagedFile`` if it was changed on disk."""
    return read(person.photo) if person.photo_id and person.photo else None


def has_consent(person: Person, purpose: str) -> bool:
    """True if the person consents to ``purpose`` now, in the text that is in force."""
    return Consent.objects.filter(
        person=person, purpose=purpose, text_version=TEXTS[purpose].version, withdrawn_at=None
    ).exists()


def identity_warnings(kind: str, number: str) -> list[identity.Problem]:
    """What should be looked at twice in an acceptable number; never a reason to refuse."""
    return [p for p in identity.check(identity.Kind(kind), number) if p.is_warning]


def demo_identity_number(index: int) -> str:
    """The ``index``-th invented resident identity number: right in form and checksum, of a county that does not exist.

    For demonstrations and tests; one number for each index from 0 to 999 × 13 000. The holders were born from
    1971 to 2006, so that they are 20 to 55 in 2026.
    """
    if index < 0:
        raise ValueError("index below 0")
    ordinal = date(1971, 1, 1).toordinal() + (index * 7919) % 13000
    sequence = (index // 13000 + index * 37) % 999 + 1
    body = f"{DEMO_COUNTY}{date.fromordinal(ordinal):%Y%m%d}{sequence:03d}"
    return body + str(mod_11_2.calc_check_digit(body))


def consents_of(person: Person) -> list[dict[str, Any]]:
    """Each purpose with its text and the consent in force (or None), for the page of one's own data."""
    given = {c.purpose: c for c in person.consents.filter(withdrawn_at=None)}
    return [
        {
            "purpose": text.purpose.value,
            "title": text.title,
            "text": text,
            "consent": given.get(text.purpose),
            "is_current": purpose in given and given[purpose].text_version == text.version,
        }
        for purpose, text in TEXTS.items()
    ]
