"""Files by which a hall's own machine and the centre come to know each other.

The **request** (``.json``): the machine names itself and gives its public key, signed with that key. The **hall pass**
(``.zph``): the centre tells the machine which hall it is, who works there, which numbers of the rule hold, and the centre's own
key; signed by the centre and good for one machine's key alone. Neither holds a secret: of each person's first sign-in code a pass
has the slow, salted hash of Django's password hasher. Layout of a pass (numbers big-endian)::

    8 bytes   magic "ZPHPASS\\n"
    4 bytes   length, then content   JSON: ``HallPass``
    2 bytes   length, then signature hex, SM2 over the SM3 (hex) of everything before it

A pass is signed under the very key that it names, so reading it proves only that it is whole. That this key is the centre's is
proved by the fingerprint, compared by voice, or by an earlier pass.
"""

from __future__ import annotations

import struct
from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from django.utils.translation import gettext as _

from zhupei.kernel import clock, crypto, envelope
from zhupei.kernel.crypto import Signer, Sm2Verifier, sm3
from zhupei.kernel.errors import Refusal

PASS_MAGIC = b"ZPHPASS\n"
PASS_FORMAT, REQUEST_FORMAT = 2, 1  # a pass of format 1 has no first sign-in codes
REQUEST_KIND = "zhupei hall request"
MAX_PASS, MAX_REQUEST = 1 << 20, 8 << 10

Name = Annotated[str, msgspec.Meta(max_length=300)]
Code = Annotated[str, msgspec.Meta(max_length=80)]
Hash = Annotated[str, msgspec.Meta(max_length=128)]
Number = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=100_000)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what a pass is made of."""


class PassUnit(_Part, frozen=True, kw_only=True):
    """The institution that the hall belongs to, as the register of institutions names it."""

    organisation_id: Number
    institution_id: Number
    name: Name
    type: Code
    uscc: Code
    division_code: Code
    address: Name


class PassRoom(_Part, frozen=True, kw_only=True):
    id: Number
    name: Name
    seats: Count


class PassSite(_Part, frozen=True, kw_only=True):
    """The hall."""

    id: Number
    name: Name
    address: Name
    division_code: Code
    exam_clients: Count
    spare_clients: Count
    valid_to: date | None
    rooms: Annotated[tuple[PassRoom, ...], msgspec.Meta(max_length=500)]


class PassFiling(_Part, frozen=True, kw_only=True):
    """A post for which a person was trained and filed with the centre (R146–R148)."""

    role: Code
    trained_on: date
    training: Name
    filing_no: Code
    filed_at: datetime


class PassPerson(_Part, frozen=True, kw_only=True):
    """Somebody who works in the hall. No password, no second factor, no telephone: those are set on the machine itself.

    ``first_secret`` is the hash of the code that opens the account there for the first time, known to this person alone.
    """

    login: Code
    name: Name
    roles: Annotated[tuple[Code, ...], msgspec.Meta(min_length=1, max_length=10)]
    first_secret: Hash = ""
    filings: Annotated[tuple[PassFiling, ...], msgspec.Meta(max_length=10)] = ()


class PassParameter(_Part, frozen=True, kw_only=True):
    """A number of the rule with the days on which it holds."""

    key: Code
    value: Any
    effective_from: date
    effective_to: date | None


class HallPass(_Part, frozen=True, kw_only=True):
    """What the centre tells a hall's own machine."""

    format: int = PASS_FORMAT
    serial: Number
    issued_at: datetime
    valid_to: date
    centre_name: Name
    centre_key: Annotated[str, msgspec.Meta(max_length=130)]
    centre_address: Name
    hall_key: Annotated[str, msgspec.Meta(max_length=130)]
    unit: PassUnit
    site: PassSite
    people: Annotated[tuple[PassPerson, ...], msgspec.Meta(max_length=1000)]
    parameters: Annotated[tuple[PassParameter, ...], msgspec.Meta(max_length=1000)]


class HallRequest(_Part, frozen=True, kw_only=True):
    """A machine that wants to be a hall's. ``signature`` is by the key that it names, over the rest."""

    kind: str = REQUEST_KIND
    format: int = REQUEST_FORMAT
    hall_name: Name
    site_id: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    public_key: Annotated[str, msgspec.Meta(max_length=130)]
    fingerprint: Code
    made_at: datetime
    signature: Annotated[str, msgspec.Meta(max_length=128)] = ""


