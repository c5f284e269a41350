"""Every write of the item bank."""

from .items import (
    edit_item,
    publish_item,
    publish_reviewed,
    read_key,
    retire_item,
    return_item,
    review_item,
    write_item,
)
from .loading import confirm_import, discard_import, load_demo_bank, stage_import
from .releases import make_release

__all__ = [
    "confirm_import",
    "discard_import",
    "edit_item",
    "load_demo_bank",
    "make_release",
    "publish_item",
    "publish_reviewed",
    "read_key",
    "retire_item",
    "return_item",
    "review_item",
    "stage_import",
    "write_item",
]
