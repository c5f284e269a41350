"""From answers to flags."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zhupei.analysis.choices import Flag
from zhupei.analysis.gathering import Table, gather, tables
from zhupei.analysis.judging import Finding, distribution, flags_of, judge, key_is_doubtful, scale
from zhupei.analysis.simulate import forms, simulate

from .papers import sat_papers


def table_of(**given: object) -> Table:
    into: dict = {}
    gather(sat_papers(**given), into)
    return tables(into)[1, "general"]


def by_key(found: list[Finding]) -> dict[str, Finding]:
    return {one.question.key: one for one in found}


def test_papers_become_a_table() -> None:
    table = table_of(people=20, items=4, cases=2)
    assert [one.key for one in table.questions][3:6] == ["G004", "C001#1", "C001#2"]
    assert table.answers.unit.tolist() == [0, 1, 2, 3, 4, 4, 4, 5, 5, 5]
    assert table.answers.stratum.tolist() == [0] * 4 + [1] * 6
    assert len(table.people) == 20
    assert table.answers.full.tolist() == [2.0] * 200
    assert {one.sex for one in table.people} == {"1", "2"}


def test_a_wrong_key_is_found_and_nothing_else() -> None:
    found = judge(table_of(people=400, wrong_key="G007"))
    assert Flag.KEY in by_key(found)["G007"].flags
    assert [one.question.key for one in found if Flag.KEY in one.flags] == ["G007"]
    assert by_key(found)["G007"].alarm
    right = {option["id"]: option for option in by_key(found)["G001"].options}["a"]
    assert right["right"]
    assert right["groups"][4] > right["groups"][0]


def test_an_item_harder_for_women_is_found() -> None:
    found = judge(table_of(people=900, hard_for_women="G003"))
    assert [one.question.key for one in found if Flag.DIF in one.flags] == ["G003"]
    by_sex = [one for one in by_key(found)["G003"].dif if one["by"] == "sex"]
    assert by_sex[0]["kind"] == "C"
    assert (by_sex[0]["delta"] < 0) == (by_sex[0]["value"] == "2")


def test_a_leaked_item_drifts() -> None:
    table = table_of(people=800, leaked="G005", days=400)
    found = judge(table, over_time=True)
    assert [one.question.key for one in found if Flag.DRIFT in one.flags] == ["G005"]
    months = by_key(found)["G005"].months
    assert [name for name, _n, _share in months] == sorted(name for name, _n, _share in months)
    assert sum(n for _name, n, _share in months) == 800
    assert judge(table)[0].months == []


def test_few_answers_are_not_judged() -> None:
    """With 29 people even a wrong key raises no alarm."""
    found = judge(table_of(people=29, wrong_key="G007"))
    assert {tuple(one.flags) for one in found} == {(Flag.FEW,)}
    assert scale(table_of(people=99)) is None


def test_a_bank_of_good_items_raises_no_alarm() -> None:
    found = judge(table_of(people=600, items=60), over_time=True)
    assert not [one.question.key for one in found if one.alarm]


def test_the_scale_takes_slopes_only_with_many_answers() -> None:
    few = scale(table_of(people=150))
    assert few is not None
    assert few.model == "rasch"
    table = table_of(people=600)
    fit = scale(table)
    assert fit is not None
    assert fit.model == "rasch"  # all slopes were the same
    assert fit.a[0] == pytest.approx(1.2, abs=0.12)
    assert 0.9 < np.nanmean(fit.infit) < 1.1


def test_slopes_that_differ_are_seen() -> None:
    rng = np.random.default_rng(9)
    a = rng.lognormal(0, 0.4, 60)
    answers = simulate(
        rng.standard_normal(900), a, rng.normal(-0.5, 0.8, 60), rng, drawn=forms(900, 60, 30, rng)
    )
    fit = scale(Table(answers, [], []))
    assert fit is not None
    assert fit.model == "2pl"
    assert np.corrcoef(fit.a, a)[0, 1] > 0.8


def finding(**given: object) -> Finding:
    table = table_of(people=200, items=6)
    one = judge(table)[0]
    return replace(one, **{"n": 400, "facility": 0.6, "discrimination": 0.4, "dif": [], **given})


@pytest.mark.parametrize(
    ("given", "flag"),
    [
        ({"discrimination": -0.2}, Flag.NEGATIVE),
        ({"discrimination": 0.05}, Flag.WEAK),
        ({"facility": 0.1}, Flag.HARD),
        ({"facility": 0.97}, Flag.EASY),
        ({"infit": 1.4}, Flag.MISFIT),
        ({"exposure": 1.5}, Flag.EXPOSED),
        ({"drift": 0.7, "drift_p": 0.001}, Flag.DRIFT),
    ],
)
def test_each_limit(given: dict, flag: Flag) -> None:
    assert flag in flags_of(finding(**given))
    assert flag not in flags_of(finding(exposure=1.3, drift=0.4, drift_p=0.001, infit=1.2))


def test_keys_of_several_options() -> None:
    def option(name: str, right: bool, r: float) -> dict:
        return {"id": name, "right": right, "r": r, "groups": [0.5] * 5}

    good = [option("a", True, 0.2), option("b", True, 0.1), option("c", False, -0.1)]
    assert not key_is_doubtful("multiple", 400, good)
    assert key_is_doubtful("multiple", 400, [*good[:2], option("c", False, 0.15)])
    assert key_is_doubtful("multiple", 400, [good[0], option("b", True, -0.15), good[2]])
    assert not key_is_doubtful("multiple", 100, [*good[:2], option("c", False, 0.15)])  # may be chance


def test_bands_of_five() -> None:
    counts = distribution([0, 0.049, 0.05, 0.6, 0.95, 1.0])
    assert (counts[0], counts[1], counts[12], counts[19]) == (2, 1, 1, 2)
    assert sum(counts) == 6
