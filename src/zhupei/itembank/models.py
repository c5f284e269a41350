from __future__ import annotations

from datetime import date, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from zhupei.rulebook.api import Subject
from zhupei.web.fields import EncryptedField, EncryptedJSONField

from .choices import ImportState, ItemKind, ItemState, Level, RunState, Verdict


class Standard(models.Model):
    """A law or standard that items rest on, with its validity: one out of force flags every item that cites it."""

    code = models.CharField(_("code of the standard"), max_length=60, unique=True)
    title = models.CharField(_("title of the standard"), max_length=200)
    in_force_from = models.DateField(_("in force from"), null=True, blank=True)
    in_force_to = models.DateField(_("in force until"), null=True, blank=True, db_index=True)
    replaced_by = models.CharField(_("replaced by"), max_length=60, blank=True)

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code

    def out_since(self, today: date) -> date | None:
        """The first day without force, None while it is in force."""
        gone = self.in_force_to is not None and self.in_force_to < today
        return self.in_force_to + timedelta(days=1) if self.in_force_to and gone else None


class Media(models.Model):
    """A picture that items show, by the SM3 digest of its bytes; re-encoded on the way in, never changed."""

    digest = models.CharField(max_length=64, unique=True)
    file = models.ForeignKey("evidence.StoredFile", on_delete=models.PROTECT, related_name="+")
    content_type = models.CharField(max_length=20)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.digest[:12]


class Item(models.Model):
    """An item's identity and life. What it says stands in its versions, which never change.

    Subject, kind, posts, chapter, level, stem and standards are those of the newest version, kept here for lists and search.
    """

    uid = models.CharField(_("number"), max_length=40, unique=True)
    subject = models.CharField(_("subject"), max_length=20, choices=Subject.choices)
    posts = models.ManyToManyField("rulebook.Post", related_name="+", verbose_name=_("posts"))
    kind = models.CharField(_("item kind"), max_length=12, choices=ItemKind.choices)
    chapter = models.CharField(_("syllabus chapter"), max_length=20, blank=True)
    level = models.CharField(_("level"), max_length=6, choices=Level.choices)
    stem = models.TextField(
        _("stem"), blank=True, help_text="of the newest version, with its children's: for lists and search"
    )
    is_demo = models.BooleanField(_("demonstration item, not of the official bank"), default=False)
    standards = models.ManyToManyField(Standard, related_name="items", verbose_name=_("laws and standards"))
    state = models.CharField(
        _("state"), max_length=10, choices=ItemState.choices, default=ItemState.DRAFT, db_index=True
    )
    exposure_count = models.PositiveIntegerField(_("times drawn"), default=0)
    last_used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["subject", "kind", "state"], name="item_cell")]
        ordering = ["uid"]

    def __str__(self) -> str:
        return self.uid


class ItemVersion(models.Model):
    """What an item says and where it belongs, immutable once written; only review and publication are noted on it later.

    ``content``: ``{"stem": str, "options": [{"id": "a", "text": str}], "anchored": ["d"], "children": [{"no", "kind",
    "stem", "options", "anchored"}]}``; ``key``: ``{"answer": ["a", "c"]}`` or for a case ``{"children": {"1": ["a"], …}}``.
    True/false items have the options ``t`` and ``f``; ``key["explanations"]`` holds those of a case's children. Key and
    explanation, which tells it too, are apart and encrypted. Texts may hold the markup of ``kernel.richtext``.
    """

    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    subject = models.CharField(_("subject"), max_length=20, choices=Subject.choices)
    post_codes = models.CharField(max_length=200, help_text="of its posts, as “,101,102,”")
    chapter = models.CharField(_("syllabus chapter"), max_length=20, blank=True)
    level = models.CharField(_("level"), max_length=6, choices=Level.choices)
    content = models.JSONField()
    key = EncryptedJSONField()
    explanation = EncryptedField(_("explanation"), blank=True)
    basis = models.CharField(_("basis"), max_length=300, blank=True)
    difficulty = models.DecimalField(
        _("expected share of right answers"), max_digits=4, decimal_places=3, null=True
    )
    valid_to = models.DateField(_("not drawn after"), null=True, blank=True, db_index=True)
    digest = models.CharField(max_length=64, db_index=True)
    author = models.CharField(_("author"), max_length=100)
    author_id = models.BigIntegerField(null=True)
    reviewer = models.CharField(_("reviewer"), max_length=100, blank=True)
    reviewer_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "number"], name="item_version_once")]

    def __str__(self) -> str:
        return f"{self.item.uid} v{self.number}"


