"""The certificate on paper."""

from __future__ import annotations

from django.utils.translation import override

from zhupei.documents import api as documents
from zhupei.evidence.api import read
from zhupei.kernel import clock

from .models import Certificate


def document_of(certificate: Certificate, check_url: str) -> documents.Certificate:
    """What is printed, in the language of the rule, with the standing of today. ``check_url`` is absolute."""
    with override("zh-hans"):
        status = str(certificate.get_state_display())
    return documents.Certificate(
        name=certificate.holder_name,
        id_last4=certificate.id_last4,
        post=certificate.post_name,
        number=certificate.number,
        institution=certificate.institution_name,
        issued_on=certificate.issued_on,
        hours=certificate.hours.normalize() if certificate.hours % 1 else int(certificate.hours),
        check_url=check_url,
        trained_from=certificate.trained_from,
        trained_to=certificate.trained_to,
        status=status,
        status_on=clock.today(),
        photo=read(certificate.photo) if certificate.photo else None,
    )
