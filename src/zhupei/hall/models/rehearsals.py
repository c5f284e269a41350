"""Rehearsals of a hall: invented candidates played against its server, and what was measured."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class RehearsalState(models.TextChoices):
    PREPARED = "prepared", _("Prepared, computers may join")
    STARTED = "started", _("Started")
    KEPT = "kept", _("Result on the record")
    REPLACED = "replaced", _("Given up for another one")


class RehearsalSource(models.TextChoices):
    BROWSERS = "browsers", _("The hall's own computers")
    COMMAND = "command", _("Played by the command")


class Rehearsal(models.Model):
    """One rehearsal (R117, R131). ``plan_id`` names the plan in the hall's folder; its code is never kept here.

    ``passed`` None: nothing on the record yet.
    """

    plan_id = models.CharField(max_length=20, unique=True)
    organisation_id = models.BigIntegerField(db_index=True)
    site_id_ref = models.BigIntegerField(null=True, db_index=True)
    state = models.CharField(
        _("state"), max_length=10, choices=RehearsalState.choices, default=RehearsalState.PREPARED
    )
    source = models.CharField(max_length=10, choices=RehearsalSource.choices, blank=True)
    parameters = models.JSONField(default=dict)
    results = models.JSONField(default=dict, blank=True)
    passed = models.BooleanField(null=True)
    prepared_by = models.CharField(max_length=200)
    prepared_at = models.DateTimeField(_("prepared"))
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    kept_by = models.CharField(max_length=200, blank=True)
    kept_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["organisation_id", "-id"], name="rehearsal_by_unit")]

    def __str__(self) -> str:
        return self.plan_id
