from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhupei.kernel.clock import SHANGHAI
from zhupei.kernel.schedule import (
    BadSchedule,
    Period,
    Problem,
    check,
    class_hours,
    first_day,
    format_periods,
    intervals,
    overlaps,
    parse_periods,
)

SEED_TEXT = "2020年1月1-5日9:00-17:00"
WEEK = Period(date(2020, 1, 1), date(2020, 1, 5), time(9), time(17))
NOON = (time(12), time(14))
WITH_NOON = Period(date(2020, 1, 1), date(2020, 1, 5), time(9), time(17), (NOON,))


@pytest.mark.req("R174")
def test_the_example_of_the_form():
    assert parse_periods(SEED_TEXT) == [WEEK]
    assert format_periods([WEEK]) == SEED_TEXT
    assert check([WEEK]) == []
    assert class_hours([WEEK]) == Decimal("53.33")
    assert class_hours([WITH_NOON]) == Decimal("40.00")
    assert class_hours([WITH_NOON], minutes_per_hour=60) == Decimal("30.00")


@pytest.mark.req("R174")
@pytest.mark.parametrize(
    "text",
    [
        "2020年1月1-5日9:00-12:00、14:00-17:00",
        "2020年1月1日-5日 9：00—12：00，14：00—17：00",
        "２０２０年１月１日至1月5日每天上午9:00-12:00、下午2:00-5:00；",
        "2020年1月1日~2020年1月5日：9点-12点和14时到17时00分",
    ],
)
def test_ways_of_writing(text):
    assert parse_periods(text) == [WITH_NOON]


@pytest.mark.req("R174")
def test_several_groups():
    text = "2020年1月1-5日9:00-12:00；8日8点半-17:00;2月3日9:00-10:00、10:00-11:00\n2021年1月4日9:00-17:00"
    periods = parse_periods(text)
    assert [(p.first, p.last) for p in periods] == [
        (date(2020, 1, 1), date(2020, 1, 5)),
        (date(2020, 1, 8), date(2020, 1, 8)),
        (date(2020, 2, 3), date(2020, 2, 3)),
        (date(2021, 1, 4), date(2021, 1, 4)),
    ]
    assert periods[1].start == time(8, 30)
    assert periods[2] == Period(date(2020, 2, 3), date(2020, 2, 3), time(9), time(11))
    assert first_day(periods[::-1]) == date(2020, 1, 1)


def test_the_afternoon_of_the_same_days_may_be_a_group_of_its_own():
    periods = parse_periods("2020年1月1-5日9:00-12:00；1-5日14:00-17:00")
    assert check(periods) == []
    assert class_hours(periods) == Decimal("40.00")


@pytest.mark.parametrize(
    ("text", "code", "part"),
    [
        ("", "unreadable", ""),
        ("待定", "unreadable", "待定"),
        ("1月1-5日9:00-17:00", "unreadable", "1月1-5日9:00-17:00"),
        ("2020年1月1-5日", "unreadable", "2020年1月1-5日"),
        (SEED_TEXT + "；另行通知", "unreadable", "另行通知"),
        ("2020年2月30日9:00-17:00", "bad_date", "2020年2月30日9:00-17:00"),
        ("2020年12月30日9:00-17:00；1月2日9:00-17:00", "bad_date", "1月2日9:00-17:00"),
        ("2020年12月30日-1月2日9:00-17:00", "bad_date", "2020年12月30日-1月2日9:00-17:00"),
        ("2020年1月1日9:00-24:00", "bad_time", "2020年1月1日9:00-24:00"),
        ("2020年1月1日17:00-9:00", "bad_time", "2020年1月1日17:00-9:00"),
        ("2020年" * 1000, "text_too_long", ""),
    ],
)
def test_text_that_is_refused(text, code, part):
    with pytest.raises(BadSchedule) as caught:
        parse_periods(text)
    assert (caught.value.code, caught.value.part) == (code, part)


