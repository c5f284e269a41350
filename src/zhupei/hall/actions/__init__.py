"""Every write in the hall."""

from .bundles import check_day, open_batch, parse_key, take_in
from .closing import close_batch, make_return, note_scores_printed, take_return
from .common import BRINGERS, DESK, HEADS, RETURNERS
from .desk import Found, card_was_read, check_in, decide_check_in, find_candidate
from .rooms import leave_duty, open_room, pause_room, resume_room, take_on_duty
from .sittings import add_incident, allow_entry, decide, force_hand_in, move_seat, propose
from .staff import REPORTERS, file_staff, report_staff

__all__ = [
    "BRINGERS",
    "DESK",
    "HEADS",
    "REPORTERS",
    "RETURNERS",
    "Found",
    "add_incident",
    "allow_entry",
    "card_was_read",
    "check_day",
    "check_in",
    "close_batch",
    "decide",
    "decide_check_in",
    "file_staff",
    "find_candidate",
    "force_hand_in",
    "leave_duty",
    "make_return",
    "move_seat",
    "note_scores_printed",
    "open_batch",
    "open_room",
    "parse_key",
    "pause_room",
    "propose",
    "report_staff",
    "resume_room",
    "take_in",
    "take_on_duty",
    "take_return",
]
