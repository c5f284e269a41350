"""Bringing an uploaded photo into one form: checked, bounded, stripped of everything but the picture."""

from __future__ import annotations

import io
import struct
import warnings

from django.utils.translation import gettext as _
from PIL import Image, ImageOps

from zhupei.kernel.errors import Refusal

MAX_BYTES = 5 * 1024 * 1024
MAX_PIXELS = 40_000_000  # a phone's camera has 12 to 50 million; what unpacks to more is refused unread
MIN_SIDE = 295  # the short side of a one-inch photo at 300 dpi
FRAME = (413, 579)  # a two-inch photo at 300 dpi
_DAMAGE = (OSError, ValueError, SyntaxError, struct.error, EOFError, Image.DecompressionBombError, Warning)


def _bad(code: str, message: str) -> Refusal:
    return Refusal(code, message, field="photo")


def normalise_photo(data: bytes) -> bytes:
    """``data`` (JPEG or PNG, at most 5 MB) as JPEG that fits 413 × 579, upright, without EXIF or other extras.

    Raises ``Refusal`` for what is too large, no such picture, damaged, or under 295 pixels on its short side.
    """
    if len(data) > MAX_BYTES:
        raise _bad("photo_too_large", _("The photo has more than 5 MB. Take it anew or save it smaller."))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise _bad(
                        "photo_too_large",
                        _("The photo has too many pixels. Take it anew or save it smaller."),
                    )
                if min(width, height) < MIN_SIDE:
                    raise _bad(
                        "photo_too_small",
                        _(
                            "The photo has only %(width)d × %(height)d pixels; its short side needs at least %(least)d."
                        )
                        % {"width": width, "height": height, "least": MIN_SIDE},
                    )
                image.load()
                upright = ImageOps.exif_transpose(image)
                if upright.mode in ("RGBA", "LA", "PA", "P"):
                    upright = upright.convert("RGBA")
                    ground = Image.new("RGBA", upright.size, "white")
                    upright = Image.alpha_composite(ground, upright)
                upright = upright.convert("RGB")
                upright.thumbnail(FRAME, Image.Resampling.LANCZOS)
                out = io.BytesIO()
                # a fresh picture: nothing of the old file's extras comes along
                clean = Image.new("RGB", upright.size)
                clean.paste(upright)
                clean.save(out, "JPEG", quality=90, optimize=True)
                return out.getvalue()
    except _DAMAGE:
        raise _bad(
            "photo_unreadable", _("This is not a photo that can be read. Use a JPG or PNG picture.")
        ) from None
