"""The audit room's door."""

from .actions import record, seal
from .codes import all_codes, label_of, register
from .queries import events_on, verify_chain

__all__ = ["all_codes", "events_on", "label_of", "record", "register", "seal", "verify_chain"]
