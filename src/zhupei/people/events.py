from django.utils.translation import gettext_lazy as _

from zhupei.audit.api import register

REGISTERED = register("people.registered", _("Person registered"))
SIGNED_UP = register("people.signed_up", _("Learner opened an account"))
CLAIMED = register("people.claimed", _("Learner opened an account on records that were there"))
PASSWORD_RESET = register("people.password_reset", _("Learner set a new password with a code"))
EDITED = register("people.edited", _("Personal data edited"))
PHONE_CHANGED = register("people.phone_changed", _("Mobile changed"))
PHOTO_SET = register("people.photo_set", _("Photo set"))
PHOTO_FROZEN = register("people.photo_frozen", _("Photo frozen"))
CONSENT_GIVEN = register("people.consent_given", _("Consent given"))
CONSENT_WITHDRAWN = register("people.consent_withdrawn", _("Consent withdrawn"))
FOUND = register("people.found", _("Person found by document number"))
OWN_UNMASKED = register("people.own_unmasked", _("Own document number shown"))
UNMASKED = register("people.unmasked", _("Document number shown to staff"))
CORRECTED = register("people.corrected", _("Person's record corrected"))
EXPORTED = register("people.exported", _("Own data exported"))
