from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from zhupei.rulebook.api import Subject
from zhupei.web.fields import EncryptedJSONField

from .choices import RUN_TONES, Flag, RunKind, RunState


class AnalysisRun(models.Model):
    """One reckoning: of a batch, or of all confirmed batches of a post and subject. Holds counts, never persons.

    ``digest`` covers the results it rests on: as long as it is the same, another run would find the same. ``latest`` marks the
    finished run of a scope that pages show; the item figures of earlier ones are dropped, their calibrations stay.
    """

    kind = models.CharField(_("scope"), max_length=12, choices=RunKind.choices)
    batch = models.ForeignKey(
        "exams.Batch", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    post = models.ForeignKey(
        "rulebook.Post", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    subject = models.CharField(_("subject"), max_length=20, choices=Subject.choices, blank=True)
    state = models.CharField(
        _("state"), max_length=10, choices=RunState.choices, default=RunState.QUEUED, db_index=True
    )
    progress = models.PositiveSmallIntegerField(_("progress"), default=0)
    latest = models.BooleanField(default=False)
    persons = models.PositiveIntegerField(_("people"), default=0)
    items = models.PositiveIntegerField(_("items"), default=0)
    answers = models.PositiveIntegerField(_("answers"), default=0)
    alarms = models.PositiveIntegerField(_("alarms"), default=0)
    model = models.CharField(_("model"), max_length=10, blank=True)
    log_likelihood = models.FloatField(null=True, blank=True)
    aic = models.FloatField(null=True, blank=True)
    bic = models.FloatField(null=True, blank=True)
    digest = models.CharField(max_length=64, blank=True)
    error = models.CharField(max_length=200, blank=True)
    requested_by = models.CharField(_("asked for by"), max_length=200)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind=RunKind.BATCH, batch__isnull=False, post=None, subject="")
                | Q(kind=RunKind.CALIBRATION, batch=None, post__isnull=False) & ~Q(subject=""),
                name="analysis_scope",
            ),
            models.UniqueConstraint(
                fields=["batch"],
                condition=Q(state__in=["queued", "running"]),
                name="analysis_batch_once_at_a_time",
            ),
            models.UniqueConstraint(
                fields=["post", "subject"],
                condition=Q(state__in=["queued", "running"]),
                name="analysis_post_once_at_a_time",
            ),
            models.UniqueConstraint(
                fields=["batch"], condition=Q(latest=True), name="analysis_batch_one_latest"
            ),
            models.UniqueConstraint(
                fields=["post", "subject"], condition=Q(latest=True), name="analysis_post_one_latest"
            ),
        ]

    def __str__(self) -> str:
        return str(self.batch) if self.batch_id else f"{self.post} {self.get_subject_display()}"

    @property
    def tone(self) -> str:
        return RUN_TONES[RunState(self.state)]


class Report(models.Model):
    """Scores of one post and subject in a run. ``mean``, ``sd``, ``sem`` in marks; None where it cannot be told.

    ``distribution``: how many people in each band of five marks, from 0 up.
    """

    run = models.ForeignKey(AnalysisRun, on_delete=models.PROTECT, related_name="reports")
    post = models.ForeignKey("rulebook.Post", on_delete=models.PROTECT, related_name="+")
    subject = models.CharField(_("subject"), max_length=20, choices=Subject.choices)
    n = models.PositiveIntegerField(_("people"))
    passed = models.PositiveIntegerField(_("passed"))
    mean = models.FloatField(_("mean score"), null=True)
    sd = models.FloatField(_("standard deviation"), null=True)
    reliability = models.FloatField(_("reliability"), null=True)
    sem = models.FloatField(_("standard error of measurement"), null=True)
    distribution = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "post", "subject"], name="analysis_report_once")
        ]

    def __str__(self) -> str:
        return f"{self.run} {self.post} {self.subject}"


class ItemStatistics(models.Model):
    """What the answers of a run say of one question: an item, or one child of a case (``key`` then is ``uid#n``).

    ``options``: ``[{"id", "right", "n", "share", "groups": [five], "r"}]``, ``id`` empty for blank; ``dif``: groups with a
    difference of class B or C, ``[{"by", "value", "delta", "kind", "p", "p_holm", "focal",
    "reference"}]``; ``months``: ``[["2026-05", n,
    share]]``. ``flags``: codes between commas. ``waiting``: an alarm that nobody has settled.
    """

    run = models.ForeignKey(AnalysisRun, on_delete=models.PROTECT, related_name="statistics")
    post = models.ForeignKey("rulebook.Post", on_delete=models.PROTECT, related_name="+")
    subject = models.CharField(_("subject"), max_length=20, choices=Subject.choices)
    key = models.CharField(_("question"), max_length=50)
    item_uid = models.CharField(_("number"), max_length=40, db_index=True)
    version = models.PositiveIntegerField(_("version"))
    kind = models.CharField(max_length=12)
    n = models.PositiveIntegerField(_("answers"))
    facility = models.FloatField(_("facility"))
    discrimination = models.FloatField(_("discrimination"), null=True)
    options = EncryptedJSONField(default=list)
    dif = models.JSONField(default=list)
    months = models.JSONField(default=list)
    drift = models.FloatField(null=True)
    drift_p = models.FloatField(null=True)
    exposure = models.FloatField(null=True)
    flags = models.CharField(max_length=150, blank=True)
    alarm = models.BooleanField(default=False)
    waiting = models.BooleanField(default=False, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run", "post", "subject", "key", "version"], name="analysis_item_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.key} v{self.version}"

    @property
    def flag_list(self) -> list[Flag]:
        return [Flag(code) for code in self.flags.split(",") if code]


class Calibration(models.Model):
    """A question on the ability scale of its post and subject (θ with mean 0 and standard deviation 1). Append-only.

    ``infit``, ``outfit``: mean squares, 1 expected.
    """

    run = models.ForeignKey(AnalysisRun, on_delete=models.PROTECT, related_name="calibrations")
    key = models.CharField(_("question"), max_length=50)
    item_uid = models.CharField(_("number"), max_length=40, db_index=True)
    version = models.PositiveIntegerField(_("version"))
    model = models.CharField(_("model"), max_length=10)
    n = models.PositiveIntegerField(_("answers"))
    a = models.FloatField(_("slope of the curve"))
    b = models.FloatField(_("difficulty"))
    se_a = models.FloatField()
    se_b = models.FloatField()
    infit = models.FloatField()
    outfit = models.FloatField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "key", "version"], name="calibration_once")]

    def __str__(self) -> str:
        return f"{self.key} v{self.version} b={self.b:.2f}"


class Settlement(models.Model):
    """What the bank keeper decided on an item's alarms. The same alarms of the same version wait no more. Append-only."""

    key = models.CharField(max_length=50, db_index=True)
    version = models.PositiveIntegerField()
    flags = models.CharField(max_length=150)
    opinion = models.TextField(_("what you found and decided"))
    person = models.CharField(max_length=200)
    person_id = models.BigIntegerField(null=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.key} v{self.version}"
