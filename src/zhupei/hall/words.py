"""What the exam engine's refusals mean for the staff of a hall."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils.translation import gettext as _

from zhupei.kernel.errors import Refusal


def _texts() -> dict[str, str]:
    damaged = _("The bundle contradicts itself and cannot be used. Fetch it from the centre again.")
    return {
        "late_entry": _("The room has been open longer than late entry is allowed. Only the hall's technical head or the exam "
                        "officer may still let this person in, with a reason."),
        "wrong_state": _("This sitting is in a state in which this is not possible. Load the page again."),
        "candidate_unknown": _("This person is not in the bundle."),
        "room_unknown": _("This room is not in the bundle."),
        "session_unknown": _("This session is not loaded. Open the bundle on the batch's page."),
        "session_known": _("A session of this bundle is already loaded with another batch. Tell the centre."),
        "seat_taken": _("This seat is another candidate's. Choose a free one."),
        "sitting_running": _("Candidates are still sitting. Wait until all have handed in."),
        "bundle_changed": _("This bundle was loaded before with other content. Tell the centre; do not hold the test with it."),
        "candidate_known": _("A candidate of this bundle sits with the same number in another open batch of this hall."),
        "bundle_unknown": _("The bundle is not loaded. Open it on the batch's page."),
        "two_persons": _("Two different persons are needed."),
        "seconds_range": _("Between one minute and four hours can be given at a time."),
        "proposal_unknown": _("This fault is not one of this candidate's."),
        "proposal_applied": _("The time for this fault was given already."),
        "value_missing": _("Something is not filled in."),
        "journal_failed": _("The hall server cannot write to its disk. Nothing was changed. Check the disk at once."),
        "not_this_kind": _("This file is no bundle of the centre. Choose the file that ends in .zpb."),
        "version_unknown": _("This file was made by a newer version of the program. Bring this server up to date."),
        "too_large": _("This file is too large for a bundle."),
        "truncated": _("The file ends too early. Copy it again from the centre."),
        "trailing": _("The file was lengthened on the way. Copy it again from the centre."),
        "header_invalid": damaged,
        "content_invalid": damaged,
        "header_differs": damaged,
        "counts_differ": damaged,
        "digests_differ": damaged,
        "signature_invalid": _("The signature is not the centre's: the file was changed. Do not use it; fetch it again."),
        "key_wrong": _("This key does not open the bundle. Compare it with the centre's, figure by figure."),
    }  # fmt: skip


@contextmanager
def told() -> Iterator[None]:
    """Refusals of the engine and of the bundle's format, in the words of the hall."""
    try:
        yield
    except Refusal as refusal:
        text = _texts().get(refusal.code)
        if text is None:
            raise
        raise Refusal(refusal.code, text, status=refusal.status) from refusal
