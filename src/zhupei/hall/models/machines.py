"""The machines of a hall, and what was measured of them and of its server."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class MachineRole(models.TextChoices):
    EXAM = "exam", _("Exam computer")
    SPARE = "spare", _("Spare computer")


class Verdict(models.TextChoices):
    """What a measurement came to, worst last."""

    OK = "ok", _("in order")
    UNKNOWN = "unknown", _("cannot tell")
    WARN = "warn", _("look at it")
    FAIL = "fail", _("falls short")


class Machine(models.Model):
    """A computer of a hall (R135, R136): its seat in a room, where it stands there, whether it may be used.

    ``row`` counts from the front of the room, ``place`` from the left in its row; both from 1. ``seat_no`` is the seat as
    admission slips name it ("07"); a spare computer on top of a room's seats goes on counting.
    """

    site_id_ref = models.BigIntegerField(db_index=True)
    room_id_ref = models.BigIntegerField()
    seat_no = models.CharField(_("seat"), max_length=10)
    role = models.CharField(
        _("used as"), max_length=10, choices=MachineRole.choices, default=MachineRole.EXAM
    )
    row = models.PositiveSmallIntegerField(_("row"))
    place = models.PositiveSmallIntegerField(_("place in the row"))
    address = models.CharField(_("network address"), max_length=60, blank=True)
    in_order = models.BooleanField(_("in order"), default=True)
    fault = models.CharField(_("fault"), max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["room_id_ref", "seat_no"], name="machine_seat_once"),
            models.UniqueConstraint(fields=["room_id_ref", "row", "place"], name="machine_place_once"),
        ]

    def __str__(self) -> str:
        return self.seat_no


class MeasuringCode(models.Model):
    """How often the code for the measuring page of a hall was changed by hand; the code itself follows from day and turn."""

    site_id_ref = models.BigIntegerField(unique=True)
    turn = models.PositiveIntegerField(default=0)
    changed_by = models.CharField(max_length=200)
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.site_id_ref}/{self.turn}"


class ClientCheck(models.Model):
    """What the measuring page found at one seat (R115, R124–R126, R129, R134, I05). Append-only; the newest counts.

    ``measured`` holds the figures as the page sent them, bounded; ``findings`` what the server made of them. Of each seat the
    last twenty are kept.
    """

    site_id_ref = models.BigIntegerField()
    room_id_ref = models.BigIntegerField()
    seat_no = models.CharField(max_length=10)
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    measured = models.JSONField(default=dict)
    findings = models.JSONField(default=list)
    address = models.CharField(max_length=60, blank=True)
    agent = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["site_id_ref", "room_id_ref", "seat_no"], name="client_check_seat"),
        ]

    def __str__(self) -> str:
        return f"{self.seat_no} {self.verdict}"


class ServerCheck(models.Model):
    """What ``zhupei doctor`` found on the server that a hall uses (R118–R123, R131, I05). Append-only; the newest counts."""

    site_id_ref = models.BigIntegerField(db_index=True)
    host = models.CharField(max_length=100)
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    findings = models.JSONField(default=list)
    by = models.CharField(max_length=200)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.host} {self.verdict}"
