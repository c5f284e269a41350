"""The posts that come by the thousand, saves and heartbeats of the script, read with no more work than they need.

``token_of`` knows a post that is beyond doubt one of our own page's: JSON, one sitting cookie, an Origin that is this host.
Whatever is less plain goes the general way (``http.read_request``), which checks more closely and words every refusal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

COOKIE = "zhupei_sitting"
_NAME = COOKIE.encode() + b"="
_TOKEN = re.compile(rb"(?:^|; ?)" + _NAME + rb"([A-Za-z0-9_-]{1,64})(?:;|$)")


def token_of(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The sitting's token of such a post; None for every other request."""
    cookie = kind = host = origin = b""
    for name, value in headers:
        if name == b"cookie":
            if cookie:
                return None
            cookie = value
        elif name == b"content-type":
            kind = value
        elif name == b"host":
            host = value
        elif name == b"origin":
            origin = value
    if not kind.startswith(b"application/json") or not host:
        return None
    if origin != b"http://" + host and origin != b"https://" + host:
        return None
    found = _TOKEN.search(cookie)
    return found[1].decode("ascii") if found and cookie.count(_NAME) == 1 else None
