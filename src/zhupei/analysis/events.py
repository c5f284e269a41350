from django.utils.translation import gettext_lazy as _

from zhupei.audit.api import register

REQUESTED = register("analysis.requested", _("Item analysis asked for"))
FINISHED = register("analysis.finished", _("Item analysis finished"))
FAILED = register("analysis.failed", _("Item analysis not finished"))
READ = register("analysis.read", _("Figures of an item read (they tell its key)"))
SETTLED = register("analysis.settled", _("Alarm of an item settled"))
