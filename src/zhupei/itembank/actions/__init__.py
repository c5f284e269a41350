"""Every write of the item bank."""

from .corrections import correct_key
from .duplicates import decide_pair, run_duplicates, start_duplicate_run
from .exporting import export_items
from .importing import (
    begin_import,
    check_file,
    confirm_import,
    discard_import,
    read_import,
    stage_import,
    take_import,
)
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
from .loading import load_demo_bank
from .register import (
    Measured,
    add_enemies,
    add_picture,
    record_calibration,
    remove_enemies,
    save_standard,
)
from .releases import make_release

__all__ = [
    "Measured",
    "add_enemies",
    "add_picture",
    "begin_import",
    "check_file",
    "confirm_import",
    "correct_key",
    "decide_pair",
    "discard_import",
    "edit_item",
    "export_items",
    "load_demo_bank",
    "make_release",
    "publish_item",
    "publish_reviewed",
    "read_import",
    "read_key",
    "record_calibration",
    "remove_enemies",
    "retire_item",
    "return_item",
    "review_item",
    "run_duplicates",
    "save_standard",
    "stage_import",
    "start_duplicate_run",
    "take_import",
    "write_item",
]
