"""The hours room's door."""

from .actions import (
    credit_attendance,
    decide_credit,
    grant_exception,
    open_ledger,
    propose_credit,
    report_differences,
    reverse_entry,
)
from .models import CreditState, HourEntry, HourException, HourSource, Ledger, ManualCredit
from .queries import (
    Difference,
    LedgerReport,
    accepted_hours,
    accepted_hours_of,
    has_exception,
    needed_hours,
    ready_for_test,
    verify_ledger,
)

__all__ = [
    "CreditState",
    "Difference",
    "HourEntry",
    "HourException",
    "HourSource",
    "Ledger",
    "LedgerReport",
    "ManualCredit",
    "accepted_hours",
    "accepted_hours_of",
    "credit_attendance",
    "decide_credit",
    "grant_exception",
    "has_exception",
    "needed_hours",
    "open_ledger",
    "propose_credit",
    "ready_for_test",
    "report_differences",
    "reverse_entry",
    "verify_ledger",
]
