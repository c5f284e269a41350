"""The evidence room's door."""

from .actions import open_file, store
from .copies import Lacking, add_part, begun, complete, lacking, last_row, part_of
from .models import Retention, StoredFile
from .queries import DamagedFile, read

__all__ = [
    "DamagedFile",
    "Lacking",
    "Retention",
    "StoredFile",
    "add_part",
    "begun",
    "complete",
    "lacking",
    "last_row",
    "open_file",
    "part_of",
    "read",
    "store",
]
