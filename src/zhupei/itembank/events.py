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
ENEMIES_SET = register("itembank.enemies_set", _("Two items kept out of one paper"))
ENEMIES_LIFTED = register("itembank.enemies_lifted", _("Two items allowed in one paper again"))
STANDARD_SAVED = register("itembank.standard_saved", _("Law or standard entered"))
PICTURE_KEPT = register("itembank.picture_kept", _("Picture for items kept"))
CALIBRATED = register("itembank.calibrated", _("Calibration of items recorded"))
ITEMS_EXPORTED = register("itembank.items_exported", _("Items with their keys exported"))
KEY_CORRECTED = register("itembank.key_corrected", _("Wrong key of an item corrected"))
DUPLICATES_SOUGHT = register("itembank.duplicates_sought", _("Bank searched for duplicates"))
PAIR_DECIDED = register("itembank.pair_decided", _("Two alike items compared"))
