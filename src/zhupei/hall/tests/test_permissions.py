"""Who gets in, page by page."""

from __future__ import annotations

import pytest
from tests.permissions import Row, check, given

from zhupei.kernel.roles import CENTRE, CITY, HALL, Role

DESK = HALL | {Role.EXAM_OFFICER}
HEADS = frozenset({Role.HALL_TECHNICAL_HEAD, Role.EXAM_OFFICER})
RETURNERS = frozenset({Role.HALL_TECHNICAL_HEAD, Role.ROOM_ADMINISTRATOR})
BRINGERS = HEADS | RETURNERS
KEEPERS = frozenset({Role.HALL_TECHNICAL_HEAD})
READERS = DESK | CENTRE | {Role.INSTITUTION_HEAD}
REPORTERS = HEADS | {Role.INSTITUTION_HEAD}
MACHINE_READERS = READERS | CITY


rules = given()
nothing = given(pk=999)
candidate = given(pk=999, key="1")
act = given(pk=999, key="1", kind="void")
session = given(pk=999, session="1")
room = given(pk=999, session="1", room="1")
duty = given(pk=999, room="1")
hall = given(site=999)
hall_room = given(site=999, room=999)
bundle = given(bundle_id="ZP-1")

ROWS = [
    Row("hall:batches", READERS, rules),
    Row("hall:batch", READERS, nothing),
    Row("hall:upload", BRINGERS, rules),
    Row("hall:take_in", BRINGERS, nothing, "post"),
    Row("hall:centre", KEEPERS, rules),
    Row("hall:resets", DESK, rules),
    Row("hall:reset_decide", DESK, nothing, "post"),
    Row("hall:request_file", KEEPERS, rules, "post"),
    Row("hall:ask", BRINGERS, rules, "post"),
    Row("hall:fetch", BRINGERS, bundle, "post"),
    Row("hall:transfer", READERS, nothing),
    Row("hall:transfer_go_on", BRINGERS, nothing, "post"),
    Row("hall:transfer_stop", BRINGERS, nothing, "post"),
    Row("hall:send", RETURNERS, nothing, "post"),
    Row("hall:open", BRINGERS, nothing, "post"),
    Row("hall:key", BRINGERS, nothing),
    Row("hall:day_check", DESK, nothing),
    Row("hall:duty", frozenset({Role.INVIGILATOR}), duty, "post"),
    Row("hall:leave", HEADS | {Role.INVIGILATOR}, nothing, "post"),
    Row("hall:desk", DESK, nothing),
    Row("hall:check_in", DESK, candidate),
    Row("hall:decide_check_in", DESK, nothing),
    Row("hall:check_in_photo", DESK, nothing),
    Row("hall:photo", DESK, candidate),
    Row("hall:start", DESK, session, "post"),
    Row("hall:console", READERS, room),
    Row("hall:board", READERS, session),
    Row("hall:live", READERS, session),
    Row("hall:propose_room", DESK, session),
    Row("hall:hand_in_room", HEADS, session),
    Row("hall:warn", DESK, candidate),
    Row("hall:pause_seat", DESK, candidate),
    Row("hall:stop_seat", DESK, candidate),
    Row("hall:resume_seat", DESK, candidate, "post"),
    Row("hall:pause", DESK, session, "post"),
    Row("hall:resume", DESK, session, "post"),
    Row("hall:seat", DESK, candidate),
    Row("hall:propose", DESK, act),
    Row("hall:decide", DESK, nothing),
    Row("hall:move_seat", DESK, candidate),
    Row("hall:allow_entry", DESK, candidate),
    Row("hall:force_hand_in", HEADS, candidate),
    Row("hall:incident", DESK, nothing),
    Row("hall:incident_photo", READERS, nothing),
    Row("hall:scores", READERS, nothing),
    Row("hall:scores_pdf", READERS, room),
    Row("hall:close", BRINGERS, nothing),
    Row("hall:return", RETURNERS, nothing, "post"),
    Row("hall:return_file", RETURNERS, nothing),
    Row("hall:rehearsals", BRINGERS | CENTRE, rules),
    Row("hall:rehearsal", BRINGERS | CENTRE, nothing),
    Row("hall:rehearsal_prepare", BRINGERS, rules),
    Row("hall:rehearsal_start", BRINGERS, nothing, "post"),
    Row("hall:rehearsal_keep", BRINGERS, nothing, "post"),
    Row("hall:halls", MACHINE_READERS, rules),
    Row("hall:record", MACHINE_READERS, hall),
    Row("hall:machines", MACHINE_READERS, hall_room),
    Row("hall:machine", MACHINE_READERS, nothing),
    Row("hall:server_check", MACHINE_READERS, nothing),
    Row("hall:lay_out", BRINGERS, hall, "post"),
    Row("hall:set_rows", BRINGERS, hall_room, "post"),
    Row("hall:machine_add", BRINGERS, hall_room),
    Row("hall:machine_remove", BRINGERS, nothing, "post"),
    Row("hall:examine", BRINGERS, hall, "post"),
    Row("hall:measuring_code", DESK, hall, "post"),
    Row("hall:staff", REPORTERS | CENTRE, rules),
    Row("hall:staff_report", REPORTERS, rules),
    Row("hall:staff_file", CENTRE, nothing, "post"),
]


@pytest.mark.django_db
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_who_gets_in(row: Row) -> None:
    check(row)