class ItemCalibration(models.Model):
    """What the answers of candidates say of a version: measured facility, and slope and difficulty on the ability scale.

    Appended by each calibration; the newest counts, from the next release on. ``a`` is the slope in logits on a scale of
    abilities of mean 0 and standard deviation 1: one slope for all items under the Rasch model.
    """

    version = models.ForeignKey(ItemVersion, on_delete=models.PROTECT, related_name="calibrations")
    facility = models.DecimalField(_("share of right answers"), max_digits=4, decimal_places=3)
    n = models.PositiveIntegerField(_("answers"))
    model = models.CharField(_("model"), max_length=10, blank=True)
    a = models.DecimalField(_("slope"), max_digits=6, decimal_places=3, null=True)
    b = models.DecimalField(_("difficulty"), max_digits=6, decimal_places=3, null=True)
    fits = models.BooleanField(_("fits the model"), default=True)
    recorded_at = models.DateTimeField()

    class Meta:
        get_latest_by = "pk"

    def __str__(self) -> str:
        return f"{self.version} n={self.n}"


class EnemyPair(models.Model):
    """Two items that must not stand in one paper: one gives the other away, or both ask the same."""

    first = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="+")
    second = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    created_by = models.CharField(max_length=100)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="enemies_once"),
            models.CheckConstraint(condition=models.Q(first__lt=models.F("second")), name="enemies_ordered"),
        ]

    def __str__(self) -> str:
        return f"{self.first} × {self.second}"


class DuplicateRun(models.Model):
    """A search of the whole bank for items that ask the same; ``done`` of ``total`` items are compared."""

    state = models.CharField(_("state"), max_length=10, choices=RunState.choices, default=RunState.QUEUED)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    pair_count = models.PositiveIntegerField(_("pairs found"), default=0)
    created_by = models.CharField(max_length=100)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"#{self.pk}"


class DuplicatePair(models.Model):
    """Two items that look alike, in the versions compared, and what a person decided of them.

    A decision holds for these versions: a later search that finds the pair in others asks anew.
    """

    first = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="+")
    second = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="+")
    first_version = models.PositiveIntegerField()
    second_version = models.PositiveIntegerField()
    likeness = models.PositiveSmallIntegerField(_("likeness"), help_text="in per cent")
    reason = models.CharField(max_length=30, help_text="of ``duplicates.Reason``")
    verdict = models.CharField(max_length=10, choices=Verdict.choices, default=Verdict.OPEN)
    decided_by = models.CharField(max_length=100, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="alike_once"),
            models.CheckConstraint(condition=models.Q(first__lt=models.F("second")), name="alike_ordered"),
        ]
        indexes = [models.Index(fields=["verdict", "likeness"], name="alike_queue")]

    def __str__(self) -> str:
        return f"{self.first} ≈ {self.second}"


class BankRelease(models.Model):
    """The bank as it stood at one moment (R033), frozen under one digest: versions, calibrations and enemies.

    ``enemies``: pairs of item numbers, sorted.
    """

    number = models.PositiveIntegerField(_("release"), unique=True)
    released_at = models.DateTimeField(_("released at"))
    released_by = models.CharField(max_length=100)
    digest = models.CharField(max_length=64)
    versions = models.ManyToManyField(ItemVersion, through="ReleasedVersion", related_name="+")
    enemies = models.JSONField(default=list)
    note = models.CharField(_("note"), max_length=200, blank=True)

    def __str__(self) -> str:
        return f"#{self.number}"


class ReleasedVersion(models.Model):
    """A version in a release. ``share``: right answers expected, measured where it can be, else the author's judgement;
    ``a`` and ``b``: slope and difficulty where calibrated and fitting."""

    release = models.ForeignKey(BankRelease, on_delete=models.PROTECT, related_name="rows")
    version = models.ForeignKey(ItemVersion, on_delete=models.PROTECT, related_name="+")
    share = models.DecimalField(max_digits=4, decimal_places=3, null=True)
    a = models.DecimalField(max_digits=6, decimal_places=3, null=True)
    b = models.DecimalField(max_digits=6, decimal_places=3, null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["release", "version"], name="released_once")]

    def __str__(self) -> str:
        return f"{self.release} {self.version}"


class ItemImport(models.Model):
    """A file of items that somebody handed in: staged, looked at, then confirmed whole or discarded.

    ``defaults``: where items go that do not say it themselves (``{"subject", "posts", "chapter", "level"}``); ``report``: what
    was refused and what is not supported, as shown.
    """

    file = models.ForeignKey("evidence.StoredFile", on_delete=models.PROTECT, related_name="+")
    format = models.CharField(_("format"), max_length=12, default="xlsx")
    defaults = models.JSONField(default=dict)
    report = models.JSONField(default=dict)
    state = models.CharField(
        _("state"), max_length=10, choices=ImportState.choices, default=ImportState.STAGED
    )
    row_count = models.PositiveIntegerField(_("rows"))
    error_count = models.PositiveIntegerField(_("errors"))
    item_count = models.PositiveIntegerField(_("items"))
    created_by_id = models.BigIntegerField()
    created_by = models.CharField(max_length=100)
    created_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"#{self.pk}"
