from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from zhupei.kernel import uscc
from zhupei.kernel.transitions import Transitions


class InstitutionType(models.TextChoices):
    """The four types of the rule (R007)."""

    CONTRACTOR = "contractor", _("Construction enterprise of grade one or above")
    SOCIAL = "social", _("Social training institution")
    ASSOCIATION = "association", _("Industry association")
    COLLEGE = "college", _("Vocational college")


class RegistrationState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    DISTRICT_REVIEW = "district_review", _("District vetting")
    CITY_REVIEW = "city_review", _("City review")
    RETURNED = "returned", _("Returned")
    REGISTERED = "registered", _("Registered")
    PUBLISHED = "published", _("Published")
    BLOCKED = "blocked", _("Hidden by sanction")
    CANCELLED = "cancelled", _("Cancelled")


S = RegistrationState
REGISTRATION = Transitions(
    {
        "submit": {S.DRAFT: S.DISTRICT_REVIEW, S.RETURNED: S.DISTRICT_REVIEW},
        "vet": {S.DISTRICT_REVIEW: S.CITY_REVIEW},
        "return": {S.DISTRICT_REVIEW: S.RETURNED, S.CITY_REVIEW: S.RETURNED},
        "register": {S.CITY_REVIEW: S.REGISTERED},
        "publish": {S.REGISTERED: S.PUBLISHED},
        "block": {S.PUBLISHED: S.BLOCKED, S.REGISTERED: S.BLOCKED},
        "restore": {S.BLOCKED: S.REGISTERED},
        "cancel": {S.REGISTERED: S.CANCELLED, S.PUBLISHED: S.CANCELLED, S.BLOCKED: S.CANCELLED},
    }
)


class QualificationGrade(models.TextChoices):
    SPECIAL = "special", _("Special grade")
    FIRST = "first", _("Grade one")
    SECOND = "second", _("Grade two")
    THIRD = "third", _("Grade three")


class QualificationCategory(models.TextChoices):
    GENERAL = "general", _("General contracting")
    SPECIALIST = "specialist", _("Specialist contracting")


class LicenceKind(models.TextChoices):
    SCHOOL = "school", _("School licence")
    ASSOCIATION = "association", _("Association registration")
    PUBLIC_BODY = "public_body", _("Public institution certificate")
    BUSINESS = "business", _("Business licence")


# R009: which licences show that a unit of this type exists and may teach. A contractor shows its qualification (R008).
LICENCE_KINDS: dict[InstitutionType, tuple[LicenceKind, ...]] = {
    InstitutionType.SOCIAL: (LicenceKind.SCHOOL, LicenceKind.BUSINESS),
    InstitutionType.ASSOCIATION: (LicenceKind.ASSOCIATION,),
    InstitutionType.COLLEGE: (LicenceKind.SCHOOL, LicenceKind.PUBLIC_BODY),
}

USCC_TYPES: dict[InstitutionType, uscc.InstitutionType] = {
    InstitutionType.CONTRACTOR: uscc.InstitutionType.CONSTRUCTION_ENTERPRISE,
    InstitutionType.SOCIAL: uscc.InstitutionType.TRAINING_INSTITUTION,
    InstitutionType.ASSOCIATION: uscc.InstitutionType.INDUSTRY_ASSOCIATION,
    InstitutionType.COLLEGE: uscc.InstitutionType.VOCATIONAL_SCHOOL,
}


class Employment(models.TextChoices):
    FULL_TIME = "full_time", _("Full-time")
    PART_TIME = "part_time", _("Part-time")


class SiteKind(models.TextChoices):
    TEACHING = "teaching", _("Teaching site")
    HALL = "hall", _("Exam hall")


class RoomKind(models.TextChoices):
    CLASSROOM = "classroom", _("Classroom")
    EXAM_ROOM = "exam_room", _("Exam room")
    EQUIPMENT = "equipment", _("Equipment room")
    OFFICE = "office", _("Office")


class SiteState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    SUBMITTED = "submitted", _("Waiting for review")
    RETURNED = "returned", _("To be put right")
    APPROVED = "approved", _("Approved")
    CLOSED = "closed", _("Closed")


T = SiteState
SITE = Transitions(
    {
        "submit": {T.DRAFT: T.SUBMITTED, T.RETURNED: T.SUBMITTED},
        "approve": {T.SUBMITTED: T.APPROVED},
        "return": {T.SUBMITTED: T.RETURNED},
        "revise": {T.APPROVED: T.DRAFT},
        "close": {T.APPROVED: T.CLOSED, T.DRAFT: T.CLOSED, T.RETURNED: T.CLOSED},
    }
)
