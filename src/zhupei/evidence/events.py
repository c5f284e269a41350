from django.utils.translation import gettext_lazy as _

from zhupei.audit.api import register

FILE_STORED = register("evidence.file_stored", _("File stored"))
FILE_READ = register("evidence.file_read", _("File read"))
