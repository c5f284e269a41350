from django.utils.translation import gettext_lazy as _

from zhupei.audit.api import register

ISSUED = register("certificates.issued", _("Certificate issued"))
REVOKED = register("certificates.revoked", _("Certificate revoked"))
DOWNLOADED = register("certificates.downloaded", _("Certificate downloaded"))
