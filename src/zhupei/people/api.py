"""The people room's door."""

from .actions import (
    check_name,
    check_number,
    edit_own,
    freeze_photo,
    give_consent,
    register_person,
    set_photo,
    sign_up,
    unmask,
    withdraw_consent,
)
from .choices import ConsentPurpose, Education, IdentityKind, Sex
from .models import Consent, Person
from .queries import (
    demo_identity_number,
    find_person,
    has_consent,
    identity_index,
    identity_warnings,
    named,
    person_of,
    photo_bytes,
)

__all__ = [
    "Consent",
    "ConsentPurpose",
    "Education",
    "IdentityKind",
    "Person",
    "Sex",
    "check_name",
    "check_number",
    "demo_identity_number",
    "edit_own",
    "find_person",
    "freeze_photo",
    "give_consent",
    "has_consent",
    "identity_index",
    "identity_warnings",
    "named",
    "person_of",
    "photo_bytes",
    "register_person",
    "set_photo",
    "sign_up",
    "unmask",
    "withdraw_consent",
]
