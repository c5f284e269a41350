"""The item bank's door."""

from .actions import Measured, correct_key, load_demo_bank, make_release, record_calibration
from .actions.corrections import corrected
from .choices import ItemKind, ItemState, Level
from .demo import weights as demo_weights
from .media import media_bytes
from .models import BankRelease, Item, ItemVersion, ReleasedVersion
from .queries import chapters_of, latest_release, released_versions, text_of_version, versions_in
from .rules import ItemText
from .search import index_missing
from .synthetic import Synthetic
from .synthetic import items as synthetic_items

__all__ = [
    "BankRelease",
    "Item",
    "ItemKind",
    "ItemState",
    "ItemText",
    "ItemVersion",
    "Level",
    "Measured",
    "ReleasedVersion",
    "Synthetic",
    "chapters_of",
    "correct_key",
    "corrected",
    "demo_weights",
    "index_missing",
    "latest_release",
    "load_demo_bank",
    "make_release",
    "media_bytes",
    "record_calibration",
    "released_versions",
    "synthetic_items",
    "text_of_version",
    "versions_in",
]
