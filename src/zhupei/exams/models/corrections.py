"""A wrong key put right, the re-scoring that follows, and reviews of scores."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from zhupei.exams.choices import (
    CHALLENGE_TONES,
    CORRECTION,
    CORRECTION_TONES,
    ChallengeKind,
    ChallengeState,
    ChangeKind,
    CorrectionState,
    Policy,
    Remedy,
    ResultState,
)
from zhupei.rulebook.api import Subject
from zhupei.web.fields import EncryptedJSONField

from .results import Result, mark_words


class KeyCorrection(models.Model):
    """A wrong key, put right for everybody who had the question (I07): proposed by one person, approved by another.

    The question is that of ``version`` of an item, of its child ``child_no`` if it is a case (else 0). ``accepted``: the
    answers that count as right, each a list of option ids; empty if everybody gets full marks. ``policy`` is that of the day
    of the proposal. ``sequence`` is the order in which corrections were approved, in which they are applied again.
    ``lines_digest`` covers the dry run that was shown: only that is approved. ``reason`` may speak of the question and is for
    the centre and the bank; ``notice`` is what candidates and institutions read.
    """

    item_uid = models.CharField(_("item number"), max_length=40)
    version = models.PositiveIntegerField(_("version"))
    child_no = models.PositiveSmallIntegerField(_("question"), default=0)
    subject = models.CharField(_("subject"), max_length=20, choices=Subject.choices)
    remedy = models.CharField(_("remedy"), max_length=10, choices=Remedy.choices)
    accepted = EncryptedJSONField(default=list)
    policy = models.CharField(max_length=15, choices=Policy.choices)
    reason = models.TextField(_("reason"))
    notice = models.CharField(_("words to the candidates"), max_length=300)
    state = models.CharField(
        _("state"), max_length=10, choices=CorrectionState.choices, default=CorrectionState.COMPUTING
    )
    sequence = models.PositiveIntegerField(null=True, unique=True)
    batches_done = models.PositiveIntegerField(default=0)
    batches_all = models.PositiveIntegerField(default=0)
    fault = models.TextField(blank=True)
    lines_digest = models.CharField(max_length=64, blank=True)
    affected = models.PositiveIntegerField(default=0)
    up = models.PositiveIntegerField(default=0)
    down = models.PositiveIntegerField(default=0)
    newly_passed = models.PositiveIntegerField(default=0)
    newly_failed = models.PositiveIntegerField(default=0)
    new_version = models.PositiveIntegerField(null=True)
    proposed_by = models.CharField(max_length=200)
    proposed_by_id = models.BigIntegerField()
    proposed_at = models.DateTimeField(_("proposed"))
    decided_by = models.CharField(max_length=200, blank=True)
    decided_by_id = models.BigIntegerField(null=True)
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["item_uid", "version", "child_no"],
                condition=Q(state__in=["computing", "proposed", "approving"]),
                name="correction_one_open",
            )
        ]
        indexes = [models.Index(fields=["item_uid", "version"], name="correction_by_item")]

    def __str__(self) -> str:
        return f"{self.item_uid} v{self.version}" + (f" #{self.child_no}" if self.child_no else "")

    @property
    def name(self) -> str:
        """Item, version and question of a case, in the reader's language."""
        words = {"item": self.item_uid, "n": self.version, "no": self.child_no}
        if self.child_no:
            return gettext("%(item)s, version %(n)d, question %(no)d") % words
        return gettext("%(item)s, version %(n)d") % words

    @property
    def tone(self) -> str:
        """The tone of the state's badge where the state's name says another."""
        return CORRECTION_TONES.get(self.state, "")

    @property
    def subject_label(self) -> str:
        """The subject of the question, in words."""
        return str(Subject(self.subject).label)

    def can(self, verb: str) -> bool:
        """True if ``verb`` is possible in the present state."""
        return CORRECTION.allows(self.state, verb)


class ScoreMove(models.Model):
    """What a re-scoring does to one result."""

    general_before = models.DecimalField(max_digits=6, decimal_places=2)
    general_after = models.DecimalField(max_digits=6, decimal_places=2)
    professional_before = models.DecimalField(max_digits=6, decimal_places=2)
    professional_after = models.DecimalField(max_digits=6, decimal_places=2)
    passed_before = models.BooleanField()
    passed_after = models.BooleanField()

    class Meta:
        abstract = True

    @property
    def subjects(self) -> list[tuple[str, str, str]]:
        """Subject, mark before and after as people write them, where the mark moved."""
        rows = [
            ("general", self.general_before, self.general_after),
            ("professional", self.professional_before, self.professional_after),
        ]
        return [
            (name, mark_words(before), mark_words(after)) for name, before, after in rows if before != after
        ]

    @property
    def moved(self) -> bool:
        """True if a mark changed; the outcome never changes without one."""
        return bool(self.subjects)


