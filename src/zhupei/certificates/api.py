"""The certificates room's door."""

from .access import certificates_for
from .actions import catch_up, consume_news, decide_revocation
from .models import Certificate, CertificateEvent, CertificateState
from .queries import PublicView, certificates_of, check, is_intact

__all__ = [
    "Certificate",
    "CertificateEvent",
    "CertificateState",
    "PublicView",
    "catch_up",
    "certificates_for",
    "certificates_of",
    "check",
    "consume_news",
    "decide_revocation",
    "is_intact",
]
