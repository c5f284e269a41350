"""Bundles and returns as files: sealed with SM4-GCM, signed with SM2, bounded in size.

Layout (numbers big-endian)::

    8 bytes   magic        "ZPBUNDL\\n" or "ZPRETRN\\n"
    2 bytes   format       the file format, 1
    4 bytes   length, then header      JSON, readable by anyone: see ``Header``
    8 bytes   length, then payload     SM4-GCM( zlib( MessagePack ) ), bound to everything before it
    2 bytes   length, then signature   hex, SM2 over the SM3 (hex) of everything before it

The header can be read without the key (ids, counts, digests), so a hall can take a file in, check its
signature and show what is in it, long before the key is released. Every way a file can be wrong has its own
code:

=====================  ============================================================
``not_this_kind``      another kind of file, or none of ours
``version_unknown``    made by a newer (or damaged) program
``too_large``          over ``MAX_FILE`` or, unpacked, over ``MAX_CONTENT`` bytes
``truncated``          ends too early
``trailing``           goes on after its end
``header_invalid``     the header is not what this format says
``signature_invalid``  changed after signing, or signed by somebody else
``key_wrong``          the signature holds but the key does not open it
``content_invalid``    opened, but not what this format says
``header_differs``     header and content name different ids, counts or digests
=====================  ============================================================

``counts_differ`` and ``digests_differ`` come from ``formats`` if the content contradicts itself.
"""

from __future__ import annotations

import struct
import zlib

import msgspec

from zhupei.delivery.formats.base import encoder
from zhupei.delivery.formats.bundles import BUNDLE_FORMAT, Bundle, bundle_decoder, check_bundle
from zhupei.delivery.formats.returns import RETURN_FORMAT, Return, check_return, return_decoder
from zhupei.kernel.crypto import DecryptionFailed, Signer, Verifier, decrypt, encrypt, sm3
from zhupei.kernel.errors import Refusal

BUNDLE_MAGIC = b"ZPBUNDL\n"
RETURN_MAGIC = b"ZPRETRN\n"
MAX_HEADER = 64 * 1024
MAX_FILE = 512 * 1024 * 1024
MAX_CONTENT = 2 * 1024 * 1024 * 1024
MAX_SIGNATURE = 1024


class SealError(Refusal):
    """A file that must not be used; ``code`` says why (table above)."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail, status=422)


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a sealed file says about itself without its key. ``id`` is the bundle's or the return's."""

    format: int
    id: str
    bundle_id: str
    batch_no: str
    hall_id: str
    created_at: int
    counts: dict[str, int]
    digests: dict[str, str]


def seal_bundle(bundle: Bundle, *, bundle_key: bytes, signer: Signer) -> bytes:
    """The file of a completed and checked bundle under a 16-byte key."""
    check_bundle(bundle)
    return _seal(BUNDLE_MAGIC, _bundle_header(bundle), encoder.encode(bundle), bundle_key, signer)


def open_bundle(data: bytes, *, bundle_key: bytes, verifier: Verifier) -> Bundle:
    """The bundle in a file; raises ``SealError`` or ``FormatError`` with the code of what is wrong."""
    header, content = _open(data, BUNDLE_MAGIC, BUNDLE_FORMAT, bundle_key, verifier)
    try:
        bundle = bundle_decoder.decode(content)
    except msgspec.MsgspecError as error:
        raise SealError("content_invalid", str(error)) from None
    if header != _bundle_header(bundle):
        raise SealError("header_differs")
    check_bundle(bundle)
    return bundle


def seal_return(content: Return, *, bundle_key: bytes, signer: Signer) -> bytes:
    """The file of a completed return, under the same 16-byte key as its bundle, signed by the hall."""
    check_return(content)
    return _seal(RETURN_MAGIC, _return_header(content), encoder.encode(content), bundle_key, signer)


def open_return(data: bytes, *, bundle_key: bytes, verifier: Verifier) -> Return:
    """The return in a file; raises ``SealError`` or ``FormatError`` with the code of what is wrong."""
    header, raw = _open(data, RETURN_MAGIC, RETURN_FORMAT, bundle_key, verifier)
    try:
        content = return_decoder.decode(raw)
    except msgspec.MsgspecError as error:
        raise SealError("content_invalid", str(error)) from None
    if header != _return_header(content):
        raise SealError("header_differs")
    check_return(content)
    return content


def read_bundle_header(data: bytes, *, verifier: Verifier | None = None) -> Header:
    """The header of a bundle file, without its key; with ``verifier`` the signature is checked too."""
    return _read_header(data, BUNDLE_MAGIC, BUNDLE_FORMAT, verifier)


