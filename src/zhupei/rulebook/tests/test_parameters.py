"""Parameters: asked by day, changed from a day on, never in the past."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from tests.makers import make_actor, make_rulebook, make_user, sign_in

from zhupei.audit.models import AuditEvent
from zhupei.kernel import clock
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role
from zhupei.rulebook import actions, events
from zhupei.rulebook.api import UnknownParameter, decimal_parameter, parameter
from zhupei.rulebook.labels import LABELS
from zhupei.rulebook.models import RuleParameter
from zhupei.rulebook.seed import PARAMETERS

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 9, tzinfo=clock.SHANGHAI)
KEY = "plan_submit_workdays"


@pytest.fixture(autouse=True)
def _rule():
    with clock.frozen(NOW):
        make_rulebook()
        yield


def admin():
    return make_actor(Role.SYSTEM_ADMINISTRATOR)


def change(key, text, *, day=date(2027, 1, 1), reason="渝建〔2026〕1号", by=None):
    return actions.change_parameter(key, text, effective_from=day, reason=reason, by=by or admin())


def test_every_parameter_has_words():
    assert {row[0] for row in PARAMETERS} <= set(LABELS)


def test_a_key_that_the_rule_lacks():
    with pytest.raises(UnknownParameter):
        parameter("no_such_key")


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.SYSTEM_ADMINISTRATOR}))
def test_nobody_else_changes_a_parameter(role):
    with pytest.raises(Refusal) as refused:
        change(KEY, "7", by=make_actor(role))
    assert refused.value.status == 403
    assert RuleParameter.objects.filter(key=KEY).count() == 1


def test_a_change_holds_from_its_day_on_and_the_past_keeps_its_value():
    by = admin()
    new = change(KEY, "7", by=by)
    old = RuleParameter.objects.get(key=KEY, effective_to__isnull=False)
    assert old.effective_to == date(2026, 12, 31)
    assert (new.unit, new.clause, new.is_principle, new.approved_by) == (
        old.unit,
        old.clause,
        old.is_principle,
        by.name,
    )
    assert parameter(KEY, on=date(2026, 12, 31)) == 5
    assert parameter(KEY, on=date(2027, 1, 1)) == 7
    assert parameter(KEY) == 5
    event = AuditEvent.objects.get(code=events.PARAMETER_CHANGED)
    assert (event.before, event.after["value"], event.reason) == ({"value": 5}, 7, "渝建〔2026〕1号")


def test_a_change_may_begin_today():
    change(KEY, "6", day=date(2026, 11, 22))
    assert parameter(KEY) == 6
    assert parameter(KEY, on=date(2026, 11, 21)) == 5


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (KEY, ""),
        (KEY, "five"),
        (KEY, "5.5"),
        (KEY, "-1"),
        (KEY, "5"),  # the value in force
        ("spare_ratio", "1.1"),
        ("spare_ratio", "NaN"),
        ("spare_ratio", "-0.1"),
        ("spare_ratio", "ten"),
        ("carry_over", "maybe"),
        ("multiple_choice_rule", "generous"),
        ("subjects", "general,general"),
        ("subjects", "cooking"),
        ("subject_pass_mark", "100.5"),
        ("subject_full_mark", "59"),
        ("enrolment_min_age", "66"),
        ("certificate_province", "5"),
        ("certificate_pattern", "{province}"),
        ("certificate_pattern", "{secret}{seq}"),
        ("certificate_pattern", "{seq.__class__}{"),
    ],
)
def test_values_of_another_kind_are_refused(key, text):
    before = RuleParameter.objects.filter(key=key).count()
    with pytest.raises(Refusal):
        change(key, text)
    assert RuleParameter.objects.filter(key=key).count() == before


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("spare_ratio", "0.15", "0.15"),
        ("carry_over", "true", True),
        ("multiple_choice_rule", "half_per_right", "half_per_right"),
        ("certificate_pattern", "{province}{yy}{seq:06d}", "{province}{yy}{seq:06d}"),
        ("subject_pass_mark", "72", "72"),
        ("subjects", "general", ["general"]),
    ],
)
def test_values_of_the_same_kind_are_taken(key, text, value):
    change(key, text)
    assert parameter(key, on=date(2027, 1, 1)) == value
    assert parameter(key) != value


def test_decimals_are_exact():
    assert decimal_parameter("spare_ratio") == Decimal("0.10")


@pytest.mark.parametrize(
    ("day", "reason", "code"),
    [
        (date(2026, 11, 21), "x y", "past_day"),
        (date(2027, 1, 1), " ", "reason_missing"),
    ],
)
def test_days_and_reasons(day, reason, code):
    with pytest.raises(Refusal) as refused:
        change(KEY, "7", day=day, reason=reason)
    assert refused.value.code == code


def test_no_change_before_one_that_is_entered_already():
    change(KEY, "7")
    for day in (date(2027, 1, 1), date(2026, 12, 1)):
        with pytest.raises(Refusal) as refused:
            change(KEY, "8", day=day)
        assert refused.value.code == "later_change_exists"
    with pytest.raises(Refusal) as refused:
        change("no_such", "8")
    assert refused.value.status == 404


def test_the_pages(client):
    sign_in(client, make_user(Role.SYSTEM_ADMINISTRATOR))
    url = reverse("rulebook:parameter_change", args=["carry_over"])
    assert client.get(url).status_code == 200
    tomorrow = date(2026, 11, 22) + timedelta(days=1)
    refused = client.post(url, {"value": "false", "effective_from": tomorrow, "reason": "同上"})
    assert refused.status_code == 409
    assert parameter("carry_over", on=tomorrow) is False
    done = client.post(url, {"value": "true", "effective_from": tomorrow, "reason": "渝建〔2026〕1号"})
    assert done.status_code == 302
    page = client.get(done["Location"]).content.decode()
    assert "渝建〔2026〕1号" in page
    assert "原则上" in client.get(reverse("rulebook:parameters")).content.decode()
    assert client.get(reverse("rulebook:parameter", args=["nothing"])).status_code == 404


def test_forms_of_every_kind(client):
    sign_in(client, make_user(Role.SYSTEM_ADMINISTRATOR))
    for key in LABELS:
        assert client.get(reverse("rulebook:parameter_change", args=[key])).status_code == 200, key


def test_the_list_costs_the_same_whatever_it_holds(client, django_assert_max_num_queries):
    sign_in(client, make_user(Role.SYSTEM_ADMINISTRATOR))
    change(KEY, "7")
    with django_assert_max_num_queries(11):
        assert client.get(reverse("rulebook:parameters")).status_code == 200
