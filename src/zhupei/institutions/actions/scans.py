"""Scans of certificates: looked into before they are kept, and each reading recorded."""

from __future__ import annotations

import io
import warnings

from django.db import transaction
from django.utils.translation import gettext as _
from PIL import Image

from zhupei.audit.api import record
from zhupei.evidence.api import Retention, StoredFile, read, store
from zhupei.institutions import events
from zhupei.institutions.models import Institution, Licence, Qualification
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Refusal

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 50_000_000


def content_type_of(data: bytes) -> str:
    """What a scan is by its content: PDF, JPEG or PNG. Raises ``Refusal`` for anything else, or when it is too large."""
    if len(data) > MAX_BYTES:
        raise Refusal(
            "scan_too_large", _("The scan is larger than 10 MB. Scan it with less resolution."), field="scan"
        )
    if data.startswith(b"%PDF-") and b"%%EOF" in data[-2048:]:
        return "application/pdf"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise Refusal(
                        "scan_too_large",
                        _("The picture has too many pixels. Scan it with less resolution."),
                        field="scan",
                    )
                kind = image.format
                image.verify()
    except Refusal:
        raise
    except Exception:  # whatever a picture reader makes of bytes that are no picture
        text = _("The file is damaged, or neither PDF, JPG nor PNG. Scan it again.")
        raise Refusal("scan_unreadable", text, field="scan") from None
    return "image/jpeg" if kind == "JPEG" else "image/png"


def keep_scan(data: bytes, name: str, institution: Institution, *, purpose: str, by: Actor) -> StoredFile:
    """Check a scan and store it for as long as the registration is on record."""
    content_type = content_type_of(data)
    return store(
        data,
        name=name,
        content_type=content_type,
        purpose=purpose,
        retention=Retention.PERMANENT,
        organisation_id=institution.organisation_id,
        by=by,
    )


@transaction.atomic
def read_scan(row: Qualification | Licence, *, by: Actor) -> bytes:
    """The content of a certificate's scan; the reading goes on record. The caller has fetched ``row`` through access."""
    if row.scan is None:
        raise Refusal("no_scan", _("No scan was handed in with this certificate."), status=404)
    data = read(row.scan)
    record(events.SCAN_READ, by=by, on=row, organisation_id=row.institution.organisation_id)
    return data
