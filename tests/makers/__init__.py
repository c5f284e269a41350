"""Makers of test data: plain functions, each of which makes one valid thing with everything it needs."""

from .basics import (
    as_actor,
    kind_of,
    make_actor,
    make_learner,
    make_organisation,
    make_person,
    make_rulebook,
    make_user,
    sign_in,
)
from .exams import make_application, make_bank, make_batch, make_certificate, make_hall_return
from .halls import make_filed_staff, make_hall_batch
from .institutions import make_institution, make_site, make_teacher
from .training import make_class, make_enrolment, make_hours, make_plan, make_ready_enrolment

__all__ = [
    "as_actor",
    "kind_of",
    "make_actor",
    "make_application",
    "make_bank",
    "make_batch",
    "make_certificate",
    "make_class",
    "make_enrolment",
    "make_filed_staff",
    "make_hall_batch",
    "make_hall_return",
    "make_hours",
    "make_institution",
    "make_learner",
    "make_organisation",
    "make_person",
    "make_plan",
    "make_ready_enrolment",
    "make_rulebook",
    "make_site",
    "make_teacher",
    "make_user",
    "sign_in",
]
