"""The engine itself: both doors and the clockwork on one hall."""

from __future__ import annotations

from zhupei.delivery.engine.candidate import CandidateDoor
from zhupei.delivery.engine.clockwork import Clockwork
from zhupei.delivery.engine.loading import Loading
from zhupei.delivery.engine.returns import Returns
from zhupei.delivery.engine.staff import StaffDoor
from zhupei.delivery.engine.watching import Watching


class Engine(Loading, StaffDoor, Watching, Returns, CandidateDoor, Clockwork):
    """All sittings of one hall. Close it to stop its thread and release its folder."""
