"""Keys on disk: the centre's signing key, and the signing keys of halls that run in this installation.

A private key lies in ``<data>/keys`` readable by its owner alone, sealed under the master secret, and is made at first use.
A hall on another machine makes its own key; only its public key comes here (``actions.register_hall_key``). Where a
certified module holds the keys, it takes the place of ``signer_of``.
"""

from __future__ import annotations

import base64
import os
from functools import cache
from pathlib import Path

from django.conf import settings

from zhupei.kernel import crypto, envelope
from zhupei.kernel.crypto import Signer, Sm2Signer, Sm2Verifier, Verifier
from zhupei.web.fields import purpose_key

CENTRE = "centre"
MACHINE = "machine"


def _folder() -> Path:
    folder: Path = settings.DATA / "keys"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


@cache
def _private_key(name: str) -> str:
    """The private key called ``name``, made at first use. Two processes that start at once agree on one key."""
    path = _folder() / f"{name}.key"
    context = f"key:{name}".encode()
    if not path.exists():
        sealed = crypto.encrypt(purpose_key("key-file"), crypto.generate_sm2_key().encode(), context)
        draft = path.with_suffix(f".{os.getpid()}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(sealed))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # never over a key that another process has just made
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return crypto.decrypt(purpose_key("key-file"), base64.b64decode(path.read_bytes()), context).decode()


@cache
def signer_of(name: str) -> Signer:
    """The signer called ``name``; its key is made at first use."""
    return Sm2Signer(_private_key(name))


def centre_signer() -> Signer:
    """Signs bundles (I08)."""
    return signer_of(CENTRE)


def centre_public_key() -> str:
    """What halls check bundles with, as hex; shown on the page of keys."""
    return centre_signer().public_key


def centre_verifier() -> Verifier:
    """Checks the centre's signature."""
    return Sm2Verifier(centre_public_key())


def hall_signer(hall_id: int) -> Signer:
    """Signs the returns of a hall (site id) that runs in this installation; see ``actions.local_hall_signer``."""
    return signer_of(f"hall-{hall_id}")


def machine_signer() -> Signer:
    """Signs what this machine sends where it is a hall's own machine, away from the centre. Its key never leaves it."""
    return signer_of(MACHINE)


def open_for_machine(text: str, *, context: bytes) -> bytes:
    """What the centre sealed for this machine (``envelope.seal_to``). Raises ``crypto.DecryptionFailed``."""
    return envelope.open_sealed(_private_key(MACHINE), text, context=context)
