"""The password rule that Django does not bring (GB/T 22239 L3 practice)."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


class ThreeClasses:
    """At least three of: capital letters, small letters, digits, other signs."""

    def validate(self, password: str, user: Any = None) -> None:
        tests = (str.isupper, str.islower, str.isdigit, lambda c: not c.isalnum())
        if sum(any(test(c) for c in password) for test in tests) < 3:
            raise ValidationError(self.get_help_text(), code="password_too_plain")

    def get_help_text(self) -> str:
        return _("Use at least three of: capital letters, small letters, digits, symbols.")
