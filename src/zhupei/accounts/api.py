"""The accounts room's door."""

from .actions import find_user, issue_code, open_account, set_password, use_code
from .models import User, login_of_identity

__all__ = ["User", "find_user", "issue_code", "login_of_identity", "open_account", "set_password", "use_code"]
