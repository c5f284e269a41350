from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class DayKind(models.TextChoices):
    WORKDAY = "workday", _("Working day")
    WEEKEND = "weekend", _("Weekend")
    HOLIDAY = "holiday", _("Holiday")
    MAKE_UP = "make_up", _("Make-up working day")


WORKING = frozenset({DayKind.WORKDAY, DayKind.MAKE_UP})


class DivisionKind(models.TextChoices):
    DISTRICT = "district", _("District")
    COUNTY = "county", _("County")
    AUTONOMOUS_COUNTY = "autonomous_county", _("Autonomous county")
    ZONE = "zone", _("Functional zone")


class PostFamily(models.TextChoices):
    BUILDER = "builder", _("Construction supervisor (施工员)")
    QUALITY = "quality", _("Quality inspector (质量员)")
    BUDGET = "budget", _("Cost estimator (预算员)")
    OTHER = "other", _("Other posts")


class Subject(models.TextChoices):
    """The two subjects of every test (R034)."""

    GENERAL = "general", _("General knowledge")
    PROFESSIONAL = "professional", _("Professional knowledge")
