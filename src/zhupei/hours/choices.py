"""What can become of a manual credit."""

from __future__ import annotations

from zhupei.kernel.transitions import Transitions

from .models import CreditState, HourSource

CREDIT_TRANSITIONS = Transitions(
    {
        "approve": {CreditState.PROPOSED: CreditState.APPROVED},
        "refuse": {CreditState.PROPOSED: CreditState.REFUSED},
    }
)

__all__ = ["CREDIT_TRANSITIONS", "CreditState", "HourSource"]
