"""Classical statistics, DIF and drift: by hand, against published results, and on answers made up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from zhupei.analysis import classical, dif, drift
from zhupei.analysis.matrix import Answers, five_groups
from zhupei.analysis.simulate import Asked, choose, difficulty_of, forms, simulate, sit, temptation

from .lsat import LSAT

NAN = np.nan


def test_lsat_by_classical_theory() -> None:
    """alpha 0.2950 as ``descript(LSAT)`` of R's ltm prints it, with the shares of right answers."""
    answers = Answers.of_matrix(LSAT)
    figures = classical.item_figures(answers)
    assert figures.facility == pytest.approx([0.924, 0.709, 0.553, 0.763, 0.870])
    rest = LSAT.sum(axis=1, keepdims=True) - LSAT
    assert figures.discrimination == pytest.approx(
        [np.corrcoef(LSAT[:, k], rest[:, k])[0, 1] for k in range(5)]
    )
    assert figures.discrimination == pytest.approx([0.1128, 0.1532, 0.1728, 0.1444, 0.1216], abs=5e-5)
    assert classical.alpha(LSAT) == pytest.approx(0.2950, abs=5e-5)
    found = classical.reliability(answers)
    assert found.alpha == pytest.approx(classical.alpha(LSAT), abs=1e-9)
    assert found.sem == pytest.approx(LSAT.sum(axis=1).std(ddof=1) * np.sqrt(1 - 0.29500), abs=1e-4)


def test_kr20_by_its_own_formula() -> None:
    rng = np.random.default_rng(1)
    scores = (rng.random((200, 12)) < expit(rng.standard_normal((200, 1)))).astype(float)
    p = scores.mean(axis=0)
    kr20 = 12 / 11 * (1 - (p * (1 - p)).sum() / scores.sum(axis=1).var())
    assert classical.alpha(scores) == pytest.approx(kr20)
    assert np.isnan(classical.alpha(np.ones((5, 3))))
    assert np.isnan(classical.alpha(scores[:, :1]))


def test_facility_and_rest_where_forms_differ() -> None:
    scores = [[1, 0, NAN, 2], [NAN, 1, 1, 0], [1, NAN, 0, 2], [0, 1, 1, NAN]]
    answers = Answers.of_matrix(scores, full=[1, 1, 1, 2])
    figures = classical.item_figures(answers)
    assert figures.n.tolist() == [3, 3, 3, 3]
    assert figures.facility == pytest.approx([2 / 3] * 4)
    # item 0: person 0 earned 2 of 3 elsewhere, person 2 also 2 of 3, person 3 all of 2
    assert figures.discrimination[0] == pytest.approx(np.corrcoef([1, 1, 0], [2 / 3, 2 / 3, 1])[0, 1])


def test_children_of_one_case_do_not_count_for_each_other() -> None:
    scores = np.array([[1, 1, 0.0], [0, 0, 1], [1, 1, 1], [0, 0, 0]])
    rest = classical.rest_shares(Answers.of_matrix(scores, unit=[0, 0, 1]))
    assert rest.reshape(4, 3) == pytest.approx(np.array([[0, 0, 1], [1, 1, 0], [1, 1, 1], [0, 0, 0]]))
    lonely = classical.rest_shares(Answers.of_matrix([[1.0], [0.0]]))
    assert np.isnan(lonely).all()


