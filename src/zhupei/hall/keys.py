"""The key of an open batch, as this hall keeps it, and what it opens."""

from __future__ import annotations

import base64

from django.utils.translation import gettext as _

from zhupei.delivery import api as delivery
from zhupei.evidence.api import read
from zhupei.hall.choices import HallBatchState
from zhupei.hall.models import HallBatch
from zhupei.hall.process import note_loaded
from zhupei.hall.uplink.link import bundle_verifier
from zhupei.kernel import crypto
from zhupei.kernel.errors import Conflict
from zhupei.web.fields import purpose_key


def _context(row: HallBatch) -> bytes:
    return f"hall:{row.bundle_id}".encode()


def sealed(row: HallBatch, key: bytes) -> str:
    """``key`` encrypted for the row of its batch, as text."""
    return base64.b64encode(crypto.encrypt(purpose_key("hall-key"), key, _context(row))).decode()


def key_of(row: HallBatch) -> bytes:
    """The bundle's key as this hall keeps it while the batch is open."""
    if not row.sealed_key:
        raise Conflict("no_key", _("This hall no longer holds the key of this batch."))
    return crypto.decrypt(purpose_key("hall-key"), base64.b64decode(row.sealed_key), _context(row))


def load_into(target: delivery.Engine, row: HallBatch) -> delivery.Bundle:
    """Open the stored bundle with the stored key and give it to the engine (after a restart, too).

    Nobody starts in a batch that was closed.
    """
    bundle = delivery.open_bundle(read(row.file), bundle_key=key_of(row), verifier=bundle_verifier())
    target.load(bundle, closed=row.state == HallBatchState.CLOSED)
    note_loaded(row.pk)
    return bundle
