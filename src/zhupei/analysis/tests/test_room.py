"""Runs, pages and alarms, through actions and HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import make_actor, make_batch, make_hall_return, make_rulebook, make_user, sign_in

from zhupei.analysis import actions, charts, queries, views
from zhupei.analysis.choices import RUN, RunState
from zhupei.analysis.models import AnalysisRun, Calibration, ItemStatistics, Report, Settlement
from zhupei.audit.api import events_on
from zhupei.exams import api as exams
from zhupei.exams.api import Batch
from zhupei.itembank.models import ItemCalibration
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.rulebook.models import Post

from .papers import sat_papers

pytestmark = pytest.mark.django_db


@pytest.fixture
def city() -> None:
    make_rulebook()


@pytest.fixture
def batch(city: None) -> Batch:
    """A confirmed batch of two people from the makers: real files, real answers."""
    return make_batch(candidates=2, state="confirmed", wrong=3)


@pytest.fixture
def post(city: None) -> Post:
    return Post.objects.get(code="101")


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch, batch: Batch, post: Post) -> Callable[..., None]:
    """Lets a batch seem to have been sat by hundreds."""

    def seem(**given: Any) -> None:
        def read(_batch: Batch, **_kwargs: Any) -> Iterator[Any]:
            yield from sat_papers(post=post.pk, **given)

        monkeypatch.setattr(actions, "responses", read)

    return seem


@pytest.fixture
def now(django_capture_on_commit_callbacks: Any) -> Callable[[Callable[[], AnalysisRun]], AnalysisRun]:
    """Ask for a run and let its job do it."""

    def do(ask: Callable[[], AnalysisRun]) -> AnalysisRun:
        with django_capture_on_commit_callbacks(execute=True):
            run = ask()
        run.refresh_from_db()
        return run

    return do


def staff(client: Client, role: Role) -> Client:
    return sign_in(client, make_user(role))


def test_a_batch_is_analysed_from_its_raw_answers(batch: Batch, now: Any) -> None:
    run = now(lambda: actions.request_batch(batch, by=SYSTEM))
    assert (run.state, run.progress, run.persons, run.error) == (RunState.FINISHED, 100, 2, "")
    reports = list(run.reports.order_by("subject"))
    assert [one.n for one in reports] == [2, 2]
    marks = exams.Result.objects.filter(candidate__batch=batch).values_list("general", flat=True)
    assert reports[0].mean == pytest.approx(float(sum(marks)) / 2)
    assert reports[0].reliability is None  # two people tell nothing
    row = run.statistics.first()
    assert row is not None
    assert row.flags == ",few,"
    assert run.alarms == 0
    assert ItemStatistics.objects.filter(waiting=True).count() == 0


def test_voided_results_and_other_batches_are_left_out(batch: Batch, now: Any) -> None:
    exams.Result.objects.filter(candidate__batch=batch).update(state="void")
    run = now(lambda: actions.request_batch(batch, by=SYSTEM))
    assert (run.state, run.persons, run.items) == (RunState.FINISHED, 0, 0)


def test_reading_a_batch_asks_few_questions(batch: Batch, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(14):
        papers = list(exams.responses(batch))
    assert len(papers) == 4
    assert sum(one.full for one in papers[0].answers) == 100
    assert not hasattr(papers[0], "name")


def test_a_batch_without_answers_is_refused(city: None) -> None:
    fresh = make_batch(candidates=1, state="locked")
    with pytest.raises(Conflict) as refused:
        actions.request_batch(fresh, by=make_actor(Role.BANK_KEEPER))
    assert refused.value.code == "no_answers"


def test_a_returned_batch_can_be_looked_at_before_it_is_confirmed(city: None, now: Any) -> None:
    returned = make_batch(candidates=1, state="returned")
    run = now(lambda: actions.request_batch(returned, by=make_actor(Role.CENTRE_APPROVER)))
    assert run.persons == 1


@pytest.mark.parametrize("role", [Role.ITEM_REVIEWER, Role.CENTRE_OFFICER, Role.INSTITUTION_HEAD])
def test_only_the_keeper_and_the_approver_ask(batch: Batch, post: Post, role: Role) -> None:
    by = make_actor(role)
    with pytest.raises(Forbidden):
        actions.request_batch(batch, by=by)
    with pytest.raises(Forbidden):
        actions.request_calibration(post, "general", by=by)


def test_one_run_at_a_time_and_stuck_ones_give_way(batch: Batch, post: Post) -> None:
    first = actions.request_calibration(post, "general", by=SYSTEM)  # its job waits for the commit
    with pytest.raises(Conflict) as refused:
        actions.request_calibration(post, "general", by=SYSTEM)
    assert refused.value.code == "running"
    actions.request_calibration(post, "professional", by=SYSTEM)
    with clock.frozen(clock.now() + timedelta(hours=3)):
        actions.request_calibration(post, "general", by=SYSTEM)
    first.refresh_from_db()
    assert (first.state, first.error) == (RunState.FAILED, "cut_off")
    with pytest.raises(Refusal):
        actions.request_calibration(post, "handstand", by=SYSTEM)


def test_a_run_is_carried_out_once_and_failure_is_kept(
    batch: Batch, now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = now(lambda: actions.request_batch(batch, by=SYSTEM))
    assert actions.carry_out(run.pk) is False

    def broken(*_a: Any, **_k: Any) -> Any:
        raise ValueError("disk")

    monkeypatch.setattr(actions, "responses", broken)
    failed = now(lambda: actions.request_batch(batch, by=SYSTEM))
    assert (failed.state, failed.error) == (RunState.FAILED, "internal")
    run.refresh_from_db()
    assert run.latest  # what was found before stays
    assert run.statistics.exists()


def test_every_move_of_a_run() -> None:
    assert sorted(RUN.moves()) == [
        ("queued", "begin", "running"),
        ("queued", "fail", "failed"),
        ("running", "fail", "failed"),
        ("running", "finish", "finished"),
    ]


def test_calibration_goes_down_into_the_bank(batch: Batch, post: Post, many: Any, now: Any) -> None:
    from zhupei.itembank.models import ItemVersion

    uid = ItemVersion.objects.filter(subject="general").values_list("item__uid", flat=True)[0]
    many(people=400, items=12, cases=3)
    run = now(lambda: actions.request_calibration(post, "general", by=make_actor(Role.BANK_KEEPER)))
    assert (run.state, run.persons, run.items, run.model) == (RunState.FINISHED, 400, 21, "rasch")
    assert run.bic > 0
    assert Calibration.objects.filter(run=run).count() == 21
    found = queries.calibrations(["G001", "C001", "nothing"])
    assert set(found) == {"G001"}
    assert found["G001"].se_b < 0.3
    report = Report.objects.get(run=run)
    assert 0.5 < report.reliability < 0.95
    assert sum(report.distribution) == 400
    # the bank knows none of these made-up numbers; a row whose item it knows arrives there
    assert ItemCalibration.objects.count() == 0
    measured = actions._measured(
        [*_findings(run, "C001")], list(Calibration.objects.filter(run=run, item_uid="C001"))
    )
    assert [(one.uid, one.a, one.n) for one in measured] == [("C001", None, 400)]
    row = Calibration.objects.get(run=run, key="G001")
    row.key = row.item_uid = uid
    scaled = actions._measured(_findings(run, "G001", uid), [row])
    assert actions.record_calibration(scaled, by=SYSTEM) == 1
    kept = ItemCalibration.objects.get()
    assert float(kept.b) == pytest.approx(row.b, abs=6e-4)
    assert kept.fits
    assert kept.model == "rasch"


def _findings(run: AnalysisRun, uid: str, name: str = "") -> list[Any]:
    from zhupei.analysis.gathering import Question
    from zhupei.analysis.judging import Finding

    return [
        Finding(
            Question(row.key.replace(uid, name or uid), name or uid, 1, row.kind, (), ()),
            row.n,
            row.facility,
            row.discrimination,
            row.options,
        )
        for row in run.statistics.filter(item_uid=uid)
    ]


def test_the_newest_run_takes_the_place_of_the_last(batch: Batch, post: Post, many: Any, now: Any) -> None:
    many(people=120, items=8)
    first = now(lambda: actions.request_calibration(post, "general", by=SYSTEM))
    second = now(lambda: actions.request_calibration(post, "general", by=SYSTEM))
    first.refresh_from_db()
    assert (first.latest, second.latest) == (False, True)
    assert not first.statistics.exists()
    assert first.calibrations.count() == second.calibrations.count() == 8
    assert queries.latest_items().count() == 8


def test_what_happens_by_itself(
    batch: Batch, post: Post, many: Any, django_capture_on_commit_callbacks: Any
) -> None:
    many(people=40, items=5)
    assert batch.confirmed_at is not None
    with clock.frozen(batch.confirmed_at + timedelta(minutes=1)):
        with django_capture_on_commit_callbacks(execute=True):
            assert actions.catch_up() == 1
        assert actions.catch_up() == 0
    with django_capture_on_commit_callbacks(execute=True):
        assert actions.calibrate_all() == 2  # both subjects
    assert actions.calibrate_all() == 0  # nothing new
    exams.Result.objects.filter(candidate__batch=batch).update(general=1)  # scored again
    assert actions.calibrate_all() == 2


def test_an_alarm_waits_for_the_keeper_until_it_is_settled(
    batch: Batch, post: Post, many: Any, now: Any, client: Client
) -> None:
    many(people=300, items=10, wrong_key="G004")
    now(lambda: actions.request_calibration(post, "general", by=SYSTEM))
    keeper = staff(client, Role.BANK_KEEPER)
    assert "?waiting=1" in keeper.get("/").text
    page = keeper.get(reverse("analysis:items"), {"waiting": "1"})
    assert "G004" in page.text
    assert "G005" not in page.text
    row = queries.latest_items().get(key="G004")
    assert (
        staff(Client(), Role.ITEM_REVIEWER)
        .post(reverse("analysis:settle", args=[row.pk]), {"opinion": "x"})
        .status_code
        == 403
    )
    shown = keeper.get(reverse("analysis:item", args=[row.pk])).text
    assert shown.count(reverse("analysis:settle", args=[row.pk])) == 1
    assert not re.search(r"<button[^>]*>\s*</button>", shown)
    assert keeper.post(reverse("analysis:settle", args=[row.pk]), {"opinion": " "}).status_code == 422
    answer = keeper.post(reverse("analysis:settle", args=[row.pk]), {"opinion": "答案有误，已改"})
    assert answer.status_code == 302
    assert "答案有误" in keeper.get(answer.headers["Location"]).text
    assert Settlement.objects.get().flags.startswith("key")
    assert queries.waiting_items().count() == 0
    with pytest.raises(Conflict):
        actions.settle(row, opinion="again", by=make_actor(Role.BANK_KEEPER))
    now(lambda: actions.request_calibration(post, "general", by=SYSTEM))  # the same alarm of the same version
    assert queries.waiting_items().count() == 0
    assert queries.latest_items().get(key="G004").alarm


def test_the_pages_show_figures_charts_and_tables(
    batch: Batch, post: Post, many: Any, now: Any, client: Client
) -> None:
    many(people=500, items=14, cases=2, wrong_key="G004", hard_for_women="G009", days=200)
    run = now(lambda: actions.request_calibration(post, "general", by=SYSTEM))
    reviewer = staff(client, Role.ITEM_REVIEWER)
    row = queries.latest_items().get(key="G009")
    page = reviewer.get(reverse("analysis:item", args=[row.pk]))
    for piece in ('id="options-data"', 'id="months-data"', 'id="curve-data"', "<details"):
        assert piece in page.text
    assert page.text.count("<tbody") >= 4
    assert events_on(row).filter(code="analysis.read").count() == 1  # it tells the key
    shown = reviewer.get(reverse("analysis:map")).text
    assert shown.count('<th scope="row">') == 20
    assert '"kind": "scatter"' in shown
    report = reviewer.get(reverse("analysis:report", args=[run.pk])).text
    assert f"scores-{run.reports.get().pk}-data" in report
    assert "G004" in report
    assert reviewer.get(reverse("analysis:exposure")).status_code == 200
    case = queries.latest_items().get(key="C001#2")
    assert "C001#1" in reviewer.get(reverse("analysis:item", args=[case.pk])).text


def test_the_list_filters_and_pages_with_few_questions(
    batch: Batch, post: Post, many: Any, now: Any, client: Client, django_assert_max_num_queries: Any
) -> None:
    many(people=60, items=70)
    now(lambda: actions.request_calibration(post, "general", by=SYSTEM))
    keeper = staff(client, Role.BANK_KEEPER)
    with django_assert_max_num_queries(14):
        page = keeper.get(reverse("analysis:items"))
    assert "G001" in page.text
    assert "G031" not in page.text
    second = keeper.get(f"{reverse('analysis:items')}{page.context['page'].next_url}")
    assert "G031" in second.text
    assert "G001" not in second.text
    assert "G066" in keeper.get(reverse("analysis:items"), {"q": "g06"}).text
    assert "G001" not in keeper.get(reverse("analysis:items"), {"q": "g06"}).text
    scope = f"{post.pk}-general"
    assert "G001" in keeper.get(reverse("analysis:items"), {"scope": scope}).text
    assert "G001" not in keeper.get(reverse("analysis:items"), {"flag": "few"}).text
    assert keeper.get(reverse("analysis:items"), {"scope": "7-x", "flag": "'"}).status_code == 200


def test_small_numbers_are_called_small(
    batch: Batch, post: Post, many: Any, now: Any, client: Client
) -> None:
    many(people=29, items=8, wrong_key="G004")
    run = now(lambda: actions.request_batch(batch, by=SYSTEM))
    assert run.alarms == 0
    keeper = staff(client, Role.BANK_KEEPER)
    keeper.post("/language/", {"language": "en"})
    row = run.statistics.get(key="G004")
    page = keeper.get(reverse("analysis:item", args=[row.pk]), headers={"accept-language": "en"})
    assert "z-message-warning" in page.text
    report = Report.objects.get(run=run)
    assert report.reliability is None
    assert report.sem is None
    assert keeper.get(reverse("analysis:report", args=[run.pk])).status_code == 200


def test_a_month_with_few_answers_shows_no_share() -> None:
    row = ItemStatistics(months=[["2026-05", 1, 1.0], ["2026-06", 10, 0.5]])
    assert charts.over_time(row)["series"][0]["data"] == ["–", 50.0]


def test_cells_stand_in_the_order_of_a_paper_and_of_the_syllabus() -> None:
    cells = [("case", "1"), ("single", "10"), ("single", "2"), ("multiple", "1"), ("single", "2.1")]
    ordered = sorted((((kind, chapter), None) for kind, chapter in cells), key=views._in_order)
    assert [cell for cell, _rows in ordered] == [
        ("single", "2"),
        ("single", "2.1"),
        ("single", "10"),
        ("multiple", "1"),
        ("case", "1"),
    ]


@pytest.mark.parametrize("role", [Role.BANK_KEEPER, Role.ITEM_REVIEWER, Role.CENTRE_APPROVER])
def test_an_item_leads_to_the_bank_and_to_the_correction_of_its_key(
    batch: Batch, now: Any, client: Client, role: Role
) -> None:
    now(lambda: actions.request_batch(batch, by=SYSTEM))
    row = next(one for one in ItemStatistics.objects.all() if queries.bank_key_of(one))
    page = staff(client, role).get(reverse("analysis:item", args=[row.pk])).text
    bank = reverse("itembank:item", args=[queries.bank_key_of(row)])
    correct = reverse("exams:correct_key", args=[row.item_uid, row.version])
    assert (f'href="{bank}"' in page) == (role != Role.CENTRE_APPROVER)
    assert (f'href="{correct}"' in page) == (role != Role.ITEM_REVIEWER)


def test_empty_pages_say_so(city: None, client: Client) -> None:
    keeper = staff(client, Role.BANK_KEEPER)
    for name in ("items", "map", "exposure", "runs"):
        page = keeper.get(reverse(f"analysis:{name}"))
        assert page.status_code == 200
        assert "z-empty" in page.text


def test_progress_asks_again_only_while_it_goes_on(batch: Batch, client: Client, now: Any) -> None:
    keeper = staff(client, Role.BANK_KEEPER)
    run = actions.request_batch(batch, by=SYSTEM)
    AnalysisRun.objects.filter(pk=run.pk).update(progress=40)
    page = keeper.get(reverse("analysis:progress", args=[run.pk])).text
    assert 'value="40"' in page
    assert "hx-trigger" in page
    assert keeper.get(reverse("analysis:report", args=[run.pk])).status_code == 404
    actions.carry_out(run.pk)
    assert "hx-trigger" not in keeper.get(reverse("analysis:run", args=[run.pk])).text


def test_asking_over_http(batch: Batch, post: Post, client: Client) -> None:
    keeper = staff(client, Role.BANK_KEEPER)
    assert str(batch) in keeper.get(reverse("analysis:runs")).text
    answer = keeper.post(reverse("analysis:request_batch", args=[batch.pk]))
    run = AnalysisRun.objects.get()
    assert answer.headers["Location"] == reverse("analysis:run", args=[run.pk])
    assert keeper.post(reverse("analysis:request_batch", args=[batch.pk])).status_code == 409
    keeper.post(reverse("analysis:request_calibration"), {"scope": f"{post.pk}-professional"})
    assert AnalysisRun.objects.filter(post=post, subject="professional").exists()
    keeper.post(reverse("analysis:request_calibration"), {"scope": "nonsense"})
    assert AnalysisRun.objects.count() == 2


@pytest.mark.req("R033")
def test_the_approver_sees_figures_but_no_item_text(batch: Batch, now: Any, client: Client) -> None:
    from zhupei.itembank.models import ItemVersion

    run = now(lambda: actions.request_batch(batch, by=SYSTEM))
    row = run.statistics.exclude(key__contains="#").first()
    assert row is not None
    stem = ItemVersion.objects.get(item__uid=row.item_uid, number=row.version).content["stem"][:12]
    url = reverse("analysis:item", args=[row.pk])
    assert stem in staff(Client(), Role.ITEM_REVIEWER).get(url).text
    assert stem not in staff(client, Role.CENTRE_APPROVER).get(url).text


@pytest.mark.req("I07")
def test_corrected_keys_count(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    """A void question is no item any more; answers count under the key as corrected."""
    from zhupei.exams import responses as module
    from zhupei.exams.choices import Policy, Remedy
    from zhupei.exams.models import KeyCorrection

    plain = next(iter(exams.responses(batch)))
    void, changed = [one for one in plain.answers if one.section == "single" and one.chosen][:2]
    other = next(one for one in changed.options if one not in changed.right)
    corrections = [
        KeyCorrection(item_uid=void.item_uid, version=void.version, child_no=0, remedy=Remedy.VOID),
        KeyCorrection(
            item_uid=changed.item_uid, version=changed.version, child_no=0, remedy=Remedy.ANOTHER,
            accepted=[[other]], policy=Policy.STRICT,
        ),
    ]  # fmt: skip
    monkeypatch.setattr(module, "approved_corrections", lambda: corrections)
    after = {one.key: one for one in next(iter(exams.responses(batch))).answers}
    assert void.key not in after
    assert (changed.marks > 0, after[changed.key].marks) == (True, 0)
    assert after[changed.key].right == (other,)


def test_a_hall_key_that_was_ended_still_opens_its_return(batch: Batch) -> None:
    from zhupei.exams.models import HallKey

    HallKey.objects.filter(hall=batch.hall).update(ended_at=clock.now())
    assert len(list(exams.responses(batch))) == 4


def test_answers_of_a_large_batch_stay_apart_by_subject(city: None, now: Any) -> None:
    """Questions of the two subjects never meet in one table."""
    batch = make_batch(candidates=1, state="released")
    with clock.frozen(batch.slots.all()[0].ends_at + timedelta(minutes=30)):
        exams.receive_return(batch, make_hall_return(batch), by=SYSTEM)
    run = now(lambda: actions.request_batch(batch, by=SYSTEM))
    subjects = run.statistics.values_list("subject", flat=True).distinct()
    assert set(subjects) == {"general", "professional"}
    assert run.answers == run.items
