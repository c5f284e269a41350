from django.utils.translation import gettext_lazy as _

from zhupei.audit.api import register

CREDITED = register("hours.credited", _("Class hours credited"))
REVERSED = register("hours.reversed", _("Class hours reversed"))
CREDIT_PROPOSED = register("hours.credit_proposed", _("Manual credit proposed"))
CREDIT_APPROVED = register("hours.credit_approved", _("Manual credit approved"))
CREDIT_REFUSED = register("hours.credit_refused", _("Manual credit refused"))
EXCEPTION_GRANTED = register("hours.exception_granted", _("Test allowed with fewer hours"))
LEDGER_READ = register("hours.ledger_read", _("Hours ledger read by a supervisor"))
LEDGER_DIFFERS = register("hours.ledger_differs", _("Hours ledger differs from its record"))
