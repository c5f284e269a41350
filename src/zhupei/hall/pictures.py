"""Photos taken in the hall: checked, bounded, made anew without anything but the picture."""

from __future__ import annotations

import io
import struct
import warnings

from django.utils.translation import gettext as _
from PIL import Image, ImageOps

from zhupei.kernel.errors import Refusal

MAX_BYTES = 5 * 1024 * 1024
MAX_PIXELS = 40_000_000
MAX_SIDE = 1280
_DAMAGE = (OSError, ValueError, SyntaxError, struct.error, EOFError, Image.DecompressionBombError, Warning)


def clean_picture(data: bytes) -> bytes:
    """``data`` (JPEG or PNG, at most 5 MB) as JPEG of at most 1280 pixels a side. Raises ``Refusal`` (field ``photo``)."""
    if len(data) > MAX_BYTES:
        raise Refusal(
            "photo_too_large",
            _("The photo has more than 5 MB. Take it anew or save it smaller."),
            field="photo",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
                if image.size[0] * image.size[1] > MAX_PIXELS:
                    text = _("The photo has too many pixels. Take it anew or save it smaller.")
                    raise Refusal("photo_too_large", text, field="photo")
                image.load()
                upright = ImageOps.exif_transpose(image).convert("RGB")
                upright.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
                clean = Image.new("RGB", upright.size)
                clean.paste(upright)
                out = io.BytesIO()
                clean.save(out, "JPEG", quality=85, optimize=True)
                return out.getvalue()
    except _DAMAGE:
        text = _("This is not a photo that can be read. Use a JPG or PNG picture.")
        raise Refusal("photo_unreadable", text, field="photo") from None
