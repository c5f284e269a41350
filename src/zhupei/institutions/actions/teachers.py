"""The teachers of an institution (R014)."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.institutions import events
from zhupei.institutions.models import Institution, Teacher
from zhupei.institutions.queries import holders
from zhupei.kernel import names
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role

EDITORS = (Role.INSTITUTION_HEAD, Role.TEACHING_HEAD)
FIELDS = ("name", "phone", "title", "education", "specialty", "site_years", "employment", "user")
ON_RECORD = ("name", "title", "education", "specialty", "site_years", "employment")  # never the telephone


def _check(institution: Institution, data: dict[str, Any], pk: int | None) -> None:
    if names.check(data["name"]):
        raise Refusal("bad_name", _("Write the person's name as on the identity document."), field="name")
    user = data.get("user")
    if user is None:
        return
    if user not in holders(Role.TEACHER, organisation_id=institution.organisation_id):
        raise Refusal(
            "not_a_teacher",
            _("This account does not hold the role of teacher in your institution."),
            field="user",
        )
    if Teacher.objects.filter(institution=institution, user=user).exclude(pk=pk or 0).exists():
        raise Refusal(
            "account_taken",
            _("This account belongs to another teacher of your list."),
            field="user",
            status=409,
        )


def _values(data: dict[str, Any]) -> dict[str, Any]:
    return {name: data.get(name) if name == "user" else data[name] for name in FIELDS}


@transaction.atomic
def add_teacher(institution: Institution, data: dict[str, Any], *, by: Actor) -> Teacher:
    """Put a teacher on the list. ``data``: ``FIELDS`` and posts."""
    by.require(*EDITORS, organisation_id=institution.organisation_id)
    _check(institution, data, None)
    teacher = Teacher.objects.create(institution=institution, **_values(data))
    teacher.posts.set(data["posts"])
    after = {name: getattr(teacher, name) for name in ON_RECORD}
    record(events.TEACHER_ADDED, by=by, on=teacher, organisation_id=institution.organisation_id, after=after)
    return teacher


@transaction.atomic
def edit_teacher(teacher: Teacher, data: dict[str, Any], *, by: Actor) -> Teacher:
    """Change a teacher's data."""
    by.require(*EDITORS, organisation_id=teacher.institution.organisation_id)
    teacher = Teacher.objects.select_for_update(of=("self",)).select_related("institution").get(pk=teacher.pk)
    _check(teacher.institution, data, teacher.pk)
    before = {name: getattr(teacher, name) for name in ON_RECORD}
    for name, value in _values(data).items():
        setattr(teacher, name, value)
    teacher.save(update_fields=list(FIELDS))
    teacher.posts.set(data["posts"])
    after = {name: getattr(teacher, name) for name in ON_RECORD}
    organisation_id = teacher.institution.organisation_id
    record(
        events.TEACHER_EDITED, by=by, on=teacher, organisation_id=organisation_id, before=before, after=after
    )
    return teacher


@transaction.atomic
def set_teacher_active(teacher: Teacher, is_active: bool, *, by: Actor) -> Teacher:
    """Take a teacher off the list, or put him on it again. Lessons that were held keep their teacher."""
    by.require(*EDITORS, organisation_id=teacher.institution.organisation_id)
    teacher = Teacher.objects.select_for_update(of=("self",)).select_related("institution").get(pk=teacher.pk)
    if teacher.is_active == is_active:
        raise Conflict("wrong_state")
    teacher.is_active = is_active
    teacher.save(update_fields=["is_active"])
    code = events.TEACHER_BACK if is_active else events.TEACHER_LEFT
    record(code, by=by, on=teacher, organisation_id=teacher.institution.organisation_id)
    return teacher
