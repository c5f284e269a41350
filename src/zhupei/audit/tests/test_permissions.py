from __future__ import annotations

import pytest
from tests.permissions import Row, check

from zhupei.audit.api import record
from zhupei.audit.models import AuditEvent
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.roles import Role

READERS = frozenset({Role.AUDITOR, Role.SECURITY_OFFICER})


def event() -> dict[str, int]:
    return {"pk": record("accounts.signed_in", by=SYSTEM).pk}


ROWS = [
    Row("audit:search", READERS),
    Row("audit:event", READERS, event),
    Row("audit:verify", READERS, method="post"),
]


@pytest.mark.django_db
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_who_gets_in(row: Row) -> None:
    check(row)
    assert AuditEvent.objects.count() < 2
