from django.utils.translation import gettext_lazy as _

from zhupei.kernel.roles import Role
from zhupei.web.access import Nav, roles

PAGES = {
    "audit:search": roles(Role.AUDITOR, Role.SECURITY_OFFICER),
    "audit:event": roles(Role.AUDITOR, Role.SECURITY_OFFICER),
    "audit:verify": roles(Role.AUDITOR, Role.SECURITY_OFFICER),
}
NAV = [Nav("audit:search", _("Audit record"), "journal-text", 85)]
