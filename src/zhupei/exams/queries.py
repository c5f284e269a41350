"""Reads that hold a rule: halls to choose from, load of the bank, conflicts of slots, who may be a candidate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext as _

from zhupei.hours import api as hours
from zhupei.institutions.api import Room, RoomKind, Site, SiteKind, SiteState
from zhupei.kernel import clock
from zhupei.kernel.dates import add_months
from zhupei.people.api import Person
from zhupei.rulebook.api import Post, decimal_parameter, parameter
from zhupei.training import api as training
from zhupei.training.api import Enrolment, EnrolmentState
from zhupei.web.templatetags.web import shanghai

from .choices import BatchState, ResultState
from .models import Batch, Candidate, ExamsEvent, FirstSecret, HallPassOut, Result, Slot

HALF_HOUR = timedelta(minutes=30)
SLOT_DAY = (time(8), time(20))  # what the week of the calendar shows at least


def first_secrets_in_force() -> QuerySet[FirstSecret]:
    """The first sign-in codes of machines whose key was not ended and whose newest pass is not over."""
    newest = HallPassOut.objects.filter(machine=OuterRef("machine")).order_by("-pk").values("valid_to")[:1]
    return FirstSecret.objects.annotate(valid_to=Subquery(newest)).filter(
        machine__key__ended_at=None, valid_to__gte=clock.today()
    )


def open_halls(on: date | None = None) -> QuerySet[Site]:
    """Every exam hall of the city that the centre approved and whose approval holds on the day (R031, R183)."""
    day = on or clock.today()
    return (
        Site.objects.filter(
            Q(valid_to=None) | Q(valid_to__gte=day),
            kind=SiteKind.HALL,
            state=SiteState.APPROVED,
            approved_on__lte=day,
        )
        .select_related("institution")
        .order_by("division_code", "name", "pk")
    )


def exam_rooms(hall: Site) -> list[Room]:
    """The rooms of a hall in which people sit, in the order in which they are filled."""
    return list(
        hall.rooms.filter(kind=RoomKind.EXAM_ROOM, is_active=True, seats__gt=0).order_by("name", "pk")
    )


# --- slots ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Window:
    """A session with the persons planned for it."""

    starts_at: datetime
    ends_at: datetime
    persons: int


def windows_of(total: int, clients: int, sessions: Iterable[tuple[datetime, datetime]]) -> list[Window]:
    """How ``total`` persons spread over sessions: each is filled up to ``clients`` before the next."""
    windows = []
    for starts_at, ends_at in sorted(sessions):
        persons = min(clients, total)
        windows.append(Window(starts_at, ends_at, persons))
        total -= persons
    return windows


def live_slots() -> QuerySet[Slot]:
    """The slots of batches that are not cancelled."""
    return Slot.objects.exclude(batch__state=BatchState.CANCELLED)


def half_hours(starts_at: datetime, ends_at: datetime) -> Iterable[datetime]:
    """The beginnings of the half-hours that an interval touches."""
    at = clock.local(starts_at).replace(second=0, microsecond=0)
    at = at.replace(minute=at.minute // 30 * 30)
    while at < ends_at:
        yield at
        at += HALF_HOUR


def bank_load(first: datetime, last: datetime, *, without: Batch | None = None) -> Counter[datetime]:
    """Persons who use the bank in each half-hour between two moments, over the whole city (R046)."""
    slots = live_slots().filter(starts_at__lt=last, ends_at__gt=first)
    if without is not None:
        slots = slots.exclude(batch=without)
    load: Counter[datetime] = Counter()
    for starts_at, ends_at, planned in slots.values_list("starts_at", "ends_at", "planned"):
        for at in half_hours(starts_at, ends_at):
            load[at] += planned
    return load


@dataclass(frozen=True)
class SlotConflict:
    """Why a session cannot stand where it is wished. ``kind``: ``hall`` or ``capacity``."""

    kind: str
    text: str
    starts_at: datetime
    batch: Batch | None = None


def slot_conflicts(
    hall: Site, windows: Sequence[Window], *, without: Batch | None = None
) -> list[SlotConflict]:
    """What stands against giving these sessions: the hall in use (with its break), the bank's capacity exceeded."""
    if not windows:
        return []
    found: list[SlotConflict] = []
    pause = timedelta(minutes=int(parameter("hall_break_minutes")))
    first, last = min(w.starts_at for w in windows), max(w.ends_at for w in windows)
    others = live_slots().filter(batch__hall=hall, starts_at__lt=last + pause, ends_at__gt=first - pause)
    if without is not None:
        others = others.exclude(batch=without)
    taken = list(others.select_related("batch__institution"))
    for window in windows:
        for slot in taken:
            if window.starts_at < slot.ends_at + pause and slot.starts_at < window.ends_at + pause:
                text = _("%(from)s to %(to)s: the hall is used by batch %(batch)s (%(unit)s), %(taken)s, and needs "
                         "%(pause)d minutes in between.") % {
                    "from": shanghai(window.starts_at),
                    "to": shanghai(window.ends_at, "time"),
                    "batch": slot.batch,
                    "unit": slot.batch.institution.full_name,
                    "taken": f"{shanghai(slot.starts_at, 'time')}–{shanghai(slot.ends_at, 'time')}",
                    "pause": pause.seconds // 60,
                }  # fmt: skip
                found.append(SlotConflict("hall", text, window.starts_at, slot.batch))
    capacity = int(parameter("bank_capacity_persons"))
    load = bank_load(first, last, without=without)
    mine: Counter[datetime] = Counter()
    for window in windows:
        for at in half_hours(window.starts_at, window.ends_at):
            mine[at] += window.persons
    for window in windows:
        over = [at for at in half_hours(window.starts_at, window.ends_at) if load[at] + mine[at] > capacity]
        if over:
            worst = max(over, key=lambda at: load[at] + mine[at])
            text = _("%(from)s to %(to)s: %(all)d persons would use the bank at %(at)s, of whom %(others)d in other "
                     "batches; its capacity is %(capacity)d.") % {
                "from": shanghai(window.starts_at),
                "to": shanghai(window.ends_at, "time"),
                "all": load[worst] + mine[worst],
                "at": shanghai(worst, "time"),
                "others": load[worst],
                "capacity": capacity,
            }  # fmt: skip
            found.append(SlotConflict("capacity", text, window.starts_at))
    return found