class ScoreLine(ScoreMove):
    """A line of a dry run. The lines of a correction are written anew by each computation, and count for nothing else."""

    correction = models.ForeignKey(KeyCorrection, on_delete=models.CASCADE, related_name="lines")
    result = models.ForeignKey(Result, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=6, choices=ChangeKind.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["correction", "result"], name="score_line_once")]
        indexes = [models.Index(fields=["correction", "kind", "id"], name="score_line_by_kind")]

    def __str__(self) -> str:
        return f"{self.correction} {self.result_id}"


class Rescoring(ScoreMove):
    """A new score of a result, by an approved correction or by a recount (I07). Append-only; the last one stands.

    A correction makes one for every result whose paper holds the question, also where no mark changed. ``state_before`` and
    ``state_after``: a confirmed result that passes now waits to be confirmed as a fresh one does.
    """

    result = models.ForeignKey(Result, on_delete=models.PROTECT, related_name="rescorings")
    correction = models.ForeignKey(
        KeyCorrection, null=True, on_delete=models.PROTECT, related_name="rescorings"
    )
    challenge = models.OneToOneField(
        "Challenge", null=True, on_delete=models.PROTECT, related_name="rescoring"
    )
    notice = models.CharField(max_length=300)
    state_before = models.CharField(max_length=12, choices=ResultState.choices)
    state_after = models.CharField(max_length=12, choices=ResultState.choices)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["correction", "result"], name="rescoring_once"),
            models.CheckConstraint(
                condition=Q(correction=None, challenge__isnull=False)
                | Q(correction__isnull=False, challenge=None),
                name="rescoring_one_cause",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.result_id}: {self.general_after} / {self.professional_after}"


class Challenge(models.Model):
    """申请复核: a learner or institution doubts a score or an item; the centre answers with its reason (I07).

    ``recount_*`` is what the raw answers give when they are scored once more. Personal data: the text as it was written,
    kept as long as the result.
    """

    result = models.ForeignKey(Result, on_delete=models.PROTECT, related_name="challenges")
    kind = models.CharField(_("what is doubted"), max_length=6, choices=ChallengeKind.choices)
    text = models.TextField(_("description"))
    state = models.CharField(
        _("state"),
        max_length=10,
        choices=ChallengeState.choices,
        default=ChallengeState.OPEN,
        db_index=True,
    )
    filed_by = models.CharField(max_length=200)
    filed_by_id = models.BigIntegerField()
    organisation_id = models.BigIntegerField(
        null=True, db_index=True
    )  # of the unit that filed it, if one did
    filed_at = models.DateTimeField(_("filed"))
    due = models.DateField(_("answer by"))
    due_is_provisional = models.BooleanField(default=False)
    recount_general = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    recount_professional = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    recount_passed = models.BooleanField(null=True)
    recounted_by = models.CharField(max_length=200, blank=True)
    recounted_by_id = models.BigIntegerField(null=True)
    recounted_at = models.DateTimeField(null=True)
    correction = models.ForeignKey(
        KeyCorrection, null=True, on_delete=models.PROTECT, related_name="challenges"
    )
    answer = models.TextField(_("answer"), blank=True)
    answered_by = models.CharField(max_length=200, blank=True)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["result", "kind"], condition=Q(state="open"), name="challenge_one_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.result_id}"

    @property
    def tone(self) -> str:
        """The tone of the state's badge where the state's name says another."""
        return CHALLENGE_TONES.get(self.state, "")

    @property
    def recount_differs(self) -> bool:
        """True if the recount gives other marks than those that stand."""
        mine = self.recount_general, self.recount_professional
        return self.recounted_at is not None and mine != (self.result.general, self.result.professional)

    @property
    def recount_texts(self) -> tuple[str, str]:
        """Both marks of the recount as people write them."""
        return mark_words(self.recount_general or Decimal(0)), mark_words(
            self.recount_professional or Decimal(0)
        )
