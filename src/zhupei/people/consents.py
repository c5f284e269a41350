"""What a learner consents to: one text for each purpose, with its version (PIPL 14, 17, 29)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from .choices import ConsentPurpose


@dataclass(frozen=True)
class ConsentText:
    """The text of one purpose. A changed text gets a new version, and everybody is asked again."""

    purpose: ConsentPurpose
    version: str
    title: Any
    paragraphs: tuple[Any, ...]
    after_withdrawal: Any


TEXTS: dict[str, ConsentText] = {
    ConsentPurpose.ACCOUNT: ConsentText(
        ConsentPurpose.ACCOUNT,
        "2026-11",
        _("Account and training records"),
        (
            _(
                "What: your name, identity document number, mobile, education, employer and photo; your enrolments, "
                "class hours, test answers, scores and certificates; when and from where you signed in."
            ),
            _(
                "What for: to show that the person who was trained and tested is you, to issue your certificate, and to tell "
                "you about classes and tests. For nothing else."
            ),
            _(
                "Who sees it: the institution where you enrol, the training centre, and the commissions that supervise them, "
                "each only as far as its task needs. The document number is encrypted and shown masked; each time somebody "
                "opens it, the platform records who and why."
            ),
            _(
                "How long: the rule obliges the institution to keep training records for 5 years from enrolment. "
                "What no rule needs any more is deleted."
            ),
            _(
                "Your rights: you can see, correct and take away your data under My data, and withdraw this consent "
                "there at any time."
            ),
        ),
        _(
            "You can no longer enrol in a class or a test. You can still sign in, read and take away your data. Records that "
            "the rule obliges us to keep stay until their time is over."
        ),
    ),
    ConsentPurpose.FACE: ConsentText(
        ConsentPurpose.FACE,
        "2026-11",
        _("Face comparison"),
        (
            _(
                "What: at classes and in the exam hall, a picture of your face is compared with your photo. The comparison runs "
                "on the device on the spot; only its result is kept."
            ),
            _("What for: to prevent that somebody else attends or sits the test in your place."),
            _(
                "You need not consent: without it, your identity card is read and two members of staff compare by eye. "
                "You are treated just the same."
            ),
            _(
                "How long: what the comparison computes from your face is deleted after the certificate and the time for appeals."
            ),
        ),
        _("From now on your identity card is read and two members of staff compare by eye instead."),
    ),
}
