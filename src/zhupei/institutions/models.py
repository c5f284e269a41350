from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from zhupei.web.fields import EncryptedField

from .choices import (
    Employment,
    InstitutionType,
    LicenceKind,
    QualificationCategory,
    QualificationGrade,
    RegistrationState,
    RoomKind,
    SiteKind,
    SiteState,
)


class Institution(models.Model):
    """A training institution and the state of its registration (R005–R009)."""

    organisation = models.OneToOneField(
        "organisations.Organisation", on_delete=models.PROTECT, related_name="institution"
    )
    type = models.CharField(_("type"), max_length=20, choices=InstitutionType.choices)
    uscc = models.CharField(_("unified social credit code"), max_length=18, unique=True)
    full_name = models.CharField(_("full name"), max_length=200)
    legal_representative = models.CharField(_("legal representative"), max_length=50)
    address = models.CharField(_("registered address"), max_length=300)
    division_code = models.CharField(_("division"), max_length=12, db_index=True)
    contact = models.CharField(_("contact"), max_length=50)
    contact_phone = models.CharField(_("contact phone"), max_length=30)
    introduction = models.TextField(_("introduction"), blank=True)
    posts = models.ManyToManyField(
        "rulebook.Post", blank=True, related_name="+", verbose_name=_("posts trained")
    )
    state = models.CharField(
        _("state"),
        max_length=20,
        choices=RegistrationState.choices,
        default=RegistrationState.DRAFT,
        db_index=True,
    )
    registration_no = models.CharField(
        _("registration number"), max_length=40, null=True, blank=True, unique=True
    )
    registered_on = models.DateField(_("registered on"), null=True, blank=True)
    published_on = models.DateField(_("published on"), null=True, blank=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.full_name


class RegistrationStep(models.Model):
    """One step of a registration (R079): which unit, what, with which opinion. Append-only."""

    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="steps")
    verb = models.CharField(max_length=20)
    state = models.CharField(max_length=20, choices=RegistrationState.choices)
    unit = models.CharField(_("unit"), max_length=200)
    person = models.CharField(pgettext_lazy("step", "person"), max_length=100)
    opinion = models.TextField(_("opinion"), blank=True)
    at = models.DateTimeField(_("time"))

    def __str__(self) -> str:
        return f"{self.institution} {self.verb}"


class Qualification(models.Model):
    """A construction qualification (R008). Grade one or special, in force, is needed for contractors.

    ``checked_at`` is when a reviewer compared it with the national register (四库一平台); until then it opens no gate.
    """

    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="qualifications")
    certificate_no = models.CharField(_("certificate number"), max_length=60)
    category = models.CharField(_("category"), max_length=20, choices=QualificationCategory.choices)
    specialty = models.CharField(_("specialty"), max_length=100)
    grade = models.CharField(_("grade"), max_length=10, choices=QualificationGrade.choices)
    issuer = models.CharField(_("issuer"), max_length=100)
    issued_on = models.DateField(_("issued on"))
    valid_to = models.DateField(_("valid to"))
    scan = models.ForeignKey(
        "evidence.StoredFile", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    checked_at = models.DateTimeField(_("checked"), null=True, blank=True)
    checked_by = models.CharField(_("checked by"), max_length=300, blank=True)

    def __str__(self) -> str:
        return f"{self.specialty} {self.get_grade_display()}"


class Licence(models.Model):
    """The licence that institutions other than contractors show (R009)."""

    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="licences")
    kind = models.CharField(_("kind"), max_length=20, choices=LicenceKind.choices)
    number = models.CharField(_("number"), max_length=60)
    issuer = models.CharField(_("issuer"), max_length=100)
    valid_to = models.DateField(_("valid to"), null=True, blank=True)
    scan = models.ForeignKey(
        "evidence.StoredFile", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.number}"


class Teacher(models.Model):
    """A teacher of an institution (R014). ``phone`` is kept to arrange lessons, as long as the teacher teaches here."""

    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="teachers")
    user = models.ForeignKey(
        "accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    name = models.CharField(pgettext_lazy("person", "name"), max_length=50)
    phone = EncryptedField(_("mobile"), blank=True, default="")
    title = models.CharField(_("professional title"), max_length=60, blank=True)
    education = models.CharField(_("education"), max_length=60, blank=True)
    specialty = models.CharField(_("specialty"), max_length=100, blank=True)
    site_years = models.PositiveSmallIntegerField(_("years on building sites"), default=0)
    employment = models.CharField(
        _("employment"), max_length=10, choices=Employment.choices, default=Employment.FULL_TIME
    )
    posts = models.ManyToManyField(
        "rulebook.Post", blank=True, related_name="+", verbose_name=_("posts taught")
    )
    is_active = models.BooleanField(_("active"), default=True)

    def __str__(self) -> str:
        return self.name


class Site(models.Model):
    """A fixed place: a teaching site (annex 1) or an exam hall (annex 3), reviewed by the centre (R010, R111, R112, R163)."""

    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="sites")
    kind = models.CharField(_("kind"), max_length=10, choices=SiteKind.choices)
    name = models.CharField(_("name"), max_length=100)
    address = models.CharField(_("address"), max_length=300)
    division_code = models.CharField(_("division"), max_length=12, db_index=True)
    state = models.CharField(
        _("state"), max_length=10, choices=SiteState.choices, default=SiteState.DRAFT, db_index=True
    )
    submitted_at = models.DateTimeField(null=True, blank=True)
    approved_on = models.DateField(_("approved on"), null=True, blank=True)
    valid_to = models.DateField(_("valid to"), null=True, blank=True)
    exam_clients = models.PositiveIntegerField(_("exam computers"), default=0)
    spare_clients = models.PositiveIntegerField(_("spare computers"), default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["institution", "name"], name="site_name_once")]

    def __str__(self) -> str:
        return self.name


class SiteStep(models.Model):
    """One step of a site's review. Append-only."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="steps")
    verb = models.CharField(max_length=20)
    state = models.CharField(max_length=10, choices=SiteState.choices)
    unit = models.CharField(_("unit"), max_length=200)
    person = models.CharField(pgettext_lazy("step", "person"), max_length=100)
    opinion = models.TextField(_("opinion"), blank=True)
    at = models.DateTimeField(_("time"))

    def __str__(self) -> str:
        return f"{self.site} {self.verb}"


class Room(models.Model):
    """A classroom or exam room of a site, with its seats."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="rooms")
    name = models.CharField(_("room"), max_length=60)
    kind = models.CharField(_("kind"), max_length=12, choices=RoomKind.choices)
    seats = models.PositiveIntegerField(_("seats"))
    area = models.DecimalField(_("area (m²)"), max_digits=8, decimal_places=2, null=True, blank=True)
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "name"], name="room_name_once")]

    def __str__(self) -> str:
        return f"{self.site} {self.name}"
