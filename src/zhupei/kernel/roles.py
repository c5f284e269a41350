"""Every role that the rule knows. A role is held in an organisation, from one date to another."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """Who acts. The value is stored; the Chinese term stands in ``docs/glossary.md``."""

    # city commission 市住房城乡建委
    CITY_EDUCATION_OFFICE = "city_education_office"  # 宣教处: filings, registration, publication
    CITY_OFFICE = "city_office"  # 委相关业务处室: reading and opinion
    # the centre 市建设岗培中心
    CENTRE_OFFICER = "centre_officer"  # plans, sites, applications, slots, batches
    CENTRE_APPROVER = "centre_approver"  # the second person: exceptions, confirmation, void
    ITEM_AUTHOR = "item_author"
    ITEM_REVIEWER = "item_reviewer"
    BANK_KEEPER = "bank_keeper"
    # district commission 区县住房城乡建委
    DISTRICT_OFFICER = "district_officer"
    # institution 培训实施单位
    INSTITUTION_HEAD = "institution_head"
    TEACHING_HEAD = "teaching_head"
    REGISTRAR = "registrar"
    TEACHER = "teacher"
    EXAM_OFFICER = "exam_officer"
    TECHNICIAN = "technician"
    # exam hall 考场
    HALL_TECHNICAL_HEAD = "hall_technical_head"
    ROOM_ADMINISTRATOR = "room_administrator"
    INVIGILATOR = "invigilator"
    # three separate administrators 三员
    SYSTEM_ADMINISTRATOR = "system_administrator"
    SECURITY_OFFICER = "security_officer"
    AUDITOR = "auditor"
    # everyone with a learner's account
    LEARNER = "learner"


CITY = frozenset({Role.CITY_EDUCATION_OFFICE, Role.CITY_OFFICE})
CENTRE = frozenset({Role.CENTRE_OFFICER, Role.CENTRE_APPROVER})
BANK = frozenset({Role.ITEM_AUTHOR, Role.ITEM_REVIEWER, Role.BANK_KEEPER})
DISTRICT = frozenset({Role.DISTRICT_OFFICER})
INSTITUTION = frozenset(
    {
        Role.INSTITUTION_HEAD,
        Role.TEACHING_HEAD,
        Role.REGISTRAR,
        Role.TEACHER,
        Role.EXAM_OFFICER,
        Role.TECHNICIAN,
    }
)
HALL = frozenset({Role.HALL_TECHNICAL_HEAD, Role.ROOM_ADMINISTRATOR, Role.INVIGILATOR})
OFFICERS = frozenset({Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_OFFICER, Role.AUDITOR})
STAFF = CITY | CENTRE | BANK | DISTRICT | INSTITUTION | HALL | OFFICERS
