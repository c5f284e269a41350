from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .choices import DayKind, DivisionKind, PostFamily


class RuleSet(models.Model):
    """A version of the rule (R003). Decisions store which one they were made under."""

    name = models.CharField(_("name"), max_length=200)
    doc_no = models.CharField(_("document number"), max_length=100, blank=True)
    issued_on = models.DateField(pgettext_lazy("document", "issued on"), null=True, blank=True)
    effective_from = models.DateField(_("in force from"))
    superseded_by = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    def __str__(self) -> str:
        return self.name


class LegalBasis(models.Model):
    """A document that a rule set rests on (R002); printed on forms."""

    rule_set = models.ForeignKey(RuleSet, on_delete=models.PROTECT, related_name="legal_basis")
    doc_no = models.CharField(_("document number"), max_length=100)
    title = models.CharField(pgettext_lazy("document", "title"), max_length=300)
    issuer = models.CharField(pgettext_lazy("document", "issuer"), max_length=100)
    issued_on = models.DateField(pgettext_lazy("document", "issued on"), null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.title}（{self.doc_no}）"


class RuleParameter(models.Model):
    """One number or choice of the rule, from one date to another (``effective_to`` included). Changed by a new row."""

    rule_set = models.ForeignKey(RuleSet, on_delete=models.PROTECT, related_name="parameters")
    key = models.CharField(_("parameter"), max_length=80, db_index=True)
    value = models.JSONField(_("value"))
    unit = models.CharField(_("unit"), max_length=30, blank=True)
    is_principle = models.BooleanField(_("in principle (原则上)"), default=False)
    clause = models.CharField(_("clause"), max_length=60, blank=True)
    effective_from = models.DateField(_("from"))
    effective_to = models.DateField(_("to"), null=True, blank=True)
    reason = models.TextField(_("reason"), blank=True)
    approved_by = models.CharField(_("approved by"), max_length=200, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key", "effective_from"], name="parameter_one_per_day"),
            models.UniqueConstraint(
                fields=["key"], condition=Q(effective_to=None), name="parameter_one_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} = {self.value}"


class Division(models.Model):
    """A county-level division of the city or a functional zone, with its validity and successors."""

    code = models.CharField(_("code"), max_length=12, unique=True)
    name = models.CharField(_("name"), max_length=60)
    kind = models.CharField(_("kind"), max_length=20, choices=DivisionKind.choices)
    valid_from = models.DateField(_("from"), null=True, blank=True)
    valid_to = models.DateField(_("to"), null=True, blank=True)
    successors = models.ManyToManyField("self", symmetrical=False, blank=True, related_name="predecessors")

    def __str__(self) -> str:
        return self.name


class Post(models.Model):
    """A post of the catalogue (R018). Open-ended: posts come and go by date."""

    code = models.CharField(_("code"), max_length=10, unique=True)
    name = models.CharField(_("post"), max_length=60, unique=True)
    family = models.CharField(_("family"), max_length=20, choices=PostFamily.choices)
    is_national = models.BooleanField(_("national post"), default=False)
    national_code = models.CharField(_("national code"), max_length=10, blank=True)
    active_from = models.DateField(_("from"), null=True, blank=True)
    active_to = models.DateField(_("to"), null=True, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position"]

    def __str__(self) -> str:
        return self.name


class Syllabus(models.Model):
    """What a post must know, in versions (R015)."""

    post = models.ForeignKey(Post, on_delete=models.PROTECT, related_name="syllabi")
    version = models.CharField(_("version"), max_length=30)
    effective_from = models.DateField(_("from"))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["post", "version"], name="syllabus_version_once")]

    def __str__(self) -> str:
        return f"{self.post} {self.version}"


class SyllabusEntry(models.Model):
    """A chapter of a syllabus with its weight in the paper of a subject; the weights of a subject sum to 1."""

    syllabus = models.ForeignKey(Syllabus, on_delete=models.PROTECT, related_name="entries")
    subject = models.CharField(_("subject"), max_length=20)
    number = models.CharField(_("number"), max_length=20)
    title = models.CharField(pgettext_lazy("chapter", "title"), max_length=200)
    weight = models.DecimalField(_("weight"), max_digits=5, decimal_places=4)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["syllabus", "subject", "number"], name="syllabus_entry_once")
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.title}"


class CalendarVersion(models.Model):
    """An import of working days from a document (I02). Later versions override earlier ones, day by day."""

    source_document = models.CharField(_("source document"), max_length=200)
    imported_at = models.DateTimeField(_("imported"))
    imported_by = models.CharField(_("imported by"), max_length=200)
    years = models.JSONField(_("years published whole"), default=list)
    note = models.TextField(_("note"), blank=True)

    def __str__(self) -> str:
        return self.source_document


class CalendarDay(models.Model):
    """One day on which a calendar version differs from Monday-to-Friday: a holiday or a make-up working day."""

    version = models.ForeignKey(CalendarVersion, on_delete=models.PROTECT, related_name="days")
    date = models.DateField(_("date"), db_index=True)
    kind = models.CharField(_("kind"), max_length=20, choices=DayKind.choices)
    name = models.CharField(_("holiday"), max_length=60, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "date"], name="calendar_day_once")]

    def __str__(self) -> str:
        return f"{self.date} {self.get_kind_display()}"