_pass_decoder = msgspec.json.Decoder(HallPass)
_request_decoder = msgspec.json.Decoder(HallRequest)


def _refuse(code: str, text: str) -> Refusal:
    return Refusal(code, text, field="file")


def write_pass(content: HallPass, signer: Signer) -> bytes:
    """The file of a pass."""
    raw = msgspec.json.encode(content, order="deterministic")
    body = PASS_MAGIC + struct.pack(">I", len(raw)) + raw
    signature = signer.sign(sm3(body).encode()).encode()
    data = body + struct.pack(">H", len(signature)) + signature
    if len(data) > MAX_PASS:
        raise Refusal(
            "pass_too_large", _("This hall has too many rooms or persons for one pass."), status=409
        )
    return data


def read_pass(data: bytes) -> HallPass:
    """The content of a pass that is whole and signed under the key that it names. Raises ``Refusal``."""
    if data[: len(PASS_MAGIC)] != PASS_MAGIC or len(data) > MAX_PASS:
        text = _(
            "This file is no hall pass. Choose the file that the centre made for this machine; it ends in .zph."
        )
        raise _refuse("not_a_pass", text)
    damaged = _refuse("pass_damaged", _("The hall pass is damaged. Copy it again from where you got it."))
    at = len(PASS_MAGIC) + 4
    if len(data) < at:
        raise damaged
    (length,) = struct.unpack(">I", data[len(PASS_MAGIC) : at])
    raw, rest = data[at : at + length], data[at + length :]
    if len(raw) != length or len(rest) < 2 or len(rest) != 2 + struct.unpack(">H", rest[:2])[0]:
        raise damaged
    try:
        found = msgspec.json.decode(raw)
        version = found.get("format") if isinstance(found, dict) else None
        if isinstance(version, int) and version > PASS_FORMAT:
            text = _(
                "This pass was made by a newer version of the program. Bring this machine up to date first."
            )
            raise _refuse("version_unknown", text)
        content = _pass_decoder.decode(raw)
        verifier = Sm2Verifier(content.centre_key)
        Sm2Verifier(content.hall_key)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, crypto.BadKey):
        raise damaged from None
    signed = sm3(data[: at + length]).encode()
    if not verifier.verify(signed, rest[2:].decode("ascii", "replace")):
        text = _("The pass was changed after the centre signed it. Do not use it; tell the security officer.")
        raise _refuse("pass_forged", text)
    return content


def _unsigned(request: HallRequest) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(request, signature=""), order="deterministic")


def write_request(hall_name: str, site_id: int, signer: Signer) -> bytes:
    """The file by which a machine asks for a pass."""
    request = HallRequest(
        hall_name=hall_name.strip()[:200],
        site_id=site_id,
        public_key=signer.public_key,
        fingerprint=envelope.fingerprint(signer.public_key),
        made_at=clock.now().replace(microsecond=0),
    )
    request = msgspec.structs.replace(request, signature=signer.sign(_unsigned(request)))
    return msgspec.json.format(msgspec.json.encode(request), indent=2) + b"\n"


def read_request(data: bytes) -> HallRequest:
    """The request in a file. Raises ``Refusal`` unless its own key signed it."""
    text = _(
        "This file is no request of a hall's machine. Choose the one that “zhupei hall-setup” wrote there."
    )
    if len(data) > MAX_REQUEST:
        raise _refuse("not_a_request", text)
    try:
        request = _request_decoder.decode(data)
        verifier = Sm2Verifier(request.public_key)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, crypto.BadKey):
        raise _refuse("not_a_request", text) from None
    if request.kind != REQUEST_KIND or request.format != REQUEST_FORMAT:
        raise _refuse("not_a_request", text)
    if (
        not verifier.verify(_unsigned(request), request.signature)
        or envelope.fingerprint(request.public_key) != request.fingerprint
    ):
        text = _("The request was changed on its way. Fetch it again from the hall's machine.")
        raise _refuse("request_forged", text)
    return request
