"""The evidence room's door."""

from .actions import open_file, store
from .models import Retention, StoredFile
from .queries import DamagedFile, read

__all__ = ["DamagedFile", "Retention", "StoredFile", "open_file", "read", "store"]
