"""The ledger: credit once, reverse once, never edit; sums and proof."""

import itertools
import threading
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.makers import make_actor, make_hours, make_learner, make_organisation, make_person, make_rulebook

from zhupei.audit.api import events_on
from zhupei.hours import jobs
from zhupei.hours.api import (
    HourEntry,
    Ledger,
    accepted_hours,
    accepted_hours_of,
    credit_attendance,
    grant_exception,
    has_exception,
    open_ledger,
    ready_for_test,
    reverse_entry,
    verify_ledger,
)
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.notices.models import Notice
from zhupei.organisations.api import OrganisationKind

pytestmark = pytest.mark.django_db


def credit(person, hours="4", key="session:1", enrolment_id=7, organisation_id=1, by=SYSTEM, **fields):
    return credit_attendance(
        person=person,
        enrolment_id=enrolment_id,
        organisation_id=organisation_id,
        post_code="101",
        hours=Decimal(hours),
        source_key=key,
        occurred_on=fields.pop("occurred_on", clock.today()),
        by=by,
        **fields,
    )


def approver():
    return make_actor(Role.CENTRE_APPROVER)


# ── crediting ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R022", "R025")
def test_the_same_source_is_credited_once():
    person = make_person()
    first = credit(person, note="上午到课")
    assert credit(person) == first
    assert HourEntry.objects.count() == 1
    assert accepted_hours(7) == Decimal(4)
    assert [e.code for e in events_on(first)] == ["hours.credited"]
    credit(person, key="session:2", hours="2.5")
    assert accepted_hours_of([7, 8]) == {7: Decimal("6.50"), 8: Decimal(0)}
    assert verify_ledger().whole


def test_the_same_source_with_other_hours_is_refused():
    person = make_person()
    credit(person)
    with pytest.raises(Conflict) as refused:
        credit(person, hours="5")
    assert refused.value.code == "credited_differently"


@pytest.mark.parametrize("fields", [{"person": True}, {"organisation_id": 2}])
def test_one_enrolment_is_one_persons_ledger_at_one_institution(fields):
    person = make_person()
    credit(person)
    other = make_person() if fields.pop("person", False) else person
    with pytest.raises(Conflict) as refused:
        credit(other, key="session:2", **fields)
    assert refused.value.code == "other_ledger"


@pytest.mark.parametrize("hours", ["0", "-1", "1.005", "NaN", "Infinity", "1000.01"])
def test_hours_are_positive_with_two_decimals(hours):
    with pytest.raises(Refusal) as refused:
        credit(make_person(), hours)
    assert refused.value.code == "bad_hours"


def test_hours_of_a_day_to_come_are_refused():
    with pytest.raises(Refusal) as refused:
        credit(make_person(), occurred_on=clock.today() + timedelta(days=1))
    assert refused.value.code == "day_to_come"


def test_who_may_credit():
    person, institution = make_person(), make_organisation(OrganisationKind.INSTITUTION)
    for number, role in enumerate((Role.TEACHER, Role.TEACHING_HEAD, Role.REGISTRAR)):
        credit(
            person, key=f"session:{number}", organisation_id=institution.pk, by=make_actor(role, institution)
        )
    for by in (
        make_actor(Role.TEACHER),
        make_actor(Role.INSTITUTION_HEAD, institution),
        make_actor(Role.CENTRE_APPROVER),
        make_actor(Role.LEARNER),
    ):
        with pytest.raises(Forbidden):
            credit(person, key="session:9", organisation_id=institution.pk, by=by)


def test_a_ledger_is_opened_once():
    person = make_person()
    fields = {"person": person, "enrolment_id": 7, "post_code": "101", "organisation_id": 1}
    assert open_ledger(**fields) == open_ledger(**fields)
    with pytest.raises(Conflict):
        open_ledger(**fields | {"post_code": "102"})
    assert verify_ledger().whole


