"""One's own data, gathered from every room, and how long each kind is kept (PIPL 17, 45).

A room that keeps records of a person has a module ``personal`` with ``SECTION`` (the key in the export), ``KEPT`` (rows of
what, why, how long) and ``records_of(person)`` (what JSON can hold). It is found by name: this room knows none of those above.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.utils.translation import gettext_lazy as _

from zhupei.kernel import clock

from .models import Person

SECTION = "person"
KEPT: list[tuple[Any, Any, Any]] = [
    (
        _("Name, document, mobile, education, employer, photo"),
        _("To show that the person trained, tested and certified is you"),
        _("While your training records or certificate are kept"),
    ),
    (
        _("Consents and withdrawals"),
        _("To show what you agreed to, and when"),
        _("As long as the data they are about"),
    ),
    (_("Sign-ins"), _("Security of your account"), _("As long as the account; at least 6 months")),
]


def _modules() -> Iterable[Any]:
    for config in apps.get_app_configs():
        if config.name.startswith("zhupei.") and find_spec(f"{config.name}.personal"):
            yield import_module(f"{config.name}.personal")


def kept() -> list[tuple[Any, Any, Any]]:
    """What is kept about a learner, why, and for how long, over all rooms."""
    return [row for module in _modules() for row in module.KEPT]


def personal_data(person: Person) -> dict[str, Any]:
    """Everything that the platform keeps about a person, as JSON can hold it."""
    sections = {module.SECTION: module.records_of(person) for module in _modules()}
    return {"exported_at": clock.local(clock.now()).isoformat(timespec="seconds"), **sections}


def records_of(person: Person) -> dict[str, Any]:
    """What this room keeps."""

    def moment(value: Any) -> str | None:
        return clock.local(value).isoformat(timespec="seconds") if value else None

    user = person.user
    return {
        "name": person.name,
        "identity_kind": person.identity_kind,
        "identity_number": person.identity_number,
        "sex": person.sex,
        "birth_date": person.birth_date.isoformat() if person.birth_date else None,
        "phone": person.phone,
        "education": person.education,
        "employer": person.employer,
        "photo_digest_sm3": person.photo.digest if person.photo else None,
        "registered_at": moment(person.created_at),
        "consents": [
            {
                "purpose": c.purpose,
                "text_version": c.text_version,
                "given_at": moment(c.given_at),
                "withdrawn_at": moment(c.withdrawn_at),
            }
            for c in person.consents.order_by("pk")
        ],
        "sign_ins": [
            {"at": moment(e.at), "address": e.ip, "device": e.agent, "method": e.method, "result": e.result}
            for e in user.sign_ins.order_by("pk")
        ]
        if user
        else [],
    }
