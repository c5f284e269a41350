"""Who gets in, page by page."""

from __future__ import annotations

import pytest
from tests.permissions import Row, check, given

from zhupei.exams import machines
from zhupei.kernel.roles import CENTRE, CITY, DISTRICT, HALL, Role

OWNERS = frozenset({Role.EXAM_OFFICER, Role.INSTITUTION_HEAD})
UNIT = OWNERS | {Role.REGISTRAR, Role.TEACHING_HEAD}
READERS = UNIT | CENTRE | CITY | DISTRICT
HALL_DESK = frozenset({Role.HALL_TECHNICAL_HEAD, Role.ROOM_ADMINISTRATOR})
APPROVER = frozenset({Role.CENTRE_APPROVER})
LEARNER = frozenset({Role.LEARNER})
KEEPERS = CENTRE | {Role.BANK_KEEPER}
NOBODY: frozenset[str] = frozenset()  # machines sign their calls; whoever is signed in is turned away


rules = given()
nothing = given(pk=999)
image = given(pk=999, which="seal")
item = given(uid="NONE", version=1)
room = given(pk=999, slot=1, room=1)


def machines_only() -> dict[str, object]:
    machines.forget()
    return {}


def bundle() -> dict[str, object]:
    machines.forget()
    return {"bundle_id": "ZP-1"}


ROWS = [
    Row("exams:applications", READERS, rules),
    Row("exams:application", READERS, nothing),
    Row("exams:application_new", OWNERS, rules),
    Row("exams:application_edit", OWNERS, nothing),
    Row("exams:application_submit", OWNERS, nothing, "post"),
    Row("exams:application_withdraw", OWNERS, nothing, "post"),
    Row("exams:application_pdf", READERS, nothing),
    Row("exams:application_docx", READERS, nothing),
    Row("exams:application_image", READERS, image),
    Row("exams:queue", CENTRE, rules),
    Row("exams:slots", CENTRE | CITY, rules),
    Row("exams:schedule", CENTRE, nothing),
    Row("exams:application_return", CENTRE, nothing),
    Row("exams:file", CENTRE, nothing, "post"),
    Row("exams:filings", CENTRE | {Role.CITY_EDUCATION_OFFICE}, rules),
    Row("exams:filing_receive", frozenset({Role.CITY_EDUCATION_OFFICE}), nothing),
    Row("exams:batches", READERS | HALL, rules),
    Row("exams:batch", READERS | HALL, nothing),
    Row("exams:candidates", OWNERS, nothing),
    Row("exams:candidate_remove", OWNERS, nothing),
    Row("exams:lock", OWNERS, nothing),
    Row("exams:unlock", OWNERS | CENTRE, nothing),
    Row("exams:cancel", APPROVER, nothing),
    Row("exams:slips", UNIT, nothing),
    Row("exams:seat_list", UNIT | HALL | CENTRE, room),
    Row("exams:draw", CENTRE, nothing, "post"),
    Row("exams:release", CENTRE, nothing, "post"),
    Row("exams:bundle", HALL_DESK | CENTRE, nothing),
    Row("exams:key", HALL_DESK | CENTRE, nothing, "post"),
    Row("exams:return", HALL_DESK | CENTRE, nothing),
    Row("exams:accept_differences", APPROVER, nothing),
    Row("exams:protocol", CENTRE, nothing),
    Row("exams:protocol_pdf", CENTRE, nothing),
    Row("exams:confirm", APPROVER, nothing, "post"),
    Row("exams:results", READERS, nothing),
    Row("exams:all_results", READERS, rules),
    Row("exams:score_list", UNIT | CENTRE, room),
    Row("exams:result", READERS, nothing),
    Row("exams:result_doubt", CENTRE, nothing),
    Row("exams:result_confirm", APPROVER, nothing),
    Row("exams:void_propose", CENTRE, nothing),
    Row("exams:void_decide", APPROVER, nothing),
    Row("exams:void_evidence", CENTRE, nothing),
    Row("exams:keys", CENTRE, rules),
    Row("exams:hall_key_end", CENTRE, nothing),
    Row("exams:machine_new", CENTRE, rules),
    Row("exams:machine", CENTRE, nothing),
    Row("exams:machine_pass", CENTRE, nothing, "post"),
    Row("exams:pass_file", CENTRE, nothing),
    Row("exams:first_secrets", HALL | {Role.EXAM_OFFICER}, rules),
    Row("exams:first_secret", HALL | {Role.EXAM_OFFICER}, nothing, "post"),
    Row("exams:hall_bundles", NOBODY, machines_only),
    Row("exams:hall_bundle", NOBODY, bundle),
    Row("exams:hall_bundle_key", NOBODY, bundle),
    Row("exams:hall_return", NOBODY, bundle),
    Row("exams:hall_return_piece", NOBODY, bundle, "put"),
    Row("exams:corrections", KEEPERS, rules),
    Row("exams:correct_key", KEEPERS, item),
    Row("exams:correction", KEEPERS, nothing),
    Row("exams:correction_progress", KEEPERS, nothing),
    Row("exams:correction_compute", KEEPERS, nothing, "post"),
    Row("exams:correction_withdraw", KEEPERS, nothing, "post"),
    Row("exams:correction_decide", APPROVER, nothing),
    Row("exams:correction_confirm", APPROVER, nothing, "post"),
    Row("exams:challenges", OWNERS | CENTRE, rules),
    Row("exams:challenge", OWNERS | CENTRE | LEARNER, nothing),
    Row("exams:challenge_file", OWNERS | LEARNER, nothing),
    Row("exams:challenge_withdraw", OWNERS | LEARNER, nothing, "post"),
    Row("exams:challenge_recount", CENTRE, nothing, "post"),
    Row("exams:challenge_answer", CENTRE, nothing),
    Row("exams:my_test", LEARNER, rules),
    Row("exams:my_slip", LEARNER, nothing),
    Row("exams:my_results", LEARNER, rules),
]


@pytest.mark.django_db
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_who_gets_in(row: Row) -> None:
    check(row)
