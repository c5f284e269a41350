from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from zhupei.rulebook.api import Subject
from zhupei.web.fields import EncryptedField


class Blueprint(models.Model):
    """The plan of a paper (R037): sections, marks, rules. Versions never change; at most one is in force.

    ``sections``: ``[{"kind": "single", "count": 30, "marks": "2", "rule": "all_or_nothing"}, …]``; a case section has
    ``children`` (how many in all) and marks per child, or ``pattern``: ``[{"kind", "number", "marks"}, …]``. ``targets``: what
    every paper keeps to besides, as ``drawing.targets_of`` reads it; what it leaves out is at its default.
    """

    post = models.ForeignKey(
        "rulebook.Post", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    subject = models.CharField(_("subject"), max_length=20, choices=Subject.choices)
    version = models.PositiveIntegerField(_("version"))
    name = models.CharField(_("blueprint name"), max_length=100)
    sections = models.JSONField()
    targets = models.JSONField(default=dict)
    full_mark = models.DecimalField(_("full mark"), max_digits=5, decimal_places=1)
    is_current = models.BooleanField(_("in force"), default=True)
    created_by = models.CharField(max_length=100)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["post", "subject", "version"], name="blueprint_version_once"),
            models.UniqueConstraint(
                fields=["post", "subject"], condition=Q(is_current=True), name="blueprint_one_current"
            ),
            # NULL posts differ for the two above: the default of all posts needs its own
            models.UniqueConstraint(
                fields=["subject", "version"], condition=Q(post=None), name="blueprint_default_version_once"
            ),
            models.UniqueConstraint(
                fields=["subject"], condition=Q(post=None, is_current=True), name="blueprint_one_default"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class Draw(models.Model):
    """One drawing of papers for a batch: the seed's digest is kept before the draw, the seed itself, encrypted,
    with it: whoever knows it knows the papers, and from them the letters of right answers.

    ``inputs``: all that the papers followed from besides seed and release, as ``drawing.Order``; ``figures``: how even they came
    out, one entry for each group of posts drawn together.
    """

    batch_key = models.CharField(max_length=60, unique=True)
    release = models.ForeignKey("itembank.BankRelease", on_delete=models.PROTECT, related_name="+")
    algorithm = models.CharField(max_length=40)
    seed_commitment = models.CharField(max_length=64)
    seed = EncryptedField()
    committed_at = models.DateTimeField()
    drawn_at = models.DateTimeField(null=True)
    drawn_by = models.CharField(max_length=100)
    inputs = models.JSONField(default=dict)
    figures = models.JSONField(default=list)

    def __str__(self) -> str:
        return self.batch_key


class PaperForm(models.Model):
    """One person's paper in one subject, as ``delivery.formats.Paper``; frozen."""

    draw = models.ForeignKey(Draw, on_delete=models.PROTECT, related_name="papers")
    candidate_key = models.CharField(max_length=60)
    subject = models.CharField(max_length=20, choices=Subject.choices)
    blueprint = models.ForeignKey(Blueprint, on_delete=models.PROTECT, related_name="+")
    content = models.JSONField()
    digest = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["draw", "candidate_key", "subject"], name="paper_once")
        ]

    def __str__(self) -> str:
        return f"{self.candidate_key} {self.subject}"
