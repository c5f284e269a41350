"""The audit codes of the item bank."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from zhupei.audit.api import register

ITEM_WRITTEN = register("itembank.item_written", _("Item written"))
ITEM_EDITED = register("itembank.item_edited", _("New version of an item written"))
ITEM_REVIEWED = register("itembank.item_reviewed", _("Item reviewed"))
ITEM_RETURNED = register("itembank.item_returned", _("Item returned to its author"))
ITEM_PUBLISHED = register("itembank.item_published", _("Item published"))
ITEM_RETIRED = register("itembank.item_retired", _("Item retired"))
KEY_READ = register("itembank.key_read", _("Key of an item read"))
IMPORT_STAGED = register("itembank.import_staged", _("Item file staged"))
IMPORT_CONFIRMED = register("itembank.import_confirmed", _("Item file taken in"))
IMPORT_DISCARDED = register("itembank.import_discarded", _("Item file discarded"))
DEMO_LOADED = register("itembank.demo_loaded", _("Demonstration items loaded"))
RELEASE_MADE = register("itembank.release_made", _("Release of the bank made"))
