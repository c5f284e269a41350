"""The hall's rows, by what they are about: the day of a test (``day``)."""

from .day import CheckIn, DayCheck, HallBatch, Incident, Proposal, RoomStaff, StaffFiling
from .machines import ClientCheck, Machine, MachineRole, MeasuringCode, ServerCheck
from .rehearsals import Rehearsal, RehearsalSource, RehearsalState
from .transfers import AccessReset, CentreLink, Transfer

__all__ = [
    "AccessReset",
    "CentreLink",
    "CheckIn",
    "ClientCheck",
    "DayCheck",
    "HallBatch",
    "Incident",
    "Machine",
    "MachineRole",
    "MeasuringCode",
    "Proposal",
    "Rehearsal",
    "RehearsalSource",
    "RehearsalState",
    "RoomStaff",
    "ServerCheck",
    "StaffFiling",
    "Transfer",
]
