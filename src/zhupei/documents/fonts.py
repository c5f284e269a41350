"""The fonts that documents are set in, and which characters they hold.

A Song and a Hei face come as Python packages, so that a document looks the same on every machine. Debian's
fonts-hanazono (rare characters such as 𪚥) is taken where it is installed. Output is the same byte for byte where the same
fonts are.
"""

from __future__ import annotations

import struct
import unicodedata
from bisect import bisect_right
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("noto_cjk_sans_otc", "pylopdf_fonts_zh_cn")
SYSTEM = (
    Path("/usr/share/fonts/truetype/hanazono/HanaMinA.ttf"),
    Path("/usr/share/fonts/truetype/hanazono/HanaMinB.ttf"),
)

Ranges = tuple[tuple[int, ...], tuple[int, ...]]


@lru_cache(maxsize=1)
def font_files() -> tuple[Path, ...]:
    """Every font file that documents are set in, the packages' first."""
    packaged: list[Path] = []
    for package in PACKAGES:
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise RuntimeError(f"the package {package} is not installed")
        found = [
            path
            for place in spec.submodule_search_locations
            for path in sorted(Path(place).glob("*.[ot]t[cf]"))
        ]
        if not found:
            raise RuntimeError(f"the package {package} holds no font")
        packaged += found
    return (*packaged, *(path for path in SYSTEM if path.is_file()))


def font_folders() -> list[str]:
    """The folders of ``font_files``: the typesetter takes folders only."""
    return sorted({str(path.parent) for path in font_files()})


def missing_glyphs(text: str) -> set[str]:
    """The characters of ``text`` that no available font can print.

    Blanks, format characters and variation selectors need no glyph. Private-use characters (old identity cards)
    count as missing: they mean something only to the machine that wrote them.
    """
    return {char for char in set(text) if not _covered(char)}


def _covered(char: str) -> bool:
    code = ord(char)
    if 0x20 <= code < 0x7F or 0x4E00 <= code < 0x9FA6:
        return True
    if unicodedata.category(char) in {"Zs", "Zl", "Zp", "Cc", "Cf"}:
        return True
    if 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF:
        return True
    if unicodedata.category(char) in {"Co", "Cs"}:
        return False
    return any(_holds(_coverage(path), code) for path in font_files())


def _holds(ranges: Ranges, code: int) -> bool:
    starts, ends = ranges
    at = bisect_right(starts, code) - 1
    return at >= 0 and code <= ends[at]


@lru_cache(maxsize=16)
def _coverage(path: Path) -> Ranges:
    """The code points of a font file as sorted ranges, read from its ``cmap`` (OpenType spec 1.9, formats 4, 12)."""
    raw = path.read_bytes()
    base = struct.unpack_from(">I", raw, 12)[0] if raw[:4] == b"ttcf" else 0
    (tables,) = struct.unpack_from(">H", raw, base + 4)
    cmap = 0
    for index in range(tables):
        tag, _sum, offset, _length = struct.unpack_from(">4sIII", raw, base + 12 + 16 * index)
        if tag == b"cmap":
            cmap = offset
    if not cmap:
        raise ValueError(f"{path}: no cmap")
    found: dict[int, list[tuple[int, int]]] = {}
    (subtables,) = struct.unpack_from(">H", raw, cmap + 2)
    for index in range(subtables):
        _platform, _encoding, offset = struct.unpack_from(">HHI", raw, cmap + 4 + 8 * index)
        at = cmap + offset
        (form,) = struct.unpack_from(">H", raw, at)
        if form == 12:
            (groups,) = struct.unpack_from(">I", raw, at + 12)
            flat = struct.unpack_from(f">{3 * groups}I", raw, at + 16)
            found[12] = list(zip(flat[::3], flat[1::3], strict=True))
        elif form == 4:
            (double,) = struct.unpack_from(">H", raw, at + 6)
            ends = struct.unpack_from(f">{double // 2}H", raw, at + 14)
            starts = struct.unpack_from(f">{double // 2}H", raw, at + 16 + double)
            found[4] = [pair for pair in zip(starts, ends, strict=True) if pair[0] != 0xFFFF]
    ranges = sorted(found.get(12) or found.get(4) or [])
    return tuple(start for start, _ in ranges), tuple(end for _, end in ranges)
