"""What this room keeps of a person (see ``people.personal``)."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from zhupei.people.api import Person

from .queries import certificates_of

SECTION = "certificates"
KEPT = [
    (
        _("Training certificates: number, post, institution, date, state, the photo on them"),
        _("So that employers and authorities can check them"),
        _("Permanently"),
    )
]


def records_of(person: Person) -> list[dict[str, Any]]:
    """The person's certificates, as JSON can hold them."""
    return [
        {
            "number": one.number,
            "post": one.post_name,
            "institution": one.institution_name,
            "hours": str(one.hours),
            "issued_on": one.issued_on.isoformat(),
            "state": one.state,
        }
        for one in certificates_of(person)
    ]