def read_return_header(data: bytes, *, verifier: Verifier | None = None) -> Header:
    """The header of a return file, without its key; with ``verifier`` the signature is checked too."""
    return _read_header(data, RETURN_MAGIC, RETURN_FORMAT, verifier)


def _bundle_header(bundle: Bundle) -> Header:
    return Header(
        format=bundle.format,
        id=bundle.bundle_id,
        bundle_id=bundle.bundle_id,
        batch_no=bundle.batch_no,
        hall_id=bundle.hall.id,
        created_at=bundle.created_at,
        counts=bundle.counts,
        digests=bundle.digests,
    )


def _return_header(content: Return) -> Header:
    return Header(
        format=content.format,
        id=content.return_id,
        bundle_id=content.bundle_id,
        batch_no=content.batch_no,
        hall_id=content.hall_id,
        created_at=content.created_at,
        counts=content.counts,
        digests=content.digests,
    )


def _seal(magic: bytes, header: Header, content: bytes, key: bytes, signer: Signer) -> bytes:
    if len(content) > MAX_CONTENT:
        raise SealError("too_large", f"{len(content)} bytes")
    head = msgspec.json.encode(header, order="deterministic")
    if len(head) > MAX_HEADER:
        raise SealError("too_large", f"header of {len(head)} bytes")
    front = magic + struct.pack(">HI", header.format, len(head)) + head
    payload = encrypt(key, zlib.compress(content, 6), aad=front)
    body = front + struct.pack(">Q", len(payload)) + payload
    signature = signer.sign(_signed(body)).encode()
    if len(body) + len(signature) > MAX_FILE:
        raise SealError("too_large", f"{len(body)} bytes")
    return body + struct.pack(">H", len(signature)) + signature


def _signed(body: bytes) -> bytes:
    """What is signed for a file: its SM3, because SM2 in software hashes slowly and files are large."""
    return sm3(body).encode()


def _is_signed(body: bytes, signature: bytes, verifier: Verifier) -> bool:
    return verifier.verify(_signed(body), signature.decode("ascii", "replace"))


class _Reader:
    """Reads a file from its front; ``SealError("truncated")`` where it ends too early."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        piece = self.data[self.at : self.at + count]
        if len(piece) != count:
            raise SealError("truncated", f"{len(self.data)} bytes")
        self.at += count
        return piece

    def number(self, form: str) -> int:
        (value,) = struct.unpack(form, self.take(struct.calcsize(form)))
        return int(value)


def _read_header(data: bytes, magic: bytes, version: int, verifier: Verifier | None) -> Header:
    header, _, _, body, signature = _split(data, magic, version)
    if verifier is not None and not _is_signed(body, signature, verifier):
        raise SealError("signature_invalid")
    return header


def _split(data: bytes, magic: bytes, version: int) -> tuple[Header, bytes, bytes, bytes, bytes]:
    """Header, its raw front, payload, signed body, signature."""
    if len(data) > MAX_FILE:
        raise SealError("too_large", f"{len(data)} bytes")
    if data[: len(magic)] != magic[: len(data)]:
        raise SealError("not_this_kind")
    reader = _Reader(data)
    reader.take(len(magic))
    found = reader.number(">H")
    if found != version:
        raise SealError("version_unknown", f"format {found}, this program reads {version}")
    length = reader.number(">I")
    if length > MAX_HEADER:
        raise SealError("too_large", f"header of {length} bytes")
    raw = reader.take(length)
    front = data[: reader.at]
    payload = reader.take(reader.number(">Q"))
    body = data[: reader.at]
    length = reader.number(">H")
    if length > MAX_SIGNATURE:
        raise SealError("too_large", f"signature of {length} bytes")
    signature = reader.take(length)
    if reader.at != len(data):
        raise SealError("trailing", f"{len(data) - reader.at} bytes more")
    try:
        header = msgspec.json.decode(raw, type=Header)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SealError("header_invalid", str(error)) from None
    return header, front, payload, body, signature


def _open(data: bytes, magic: bytes, version: int, key: bytes, verifier: Verifier) -> tuple[Header, bytes]:
    header, front, payload, body, signature = _split(data, magic, version)
    if not _is_signed(body, signature, verifier):
        raise SealError("signature_invalid")
    try:
        packed = decrypt(key, payload, aad=front)
    except DecryptionFailed as error:
        raise SealError("key_wrong") from error
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(packed, MAX_CONTENT)
    except zlib.error as error:
        raise SealError("content_invalid", str(error)) from None
    if unpacker.unconsumed_tail:
        raise SealError("too_large", "unpacked")
    if not unpacker.eof:
        raise SealError("content_invalid", "packed content ends too early")
    return header, content