@dataclass(frozen=True)
class Cell:
    """A half-hour of a day in the week: how many persons use the bank, of how many."""

    at: datetime
    load: int
    capacity: int

    @property
    def tone(self) -> str:
        if self.load > self.capacity:
            return "problem"
        return "waiting" if self.load * 5 >= self.capacity * 4 else "active" if self.load else "neutral"


@dataclass(frozen=True)
class Week:
    """A week of the slot calendar: half-hours down, days across, and the slots as a list."""

    days: list[date]
    rows: list[tuple[time, list[Cell]]]
    slots: list[Slot]
    capacity: int


def _moment(day: date, at: time = time()) -> datetime:
    return datetime.combine(day, at, clock.SHANGHAI)


def slots_between(first: date, last: date) -> list[Slot]:
    """Live slots that begin from ``first`` to ``last`` (both included)."""
    rows = live_slots().filter(starts_at__gte=_moment(first), starts_at__lt=_moment(last + timedelta(days=1)))
    return list(rows.select_related("batch__institution", "batch__hall").order_by("starts_at", "pk"))


def week_of(day: date) -> Week:
    """The week, Monday to Sunday, that ``day`` lies in."""
    monday = day - timedelta(days=day.weekday())
    days = [monday + timedelta(days=n) for n in range(7)]
    capacity = int(parameter("bank_capacity_persons"))
    load = bank_load(_moment(days[0]), _moment(days[-1] + timedelta(days=1)))
    used = [at.time() for at in load]
    first, last = min([SLOT_DAY[0], *used]), max([*used, time(SLOT_DAY[1].hour - 1, 30)])
    steps = [time(n // 2, n % 2 * 30) for n in range(48)]
    rows = [
        (step, [Cell(_moment(d, step), load[_moment(d, step)], capacity) for d in days])
        for step in steps
        if first <= step <= last
    ]
    return Week(days, rows, slots_between(days[0], days[-1]), capacity)


@dataclass(frozen=True)
class Day:
    """A day of the month's grid: its batches and its busiest half-hour."""

    date: date
    in_month: bool
    slots: list[Slot]
    peak: int
    capacity: int


def month_of(day: date) -> list[list[Day]]:
    """The weeks of the month of ``day``, filled up with the neighbours' days."""
    first = day.replace(day=1)
    start = first - timedelta(days=first.weekday())
    end = add_months(first, 1) - timedelta(days=1)
    end += timedelta(days=6 - end.weekday())
    capacity = int(parameter("bank_capacity_persons"))
    load = bank_load(_moment(start), _moment(end + timedelta(days=1)))
    by_day: dict[date, list[Slot]] = {}
    for slot in slots_between(start, end):
        by_day.setdefault(clock.local(slot.starts_at).date(), []).append(slot)
    peaks: Counter[date] = Counter()
    for at, persons in load.items():
        peaks[at.date()] = max(peaks[at.date()], persons)
    days = [start + timedelta(days=n) for n in range((end - start).days + 1)]
    cells = [Day(d, d.month == first.month, by_day.get(d, []), peaks[d], capacity) for d in days]
    return [cells[n : n + 7] for n in range(0, len(cells), 7)]


# --- candidates ----------------------------------------------------------------------------------------------


def active_candidates(batch: Batch) -> QuerySet[Candidate]:
    """The candidates of a batch who were not removed."""
    return batch.candidates.filter(removed_at=None)


def count_differences(batch: Batch) -> list[tuple[Post, int, int]]:
    """Posts of which the application names another number than there are candidates: (post, applied for, there) (R189)."""
    wanted = {row.post: row.count for row in batch.application.rows.select_related("post")}
    there: Counter[int] = Counter(active_candidates(batch).values_list("post_id", flat=True))
    posts = {post.pk: post for post in wanted}
    for post in Post.objects.filter(pk__in=set(there) - set(posts)):
        posts[post.pk] = post
    rows = [
        (post, wanted.get(post, 0), there[post.pk])
        for post in sorted(posts.values(), key=lambda p: (p.position, p.pk))
    ]
    return [row for row in rows if row[1] != row[2]]


def post_counts(batch: Batch) -> list[tuple[Post, int, int]]:
    """Every post of the application: (post, applied for, candidates)."""
    there = Counter(active_candidates(batch).values_list("post_id", flat=True))
    return [
        (row.post, row.count, there[row.post_id])
        for row in batch.application.rows.select_related("post").order_by("post")
    ]


PENDING = (BatchState.PREPARING, BatchState.LOCKED, BatchState.READY, BatchState.RELEASED)


@dataclass(frozen=True)
class Past:
    """What a person's earlier candidacies for a post mean: ``attempt`` is the number of the next sitting."""

    attempt: int
    previous: Candidate | None
    pending: Candidate | None
    passed: Candidate | None


def past_of(
    persons: Iterable[int], posts: Iterable[int], *, without: Batch | None = None
) -> dict[tuple[int, int], Past]:
    """Earlier candidacies by (person, post), in one query (R044). Absent people have not used an attempt."""
    rows = (
        Candidate.objects.filter(person_id__in=list(persons), post_id__in=list(posts), removed_at=None)
        .exclude(batch__state=BatchState.CANCELLED)
        .select_related("batch", "result", "slot")
        .order_by("pk")
    )
    if without is not None:
        rows = rows.exclude(batch=without)
    found: dict[tuple[int, int], list[Candidate]] = {}
    for candidate in rows:
        found.setdefault((candidate.person_id, candidate.post_id), []).append(candidate)
    past = {}
    for key, candidates in found.items():
        sat = [one for one in candidates if hasattr(one, "result")]
        past[key] = Past(
            attempt=len(sat) + 1,
            previous=sat[-1] if sat else None,
            pending=next((one for one in candidates if one.batch.state in PENDING), None),
            passed=next(
                (one for one in sat if one.result.passed and one.result.state != ResultState.VOID), None
            ),
        )
    return past


FRESH = Past(1, None, None, None)


def bar_of(enrolment: Enrolment, past: Past) -> str:
    """Why an enrolment that has its hours still cannot be tested (again), in words; "" if it can (R043, R044, J03)."""
    if past.pending is not None:
        return _("%(name)s is already a candidate for this post in batch %(batch)s.") % {
            "name": enrolment.person.name,
            "batch": past.pending.batch,
        }
    if past.passed is not None:
        return _("%(name)s has passed the test for this post in batch %(batch)s.") % {
            "name": enrolment.person.name,
            "batch": past.passed.batch,
        }
    if (
        past.previous is not None
        and past.previous.enrolment_id == enrolment.pk
        and past.previous.slot is not None
    ):
        sat_on = clock.local(past.previous.slot.starts_at).date()
        until = add_months(sat_on, int(parameter("resit_months")))
        if clock.today() > until:
            return _("%(name)s sat this test last on %(day)s. The test could be taken again without new training until "
                     "%(until)s; now a new class is needed.") % {
                "name": enrolment.person.name,
                "day": shanghai(sat_on),
                "until": shanghai(until),
            }  # fmt: skip
    return ""


@dataclass(frozen=True)
class Choice:
    """A row of the page on which candidates are picked. ``bar`` says why it cannot be ticked ("" if it can)."""

    enrolment: Enrolment
    hours: Decimal
    bar: str
    attempt: int


def hours_bar(accepted: Decimal, needed: Decimal) -> str:
    """The words for hours that do not suffice (R022): what there is, what is lacking."""
    return _("%(has)s of %(needed)s class hours accepted, %(lacking)s lacking") % {
        "has": f"{accepted.normalize():f}",
        "needed": f"{needed.normalize():f}",
        "lacking": f"{(needed - accepted).normalize():f}",
    }


MOST_CHOICES = 300


def choices_for(batch: Batch, text: str = "") -> tuple[list[Choice], bool]:
    """Who of the institution may still be put on the list: enrolled in a post of the application, not yet passed in it; with
    hours and, if so, why not.

    The newest ``MOST_CHOICES`` of those whose name or class holds ``text``, and whether there are more.
    """
    posts = [row.post for row in batch.application.rows.select_related("post")]
    passed = Candidate.objects.filter(
        person_id=OuterRef("person_id"), post_id=OuterRef("post_id"), removed_at=None, result__passed=True
    ).exclude(result__state=ResultState.VOID)
    found = Enrolment.objects.filter(
        ~Exists(passed.exclude(batch__state=BatchState.CANCELLED)),
        organisation_id=batch.institution.organisation_id,
        post__in=posts,
        state=EnrolmentState.ACCEPTED,
    ).exclude(pk__in=active_candidates(batch).values("enrolment_id"))
    if text:
        found = found.filter(Q(person__name__icontains=text) | Q(training_class__name__icontains=text))
    enrolments = list(
        found.select_related("person", "post", "training_class").order_by("-applied_at", "-pk")[
            : MOST_CHOICES + 1
        ]
    )
    more = len(enrolments) > MOST_CHOICES
    enrolments = enrolments[:MOST_CHOICES]
    enrolments.sort(key=lambda one: (one.post.position, one.training_class_id, one.pk))
    begun = [one.pk for one in enrolments if one.training_class.state in training.BEGUN]
    ready = hours.ready_for_test(begun) if begun else set()
    accepted = hours.accepted_hours_of([one.pk for one in enrolments])
    past = past_of({one.person_id for one in enrolments}, {post.pk for post in posts}, without=batch)
    needed = decimal_parameter("min_training_hours_per_post")
    rows = []
    for one in enrolments:
        before = past.get((one.person_id, one.post_id), FRESH)
        has = accepted.get(one.pk, Decimal(0))
        bar = bar_of(one, before)
        if not bar and one.pk not in ready:
            bar = hours_bar(has, needed) if has < needed else _("not ready for the test")
        rows.append(Choice(one, has, bar, before.attempt))
    return rows, more


# --- the doors of the rooms above ----------------------------------------------------------------------------


def candidacies_of(person: Person) -> QuerySet[Candidate]:
    """A person's candidacies, newest first, with what pages need."""
    return (
        Candidate.objects.filter(person=person, removed_at=None)
        .exclude(batch__state=BatchState.CANCELLED)
        .select_related(
            "batch__institution",
            "batch__hall",
            "post",
            "slot",
            "room",
            "result",
            "carried_from__candidate__batch",
        )
        .order_by("-pk")
    )


def news_after(last_id: int, limit: int = 500) -> list[ExamsEvent]:
    """News of results in order, after the last one read: ``result_confirmed``, ``result_voided``, ``result_rescored``."""
    return list(
        ExamsEvent.objects.filter(pk__gt=last_id)
        .select_related(
            "result__candidate__person", "result__candidate__post", "result__candidate__batch__institution"
        )
        .order_by("pk")[:limit]
    )


def result_counts(batch: Batch) -> dict[str, Any]:
    """Figures of a batch: candidates, sat, passed, voided."""
    counts = Result.objects.filter(candidate__batch=batch).aggregate(
        sat=Count("pk"),
        passed=Count("pk", filter=Q(passed=True) & ~Q(state=ResultState.VOID)),
        void=Count("pk", filter=Q(state=ResultState.VOID)),
        doubtful=Count("pk", filter=Q(state=ResultState.DOUBTFUL)),
    )
    return {"candidates": active_candidates(batch).count(), **counts}
