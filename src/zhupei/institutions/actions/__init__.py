"""Every write on institutions: their registration, their sites and rooms, their teachers."""

from .adoption import adopt_hall
from .certificates import (
    add_licence,
    add_qualification,
    check_qualification,
    remove_licence,
    remove_qualification,
)
from .registration import (
    apply,
    block,
    cancel,
    edit_contact,
    edit_registration,
    publish,
    register,
    restore,
    return_registration,
    send_application_code,
    submit,
    vet,
)
from .scans import read_scan
from .sites import (
    add_room,
    add_site,
    approve_site,
    close_site,
    edit_room,
    edit_site,
    remove_room,
    return_site,
    revise_site,
    submit_site,
)
from .teachers import add_teacher, edit_teacher, set_teacher_active

__all__ = [
    "add_licence",
    "add_qualification",
    "add_room",
    "add_site",
    "add_teacher",
    "adopt_hall",
    "apply",
    "approve_site",
    "block",
    "cancel",
    "check_qualification",
    "close_site",
    "edit_contact",
    "edit_registration",
    "edit_room",
    "edit_site",
    "edit_teacher",
    "publish",
    "read_scan",
    "register",
    "remove_licence",
    "remove_qualification",
    "remove_room",
    "restore",
    "return_registration",
    "return_site",
    "revise_site",
    "send_application_code",
    "set_teacher_active",
    "submit",
    "submit_site",
    "vet",
]
