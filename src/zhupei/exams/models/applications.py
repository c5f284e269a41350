"""Applications to use the item bank, annex 4, and the filing that follows."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from zhupei.exams.choices import (
    APPLICATION,
    APPLICATION_TONES,
    ApplicationState,
    FilingKind,
)
from zhupei.web.fields import EncryptedField


class BankApplication(models.Model):
    """An application to use the item bank, annex 4 (R045, R182–R197). The pledge is kept by its digest.

    Personal data: the two mobiles are printed on the form so that the centre can reach the persons in charge of a test.
    """

    institution = models.ForeignKey("institutions.Institution", on_delete=models.PROTECT, related_name="+")
    institution_name = models.CharField(_("training unit (full name)"), max_length=200)
    hall = models.ForeignKey(
        "institutions.Site", on_delete=models.PROTECT, related_name="+", verbose_name=_("hall")
    )
    address = models.CharField(_("test place (detailed)"), max_length=300)
    state = models.CharField(
        _("state"),
        max_length=12,
        choices=ApplicationState.choices,
        default=ApplicationState.DRAFT,
        db_index=True,
    )
    draft_number = models.CharField(_("provisional batch number"), max_length=20, blank=True)
    clients_available = models.PositiveIntegerField(_("computers available"))
    total = models.PositiveIntegerField(_("persons in all"))
    lead = models.CharField(_("person in charge"), max_length=50)
    lead_mobile = EncryptedField(_("mobile"))
    contact = models.CharField(_("contact"), max_length=50)
    contact_mobile = EncryptedField(_("contact's mobile"))
    pledge_digest = models.CharField(max_length=64, blank=True)
    pledged_at = models.DateTimeField(null=True, blank=True)
    signed_by = models.CharField(_("signed by"), max_length=50, blank=True)
    signed_on = models.DateField(_("date of signature"), null=True, blank=True)
    signature = models.ForeignKey(
        "evidence.StoredFile", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    seal = models.ForeignKey(
        "evidence.StoredFile", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    first_day = models.DateField(_("first test day"))
    deadline = models.DateField(_("latest application day"), null=True, blank=True)
    deadline_is_provisional = models.BooleanField(default=False)
    calendar_version = models.CharField(max_length=60, blank=True)
    rule_set = models.ForeignKey("rulebook.RuleSet", null=True, on_delete=models.PROTECT, related_name="+")
    submitted_at = models.DateTimeField(_("submitted"), null=True, blank=True)
    lateness_days = models.PositiveSmallIntegerField(default=0)
    late_reason = models.TextField(blank=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.institution_name} {self.first_day}"

    @property
    def tone(self) -> str:
        """The tone of the state's badge where the state's name says another."""
        return APPLICATION_TONES.get(self.state, "")

    def can(self, verb: str) -> bool:
        """True if ``verb`` is possible in the present state."""
        return APPLICATION.allows(self.state, verb)


class ApplicationRow(models.Model):
    """How many persons of one post (R188, R189)."""

    application = models.ForeignKey(BankApplication, on_delete=models.CASCADE, related_name="rows")
    post = models.ForeignKey(
        "rulebook.Post", on_delete=models.PROTECT, related_name="+", verbose_name=_("post")
    )
    count = models.PositiveIntegerField(_("persons"))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["application", "post"], name="application_post_once")]

    def __str__(self) -> str:
        return f"{self.post} × {self.count}"


class ApplicationSession(models.Model):
    """A wished test session (R184): at least the 120 minutes of a test."""

    application = models.ForeignKey(BankApplication, on_delete=models.CASCADE, related_name="sessions")
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))

    class Meta:
        ordering = ["starts_at"]

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d %H:%M}"


class ApplicationStep(models.Model):
    """One step of an application. Append-only."""

    application = models.ForeignKey(BankApplication, on_delete=models.PROTECT, related_name="steps")
    verb = models.CharField(max_length=20)
    state = models.CharField(max_length=12, choices=ApplicationState.choices)
    unit = models.CharField(max_length=200)
    person = models.CharField(max_length=100)
    opinion = models.TextField(blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.application} {self.verb}"


class Filing(models.Model):
    """A filing with the education office 宣教处 (R047), and its receipt."""

    kind = models.CharField(max_length=12, choices=FilingKind.choices)
    application = models.OneToOneField(BankApplication, on_delete=models.PROTECT, related_name="filing")
    filed_by = models.CharField(max_length=200)
    filed_at = models.DateTimeField(_("filed"))
    receipt_no = models.CharField(_("receipt number"), max_length=60, blank=True)
    received_by = models.CharField(max_length=200, blank=True)
    received_at = models.DateTimeField(_("received"), null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.application} {self.receipt_no}"
