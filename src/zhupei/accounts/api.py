"""The accounts room's door."""

from .actions import (
    RESET,
    code_senders,
    find_user,
    issue_code,
    open_account,
    send_password_code,
    set_first_secret,
    set_password,
    use_code,
)
from .models import User, login_of_identity

__all__ = [
    "RESET",
    "User",
    "code_senders",
    "find_user",
    "issue_code",
    "login_of_identity",
    "open_account",
    "send_password_code",
    "set_first_secret",
    "set_password",
    "use_code",
]
