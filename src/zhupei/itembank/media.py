"""Pictures of items: bounded, decoded and encoded anew, so that nothing but the picture itself comes in."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field

from PIL import Image, UnidentifiedImageError

from zhupei.evidence.api import Retention, read, store
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.crypto import sm3

from .models import Media

MAX_BYTES = 5 * 1024 * 1024
MAX_PIXELS = 20_000_000
MAX_SIDE = 1600
MAX_KEPT = 1024 * 1024
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")


class BadPicture(Exception):
    """A file that is no picture we take in. ``code``: ``large``, ``kind``, ``broken``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Picture:
    """A picture as it is kept: PNG or JPEG, sides up to ``MAX_SIDE`` pixels, at most ``MAX_KEPT`` bytes."""

    data: bytes
    content_type: str
    width: int
    height: int

    @property
    def digest(self) -> str:
        return sm3(self.data)


def picture_of(raw: bytes) -> Picture:
    """The picture in ``raw``, decoded and encoded anew. Raises ``BadPicture``."""
    if len(raw) > MAX_BYTES:
        raise BadPicture("large")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(raw), formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS or min(image.size) < 1:
                    raise BadPicture("large")
                is_photo = image.format == "JPEG"
                image.thumbnail((MAX_SIDE, MAX_SIDE))
                plain = image.convert("RGBA")
    except BadPicture:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        raise BadPicture("large") from None
    except UnidentifiedImageError:
        raise BadPicture("kind") from None
    except Exception:  # whatever a decoder raises on a hostile file
        raise BadPicture("broken") from None
    ground = Image.new("RGB", plain.size, "white")  # what lies behind transparency
    ground.paste(plain, mask=plain.getchannel("A"))
    for quality in (None, 90, 75, 50) if not is_photo else (90, 75, 50):
        out = io.BytesIO()
        if quality is None:
            ground.save(out, "PNG", optimize=True)
        else:
            ground.save(out, "JPEG", quality=quality)
        if out.tell() <= MAX_KEPT:
            kind = "image/png" if quality is None else "image/jpeg"
            return Picture(out.getvalue(), kind, *ground.size)
    raise BadPicture("large")


@dataclass
class MediaBag:
    """Pictures met while a file is read, by digest: at most ``limit``, of ``pixels`` in all. None is decoded twice."""

    pictures: dict[str, Picture] = field(default_factory=dict)
    limit: int = 500
    pixels: int = 200_000_000
    _met: dict[str, str] = field(default_factory=dict)

    def add(self, raw: bytes, alt: str = "") -> str:
        """The markup that shows a picture in an item's text. Raises ``BadPicture``."""
        met = sm3(raw)
        if met not in self._met:
            self.pixels -= pixels_of(raw)
            if len(self._met) >= self.limit or self.pixels < 0:
                raise BadPicture("large")
            picture = picture_of(raw)
            self._met[met] = picture.digest
            self.pictures[picture.digest] = picture
        words = " ".join(alt.translate(str.maketrans("[]", "（）")).split())[:200]
        return f"![{words}](media:{self._met[met]})"


def pixels_of(raw: bytes) -> int:
    """What decoding a picture would cost, by its own header; 0 for what is no picture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(raw), formats=FORMATS) as image:
                return image.width * image.height
    except Exception:  # whatever a decoder raises on a hostile file: picture_of names it
        return 0


def keep(pictures: Iterable[Picture], *, by: Actor) -> list[Media]:
    """Keep pictures in the bank; those there already stay as they are. Returns the new ones."""
    new: list[Media] = []
    wanted = {picture.digest: picture for picture in pictures}
    known = set(Media.objects.filter(digest__in=list(wanted)).values_list("digest", flat=True))
    for digest in sorted(wanted.keys() - known):
        picture = wanted[digest]
        file = store(
            picture.data,
            name=f"{digest[:16]}.{'png' if picture.content_type == 'image/png' else 'jpg'}",
            content_type=picture.content_type,
            purpose="item_media",
            retention=Retention.ARCHIVE,
            by=by,
        )
        row = Media.objects.create(
            digest=digest,
            file=file,
            content_type=picture.content_type,
            width=picture.width,
            height=picture.height,
            created_at=clock.now(),
        )
        new.append(row)
    return new


def media_bytes(digests: Iterable[str]) -> dict[str, bytes]:
    """The bytes of these pictures, by digest; one that the bank does not have is left out."""
    rows = Media.objects.filter(digest__in=list(digests)).select_related("file")
    return {row.digest: read(row.file) for row in rows}