# ── reversing ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R025", "I10")
def test_a_reversal_is_a_new_entry_that_names_the_old_one():
    person, user = make_learner()
    entry = credit(person)
    reversal = reverse_entry(entry, reason="签到后离场", by=approver())
    assert (reversal.hours, reversal.reverses_id, reversal.note) == (Decimal(-4), entry.pk, "签到后离场")
    entry.refresh_from_db()
    assert entry.hours == Decimal(4)
    assert accepted_hours(7) == 0
    assert [e.code for e in events_on(entry)] == ["hours.credited", "hours.reversed"]
    assert Notice.objects.filter(user=user, kind="hours.reversed").count() == 1
    assert credit(person) == entry
    assert accepted_hours(7) == 0
    credit(person, key="session:1:2", hours="3")
    assert accepted_hours(7) == Decimal(3)
    assert verify_ledger().whole


def test_a_reversal_is_not_repeated_nor_reversed_nor_without_reason():
    entry, by = credit(make_person()), approver()
    with pytest.raises(Refusal) as refused:
        reverse_entry(entry, reason=" 错 ", by=by)
    assert refused.value.code == "reason_missing"
    reversal = reverse_entry(entry, reason="签到后离场", by=by)
    with pytest.raises(Conflict) as refused:
        reverse_entry(entry, reason="签到后离场", by=by)
    assert refused.value.code == "reversed_already"
    with pytest.raises(Conflict) as refused:
        reverse_entry(reversal, reason="又来了一次", by=by)
    assert refused.value.code == "is_reversal"
    assert accepted_hours(7) == 0


def test_who_may_reverse():
    institution = make_organisation(OrganisationKind.INSTITUTION)
    entry = credit(make_person(), organisation_id=institution.pk)
    for by in (
        make_actor(Role.TEACHING_HEAD),
        make_actor(Role.TEACHER, institution),
        make_actor(Role.CENTRE_OFFICER),
        make_actor(Role.LEARNER),
    ):
        with pytest.raises(Forbidden):
            reverse_entry(entry, reason="签到后离场", by=by)
    assert reverse_entry(entry, reason="签到后离场", by=make_actor(Role.TEACHING_HEAD, institution)).pk


# ── ready for the test, exception ───────────────────────────────────────────────────────────────────────


@pytest.mark.req("R022")
def test_ready_means_forty_hours_or_an_exception(django_assert_num_queries):
    make_rulebook()
    full, short, excused, none = make_person(), make_person(), make_person(), make_person()
    make_hours(1, full, 40)
    make_hours(2, short, "39.99")
    entry = make_hours(3, excused, 30)
    grant_exception(3, entry.organisation_id, "退伍军人，已有两年现场经验", by=approver())
    with django_assert_num_queries(3):
        assert ready_for_test([1, 2, 3, 4]) == {1, 3}
    with django_assert_num_queries(1):
        accepted_hours_of(range(1, 500))
    assert not has_exception(none.pk + 100)
    reverse_entry(HourEntry.objects.get(enrolment_id=1), reason="签到后离场", by=approver())
    assert ready_for_test([1]) == set()


@pytest.mark.req("R022")
def test_an_exception_is_the_approvers_with_a_reason_once_and_only_if_needed():
    make_rulebook()
    person, user = make_learner()
    make_hours(3, person, 30)
    by = approver()
    for other in (Role.CENTRE_OFFICER, Role.INSTITUTION_HEAD, Role.LEARNER):
        with pytest.raises(Forbidden):
            grant_exception(3, 1, "两年现场经验", by=make_actor(other))
    for code, arguments in (("reason_missing", (3, 1, "")), ("other_ledger", (3, 2, "两年现场经验"))):
        with pytest.raises(Refusal) as refused:
            grant_exception(*arguments, by=by)
        assert refused.value.code == code
    row = grant_exception(3, 1, "两年现场经验", by=by)
    assert [e.code for e in events_on(row)] == ["hours.exception_granted"]
    assert Notice.objects.filter(user=user, kind="hours.exception").count() == 1
    with pytest.raises(Conflict) as refused:
        grant_exception(3, 1, "两年现场经验", by=by)
    assert refused.value.code == "exception_exists"
    make_hours(4, make_person(), 40)
    with pytest.raises(Conflict) as refused:
        grant_exception(4, 1, "两年现场经验", by=by)
    assert refused.value.code == "exception_not_needed"


