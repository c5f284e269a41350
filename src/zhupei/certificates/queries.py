"""Reading certificates: a person's, and what the public may see of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db.models import QuerySet

from zhupei.exams import api as exams
from zhupei.people.api import Person
from zhupei.web.templatetags.web import masked_name

from .actions import signed_bytes
from .models import Certificate, CertificateState


def certificates_of(person: Person) -> QuerySet[Certificate]:
    """A person's certificates, newest first."""
    return (
        Certificate.objects.filter(person=person)
        .select_related("post", "institution")
        .order_by("-issued_on", "-pk")
    )


@dataclass(frozen=True)
class PublicView:
    """What anybody may learn of a certificate who has its number or its QR code.

    ``intact`` is False when the record no longer fits its signature: then nothing in it may be relied upon.
    """

    number: str
    name: str
    post: str
    institution: str
    issued_on: date
    state: str
    state_label: str
    intact: bool
    revoked_on: date | None

    @property
    def is_valid(self) -> bool:
        return self.intact and self.state == CertificateState.VALID


def clean_number(text: str) -> str:
    """A number as people type it: capitals, no spaces."""
    return "".join(text.split()).upper()[:40]


def is_intact(certificate: Certificate) -> bool:
    """True if the record fits the centre's signature."""
    return exams.centre_verifier().verify(signed_bytes(certificate), certificate.signature)


def _view(certificate: Certificate | None) -> PublicView | None:
    if certificate is None:
        return None
    revoked = None
    if certificate.state == CertificateState.REVOKED:
        event = certificate.events.filter(state=CertificateState.REVOKED).order_by("-pk").first()
        revoked = event.at.date() if event else None
    return PublicView(
        number=certificate.number,
        name=masked_name(certificate.holder_name),
        post=certificate.post_name,
        institution=certificate.institution_name,
        issued_on=certificate.issued_on,
        state=certificate.state,
        state_label=str(certificate.get_state_display()),
        intact=is_intact(certificate),
        revoked_on=revoked,
    )


def check(number: str) -> PublicView | None:
    """The public view of the certificate with this number; None if there is none."""
    number = clean_number(number)
    return (
        _view(Certificate.objects.select_related("photo").filter(number=number).first()) if number else None
    )


def check_by_token(token: str) -> PublicView | None:
    """The same by the secret of its QR code."""
    return _view(Certificate.objects.select_related("photo").filter(check_token=token).first())
