"""The line from a hall to the centre's server, measured from the hall: round trip, clock, throughput (R116, I05)."""

from __future__ import annotations

import logging
import ssl
import statistics
import time
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qs, urlsplit

import httpx

logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs addresses, and ours carry a pass

SAMPLES = 12
TIMEOUT_S = 5.0
CLOCK_LIMIT_S = 1.0  # the recordings of cameras show whole seconds
MAX_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Heard:
    """Round trip (median, ms) and, if the answers carried the time, offset of our clock and its doubt (s; ours minus theirs)."""

    rtt_ms: float
    offset: tuple[float, float] | None


def offset_of(samples: list[tuple[float, float, float]]) -> tuple[float, float] | None:
    """Offset and doubt from samples (sent, received, the whole second that the answer names); None if they contradict.

    The server's clock stood somewhere in that second at some moment in between: each sample bounds the offset from both sides,
    and together they close in on it.
    """
    if not samples:
        return None
    low = max(sent - (second + 1) for sent, _received, second in samples)
    high = min(received - second for _sent, received, second in samples)
    if low > high:
        return None
    return (low + high) / 2, (high - low) / 2


class CentreLine:
    """The centre's server at an address of the settings. ``code``: the hall's code of the day on its measuring page."""

    def __init__(self, address: str, code: str = "", *, transport: httpx.BaseTransport | None = None) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"not the address of a server: {address!r}")
        self.address = f"{parts.scheme}://{parts.netloc}"
        self.code = code
        self._transport = transport

    def _client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.address,
            timeout=TIMEOUT_S,
            transport=self._transport,
            verify=ssl.create_default_context(),
            trust_env=False,
            headers={"Accept-Encoding": "identity"},
        )

    def listen(self) -> Heard | None:
        """A dozen short answers; None if the server cannot be reached."""
        trips, samples = [], []
        try:
            with self._client() as client:
                client.get("/exam/health")  # opens the connection
                for _ in range(SAMPLES):
                    before, start = time.time(), time.perf_counter()
                    answer = client.get("/exam/health")
                    took = time.perf_counter() - start
                    trips.append(took * 1000)
                    told = answer.headers.get("date", "")
                    if told:
                        with suppress(TypeError, ValueError, OverflowError):
                            samples.append((before, before + took, parsedate_to_datetime(told).timestamp()))
                    time.sleep(0.09)  # together a little more than a second: one answer falls beside its turn
        except httpx.HTTPError:
            return None
        return Heard(statistics.median(trips), offset_of(samples))

    def throughput(self) -> float | str:
        """Mbit/s from the centre to here, or why it is not known: ``no_code``, ``bad_code``, ``busy``, ``unreachable``."""
        if not self.code:
            return "no_code"
        try:
            with self._client() as client:
                entered = client.post("/measure/enter", data={"code": self.code})
                token = parse_qs(urlsplit(entered.headers.get("location", "")).query).get("t", [""])[0]
                if entered.status_code != 303 or not token:
                    return "busy" if entered.status_code == 503 else "bad_code"
                best, size = 0.0, 512 * 1024
                while size <= MAX_BYTES:
                    start, got = time.perf_counter(), 0
                    with client.stream("GET", "/measure/blob", params={"t": token, "size": size}) as answer:
                        if answer.status_code != 200:
                            return best or "busy"
                        for part in answer.iter_raw():
                            got += len(part)
                            if got > MAX_BYTES:
                                return "busy"
                    took = max(time.perf_counter() - start, 1e-6)
                    best = max(best, got * 8 / took / 1e6)
                    if took > 1:
                        break
                    size *= 4
                return best
        except httpx.HTTPError:
            return "unreachable"
