from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .choices import OrganisationKind, RoleName


class Organisation(models.Model):
    """A unit that acts on the platform."""

    kind = models.CharField(_("kind"), max_length=20, choices=OrganisationKind.choices)
    name = models.CharField(_("name"), max_length=200)
    division_code = models.CharField(_("division"), max_length=12, blank=True)
    is_open = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "name"], name="organisation_name_once")]

    def __str__(self) -> str:
        return self.name


class Jurisdiction(models.Model):
    """A division or functional zone that a unit supervises, from one date to another (``valid_to`` included)."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="jurisdictions")
    division_code = models.CharField(_("division"), max_length=12, db_index=True)
    valid_from = models.DateField(_("from"))
    valid_to = models.DateField(_("to"), null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.organisation} {self.division_code}"


class Membership(models.Model):
    """A person holds a role in a unit from one date to another (``valid_to`` included). Ended, never deleted."""

    user = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="memberships")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(_("role"), max_length=40, choices=RoleName.choices)
    valid_from = models.DateField(_("from"))
    valid_to = models.DateField(_("to"), null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "organisation", "role"],
                condition=Q(valid_to=None),
                name="membership_once_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()} · {self.organisation}"
