"""The models agree with published results and find again what answers were made from."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import stats

from zhupei.analysis import irt
from zhupei.analysis.matrix import Answers
from zhupei.analysis.simulate import forms, simulate

from .lsat import LSAT

# R's ltm 1.x, ``summary(rasch(LSAT))`` and ``summary(ltm(LSAT ~ z1))`` (Rizopoulos 2006, J. Stat. Softw. 17(5))
RASCH_B = [-3.6153, -1.3224, -0.3176, -1.7301, -2.7802]
RASCH_SE = [0.3266, 0.1422, 0.0977, 0.1691, 0.2510]
TWO_B = [-3.3597, -1.3696, -0.2799, -1.8659, -3.1236]
TWO_B_SE = [0.8669, 0.3073, 0.0997, 0.4341, 0.8700]
TWO_A = [0.8254, 0.7229, 0.8905, 0.6886, 0.6575]
TWO_A_SE = [0.2581, 0.1867, 0.2326, 0.1852, 0.2100]


def test_rasch_on_lsat_is_the_published_one() -> None:
    found = irt.fit(Answers.of_matrix(LSAT), "rasch")
    assert found.b == pytest.approx(RASCH_B, abs=6e-5)
    assert found.a == pytest.approx([0.7551] * 5, abs=5e-5)
    assert found.se_b == pytest.approx(RASCH_SE, abs=1e-4)
    assert found.se_a[0] == pytest.approx(0.0694, abs=5e-5)
    assert (found.log_likelihood, found.aic, found.bic) == pytest.approx(
        (-2466.938, 4945.875, 4975.322), abs=6e-4
    )
    assert found.converged
    assert found.parameters == 6


def test_two_parameters_on_lsat_are_the_published_ones() -> None:
    """R stopped at a gradient of 0.024, so its last digits move by more than rounding."""
    found = irt.fit(Answers.of_matrix(LSAT), "2pl")
    assert found.b == pytest.approx(TWO_B, abs=0.0025)
    assert found.a == pytest.approx(TWO_A, abs=0.0007)
    assert found.se_b == pytest.approx(TWO_B_SE, abs=0.0015)
    assert found.se_a == pytest.approx(TWO_A_SE, abs=2e-4)
    assert (found.log_likelihood, found.aic, found.bic) == pytest.approx(
        (-2466.653, 4953.307, 5002.384), abs=1e-3
    )


def test_maximum_is_a_maximum() -> None:
    """No neighbour of the estimate is likelier, reckoned in another way: by summing over patterns."""
    answers = Answers.of_matrix(LSAT)
    found = irt.fit(answers, "2pl")
    theta = np.linspace(-8, 8, 801)
    weight = stats.norm.pdf(theta) * (theta[1] - theta[0])

    def log_likelihood(a: np.ndarray, b: np.ndarray) -> float:
        p = irt.probability(theta[:, None], a, b)
        like = np.exp(LSAT @ np.log(p).T + (1 - LSAT) @ np.log(1 - p).T) @ weight
        return float(np.log(like).sum())

    best = log_likelihood(found.a, found.b)
    assert best == pytest.approx(found.log_likelihood, abs=1e-6)
    for k in range(5):
        for step in (-0.02, 0.02):
            a, b = found.a.copy(), found.b.copy()
            a[k] += step
            b[k] -= step
            assert log_likelihood(a, found.b) < best
            assert log_likelihood(found.a, b) < best


@pytest.fixture(scope="module")
def made() -> tuple[Answers, np.ndarray, np.ndarray, np.ndarray]:
    """100,000 answers: 1,250 people, a bank of 500, a random form of 80 for each."""
    rng = np.random.default_rng(20)
    theta, a, b = rng.standard_normal(1250), rng.lognormal(0, 0.3, 500), rng.normal(-0.5, 1, 500)
    return simulate(theta, a, b, rng, drawn=forms(1250, 500, 80, rng)), theta, a, b


def test_two_parameters_are_recovered_from_random_forms(made: tuple[Answers, ...]) -> None:
    answers, theta, a, b = made
    begun = time.perf_counter()
    found = irt.fit(answers, "2pl", prior=True)
    assert time.perf_counter() - begun < 20  # some two seconds on one core
    assert np.corrcoef(found.b, b)[0, 1] > 0.93
    assert np.corrcoef(found.a, a)[0, 1] > 0.75
    assert abs(np.mean(found.b - b)) < 0.15
    assert abs(np.mean(found.a - a)) < 0.05
    z = (found.b - b) / found.se_b
    assert 0.8 < np.mean(z**2) < 1.5  # the errors are as large as they say
    assert 0.85 < np.mean(((found.a - a) / found.se_a) ** 2) < 1.2
    eap, sd = irt.abilities(answers, found.a, found.b)
    assert np.corrcoef(eap, theta)[0, 1] > 0.95
    assert np.mean((eap - theta) ** 2) == pytest.approx(
        np.mean(sd**2), rel=0.3
    )  # the items' own errors come on top
    assert 0.97 < found.infit.mean() < 1.03
    assert 0.95 < found.outfit.mean() < 1.05


def test_rasch_is_recovered_and_the_leaner_model_wins() -> None:
    rng = np.random.default_rng(4)
    b = rng.normal(0, 1, 60)
    answers = simulate(rng.standard_normal(1500), np.full(60, 0.9), b, rng, drawn=forms(1500, 60, 30, rng))
    rasch, two = irt.fit(answers, "rasch"), irt.fit(answers, "2pl")
    assert rasch.a[0] == pytest.approx(0.9, abs=0.05)
    assert 0.6 < np.mean(((rasch.b - b) / rasch.se_b) ** 2) < 1.5
    assert rasch.bic < two.bic
    assert two.log_likelihood >= rasch.log_likelihood


def test_an_item_that_ability_does_not_help_with_misfits() -> None:
    rng = np.random.default_rng(5)
    a = np.full(40, 1.5)
    a[7] = 0.0
    answers = simulate(rng.standard_normal(1500), a, rng.normal(0, 0.7, 40), rng)
    rasch = irt.fit(answers, "rasch")
    others = np.delete(rasch.infit, 7)
    assert rasch.infit[7] > 1.3
    assert rasch.outfit[7] > 1.3
    assert others.min() > 0.8
    assert others.max() < 1.15


def test_items_that_all_or_none_get_right_have_no_difficulty_without_a_prior() -> None:
    scores = np.column_stack([LSAT, np.ones(1000), np.full(1000, np.nan)])
    plain = irt.fit(Answers.of_matrix(scores), "rasch")
    assert np.isnan(plain.b[5:]).all()
    assert plain.b[:5] == pytest.approx(RASCH_B, abs=1e-3)
    held = irt.fit(Answers.of_matrix(scores), "rasch", prior=True)
    assert np.isfinite(held.b[5])
    assert held.b[5] < -4
    assert np.isnan(held.b[6])
    with pytest.raises(ValueError, match="no item"):
        irt.fit(Answers.of_matrix(np.ones((5, 2))), "rasch")


def test_own_blocks_are_close_to_the_whole_information(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(6)
    answers = simulate(
        rng.standard_normal(600), np.ones(50), rng.normal(0, 1, 50), rng, drawn=forms(600, 50, 40, rng)
    )
    whole = irt.fit(answers, "2pl", prior=True)
    monkeypatch.setattr(irt, "EXACT_SE_ITEMS", 0)
    blocks = irt.fit(answers, "2pl", prior=True)
    assert blocks.se_a == pytest.approx(whole.se_a, rel=0.3)
    assert np.median(blocks.se_b / whole.se_b) == pytest.approx(1, abs=0.15)


def test_information_is_largest_where_the_item_is() -> None:
    a, b = np.array([1.2, 0.8]), np.array([0.5, -1.0])
    theta = np.linspace(-3, 3, 601)
    by_item = irt.information(theta[:, None], a, b)
    assert theta[by_item.argmax(axis=0)] == pytest.approx(b, abs=0.011)
    assert by_item.max(axis=0) == pytest.approx(a**2 / 4, rel=1e-4)
    assert irt.test_information(theta, a, b) == pytest.approx(by_item.sum(axis=1))


def test_a_person_without_answers_has_no_ability() -> None:
    eap, sd = irt.abilities(Answers.of_matrix([[1, 0], [np.nan, np.nan]]), np.ones(2), np.zeros(2))
    assert eap[0] == pytest.approx(0, abs=1e-9)
    assert 0 < sd[0] < 1
    assert np.isnan(eap[1])
    assert np.isnan(sd[1])
