"""Ways to send a text message. A deployment names its own class in ``ZHUPEI_SMS_SENDER``."""

from __future__ import annotations

import logging
from typing import Protocol

log = logging.getLogger(__name__)


class Sender(Protocol):
    """Sends one message; raises an exception when it could not."""

    def send(self, phone: str, text: str) -> None: ...


class Console:
    """Writes messages to the log: for demonstrations and development."""

    def send(self, phone: str, text: str) -> None:
        log.info("message to %s: %s", phone[:3] + "****" + phone[-4:], text)


class Memory:
    """Keeps messages in a list, for tests."""

    sent: list[tuple[str, str]] = []

    def send(self, phone: str, text: str) -> None:
        self.sent.append((phone, text))
