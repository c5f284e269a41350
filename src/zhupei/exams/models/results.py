"""Results with their steps, the voiding of one, and the news that rooms above read."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from zhupei.exams.choices import (
    RESULT_TONES,
    ResultState,
)

from .batches import Candidate, ReturnIn


def mark_words(value: Decimal) -> str:
    """Marks as people write them: without zeros at the end."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class Result(models.Model):
    """A candidate's scores, computed at the centre from the raw answers of the return (R032, R038, R042).

    Never keyed in: a row exists only with the return that it comes from. The announced scores never change. State and
    standing scores are projections, so that lists can filter by them and no reader can miss a re-scoring: the state of the
    decisions in ``ResultStep``, ``general``, ``professional`` and ``passed`` of the announced scores and every ``Rescoring``.
    They are written in the transaction that appends the row, and compared with the rows each night (see ``standing``).
    """

    candidate = models.OneToOneField(Candidate, on_delete=models.PROTECT, related_name="result")
    hall_return = models.ForeignKey(ReturnIn, on_delete=models.PROTECT, related_name="results")
    organisation_id = models.BigIntegerField()  # whose batch it is, so that its list is read from one index
    general = models.DecimalField(_("General knowledge"), max_digits=6, decimal_places=2)
    professional = models.DecimalField(_("Professional knowledge"), max_digits=6, decimal_places=2)
    passed = models.BooleanField(_("passed"))
    # written with the row; null only in a row that older code wrote, which the nightly check finds
    announced_general = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    announced_professional = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    announced_passed = models.BooleanField(null=True)
    state = models.CharField(
        _("state"), max_length=12, choices=ResultState.choices, default=ResultState.PROVISIONAL, db_index=True
    )
    submitted_at = models.DateTimeField(_("handed in"), null=True)
    shown_at = models.DateTimeField(_("score shown"), null=True)
    answers_digest = models.CharField(max_length=64)
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["organisation_id", "id"], name="result_by_unit")]

    def __str__(self) -> str:
        return f"{self.candidate}: {self.general} / {self.professional}"

    @property
    def tone(self) -> str:
        """The tone of the state's badge where the state's name says another."""
        return RESULT_TONES.get(self.state, "")

    @property
    def general_text(self) -> str:
        """The mark as people write it: 88, 59.5."""
        return mark_words(self.general)

    @property
    def professional_text(self) -> str:
        """The mark as people write it: 88, 59.5."""
        return mark_words(self.professional)


class ResultStep(models.Model):
    """A decision on a result; voiding needs two persons (R160). Append-only."""

    result = models.ForeignKey(Result, on_delete=models.PROTECT, related_name="steps")
    verb = models.CharField(max_length=20)
    state = models.CharField(max_length=12, choices=ResultState.choices)
    person = models.CharField(max_length=200)
    person_id = models.BigIntegerField(null=True)
    second_person = models.CharField(max_length=200, blank=True)
    reason = models.TextField(blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.result} {self.verb}"


class VoidProposal(models.Model):
    """A proposal to void a result, until a second person decides (R160)."""

    result = models.ForeignKey(Result, on_delete=models.PROTECT, related_name="void_proposals")
    reason = models.TextField(_("reason"))
    evidence = models.ForeignKey(
        "evidence.StoredFile", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    proposed_by = models.CharField(max_length=200)
    proposed_by_id = models.BigIntegerField()
    proposed_at = models.DateTimeField()
    decided_by = models.CharField(max_length=200, blank=True)
    decided_by_id = models.BigIntegerField(null=True)
    decided_at = models.DateTimeField(null=True)
    accepted = models.BooleanField(null=True)
    decision_reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["result"], condition=Q(decided_at=None), name="void_one_open_proposal"
            )
        ]

    def __str__(self) -> str:
        return f"void {self.result}"


class ExamsEvent(models.Model):
    """News for the rooms above (result confirmed, voided, scored again); they consume it by number, once."""

    kind = models.CharField(max_length=30, db_index=True)
    result = models.ForeignKey(Result, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.kind} {self.result_id}"
