"""The item bank's door."""

from .actions import load_demo_bank, make_release
from .actions import stage_import as import_excel
from .choices import ItemKind, ItemState, Level
from .models import BankRelease, Item, ItemVersion
from .queries import chapters_of, latest_release, versions_in

__all__ = [
    "BankRelease",
    "Item",
    "ItemKind",
    "ItemState",
    "ItemVersion",
    "Level",
    "chapters_of",
    "import_excel",
    "latest_release",
    "load_demo_bank",
    "make_release",
    "versions_in",
]
