"""The notices room's door."""

from .actions import notify, send_message
from .models import Notice

__all__ = ["Notice", "notify", "send_message"]
