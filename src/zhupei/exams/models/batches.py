"""Batches: slots, candidates, keys, what goes into a hall and what comes out."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from zhupei.exams.choices import (
    BATCH,
    BATCH_TONES,
    BatchState,
)
from zhupei.kernel.batchno import BatchNumber
from zhupei.rulebook.api import Subject

from .applications import BankApplication


class Batch(models.Model):
    """A test batch (R030): city-wide number given with the slot (J14)."""

    application = models.OneToOneField(BankApplication, on_delete=models.PROTECT, related_name="batch")
    institution = models.ForeignKey("institutions.Institution", on_delete=models.PROTECT, related_name="+")
    hall = models.ForeignKey("institutions.Site", on_delete=models.PROTECT, related_name="+")
    year = models.PositiveSmallIntegerField()
    sequence = models.PositiveSmallIntegerField()
    state = models.CharField(
        _("state"), max_length=10, choices=BatchState.choices, default=BatchState.PREPARING, db_index=True
    )
    seat_seed = models.CharField(max_length=64, blank=True)
    rule_set = models.ForeignKey("rulebook.RuleSet", null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["year", "sequence"], name="batch_number_once")]

    def __str__(self) -> str:
        return str(BatchNumber(self.year, self.sequence))

    @property
    def tone(self) -> str:
        """The tone of the state's badge where the state's name says another."""
        return BATCH_TONES.get(self.state, "")

    def can(self, verb: str) -> bool:
        """True if ``verb`` is possible in the present state."""
        return BATCH.allows(self.state, verb)


class BatchCounter(models.Model):
    """The last batch number of a year. Its row is the lock under which slots are given and numbers counted."""

    year = models.PositiveSmallIntegerField(unique=True)
    last = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.year}: {self.last}"


class HallKey(models.Model):
    """The public key with which a hall signs its returns. A key that is ended opens nothing sent after."""

    hall = models.ForeignKey("institutions.Site", on_delete=models.PROTECT, related_name="+")
    public_key = models.CharField(_("public key"), max_length=130)
    registered_by = models.CharField(_("registered by"), max_length=200)
    registered_at = models.DateTimeField(_("registered"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hall", "public_key"], name="hall_key_once")]

    def __str__(self) -> str:
        return f"{self.hall} {self.public_key[2:10]}"


class BatchStep(models.Model):
    """One step of a batch. Append-only."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="steps")
    verb = models.CharField(max_length=20)
    state = models.CharField(max_length=10, choices=BatchState.choices)
    unit = models.CharField(max_length=200)
    person = models.CharField(max_length=100)
    note = models.TextField(blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.batch} {self.verb}"


class Slot(models.Model):
    """The time in which a batch may use the bank (R046); one per test session."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="slots")
    number = models.PositiveSmallIntegerField()
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    planned = models.PositiveIntegerField(_("persons planned"), default=0)
    decided_by = models.CharField(max_length=200)
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ["starts_at", "number"]
        constraints = [models.UniqueConstraint(fields=["batch", "number"], name="slot_number_once")]

    def __str__(self) -> str:
        return f"{self.batch} {self.starts_at:%m-%d %H:%M}"


class Candidate(models.Model):
    """A person who is to sit a batch's test: post, session, room and seat, slip number."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="candidates")
    person = models.ForeignKey("people.Person", on_delete=models.PROTECT, related_name="candidacies")
    enrolment = models.ForeignKey("training.Enrolment", on_delete=models.PROTECT, related_name="candidacies")
    post = models.ForeignKey("rulebook.Post", on_delete=models.PROTECT, related_name="+")
    slot = models.ForeignKey(Slot, null=True, blank=True, on_delete=models.PROTECT, related_name="candidates")
    room = models.ForeignKey(
        "institutions.Room", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    seat = models.PositiveIntegerField(_("seat"), null=True, blank=True)
    slip_no = models.CharField(_("slip number"), max_length=20, unique=True, null=True, blank=True)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=1)
    previous = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    extra_seconds = models.PositiveIntegerField(default=0)
    carried_subject = models.CharField(
        max_length=20, choices=Subject.choices, null=True
    )  # not sat again (J03)
    carried_from = models.ForeignKey(
        "exams.Result", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    removed_at = models.DateTimeField(null=True, blank=True)
    removed_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "post", "batch"], name="candidate_once"),
            models.UniqueConstraint(
                fields=["slot", "room", "seat"],
                condition=Q(seat__isnull=False, removed_at=None),
                name="seat_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.slip_no or '—'} {self.person}"


class BundleOut(models.Model):
    """The sealed bundle of a batch, and the two persons who released its key (I08)."""

    batch = models.OneToOneField(Batch, on_delete=models.PROTECT, related_name="bundle")
    bundle_id = models.CharField(max_length=60, unique=True)
    file = models.ForeignKey("evidence.StoredFile", on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=64)
    sealed_key = models.TextField(
        help_text="The bundle's key, encrypted with the platform's key for bundles."
    )
    sealed_at = models.DateTimeField()
    released_by_1 = models.CharField(max_length=200, blank=True)
    released_by_1_id = models.BigIntegerField(null=True)
    released_by_1_roles = models.CharField(max_length=200, blank=True)
    released_by_2 = models.CharField(max_length=200, blank=True)
    released_by_2_id = models.BigIntegerField(null=True)
    released_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.bundle_id


class ReturnIn(models.Model):
    """A hall's signed return, and what the comparison with its journal and the centre's own scoring found.

    ``differences`` lists them up to a bound; ``compared`` counts what was compared (``candidates``, ``answers``, ``entries``) and
    every difference (``differences``, and ``kinds`` by kind). None for returns received before there were such counts.
    """

    batch = models.OneToOneField(Batch, on_delete=models.PROTECT, related_name="hall_return")
    file = models.ForeignKey("evidence.StoredFile", on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=64)
    received_at = models.DateTimeField()
    received_by = models.CharField(max_length=200)
    sittings = models.PositiveIntegerField()
    differences = models.JSONField(default=list)
    compared = models.JSONField(null=True, blank=True)
    accepted_by = models.CharField(max_length=200, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_reason = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.batch} return"

    @property
    def difference_count(self) -> int:
        """How many differences were found, also beyond those that are listed."""
        return int((self.compared or {}).get("differences", len(self.differences)))

    @property
    def differences_stand(self) -> bool:
        """True while a difference is neither absent nor accepted: the batch cannot be confirmed."""
        return bool(self.differences) and self.accepted_at is None
