from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from zhupei.kernel.transitions import Transitions


class ItemKind(models.TextChoices):
    """The four objective kinds of the rule (R036)."""

    SINGLE = "single", _("Single choice")
    MULTIPLE = "multiple", _("Multiple choice")
    TRUE_FALSE = "true_false", _("True or false")
    CASE = "case", _("Case")


class Level(models.TextChoices):
    MASTER = "掌握", _("Master (掌握)")
    FAMILIAR = "熟悉", _("Be familiar (熟悉)")
    KNOW = "了解", _("Know (了解)")


class ItemState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    REVIEWED = "reviewed", _("Reviewed")
    PUBLISHED = "published", _("Published in the bank")
    RETIRED = "retired", _("Retired")


class ImportState(models.TextChoices):
    READING = "reading", _("Being read")
    FAILED = "failed", _("Could not be read")
    STAGED = "staged", _("Waiting for confirmation")
    TAKING = "taking", _("Being taken in")
    CONFIRMED = "confirmed", _("Taken in")
    DISCARDED = "discarded", _("Discarded")


class RunState(models.TextChoices):
    """Of a search for duplicates."""

    QUEUED = "queued", _("Waiting to start")
    RUNNING = "running", _("Running")
    FINISHED = "finished", _("Finished")
    FAILED = "failed", _("Broken off")


class Verdict(models.TextChoices):
    """What a person decided of two items that look alike."""

    OPEN = "open", _("To decide")
    DIFFERENT = "different", _("No duplicates")
    ENEMIES = "enemies", _("Kept out of one paper")


IMPORT = Transitions(
    {
        "read": {ImportState.READING: ImportState.STAGED},
        "fail": {ImportState.READING: ImportState.FAILED},
        "begin": {ImportState.STAGED: ImportState.TAKING},
        "give_back": {ImportState.TAKING: ImportState.STAGED},
        "confirm": {
            ImportState.STAGED: ImportState.CONFIRMED,
            ImportState.TAKING: ImportState.CONFIRMED,
        },
        "discard": dict.fromkeys(
            (ImportState.READING, ImportState.FAILED, ImportState.STAGED, ImportState.TAKING),
            ImportState.DISCARDED,
        ),
    }
)

S = ItemState
ITEM = Transitions(
    {
        "edit": {S.DRAFT: S.DRAFT, S.REVIEWED: S.DRAFT, S.PUBLISHED: S.DRAFT},
        "review": {S.DRAFT: S.REVIEWED},
        "reject": {S.DRAFT: S.DRAFT, S.REVIEWED: S.DRAFT},
        "publish": {S.REVIEWED: S.PUBLISHED},
        "retire": {S.DRAFT: S.RETIRED, S.REVIEWED: S.RETIRED, S.PUBLISHED: S.RETIRED},
    }
)
