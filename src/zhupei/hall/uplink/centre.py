"""The centre as a hall's own machine asks it, over a line that may be slow, break off or be dead.

Every call is signed with the machine's key, every answer that decides something is checked against the centre's; time and size of
all of them are bounded. What cannot be reached raises ``CentreUnreachable``; what the centre refuses raises ``CentreRefused``.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx
from django.utils.translation import gettext as _

from zhupei.exams import api as exams
from zhupei.hall.models import CentreLink
from zhupei.kernel import crypto, envelope
from zhupei.kernel.crypto import Sm2Verifier
from zhupei.kernel.errors import Refusal

ROOT = "/exams/halls/bundles/"
PIECE = int(os.environ.get("ZHUPEI_HALL_PIECE") or 256 * 1024)  # bytes of a return in one call
ASK_TIMEOUT = httpx.Timeout(5.0)
LONG_TIMEOUT = httpx.Timeout(20.0, connect=5.0)
VERDICT_TIMEOUT = httpx.Timeout(120.0, connect=5.0)  # the centre scores everybody again before it answers
CALL_SECONDS = 180.0
MAX_ANSWER = 1 << 20
MAX_SIZE = 512 << 20


class CentreUnreachable(Refusal):
    """No answer, or none of the centre's."""

    def __init__(self, why: str) -> None:
        text = _("The centre cannot be reached (%(why)s).") % {"why": why}
        super().__init__("centre_unreachable", text, status=503)


class CentreRefused(Refusal):
    """The centre answered no. ``offset``: where a return goes on, if that is what was wrong."""

    def __init__(self, code: str, message: str, status: int, offset: int | None = None) -> None:
        super().__init__(code, message, status=status)
        self.offset = offset


def _why(error: Exception) -> str:
    match error:
        case httpx.ConnectTimeout() | httpx.ReadTimeout() | httpx.WriteTimeout():
            return _("no answer in time")
        case httpx.ConnectError():
            return _("no connection")
        case httpx.RemoteProtocolError() | httpx.ReadError() | httpx.WriteError():
            return _("the line broke off")
        case _:
            return type(error).__name__


def _bounded(response: httpx.Response, bound: int) -> Iterator[bytes]:
    """The body as it comes, at most ``bound`` bytes of it and not for ever."""
    started, size = time.monotonic(), 0
    for chunk in response.iter_raw():
        size += len(chunk)
        if size > bound or time.monotonic() - started > CALL_SECONDS:
            raise CentreUnreachable(_("the answer is too long or too slow"))
        yield chunk


