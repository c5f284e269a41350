from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class IdentityKind(models.TextChoices):
    """Values equal those of ``kernel.identity.IdentityKind``."""

    RESIDENT_ID = "resident_id", _("Resident identity card")
    HK_MACAU_TAIWAN_RESIDENCE = (
        "hk_macau_taiwan_residence",
        _("Residence permit for Hong Kong, Macao and Taiwan residents"),
    )
    FOREIGNER_PERMANENT_RESIDENCE = "foreigner_permanent_residence", _("Foreign permanent resident ID card")
    HOME_RETURN_PERMIT = "home_return_permit", _("Mainland travel permit (Hong Kong and Macao)")
    TAIWAN_PERMIT = "taiwan_permit", _("Mainland travel permit (Taiwan)")
    PASSPORT = "passport", _("Passport")


class Sex(models.TextChoices):
    """GB/T 2261.1."""

    MALE = "1", _("Male")
    FEMALE = "2", _("Female")


class Education(models.TextChoices):
    JUNIOR = "junior", _("Junior middle school or below")
    SENIOR = "senior", _("Senior middle school")
    SECONDARY_VOCATIONAL = "secondary_vocational", _("Secondary vocational school")
    COLLEGE = "college", _("Junior college")
    BACHELOR = "bachelor", _("Bachelor")
    MASTER = "master", _("Master or above")


class ConsentPurpose(models.TextChoices):
    ACCOUNT = "account", _("Account and training records")
    FACE = "face", _("Face comparison")
