from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from zhupei.rulebook.api import Subject

from .choices import ImportState, ItemKind, ItemState, Level


class Item(models.Model):
    """An item's identity and life. What it says stands in its versions, which never change."""

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
    """What an item says, immutable once written; only review and publication are noted on it later.

    ``content``: ``{"stem": str, "options": [{"id": "a", "text": str}], "anchored": ["d"], "children": [{"no", "kind",
    "stem", "options", "anchored"}]}``; ``key``: ``{"answer": ["a", "c"]}`` or for a case ``{"children": {"1": ["a"], …}}``.
    True/false items have the options ``t`` and ``f``. The key is apart so that it can be read apart; the explanation tells
    it too.
    """

    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    content = models.JSONField()
    key = models.JSONField()
    explanation = models.TextField(_("explanation"), blank=True)
    basis = models.CharField(_("basis"), max_length=300, blank=True)
    difficulty = models.DecimalField(
        _("expected share of right answers"), max_digits=4, decimal_places=3, null=True
    )
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


class BankRelease(models.Model):
    """The bank as it stood at one moment (R033): the published versions, frozen under one digest."""

    number = models.PositiveIntegerField(_("release"), unique=True)
    released_at = models.DateTimeField(_("released at"))
    released_by = models.CharField(max_length=100)
    digest = models.CharField(max_length=64)
    versions = models.ManyToManyField(ItemVersion, related_name="+")
    note = models.CharField(_("note"), max_length=200, blank=True)

    def __str__(self) -> str:
        return f"#{self.number}"


class ItemImport(models.Model):
    """A file of items that somebody handed in: staged, looked at, then confirmed whole or discarded."""

    file = models.ForeignKey("evidence.StoredFile", on_delete=models.PROTECT, related_name="+")
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
