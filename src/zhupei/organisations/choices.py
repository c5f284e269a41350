from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from zhupei.kernel import roles
from zhupei.kernel.roles import Role


class OrganisationKind(models.TextChoices):
    CITY = "city", _("City commission")
    CENTRE = "centre", _("Training centre")
    DISTRICT = "district", _("District commission")
    INSTITUTION = "institution", _("Training institution")


class RoleName(models.TextChoices):
    """The roles a membership can hold, with their words. A learner holds no membership."""

    CITY_EDUCATION_OFFICE = Role.CITY_EDUCATION_OFFICE, _("Education office")
    CITY_OFFICE = Role.CITY_OFFICE, _("Office of the commission")
    CENTRE_OFFICER = Role.CENTRE_OFFICER, _("Centre officer")
    CENTRE_APPROVER = Role.CENTRE_APPROVER, _("Centre approver")
    ITEM_AUTHOR = Role.ITEM_AUTHOR, _("Item author")
    ITEM_REVIEWER = Role.ITEM_REVIEWER, _("Item reviewer")
    BANK_KEEPER = Role.BANK_KEEPER, _("Bank keeper")
    DISTRICT_OFFICER = Role.DISTRICT_OFFICER, _("District officer")
    INSTITUTION_HEAD = Role.INSTITUTION_HEAD, _("Head of institution")
    TEACHING_HEAD = Role.TEACHING_HEAD, _("Teaching head")
    REGISTRAR = Role.REGISTRAR, _("Registrar")
    TEACHER = Role.TEACHER, _("Teacher")
    EXAM_OFFICER = Role.EXAM_OFFICER, _("Exam officer")
    TECHNICIAN = Role.TECHNICIAN, _("Technician")
    HALL_TECHNICAL_HEAD = Role.HALL_TECHNICAL_HEAD, _("Hall technical head")
    ROOM_ADMINISTRATOR = Role.ROOM_ADMINISTRATOR, _("Room administrator")
    INVIGILATOR = Role.INVIGILATOR, _("Invigilator")
    SYSTEM_ADMINISTRATOR = Role.SYSTEM_ADMINISTRATOR, _("System administrator")
    SECURITY_OFFICER = Role.SECURITY_OFFICER, _("Security officer")
    AUDITOR = Role.AUDITOR, _("Auditor")


ROLES_BY_KIND: dict[str, frozenset[Role]] = {
    OrganisationKind.CITY: roles.CITY,
    OrganisationKind.CENTRE: roles.CENTRE | roles.BANK | roles.OFFICERS,
    OrganisationKind.DISTRICT: roles.DISTRICT,
    OrganisationKind.INSTITUTION: roles.INSTITUTION | roles.HALL,
}
