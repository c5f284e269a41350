"""The hall's rows, by what they are about: the day of a test (``day``)."""

from .day import CheckIn, DayCheck, HallBatch, Incident, Proposal, RoomStaff, StaffFiling

__all__ = ["CheckIn", "DayCheck", "HallBatch", "Incident", "Proposal", "RoomStaff", "StaffFiling"]