# ── proof ───────────────────────────────────────────────────────────────────────────────────────────────


def three_entries():
    person = make_person()
    first, second, third = (credit(person, key=f"s:{i}") for i in range(3))
    reverse_entry(second, reason="签到后离场", by=approver())
    return first, second, third


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda a, b, c: HourEntry.objects.filter(pk=a.pk).update(hours=8), "the entry was changed"),
        (lambda a, b, c: HourEntry.objects.filter(pk=c.pk).update(note="x"), "the entry was changed"),
        (
            lambda a, b, c: HourEntry.objects.filter(pk=a.pk).update(person=make_person()),
            "the entry was changed",
        ),
        (
            lambda a, b, c: HourEntry.objects.filter(pk=a.pk).delete(),
            "an entry before this one is missing or moved",
        ),
        (
            lambda a, b, c: HourEntry.objects.order_by("-pk").first().delete(),
            "entries and head differ: an entry is missing at the end",
        ),
        (lambda a, b, c: Ledger.objects.update(accepted=80), "the ledger's head was changed"),
        (lambda a, b, c: Ledger.objects.all().delete(), "entries without a ledger"),
        (
            lambda a, b, c: HourEntry.objects.exclude(reverses=None).update(hours=-1),
            "the reversal does not fit what it reverses",
        ),
    ],
)
def test_a_change_behind_the_platforms_back_shows(change, what):
    entries = three_entries()
    assert verify_ledger().whole
    change(*entries)
    assert what in {d.what for d in verify_ledger().differences}


def test_the_database_itself_refuses_a_fork_a_double_and_a_wrong_sign():
    entry = credit(make_person())
    for changes in (
        {"source_key": "other", "hours": 4},  # same previous digest
        {"previous_digest": "1" * 64},  # same source
        {"source_key": "other", "previous_digest": "1" * 64, "hours": -4},
    ):
        row = HourEntry.objects.get(pk=entry.pk)
        row.pk = None
        for name, value in changes.items():
            setattr(row, name, value)
        with pytest.raises(IntegrityError), transaction.atomic():
            row.save(force_insert=True)


def test_the_night_job_reports_differences():
    first, _second, _third = three_entries()
    auditor, officer = make_actor(Role.AUDITOR), make_actor(Role.CENTRE_OFFICER)
    assert jobs.verify_hours.call() == 0
    HourEntry.objects.filter(pk=first.pk).update(hours=8)
    assert jobs.verify_hours.call() > 0
    assert Notice.objects.filter(user_id=auditor.user_id, kind="hours.ledger_differs").count() == 1
    assert not Notice.objects.filter(user_id=officer.user_id).exists()


# ── against a plain model ───────────────────────────────────────────────────────────────────────────────

_run = itertools.count(1000)
steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("credit"),
            st.integers(0, 2),
            st.integers(0, 5),
            st.sampled_from(["1", "0.5", "2.25", "8"]),
        ),
        st.tuples(st.just("reverse"), st.integers(0, 2), st.integers(0, 5), st.just("")),
    ),
    max_size=25,
)


