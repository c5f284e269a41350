"""The evidence room's door."""

from .actions import store
from .models import Retention, StoredFile
from .queries import DamagedFile, read

__all__ = ["DamagedFile", "Retention", "StoredFile", "read", "store"]
