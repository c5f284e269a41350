"""The rulebook's door."""

from .adoption import adopt_parameters, parameters_from
from .choices import Subject
from .models import CalendarVersion, Division, Post, RuleParameter, RuleSet, Syllabus, SyllabusEntry
from .queries import (
    NoRuleInForce,
    UnknownParameter,
    active_divisions,
    active_posts,
    calendar,
    current_rule_set,
    deadline_before,
    decimal_parameter,
    division_names,
    parameter,
    syllabus_of,
    workdays_left,
)
from .seed import load_rulebook

__all__ = [
    "CalendarVersion",
    "Division",
    "NoRuleInForce",
    "Post",
    "RuleParameter",
    "RuleSet",
    "Subject",
    "Syllabus",
    "SyllabusEntry",
    "UnknownParameter",
    "active_divisions",
    "active_posts",
    "adopt_parameters",
    "calendar",
    "current_rule_set",
    "deadline_before",
    "decimal_parameter",
    "division_names",
    "load_rulebook",
    "parameter",
    "parameters_from",
    "syllabus_of",
    "workdays_left",
]
