"""Where the centre is: in this installation, or elsewhere, known by the pass it gave this machine."""

from __future__ import annotations

from datetime import timedelta

from django.utils.translation import gettext as _

from zhupei.exams import api as exams
from zhupei.hall.models import CentreLink
from zhupei.kernel import clock
from zhupei.kernel.crypto import Signer, Sm2Verifier, Verifier

WARN_DAYS = 21
STALE_DAYS = 60


def centre_link() -> CentreLink | None:
    """The pass of this machine; None where the centre runs in the same installation."""
    return CentreLink.objects.first()


def bundle_verifier() -> Verifier:
    """Checks that a bundle is the centre's: by the key of the pass, or by that of this installation's own centre."""
    known = centre_link()
    return Sm2Verifier(known.centre_key) if known else exams.centre_verifier()


def return_signer(site_id: int) -> Signer:
    """Signs the returns of a hall: with this machine's own key where it has a pass."""
    return exams.machine_signer() if centre_link() else exams.local_hall_signer(site_id)


def warnings() -> list[str]:
    """What is missing or too old on this machine, and what to do, in words. Nothing of it stops a test."""
    known = centre_link()
    if known is None:
        return []
    today, found = clock.today(), []
    if known.valid_to < today:
        found.append(
            _(
                "The hall pass ended on %(day)s. Have the centre make a new one and take it in here; tests go on meanwhile."
            )
            % {"day": known.valid_to}
        )
    elif known.valid_to - today < timedelta(days=WARN_DAYS):
        found.append(
            _("The hall pass ends on %(day)s. Have the centre make a new one.") % {"day": known.valid_to}
        )
    elif today - clock.local(known.issued_at).date() > timedelta(days=STALE_DAYS):
        found.append(
            _(
                "The hall pass is of %(day)s. If rooms, staff or filings have changed since, have the centre make a new one."
            )
            % {"day": clock.local(known.issued_at).date()}
        )
    return found