@pytest.mark.req("R022")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_the_ledger_does_what_a_plain_model_does(steps):
    """Credits, reversals and repeated calls on three enrolments, against two dictionaries."""
    base = next(_run) * 10
    people, by = [make_person() for _ in range(3)], approver()
    hours: dict[tuple[int, int], Decimal] = {}
    reversed_: set[tuple[int, int]] = set()
    for verb, who, source, amount in steps:
        key = (who, source)
        if verb == "credit":
            try:
                credit(people[who], amount, f"s:{source}", enrolment_id=base + who)
                assert hours.setdefault(key, Decimal(amount)) == Decimal(amount)
            except Conflict:
                assert hours[key] != Decimal(amount)
        elif key in hours:
            entry = HourEntry.objects.get(enrolment_id=base + who, source_key=f"s:{source}", reverses=None)
            try:
                reverse_entry(entry, reason="核查后冲销", by=by)
                assert key not in reversed_
                reversed_.add(key)
            except Conflict:
                assert key in reversed_
    expected: dict[int, Decimal] = defaultdict(Decimal)
    for (who, source), amount in hours.items():
        if (who, source) not in reversed_:
            expected[base + who] += amount
    ids = [base, base + 1, base + 2]
    assert accepted_hours_of(ids) == {pk: expected[pk] for pk in ids}
    for ledger in Ledger.objects.filter(enrolment_id__in=ids):
        assert ledger.accepted == expected[ledger.enrolment_id]
    assert verify_ledger().whole


# ── races ───────────────────────────────────────────────────────────────────────────────────────────────


def together(*acts):
    """Run the acts at once, each with its own connection; returns their results or exceptions.

    The database of the tests on SQLite lies in memory, where a locked table is an error at once instead of a wait; an act
    that meets it (and so wrote nothing) starts again, as it would have waited on a file.
    """
    barrier, results = threading.Barrier(len(acts)), [None] * len(acts)

    def run(number, act):
        try:
            barrier.wait(10)
            while True:
                try:
                    results[number] = act()
                    break
                except OperationalError as error:
                    if "locked" not in str(error):
                        raise
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


@pytest.mark.django_db(transaction=True)
@pytest.mark.req("R022", "R025")
def test_two_at_once_credit_one_source_once():
    person = make_person()
    results = together(lambda: credit(person), lambda: credit(person))
    assert {r.pk for r in results} == {HourEntry.objects.get().pk}
    assert verify_ledger().whole


@pytest.mark.django_db(transaction=True)
def test_many_at_once_make_one_chain():
    person = make_person()
    results = together(*(lambda i=i: credit(person, key=f"s:{i}") for i in range(6)))
    assert all(isinstance(r, HourEntry) for r in results), results
    assert HourEntry.objects.count() == 6
    assert accepted_hours(7) == Decimal(24)
    assert verify_ledger().whole


@pytest.mark.django_db(transaction=True)
def test_two_at_once_reverse_once():
    entry, by = credit(make_person()), approver()
    results = together(*[lambda: reverse_entry(entry, reason="核查后冲销", by=by)] * 2)
    assert sorted(type(r).__name__ for r in results) == ["Conflict", "HourEntry"]
    assert accepted_hours(7) == 0
    assert verify_ledger().whole


def test_a_writer_that_lost_the_race_reads_the_new_head(monkeypatch):
    """The fault that the unique key prevents: two entries after the same one."""
    person = make_person()
    credit(person, key="s:0")
    stale = Ledger.objects.get()
    credit(person, key="s:1")
    real, used = Ledger.objects.get, []

    def get(**fields):
        if not used:
            used.append(1)
            return stale
        return real(**fields)

    monkeypatch.setattr(Ledger.objects, "get", get)
    credit(person, key="s:2")
    assert used
    monkeypatch.undo()
    assert accepted_hours(7) == Decimal(12)
    assert verify_ledger().whole


def test_a_ledger_that_never_frees_is_refused(monkeypatch):
    person = make_person()
    credit(person, key="s:0")
    stale = Ledger.objects.get()
    credit(person, key="s:1")
    monkeypatch.setattr(Ledger.objects, "get", lambda **fields: stale)
    with pytest.raises(Conflict) as refused:
        credit(person, key="s:2")
    assert refused.value.code == "ledger_busy"
