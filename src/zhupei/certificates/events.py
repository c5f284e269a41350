from django.utils.translation import gettext_lazy as _

from zhupei.audit.api import register

ISSUED = register("certificates.issued", _("Certificate issued"))
REVOKED = register("certificates.revoked", _("Certificate revoked"))
DOWNLOADED = register("certificates.downloaded", _("Certificate downloaded"))
REVOCATION_PROPOSED = register("certificates.revocation_proposed", _("Revocation of a certificate proposed"))
REVOCATION_REFUSED = register("certificates.revocation_refused", _("Revocation of a certificate refused"))
