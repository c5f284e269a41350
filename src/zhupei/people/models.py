from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from zhupei.web.fields import EncryptedField

from .choices import ConsentPurpose, Education, IdentityKind, Sex


class Person(models.Model):
    """A learner, candidate or certificate holder.

    Personal data: identity number, birth date and photo prove who sat the test (rule 三（六）); phone carries notices. Kept
    while a certificate or archive needs them (5 years from enrolment at least).
    """

    user = models.OneToOneField(
        "accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="person"
    )
    name = models.CharField(pgettext_lazy("person", "name"), max_length=50)
    name_key = models.CharField(
        max_length=50, db_index=True, help_text="The name in normal form, for search."
    )
    identity_kind = models.CharField(_("document"), max_length=30, choices=IdentityKind.choices)
    identity_number = EncryptedField(_("identity document number"))
    identity_index = models.CharField(max_length=64, unique=True)
    sex = models.CharField(_("sex"), max_length=1, choices=Sex.choices, blank=True)
    birth_date = models.DateField(_("birth date"), null=True, blank=True)
    phone = EncryptedField(_("mobile"), blank=True, default="")
    education = models.CharField(_("education"), max_length=20, choices=Education.choices, blank=True)
    employer = models.CharField(_("employer"), max_length=200, blank=True)
    photo = models.ForeignKey(
        "evidence.StoredFile", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    photo_frozen = models.BooleanField(_("photo frozen"), default=False)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Consent(models.Model):
    """A separate consent for one purpose, in one version of its text (PIPL 29). Withdrawn, never deleted."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="consents")
    purpose = models.CharField(max_length=30, choices=ConsentPurpose.choices)
    text_version = models.CharField(max_length=20)
    given_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person", "purpose"], condition=Q(withdrawn_at=None), name="consent_once_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.person} {self.get_purpose_display()}"