def test_reliability_of_random_forms_is_their_correlation() -> None:
    """Two forms drawn for the same people correlate as the estimate from one of them says, and the plain error agrees."""
    for seed, persons, bank, each in ((1, 400, 1500, 60), (2, 2000, 200, 40), (3, 300, 2500, 80)):
        rng = np.random.default_rng(seed)
        theta = rng.normal(0, 0.7, persons)
        a, b = rng.lognormal(-0.2, 0.3, bank), rng.normal(-0.7, 1.0, bank)
        estimates, correlations = [], []
        for _ in range(6):
            drawn = forms(persons, bank, 2 * each, rng)
            halves = [simulate(theta, a, b, rng, drawn=half) for half in (drawn[:, :each], drawn[:, each:])]
            found = [classical.reliability(half) for half in halves]
            estimates += [one.alpha for one in found]
            correlations.append(np.corrcoef(*(half.earned for half in halves))[0, 1])
            assert found[0].sem == pytest.approx(found[0].sd * np.sqrt(1 - found[0].alpha))
        assert np.mean(estimates) == pytest.approx(np.mean(correlations), abs=0.03)


def test_cases_do_not_inflate_reliability() -> None:
    """Five children that hang together count as one unit: treating them as five would promise too much."""
    rng = np.random.default_rng(8)
    theta, luck = rng.standard_normal((800, 1)), rng.standard_normal((800, 4))
    single = rng.random((800, 20)) < expit(theta)
    case = rng.random((800, 20)) < expit(theta + 2 * np.repeat(luck, 5, axis=1))
    scores = np.hstack([single, case]).astype(float)
    unit = [*range(20), *np.repeat(range(20, 24), 5)]
    stratum = [0] * 20 + [1] * 20
    apart = classical.reliability(Answers.of_matrix(scores))
    whole = classical.reliability(Answers.of_matrix(scores, unit=unit, stratum=stratum))
    assert apart.alpha > whole.alpha + 0.02
    parts = np.hstack([scores[:, :20], scores[:, 20:].reshape(800, 4, 5).sum(axis=2)])
    strata = [(parts[:, :20], 20), (parts[:, 20:], 4)]
    error = sum(p.sum(axis=1).var(ddof=1) * (1 - classical.alpha(p)) for p, _n in strata)
    assert whole.alpha == pytest.approx(
        1 - error / parts.sum(axis=1).var(ddof=1), abs=1e-9
    )  # stratified alpha


def test_too_few_people_have_no_reliability() -> None:
    assert np.isnan(classical.reliability(Answers.of_matrix([[1.0, 0.0]])).alpha)
    assert np.isnan(classical.reliability(Answers.of_matrix([[1.0, 0.0]] * 5)).alpha)


def test_five_groups_are_even_and_keep_equals_together() -> None:
    assert five_groups(np.arange(10.0)).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert set(five_groups(np.array([1.0, 1.0, 1.0, NAN]))) == {2, -1}


def test_option_curves_show_what_the_strong_and_the_weak_choose() -> None:
    rng = np.random.default_rng(3)
    theta = rng.standard_normal(1000)
    answers = simulate(theta, np.full(20, 1.2), np.zeros(20), rng)
    chosen = [
        choose(["a"], ["a", "b", "c", "d"], bool(right), theta[who], rng, pull={"b": 4, "c": 1, "d": 0.02})
        for who, right in zip(answers.person, answers.right, strict=True)
    ]
    table = classical.option_figures(replace(answers, chosen=chosen), {0: ("a", "b", "c", "d", "e")})
    first = {one.option: one for one in table[0]}
    assert list(first) == ["a", "b", "c", "d", "e", ""]
    assert first["a"].by_group[4] > first["a"].by_group[0] + 0.4
    assert first["a"].discrimination > 0.3
    assert first["b"].discrimination < -0.1
    assert first["b"].n > 3 * first["c"].n
    assert first["e"].n == 0
    assert np.isnan(first["e"].discrimination)
    assert sum(one.share for one in first.values()) == pytest.approx(1)
    assert [sum(one.by_group[g] for one in first.values()) for g in range(5)] == pytest.approx([1] * 5)


def test_wrong_answers_to_several_right_options_are_wrong() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        given = choose(["a", "c"], ["a", "b", "c", "d"], False, -1.0, rng, several=True, blank=0.1)
        assert set(given) != {"a", "c"}
    assert choose(["a", "c"], ["a", "b", "c", "d"], True, 0.0, rng, several=True) == ("a", "c")
    assert expit(-1.3 * difficulty_of(0.7, 1.3)) == pytest.approx(0.7)


