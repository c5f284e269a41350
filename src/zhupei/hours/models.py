from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

GENESIS = "0" * 64


class HourSource(models.TextChoices):
    ATTENDANCE = "attendance", _("Attendance")
    MANUAL = "manual", _("Manual credit")
    REVERSAL = "reversal", _("Reversal")


class Ledger(models.Model):
    """The hours account of one enrolment: whose, for which post, at which institution.

    ``entries``, ``accepted`` and ``head`` repeat what the entries say and ``seal`` covers them with a key, so that an entry
    taken off the end shows. The entries are what counts.
    """

    enrolment_id = models.BigIntegerField(unique=True)
    person = models.ForeignKey("people.Person", on_delete=models.PROTECT, related_name="ledgers")
    organisation_id = models.BigIntegerField(db_index=True)
    post_code = models.CharField(max_length=10)
    opened_at = models.DateTimeField()
    entries = models.PositiveIntegerField(default=0)
    accepted = models.DecimalField(_("accepted hours"), max_digits=8, decimal_places=2, default=0)
    head = models.CharField(max_length=64, default=GENESIS)
    seal = models.CharField(max_length=64)

    def __str__(self) -> str:
        return str(self.enrolment_id)


class HourEntry(models.Model):
    """One line of the ledger (R022). Hours are class hours (学时), negative only where an entry is reversed."""

    person = models.ForeignKey("people.Person", on_delete=models.PROTECT, related_name="hour_entries")
    enrolment_id = models.BigIntegerField(db_index=True)
    organisation_id = models.BigIntegerField(db_index=True)
    post_code = models.CharField(max_length=10)
    hours = models.DecimalField(_("class hours"), max_digits=6, decimal_places=2)
    source = models.CharField(_("source"), max_length=12, choices=HourSource.choices)
    source_key = models.CharField(
        max_length=80, help_text="What the hours come from, once: session, credit, entry."
    )
    note = models.CharField(_("why"), max_length=300, blank=True)
    occurred_on = models.DateField(_("date"))
    reverses = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="reversed_by"
    )
    entered_by = models.CharField(_("entered by"), max_length=200)
    entered_at = models.DateTimeField(_("entered"))
    previous_digest = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["enrolment_id", "source_key"],
                condition=Q(reverses=None),
                name="hours_once_per_source",
            ),
            models.UniqueConstraint(fields=["enrolment_id", "previous_digest"], name="hours_one_chain"),
            models.CheckConstraint(
                condition=Q(reverses=None, hours__gt=0) | Q(reverses__isnull=False, hours__lt=0),
                name="hours_sign",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hours} ({self.get_source_display()})"


class CreditState(models.TextChoices):
    PROPOSED = "proposed", pgettext_lazy("credit", "Proposed")
    APPROVED = "approved", pgettext_lazy("credit", "Approved")
    REFUSED = "refused", pgettext_lazy("credit", "Refused")


class ManualCredit(models.Model):
    """A manual credit of hours: proposed by one person with evidence, decided by another (R025)."""

    person = models.ForeignKey("people.Person", on_delete=models.PROTECT, related_name="+")
    enrolment_id = models.BigIntegerField(db_index=True)
    organisation_id = models.BigIntegerField(db_index=True)
    post_code = models.CharField(max_length=10)
    hours = models.DecimalField(_("class hours"), max_digits=6, decimal_places=2)
    occurred_on = models.DateField(_("date"))
    reason = models.TextField(_("reason"))
    evidence = models.ForeignKey("evidence.StoredFile", on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=CreditState.choices, default=CreditState.PROPOSED)
    proposed_by_id = models.BigIntegerField()
    proposed_by = models.CharField(_("proposed by"), max_length=200)
    proposed_at = models.DateTimeField()
    decided_by_id = models.BigIntegerField(null=True)
    decided_by = models.CharField(_("decided by"), max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(decided_by_id=None) | ~Q(decided_by_id=F("proposed_by_id")),
                name="credit_two_persons",
            ),
            models.CheckConstraint(condition=Q(hours__gt=0), name="credit_hours_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.person} {self.hours}"


class HourException(models.Model):
    """The centre's approval that one enrolment may be tested with fewer hours (R022, 原则上)."""

    enrolment_id = models.BigIntegerField(unique=True)
    organisation_id = models.BigIntegerField(db_index=True)
    reason = models.TextField(_("reason"))
    approved_by = models.CharField(_("approved by"), max_length=200)
    approved_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.enrolment_id)