class Centre:
    """The centre of a pass. A context: ends its connection on leaving."""

    def __init__(self, link: CentreLink, transport: httpx.BaseTransport | None = None) -> None:
        self.link = link
        self.signer = exams.machine_signer()
        self.verifier = Sm2Verifier(link.centre_key)
        self.mark = envelope.fingerprint(link.centre_key)
        self.client = httpx.Client(
            base_url=link.centre_address,
            transport=transport,
            verify=ssl.create_default_context(),
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": "zhupei-hall", "Accept-Encoding": "identity", "Connection": "close"},
        )

    def __enter__(self) -> Centre:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.client.close()

    @contextmanager
    def _call(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        headers: dict[str, str] | None = None,
        timeout: httpx.Timeout = ASK_TIMEOUT,
        bound: int = MAX_ANSWER,
    ) -> Iterator[tuple[httpx.Response, str, Iterator[bytes]]]:
        """The head of the answer, the nonce of the call, and the answer's body as it comes."""
        header, nonce = exams.credentials(self.signer, method, target, body, centre=self.mark)
        headers = {**(headers or {}), "Authorization": header}
        try:
            with self.client.stream(
                method, target, content=body, headers=headers, timeout=timeout
            ) as response:
                yield response, nonce, _bounded(response, bound)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CentreUnreachable(_why(error)) from error

    def _decided(self, response: httpx.Response, nonce: str, body: bytes) -> dict[str, Any]:
        """The content of a signed answer; raises what a refusal says."""
        status = response.status_code
        text = exams.answer_text(nonce, status, body)
        is_signed = self.verifier.verify(text, response.headers.get(exams.ANSWER_SIGNATURE, ""))
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or (status < 400 and not is_signed):
            raise CentreUnreachable(
                _("what answers at its address is not the centre: code %(n)d") % {"n": status}
            )
        if (
            status >= 400
        ):  # who turns a call away may not know whom to answer: such a no is believed unsigned, and decides nothing
            offset = found.get("offset") if is_signed else None
            raise CentreRefused(
                str(found.get("code", ""))[:60],
                str(found.get("message", ""))[:500],
                status,
                offset if isinstance(offset, int) else None,
            )
        return found

    def _ask(
        self, method: str, target: str, body: bytes = b"", timeout: httpx.Timeout = ASK_TIMEOUT
    ) -> dict[str, Any]:
        with self._call(method, target, body, timeout=timeout) as (response, nonce, chunks):
            return self._decided(response, nonce, b"".join(chunks))

    def bundles(self) -> list[dict[str, Any]]:
        """The bundles that wait for this hall: id, batch, institution, digest, size, first session, whether released."""
        rows = self._ask("GET", ROOT).get("bundles")
        found = []
        for row in rows[:500] if isinstance(rows, list) else []:
            if not isinstance(row, dict):
                continue
            size, digest = row.get("size"), str(row.get("digest", ""))
            if isinstance(size, int) and 0 < size <= MAX_SIZE and re.fullmatch(r"[0-9a-f]{64}", digest):
                texts = ("bundle_id", "batch_no", "institution", "first_session", "sealed_at")
                one = {name: str(row.get(name, ""))[:200] for name in texts}
                found.append({**one, "digest": digest, "size": size, "released": row.get("released") is True})
        return found

    def piece(self, bundle_id: str, start: int) -> Iterator[bytes]:
        """The next bytes of a bundle from ``start`` on, as they come; at most what the centre gives in one answer."""
        with self._call(
            "GET",
            f"{ROOT}{quote(bundle_id, safe='')}/",
            headers={"Range": f"bytes={start}-"},
            timeout=LONG_TIMEOUT,
            bound=4 * MAX_ANSWER,
        ) as (response, nonce, chunks):
            if response.status_code != 206:
                self._decided(response, nonce, b"".join(chunks))
                raise CentreUnreachable(
                    _("what answers at its address is not the centre: code %(n)d") % {"n": 200}
                )
            if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                raise CentreUnreachable(_("the answer is another piece than was asked for"))
            yield from chunks

    def key(self, bundle_id: str) -> bytes:
        """The released key of a bundle, opened with this machine's own."""
        found = self._ask("GET", f"{ROOT}{quote(bundle_id, safe='')}/key/")
        try:
            return exams.open_for_machine(
                str(found.get("sealed_key", "")), context=exams.key_context(bundle_id)
            )
        except crypto.DecryptionFailed:
            text = _(
                "The centre's answer does not open with this machine's key. Ask the centre for a new pass."
            )
            raise Refusal("key_not_for_us", text, status=409) from None

    def return_state(self, bundle_id: str, digest: str) -> dict[str, Any]:
        """How much of a return is at the centre, or what became of it."""
        return self._ask("GET", f"{ROOT}{quote(bundle_id, safe='')}/return/?digest={digest}")

    def put_piece(self, bundle_id: str, digest: str, size: int, offset: int, data: bytes) -> dict[str, Any]:
        """Send the next piece of a return."""
        target = (
            f"{ROOT}{quote(bundle_id, safe='')}/return/piece/?digest={digest}&size={size}&offset={offset}"
        )
        last = offset + len(data) >= size
        return self._ask("PUT", target, data, VERDICT_TIMEOUT if last else LONG_TIMEOUT)
