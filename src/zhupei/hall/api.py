"""The hall room's door."""

from .actions import (
    add_incident,
    allow_entry,
    check_day,
    check_in,
    close_batch,
    decide,
    decide_check_in,
    file_staff,
    find_candidate,
    force_hand_in,
    install_pass,
    leave_duty,
    make_request,
    make_return,
    move_seat,
    open_batch,
    open_room,
    pause_room,
    propose,
    report_staff,
    requeue,
    resume_room,
    run_next,
    take_in,
    take_on_duty,
)
from .choices import ActKind, CheckInDecision, CheckInMethod, HallBatchState, IncidentKind
from .console.live import Front, Streams
from .models import CheckIn, HallBatch, Incident, Proposal, RoomStaff, StaffFiling
from .process import close_engine, engine, exam_application, identify
from .queries import bundle_of, missing_filings, room_states
from .readiness.doctor import examine, report
from .readiness.doctor_words import POINTS as SERVER_POINTS
from .readiness.findings import told
from .readiness.measuring import measuring_application
from .readiness.queries import readiness, seat_plan, spares
from .rehearsals import rehearsal_application
from .servers.local import LocalServer, Unreachable
from .servers.peers import others, peer_application
from .servers.standby import (
    Doorkeeper,
    Standby,
    go_alone,
    refuse_second,
    wait_to_take_over,
)
from .uplink.link import centre_link, warnings

__all__ = [
    "SERVER_POINTS",
    "ActKind",
    "CheckIn",
    "CheckInDecision",
    "CheckInMethod",
    "Doorkeeper",
    "Front",
    "HallBatch",
    "HallBatchState",
    "Incident",
    "IncidentKind",
    "LocalServer",
    "Proposal",
    "RoomStaff",
    "StaffFiling",
    "Standby",
    "Streams",
    "Unreachable",
    "add_incident",
    "allow_entry",
    "bundle_of",
    "centre_link",
    "check_day",
    "check_in",
    "close_batch",
    "close_engine",
    "decide",
    "decide_check_in",
    "engine",
    "exam_application",
    "examine",
    "file_staff",
    "find_candidate",
    "force_hand_in",
    "go_alone",
    "identify",
    "install_pass",
    "leave_duty",
    "make_request",
    "make_return",
    "measuring_application",
    "missing_filings",
    "move_seat",
    "open_batch",
    "open_room",
    "others",
    "pause_room",
    "peer_application",
    "propose",
    "readiness",
    "refuse_second",
    "rehearsal_application",
    "report",
    "report_staff",
    "requeue",
    "resume_room",
    "room_states",
    "run_next",
    "seat_plan",
    "spares",
    "take_in",
    "take_on_duty",
    "told",
    "wait_to_take_over",
    "warnings",
]
