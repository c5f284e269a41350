from django.utils.translation import gettext_lazy as _

from zhupei.audit.api import register

RULE_SET_LOADED = register("rulebook.rule_set_loaded", _("Rule loaded"))
PARAMETER_CHANGED = register("rulebook.parameter_changed", _("Parameter changed"))
CALENDAR_IMPORTED = register("rulebook.calendar_imported", _("Working-day calendar imported"))
RULE_DOCUMENT_SET = register("rulebook.rule_document_set", _("Document number of the rule entered"))
