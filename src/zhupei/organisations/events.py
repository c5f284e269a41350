from django.utils.translation import gettext_lazy as _

from zhupei.audit.api import register

ORGANISATION_ADDED = register("organisations.organisation_added", _("Organisation added"))
ROLE_GRANTED = register("organisations.role_granted", _("Role granted"))
ROLE_ENDED = register("organisations.role_ended", _("Role ended"))
JURISDICTION_SET = register("organisations.jurisdiction_set", _("Jurisdiction set"))
