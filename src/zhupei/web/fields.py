"""Columns that hold personal data: encrypted at rest, found again only through a keyed index."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

from django.conf import settings
from django.db import models

from zhupei.kernel import crypto


@cache
def purpose_key(purpose: str, length: int = 16) -> bytes:
    """The key of one purpose, derived from the master secret. Purposes never share a key."""
    return crypto.derive(settings.MASTER_KEY, purpose, length)


class EncryptedField(models.TextField):
    """Text kept as SM4-GCM ciphertext, bound to its own column so that a value cannot be moved to another.

    It cannot be filtered on; keep a ``blind_index`` column beside it for equality.
    """

    def _context(self) -> bytes:
        return f"{self.model._meta.db_table}.{self.column}".encode()

    def get_prep_value(self, value: Any) -> Any:
        if value is None or value == "":
            return value
        blob = crypto.encrypt(purpose_key("field"), str(value).encode(), self._context())
        return base64.b64encode(blob).decode()

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        if value is None or value == "":
            return value
        return crypto.decrypt(purpose_key("field"), base64.b64decode(value), self._context()).decode()

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != "isnull":
            raise TypeError(f"an encrypted column has no {lookup_name} lookup; use its index column")
        return super().get_lookup(lookup_name)


class EncryptedJSONField(EncryptedField):
    """A JSON value kept as SM4-GCM ciphertext."""

    _pyi_private_set_type: Any  # for the type checker: it is text only in the database
    _pyi_private_get_type: Any

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else super().get_prep_value(json.dumps(value, ensure_ascii=False))

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        text = super().from_db_value(value, expression, connection)
        return None if text is None else json.loads(text)


def blind_index(purpose: str, text: str) -> str:
    """HMAC-SM3 of a normalised value, as 64 hex digits: equal values meet, nothing else can be learnt."""
    return crypto.hmac_sm3(purpose_key(f"index:{purpose}", 32), text.encode())
