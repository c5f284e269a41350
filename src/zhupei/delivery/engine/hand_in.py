"""Hand-in: scoring what is held, and the receipt. The candidate, the staff and the clock all come here."""

from __future__ import annotations

from zhupei.delivery.engine.core import Core
from zhupei.delivery.engine.replies import Receipt
from zhupei.delivery.formats import events as ev
from zhupei.delivery.scoring import score_sitting
from zhupei.delivery.state import Sitting
from zhupei.delivery.tickets import Ticket


class HandIn(Core):
    """Ends a sitting, once."""

    def _submit(
        self, candidate_id: str, kind: ev.SubmitKind, *, by: str = "", reason: str = ""
    ) -> Ticket[Receipt]:
        person, sitting = self._known(candidate_id)
        if sitting.state == "submitted":
            return self._behind(self._receipt(sitting))
        papers = {subject: one.paper for subject, one in person.papers.items()}
        scores = score_sitting(papers, person.bundle.keys, sitting.given(), person.bundle.rules)
        ticket = self._write(
            ev.Submitted(
                **self._stamp(), candidate_id=candidate_id, by=by, kind=kind, scores=scores, reason=reason
            )
        )
        return ticket.holding(self._receipt(sitting))

    def _receipt(self, sitting: Sitting) -> Receipt:
        return Receipt(
            candidate_id=sitting.candidate_id,
            state=sitting.state,
            started_at=sitting.started_at,
            submitted_at=sitting.submitted_at,
            submit_kind=sitting.submit_kind,
            scores=sitting.scores,
        )