def test_a_paper_is_sat_by_one_s_ability() -> None:
    rng = np.random.default_rng(7)
    options = ("a", "b", "c", "d", "e")
    paper = [
        Asked("G1", "single", options[:4], ("c",), 0.8),
        Asked("G2", "multiple", options, ("a", "c"), 0.4),
    ]
    papers = [sit(paper, 0.0, rng) for _ in range(1500)]
    assert np.mean([one.get("G1") == ("c",) for one in papers]) == pytest.approx(0.8, abs=0.04)
    assert np.mean([one.get("G2") == ("a", "c") for one in papers]) == pytest.approx(0.4, abs=0.04)
    assert any("G1" not in one for one in papers)  # left blank
    wrong = [one["G1"][0] for one in papers if one.get("G1", ("c",)) != ("c",)]
    pull = temptation(paper[0])
    assert max(set(wrong), key=wrong.count) == max(pull, key=lambda name: pull[name])
    able = [sit(paper, 2.0, rng) for _ in range(300)]
    assert np.mean([one.get("G2") == ("a", "c") for one in able]) > 0.75


# --- DIF -----------------------------------------------------------------------------------------------------

UCB = [
    [[512, 313], [89, 19]], [[353, 207], [17, 8]], [[120, 205], [202, 391]], [[138, 279], [131, 244]],
    [[53, 138], [94, 299]], [[22, 351], [24, 317]],
]  # fmt: skip
RABBITS = [[[0, 6], [0, 5]], [[3, 3], [0, 6]], [[6, 0], [2, 4]], [[5, 1], [6, 0]], [[2, 0], [5, 0]]]


def test_mantel_haenszel_is_the_published_one() -> None:
    """``mantelhaen.test`` of R: UCBAdmissions 0.9046968, χ² 1.4269, p 0.2323, interval 0.7719–1.0603; Agresti's
    rabbits 7, 3.9286, p 0.0475, interval 1.026713–47.725133."""
    ucb = dif.mantel_haenszel(UCB)
    assert (ucb.odds_ratio, ucb.chi2, ucb.p) == pytest.approx((0.9046968, 1.4269, 0.2323), abs=6e-5)
    assert ucb.delta == pytest.approx(-2.35 * np.log(0.9046968), abs=1e-6)
    assert ucb.kind == "A"
    assert (ucb.reference, ucb.focal) == (2691, 1835)
    width = 1.959964 * ucb.se_delta / 2.35
    assert np.exp(np.log(ucb.odds_ratio) + np.array([-width, width])) == pytest.approx(
        [0.7719, 1.0603], abs=1e-4
    )
    rabbits = dif.mantel_haenszel(RABBITS)
    assert (rabbits.odds_ratio, rabbits.chi2, rabbits.p) == pytest.approx((7, 3.928571, 0.04747), abs=1e-5)
    width = 1.959964 * rabbits.se_delta / 2.35
    assert np.exp(np.log(7) + np.array([-width, width])) == pytest.approx([1.026713, 47.725133], rel=1e-5)


def test_classes_by_the_rules_of_ets() -> None:
    assert dif.ets_class(0.9, 0.1, 50) == "A"
    assert dif.ets_class(2.5, 1.5, 3.0) == "A"  # large, but not told from 0
    assert dif.ets_class(1.2, 0.2, 20) == "B"
    assert dif.ets_class(-1.8, 0.6, 6) == "B"  # not surely above 1
    assert dif.ets_class(-1.8, 0.3, 30) == "C"
    empty = dif.mantel_haenszel([[[5, 0], [5, 0]]])
    assert empty.kind == ""
    assert np.isnan(empty.odds_ratio)


