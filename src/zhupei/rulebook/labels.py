"""The words for every parameter of the rule, and what its value may be."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

GROUPS: list[tuple[Any, list[tuple[str, Any]]]] = [
    (
        _("Training"),
        [
            ("plan_submit_workdays", _("Hand in the training plan so many working days before opening")),
            ("plan_change_days", _("Hand in a change of the plan so many days before opening")),
            ("min_training_hours_per_post", _("Least class hours before the test, for each post")),
            ("minutes_per_class_hour", _("Minutes of a class hour")),
            ("online_hours_share", _("Share of class hours that may be taken online")),
            ("archive_years", _("Keep the training archive for so many years from enrolment")),
            ("late_minutes", _("Counted as late from so many minutes after the lesson begins")),
            ("sign_in_opens_minutes", _("Sign-in to a lesson opens so many minutes before it")),
            ("enrolment_min_age", _("Least age at enrolment")),
            ("enrolment_max_age", _("Greatest age at enrolment")),
        ],
    ),
    (
        _("Test"),
        [
            ("subjects", _("Subjects of a test")),
            ("exam_minutes_total", _("Minutes for both subjects together")),
            ("subject_full_mark", _("Full mark of each subject")),
            ("subject_pass_mark", _("Pass mark of each subject")),
            ("carry_over", _("A passed subject counts in the next test")),
            ("resit_months", _("Test again without new training within so many months")),
            ("seats_in_row", _("Seats in a row of an exam hall (who sits beside whom)")),
            ("multiple_choice_rule", _("How a multiple-choice item is marked")),
            ("subject_order", _("Order of the two subjects")),
            ("late_entry_minutes", _("No entry from so many minutes after the start")),
            ("check_in_opens_minutes", _("Check-in opens so many minutes before the start")),
            ("min_minutes_before_hand_in", _("No handing in before so many minutes have passed")),
            ("bank_apply_workdays", _("Apply for the item bank so many working days before the test")),
            ("bank_capacity_persons", _("Candidates that the item bank serves at the same time")),
            (
                "key_release_minutes",
                _("The keys of a batch are released at the earliest so many minutes before the start"),
            ),
            ("correction_policy", _("When a wrong key is corrected")),
            ("challenge_workdays", _("A review of a result can be asked for within so many working days")),
            ("challenge_answer_workdays", _("A review is answered within so many working days")),
            ("hall_break_minutes", _("Minutes between two sessions of a hall")),
            ("filing_before_test", _("The batch must be filed before the test")),
            ("certificate_pattern", _("Pattern of the certificate number")),
            ("certificate_province", _("Province in the certificate number")),
        ],
    ),
    (
        _("Halls and sites"),
        [
            ("hall_min_clients", _("Least number of exam computers of a hall")),
            ("spare_ratio", _("Spare computers, as a share of the exam computers")),
            ("invigilators_per", _("Invigilators are counted for each so many candidates")),
            ("invigilators_each", _("Invigilators for each such group")),
            ("invigilators_rule", _("How an incomplete group is counted")),
            ("site_valid_years", _("The approval of a site holds for so many years")),
            ("video_retention_months", _("Keep recordings at least so many months")),
        ],
    ),
    (
        _("Continuing education and supervision"),
        [
            ("ce_cycle_years", _("Years of a cycle of continuing education")),
            ("ce_hours", _("Class hours of a cycle")),
            ("ce_online_min", _("Of these online, at least")),
            ("ce_online_general_min", _("Online general knowledge, at least")),
            ("ce_online_professional_min", _("Online professional knowledge, at least")),
            ("ce_face_to_face_min", _("Face to face, at least")),
            ("ce_self_study_min", _("Self-study, at least")),
            (
                "publish_inspection_workdays",
                _("Publish the result of an inspection within so many working days"),
            ),
        ],
    ),
]
LABELS: dict[str, Any] = {key: label for _title, rows in GROUPS for key, label in rows}

# What a parameter that names a way of doing things may say.
CHOICES: dict[str, dict[str, Any]] = {
    "multiple_choice_rule": {
        "all_or_nothing": _("full marks only for exactly the right options"),
        "half_per_right": _("half a mark for each right option, none once a wrong one is chosen"),
        "proportional": _("marks in proportion to the right options, none once a wrong one is chosen"),
    },
    "correction_policy": {
        "nobody_loses": _("nobody loses marks: the answers that counted before go on counting"),
        "strict": _("only the corrected answers count: marks go down as well as up"),
    },
    "subject_order": {"sequence": _("general knowledge first, then professional knowledge")},
    "invigilators_rule": {
        "started": _("every group that has begun counts in full"),
        "half": _("one invigilator for each begun half group"),
    },
    "subjects": {"general": _("general knowledge"), "professional": _("professional knowledge")},
}


def label_of(key: str) -> Any:
    """The words for a parameter; its key where there are none."""
    return LABELS.get(key, key)


def value_words(key: str, value: Any) -> str:
    """A value as people read it."""
    if isinstance(value, bool):
        return str(_("yes")) if value else str(_("no"))
    words = CHOICES.get(key, {})
    if isinstance(value, list):
        return "、".join(str(words.get(item, item)) for item in value)
    return str(words.get(value, value)) if isinstance(value, str) else str(value)
