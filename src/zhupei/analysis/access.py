"""Who may open which page of item analysis: people of the bank and the centre's approver. Institutions never see an item."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from zhupei.exams.api import Batch, analysable
from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import Role
from zhupei.web.access import Nav, roles

from .actions import ASKERS
from .models import AnalysisRun, ItemStatistics

READERS = frozenset({Role.BANK_KEEPER, Role.ITEM_REVIEWER, Role.CENTRE_APPROVER})

PAGES = {
    "analysis:runs": roles(*READERS),
    "analysis:run": roles(*READERS),
    "analysis:progress": roles(*READERS),
    "analysis:request_batch": roles(*ASKERS),
    "analysis:request_calibration": roles(*ASKERS),
    "analysis:report": roles(*READERS),
    "analysis:items": roles(*READERS),
    "analysis:item": roles(*READERS),
    "analysis:settle": roles(Role.BANK_KEEPER),
    "analysis:map": roles(*READERS),
    "analysis:exposure": roles(*READERS),
}
NAV = [
    Nav("analysis:items", _("Item statistics"), "graph-up", 44),
    Nav("analysis:runs", _("Test analysis"), "bar-chart", 45),
]


def runs_for(actor: Actor) -> QuerySet[AnalysisRun]:
    """All runs for readers, none for others."""
    rows = AnalysisRun.objects.select_related("batch", "post")
    return rows if actor.has(*READERS) else rows.none()


def items_for(actor: Actor) -> QuerySet[ItemStatistics]:
    """The figures of every question, for readers."""
    rows = ItemStatistics.objects.select_related("run", "run__batch", "post")
    return rows if actor.has(*READERS) else rows.none()


def batches_for(actor: Actor) -> QuerySet[Batch]:
    """The batches that may be analysed."""
    return analysable() if actor.has(*READERS) else Batch.objects.none()
