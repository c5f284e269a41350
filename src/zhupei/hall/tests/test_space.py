"""A disk that runs full: photos are refused first, answers last (I03)."""

from __future__ import annotations

import pytest
from tests.makers import make_actor

from zhupei.audit.models import AuditEvent
from zhupei.evidence.models import StoredFile
from zhupei.hall import space
from zhupei.hall.actions.common import keep_photo
from zhupei.hall.tests.days import picture
from zhupei.kernel.roles import Role

pytestmark = [pytest.mark.django_db, pytest.mark.req("I03")]


@pytest.mark.parametrize(("free", "kept"), [(space.CAPTURE_FLOOR, True), (space.CAPTURE_FLOOR - 1, False)])
def test_photos_are_shed_and_that_is_kept_in_the_record(
    monkeypatch: pytest.MonkeyPatch, free: int, kept: bool
) -> None:
    monkeypatch.setattr(space, "free_bytes", lambda folder: free)
    row = keep_photo(picture(), purpose="hall.incident", name="a.jpg", by=make_actor(Role.ROOM_ADMINISTRATOR))
    assert (row is not None) is kept
    assert StoredFile.objects.exists() is kept
    assert AuditEvent.objects.filter(code="hall.capture_shed").exists() is not kept
