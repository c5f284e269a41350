"""A hall's own machine calls the centre: who calls is proved by a signature of each single call.

The signature (SM2) covers method, address with query, time, a number used once, the SM3 of the body, and the fingerprint of the
centre that is meant; so a call can be neither altered, nor sent again, nor sent elsewhere. It travels in one header::

    Authorization: Zhupei-Hall <fingerprint of the hall's key> <ms since 1970> <nonce, 32 hex> <SM3 of the body> <signature>

Answers that decide something are signed by the centre over the nonce they answer and their body (``X-Zhupei-Signature``). What is
secret in them is sealed to the hall's key. TLS in front is a matter of deployment, and nothing rests on it alone.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from zhupei.audit.api import record
from zhupei.exams import events, keys
from zhupei.exams.models import HallCall, HallMachine
from zhupei.kernel import clock, envelope
from zhupei.kernel.actor import Actor
from zhupei.kernel.crypto import Signer, Sm2Verifier, equal, sm3
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role

SCHEME = "Zhupei-Hall"
ANSWER_SIGNATURE = "X-Zhupei-Signature"
CLOCK_MINUTES = 5
HEX = frozenset("0123456789abcdef")
CALLS_PER_MACHINE = RateLimitItemPerMinute(1200, namespace="hall-calls")
FAILURES = RateLimitItemPerMinute(30, namespace="hall-failures")

_storage = MemoryStorage()
_limiter = MovingWindowRateLimiter(_storage)


def forget() -> None:
    """Start counting anew (tests)."""
    _storage.reset()


def signed_text(
    method: str, target: str, milliseconds: int, nonce: str, body_digest: str, centre: str
) -> bytes:
    """What is signed for a call. ``target``: path and query as sent; ``centre``: the fingerprint of the centre's key."""
    return "\n".join(("ZPHALL1", centre, method, target, str(milliseconds), nonce, body_digest)).encode()


def answer_text(nonce: str, status: int, body: bytes) -> bytes:
    """What the centre signs for an answer."""
    return "\n".join(("ZPCENTRE1", nonce, str(status), sm3(body))).encode()


def credentials(signer: Signer, method: str, target: str, body: bytes, *, centre: str) -> tuple[str, str]:
    """The value of the header for a call by the holder of ``signer``, and the nonce in it."""
    nonce, digest = secrets.token_hex(16), sm3(body)
    now = int(clock.now().timestamp() * 1000)
    signature = signer.sign(signed_text(method, target, now, nonce, digest, centre))
    return f"{SCHEME} {envelope.fingerprint(signer.public_key)} {now} {nonce} {digest} {signature}", nonce


@cache
def centre_fingerprint() -> str:
    """The fingerprint of this centre's key."""
    return envelope.fingerprint(keys.centre_public_key())


@dataclass(frozen=True)
class Call:
    """An authenticated call: whose machine, as whom it acts, and the nonce that an answer repeats."""

    machine: HallMachine
    actor: Actor
    nonce: str


def _turn_away(code: str, text: str, *, status: int = 401) -> Refusal:
    return Refusal(code, text, status=status)


def _parse(header: str) -> tuple[str, int, str, str, str]:
    parts = header.split(" ")
    ok = len(parts) == 6 and parts[0] == SCHEME and len(header) < 500 and parts[2].isascii()
    if ok and parts[2].isdigit() and len(parts[2]) < 16:
        mark, nonce, digest, signature = parts[1], parts[3], parts[4], parts[5]
        if (len(mark), len(nonce), len(digest), len(signature)) == (32, 32, 64, 128) and set(
            mark + nonce + digest + signature
        ) <= HEX:
            return mark, int(parts[2]), nonce, digest, signature
    raise _turn_away("unsigned", _("This address is for registered machines of exam halls."))


def _actor(machine: HallMachine, request: HttpRequest) -> Actor:
    """The machine acts as the hall's desk does: it may bring and fetch for its hall, and nothing else."""
    owner = machine.key.hall.institution
    return Actor(
        user_id=None,
        name=f"{machine.key.hall.name} · {machine.fingerprint[:8]}",
        roles=frozenset({Role.ROOM_ADMINISTRATOR}),
        organisation_id=owner.organisation_id,
        organisation_name=owner.full_name,
        ip=request.META.get("REMOTE_ADDR", ""),
        agent=request.headers.get("User-Agent", ""),
    )


def authenticate(request: HttpRequest) -> Call:
    """Who calls. Raises ``Refusal`` (401; 429 when too often) for anything but a fresh call signed by a registered machine.

    Failures are counted by address, those in a registered machine's name apart: who calls at random behind the address that a
    hall shares with its machine does not shut that out. A machine's own calls count once their signature is found right.
    """
    counted = address = request.META.get("REMOTE_ADDR", "")
    try:
        told = _parse(request.headers.get("Authorization", ""))
        machine = _machine(told[0])
        counted = f"{address} {told[0]}"
        if not _limiter.test(FAILURES, counted):
            raise _too_often()
        return _authenticate(request, machine, *told)
    except Refusal as refusal:
        if refusal.status in (401, 422) and not _limiter.hit(FAILURES, counted):
            raise _too_often() from None
        raise


def _too_often() -> Refusal:
    return _turn_away("too_often", _("Too many calls that were no hall's. Wait a minute."), status=429)


def _machine(mark: str) -> HallMachine:
    machine = (
        HallMachine.objects.select_related("key__hall__institution__organisation")
        .filter(fingerprint=mark)
        .first()
    )
    if machine is None:
        raise _turn_away(
            "machine_unknown", _("The centre does not know this machine. Register its key first.")
        )
    return machine


def _authenticate(
    request: HttpRequest,
    machine: HallMachine,
    mark: str,
    milliseconds: int,
    nonce: str,
    digest: str,
    signature: str,
) -> Call:
    if machine.key.ended_at is not None:
        raise _turn_away(
            "key_ended", _("The centre has ended this machine's key. Ask the centre for a new registration.")
        )
    if not equal(digest, sm3(request.body)):
        raise _turn_away("body_damaged", _("The call was damaged on its way. Send it again."), status=422)
    target = request.get_full_path()
    text = signed_text(request.method or "", target, milliseconds, nonce, digest, centre_fingerprint())
    if not Sm2Verifier(machine.key.public_key).verify(text, signature):
        raise _turn_away("signature_invalid", _("The signature of this call is wrong."))
    if not _limiter.hit(CALLS_PER_MACHINE, mark):
        raise _turn_away("too_often", _("This machine calls too often. Wait a minute."), status=429)
    now = clock.now()
    off = milliseconds / 1000 - now.timestamp()
    if abs(off) > CLOCK_MINUTES * 60:
        text_off = _(
            "The clock of the hall's machine is %(minutes)d minutes off. Set it by the centre's: %(now)s."
        )
        raise _turn_away(
            "clock_off",
            text_off
            % {"minutes": round(abs(off) / 60), "now": clock.local(now).strftime("%Y-%m-%d %H:%M:%S")},
        )
    try:
        with transaction.atomic():
            HallCall.objects.filter(at__lt=now - timedelta(minutes=3 * CLOCK_MINUTES)).delete()
            HallCall.objects.create(machine=machine, nonce=nonce, at=now)
            HallMachine.objects.filter(pk=machine.pk).update(last_seen_at=now)
    except IntegrityError:
        record(
            events.HALL_TURNED_AWAY,
            by=_actor(machine, request),
            on=machine,
            after={"code": "replayed"},
        )
        raise _turn_away("replayed", _("This call was made before. It counts once.")) from None
    return Call(machine, _actor(machine, request), nonce)
