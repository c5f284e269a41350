"""The people who learn: registered by themselves or by a registrar, with photos and consents, under invented numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from zhupei.kernel.actor import ANONYMOUS, Actor
from zhupei.kernel.roles import Role
from zhupei.people.actions import send_sign_up_code
from zhupei.people.api import (
    IdentityKind,
    Person,
    demo_identity_number,
    edit_own,
    register_person,
    set_photo,
    sign_up,
)

from .cast import PASSWORD
from .clockwork import Story
from .institutions import Stage
from .props import EDUCATION, EMPLOYERS, RARE_NAMES, mobile, person_name, portrait, rng

# numbers that belong to nobody: the specimen of a residence permit, a passport of noughts
FOREIGN = {
    5: (IdentityKind.PASSPORT, "E00000005", "DUPONT·CLAIRE"),
    6: (IdentityKind.HK_MACAU_TAIWAN_RESIDENCE, "810000199408230021", "陈示范"),
}
LEARNER = 7  # who sits the open test: ``learner``


@dataclass
class Learner:
    """A person of the demonstration. ``actor`` is None without an account."""

    index: int
    person: Person
    actor: Actor | None


class Deck:
    """The learners in the order in which classes take them."""

    def __init__(self, learners: list[Learner]) -> None:
        self._left = list(learners)

    def take(self, count: int, *, wanted: Callable[[Learner], bool] = lambda _one: True) -> list[Learner]:
        """The next ``count`` learners that are ``wanted``."""
        taken = [one for one in self._left if wanted(one)][:count]
        self._left = [one for one in self._left if one not in taken]
        return taken


def identity_of(index: int) -> tuple[str, str, str]:
    """Kind of document, number and name of the ``index``-th learner."""
    if index in FOREIGN:
        return FOREIGN[index]
    name = (
        RARE_NAMES[index] if index < len(RARE_NAMES) else "陈明亮" if index == LEARNER else person_name(index)
    )
    return IdentityKind.RESIDENT_ID, demo_identity_number(index), name


def arrive(stage: Stage, index: int, into: list[Learner], start: int) -> Story:
    """Somebody opens an account, or is entered by a registrar (every ninth)."""
    dice = rng("learner", index)
    yield stage.days.at(start + index % 12, 8 + index % 11, index * 7 % 60)
    kind, number, name = identity_of(index)
    phone, education, employer = mobile(index), dice.choice(EDUCATION), dice.choice(EMPLOYERS)
    actor = None
    if index % 9 == 8:
        by = stage.act(f"registrar{1 + index % 3}")
        person = register_person(
            identity_kind=kind,
            identity_number=number,
            name=name,
            phone=phone,
            education=education,
            employer=employer,
            by=by,
        )
    else:
        code = send_sign_up_code(identity_kind=kind, identity_number=number, name=name, phone=phone)
        person = sign_up(
            identity_kind=kind,
            identity_number=number,
            name=name,
            phone=phone,
            code=code,
            password=PASSWORD,
            consent_account=True,
            consent_face=dice.random() < 0.6,
            by=ANONYMOUS,
        )
        assert person.user is not None
        actor = by = Actor(
            person.user.pk,
            person.name,
            frozenset({Role.LEARNER}),
            ip=f"10.30.{index // 250}.{index % 250 + 1}",
            agent="demo phone",
        )
        person = edit_own(person, education=education, employer=employer, by=actor)
    if dice.random() < 0.96 or index == LEARNER:
        person = set_photo(person, portrait(index * 7), by=by)
    into.append(Learner(index, person, actor))
