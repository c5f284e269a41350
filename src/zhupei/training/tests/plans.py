"""What the tests of training plans share."""

from __future__ import annotations

import io
from datetime import datetime
from decimal import Decimal
from typing import Any

from PIL import Image
from tests.makers import make_user

from zhupei.kernel import clock
from zhupei.kernel.roles import Role
from zhupei.rulebook.api import Post
from zhupei.training import actions

IN_TIME = datetime(2026, 9, 29, 23, 59)
LATE = datetime(2026, 9, 30, 0, 1)


def head_of(institution: Any) -> Any:
    return make_user(Role.TEACHING_HEAD, institution.organisation)


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 60), "red").save(out, "PNG")
    return out.getvalue()


def form_data(place: Any, **changes: Any) -> dict[str, Any]:
    return {
        "site": place.pk,
        "filled_on": "2026-09-21",
        "teaching_head": "周敏",
        "teaching_head_phone": "138 1234 5678",
        "contact": "李文",
        "contact_phone": "023-63601234",
        "opinion": "同意申报",
        "signed_by": "王建国",
        "key": "k-1",
        "rows-TOTAL_FORMS": "1",
        "rows-INITIAL_FORMS": "0",
        "rows-0-post": Post.objects.get(code="101").pk,
        "rows-0-expected": "30",
        "rows-0-fee": "1200.50",
        "rows-0-time_text": "2026年10月12-16日9:00-12:00、14:00-17:00",
        **changes,
    }


def plan_input(
    site: Any, *, time_text: str = "2026年10月12-16日9:00-12:00、14:00-17:00", expected: int = 30, **more: Any
) -> Any:
    post = Post.objects.get(code="101")
    values = {
        "site": site,
        "filled_on": clock.today(),
        "teaching_head": "周敏",
        "teaching_head_phone": "13812345678",
        "contact": "李文",
        "contact_phone": "13812345678",
        "opinion": "同意",
        "signed_by": "王建国",
        "seal": actions.Upload("s.pdf", "application/pdf", b"%PDF-1.4"),
        "rows": [actions.RowInput(post, expected, time_text, Decimal("0"))],
        **more,
    }
    return actions.PlanInput(**values)
