"""A hall pass, as a centre elsewhere would sign it for this machine."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from zhupei.exams import api as exams
from zhupei.exams import passes
from zhupei.hall import actions
from zhupei.hall.models import CentreLink
from zhupei.kernel import clock, envelope
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.crypto import Sm2Signer, generate_sm2_key

CENTRE_KEY = Sm2Signer(generate_sm2_key())


def a_pass(**change: Any) -> bytes:
    """A pass for this machine, as a centre elsewhere would sign it. ``signer``: who signs."""
    signer = change.pop("signer", CENTRE_KEY)
    people = (
        passes.PassPerson(
            login="keeper",
            name="周敏",
            roles=("hall_technical_head", "exam_officer"),
            filings=(
                passes.PassFiling(
                    role="hall_technical_head",
                    trained_on=date(2026, 1, 5),
                    training="考场岗位培训",
                    filing_no="备1",
                    filed_at=clock.now(),
                ),
            ),
        ),
        passes.PassPerson(login="watch", name="李文", roles=("invigilator",)),
    )
    values: dict[str, Any] = {
        "serial": 7,
        "issued_at": clock.now(),
        "valid_to": clock.today() + timedelta(days=180),
        "centre_name": "重庆市建设岗位培训中心",
        "centre_key": CENTRE_KEY.public_key,
        "centre_address": "https://centre.test",
        "hall_key": exams.machine_signer().public_key,
        "unit": passes.PassUnit(
            organisation_id=4711,
            institution_id=815,
            name="某建设集团",
            type="contractor",
            uscc="91500000MA00000001",
            division_code="500105",
            address="江北区",
        ),
        "site": passes.PassSite(
            id=333,
            name="一号考场",
            address="江北区",
            division_code="500105",
            exam_clients=100,
            spare_clients=10,
            valid_to=date(2099, 1, 1),
            rooms=(
                passes.PassRoom(id=51, name="A101", seats=60),
                passes.PassRoom(id=52, name="A102", seats=50),
            ),
        ),
        "people": people,
        "parameters": (
            passes.PassParameter(
                key="check_in_opens_minutes", value=45, effective_from=date(2019, 1, 1), effective_to=None
            ),
        ),
    }
    return passes.write_pass(passes.HallPass(**{**values, **change}), signer)


MARK = envelope.fingerprint(CENTRE_KEY.public_key)


def install(data: bytes | None = None, **more: Any) -> CentreLink:
    return actions.install_pass(data or a_pass(), by=SYSTEM, **{"fingerprint": envelope.spoken(MARK), **more})
