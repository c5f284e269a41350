"""Every write of the training room, by concept."""

from .archive import add_to_archive, note_reading
from .attendance import (
    SIGN_OUT_MINUTES,
    call_roll,
    close_lesson,
    leaves_early,
    may_lead,
    outcome_of,
    outcomes,
    punch,
    window_of,
)
from .classes import archive_class, cancel_class, finish_class, open_class, start_class
from .enrolments import (
    accept_enrolment,
    accept_many,
    apply,
    cancel_enrolment,
    preview_accept,
    return_enrolment,
)
from .filing import (
    change_plan,
    receive_plan,
    recompute_deadlines,
    return_plan,
    submit_plan,
    too_late_text,
    withdraw_plan,
)
from .imports import import_enrolments, preview_import, template
from .lessons import LessonInput, add_lesson, edit_lesson, generate_timetable, remove_lesson
from .plans import PlanInput, RowInput, Upload, create_plan, edit_plan

__all__ = [
    "SIGN_OUT_MINUTES",
    "LessonInput",
    "PlanInput",
    "RowInput",
    "Upload",
    "accept_enrolment",
    "accept_many",
    "add_lesson",
    "add_to_archive",
    "apply",
    "archive_class",
    "call_roll",
    "cancel_class",
    "cancel_enrolment",
    "change_plan",
    "close_lesson",
    "create_plan",
    "edit_lesson",
    "edit_plan",
    "finish_class",
    "generate_timetable",
    "import_enrolments",
    "leaves_early",
    "may_lead",
    "note_reading",
    "open_class",
    "outcome_of",
    "outcomes",
    "preview_accept",
    "preview_import",
    "punch",
    "receive_plan",
    "recompute_deadlines",
    "remove_lesson",
    "return_enrolment",
    "return_plan",
    "start_class",
    "submit_plan",
    "template",
    "too_late_text",
    "window_of",
    "withdraw_plan",
]