@given(st.text(st.sampled_from("2019年月日时点半分上午下、，；:-至 "), max_size=60))
def test_any_text_is_answered(text):
    try:
        parse_periods(text)
    except BadSchedule:
        return


def day(n, start=9, end=17, *breaks, length=1):
    first = date(2020, 1, n)
    pauses = tuple((time(a), time(b)) for a, b in breaks)
    return Period(first, first + timedelta(days=length - 1), time(start), time(end), pauses)


@pytest.mark.req("R174")
@pytest.mark.parametrize(
    ("periods", "problems"),
    [
        ([], [(None, Problem.NO_PERIOD)]),
        ([Period(date(2020, 1, 2), date(2020, 1, 1), time(9), time(17))], [(0, Problem.DATES_REVERSED)]),
        ([day(1, length=367)], [(0, Problem.TOO_MANY_DAYS)]),
        ([day(1, 17, 9)], [(0, Problem.TIMES_REVERSED)]),
        ([day(1), day(2, 9, 9)], [(1, Problem.TIMES_REVERSED)]),
        ([day(1, 9, 17, (14, 12))], [(0, Problem.BAD_BREAKS)]),
        ([day(1, 9, 17, (8, 10))], [(0, Problem.BAD_BREAKS)]),
        ([day(1, 9, 17, (16, 17))], [(0, Problem.BAD_BREAKS)]),
        ([day(1, 9, 17, (11, 13), (12, 14))], [(0, Problem.BAD_BREAKS)]),
        ([day(1, length=5), day(5)], [(1, Problem.OVERLAP)]),
        ([day(1), day(2), day(1, 8, 10)], [(2, Problem.OVERLAP)]),
        ([day(1, 9, 12), day(1, 12, 17)], []),
        ([day(1, 9, 17, (12, 14)), day(1, 12, 14)], []),
        ([day(1, 9, 17, (12, 14)), day(1, 13, 15)], [(1, Problem.OVERLAP)]),
        ([day(1), day(2)], []),
    ],
)
def test_validation(periods, problems):
    assert check(periods) == problems


@pytest.mark.req("R174")
def test_days_and_moments():
    assert list(WEEK.days()) == [date(2020, 1, n) for n in range(1, 6)]
    found = intervals([day(2), day(1, 9, 17, (12, 14))])
    assert found == [
        (datetime(2020, 1, n, a, tzinfo=SHANGHAI), datetime(2020, 1, n, b, tzinfo=SHANGHAI))
        for n, a, b in [(1, 9, 12), (1, 14, 17), (2, 9, 17)]
    ]


def test_hours_are_never_rounded_up():
    assert class_hours([Period(date(2020, 1, 1), date(2020, 1, 1), time(0), time(8, 59))]) == Decimal("11.97")


def test_interval_overlap():
    def moment(hour):
        return datetime(2020, 1, 1, hour, tzinfo=SHANGHAI)

    assert overlaps((moment(9), moment(12)), (moment(11), moment(13)))
    assert overlaps((moment(9), moment(17)), (moment(11), moment(13)))
    assert not overlaps((moment(9), moment(12)), (moment(12), moment(13)))
    assert not overlaps((moment(12), moment(13)), (moment(9), moment(12)))


@st.composite
def good_periods(draw):
    first = draw(st.dates(date(2019, 12, 1), date(2030, 12, 31)))
    minutes = sorted(draw(st.sets(st.integers(0, 24 * 60 - 1), min_size=2, max_size=8)))
    edges = [time(m // 60, m % 60) for m in minutes[: len(minutes) // 2 * 2]]
    inner = edges[1:-1]
    return Period(
        first,
        first + timedelta(days=draw(st.integers(0, 40))),
        edges[0],
        edges[-1],
        tuple(zip(inner[::2], inner[1::2], strict=True)),
    )


@given(st.lists(good_periods(), min_size=1, max_size=4))
def test_text_round_trip(periods):
    assert parse_periods(format_periods(periods)) == periods
    for period in periods:
        assert period.problems() == []