def test_a_planted_difference_is_found_and_ability_alone_is_none() -> None:
    rng = np.random.default_rng(12)
    focal = np.arange(2400) % 3 == 0
    theta = rng.standard_normal(2400) - 0.5 * focal  # the focal group is weaker, which is no DIF
    b = rng.normal(0, 0.7, 60)
    drawn = forms(2400, 60, 40, rng)
    person, item = np.repeat(np.arange(2400), 40), drawn.ravel()
    harder = 0.9 * (focal[person] & (item == 5))
    right = rng.random(len(item)) < expit(1.1 * (theta[person] - b[item]) - harder)
    answers = Answers(
        person,
        item,
        right.astype(float),
        np.ones(len(item)),
        2400,
        60,
        np.arange(60),
        np.zeros(60, dtype=np.int64),
    )
    found = dif.item_dif(answers, focal)
    assert found[5].kind == "C"
    assert found[5].delta < -1.5
    assert sum(one.kind == "C" for one in found) == 1
    assert sum(one.p < 0.05 for one in found) <= 9
    few = dif.item_dif(answers, focal, least=5000)
    assert few[0].kind == ""
    assert np.isnan(few[0].delta)
    assert few[0].focal > 0


def test_strata_hold_enough_of_both() -> None:
    scores = np.concatenate([np.linspace(0.4, 1, 300), np.linspace(0.2, 0.8, 40), [NAN]])
    focal = np.arange(341) >= 300
    strata = dif.strata_of(scores, focal)
    assert strata[-1] == -1
    for k in range(strata.max() + 1):
        assert (focal & (strata == k)).sum() >= 5
        assert (~focal & (strata == k)).sum() >= 5
    order = np.argsort(scores[:340])
    assert (np.diff(strata[order]) >= 0).all()
    assert strata.max() >= 3


# --- drift and exposure --------------------------------------------------------------------------------------


def test_drift_finds_the_leaked_item_not_the_better_people() -> None:
    rng = np.random.default_rng(2)
    b = rng.normal(-0.5, 0.8, 50)
    later = b.copy()
    later[9] -= 1.0  # known beforehand
    n = np.full(50, 400)
    k1 = rng.binomial(n, expit(-b))
    k2 = rng.binomial(n, expit(0.3 - later))  # and all people are better by 0.3
    found = drift.facility_change(k1, n, k2, n)
    assert np.flatnonzero(found.p_holm < 0.01).tolist() == [9]
    assert found.change[9] > 0.5
    plain = drift.facility_change(k1, n, k2, n, common=False)
    assert (plain.z > 0).mean() > 0.85  # which is why the common change is taken out


def test_two_proportions_by_the_textbook() -> None:
    """40/100 and 30/100: z = −1.482."""
    found = drift.facility_change([40, 5], [100, 0], [30, 5], [100, 10], common=False)
    assert found.z[0] == pytest.approx(-1.4825, abs=1e-4)
    assert found.p[0] == pytest.approx(0.1382, abs=1e-4)
    assert found.change[0] == pytest.approx(-0.1)
    assert np.isnan(found.z[1])
    assert np.isnan(found.change[1])


def test_holm_by_hand() -> None:
    assert drift.holm([0.01, NAN, 0.04, 0.03]).tolist()[0] == pytest.approx(0.03)
    assert drift.holm([0.01, NAN, 0.04, 0.03])[2:] == pytest.approx([0.06, 0.06])
    assert drift.holm([0.9, 0.8]).tolist() == [1, 1]


def test_exposure_is_told_within_the_cell() -> None:
    ratios = drift.exposure_ratios({"a": 3, "b": 1, "x": 7}, {"a": 1, "b": 1, "c": 1, "d": 1, "x": 2, "z": 3})
    assert ratios == {"a": 3.0, "b": 1.0, "c": 0.0, "d": 0.0, "x": 1.0, "z": 0.0}
    assert ratios["a"] > drift.EXPOSURE_LIMIT
