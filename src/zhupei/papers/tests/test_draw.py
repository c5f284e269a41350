"""Drawing papers for a batch from a released bank."""

from __future__ import annotations

import time
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from tests.makers import make_actor, make_bank, make_rulebook

from zhupei.audit.api import events_on
from zhupei.delivery.api import check_paper
from zhupei.itembank import actions as bank_actions
from zhupei.itembank.api import Item, latest_release, make_release
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.crypto import sm3
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import CENTRE, Role
from zhupei.papers import events
from zhupei.papers.actions import draws
from zhupei.papers.api import (
    Blueprint,
    Draw,
    PaperForm,
    check_fillable,
    draw_papers,
    items_met,
    keys_of,
    load_default_blueprints,
    papers_of,
    recheck_draw,
    save_blueprint,
)
from zhupei.papers.chance import Stream
from zhupei.papers.choices import DEFAULT_SECTIONS
from zhupei.rulebook.api import Post, SyllabusEntry

pytestmark = pytest.mark.django_db
SEED = bytes(range(32))


@pytest.fixture(autouse=True)
def _rulebook() -> None:
    make_rulebook()


@pytest.fixture
def bank() -> Any:
    return make_bank()


def people(count: int, prefix: str = "c") -> list[tuple[str, str]]:
    return [(f"{prefix}{n:04d}", "101") for n in range(count)]


@pytest.mark.req("R034", "R035", "R036", "R037", "R041")
def test_a_batch_of_papers(bank: Any) -> None:
    draw = draw_papers("b1", people(40), by=make_actor(Role.CENTRE_OFFICER))
    papers, keys = papers_of(draw), keys_of(draw)
    assert len(papers) == 40
    faces = set()
    for candidate, by_subject in papers.items():
        assert set(by_subject) == {"general", "professional"}
        for subject, paper in by_subject.items():
            assert (paper.candidate_id, paper.subject) == (candidate, subject)
            check_paper(paper, keys, full_mark=paper.full_mark)
            assert paper.full_mark == 100
            faces.add(paper.digest)
            for unit in paper.units:
                if unit.kind == "true_false":
                    assert [o.id for o in unit.options] == ["t", "f"]
        assert [(s.kind, s.count) for s in by_subject["general"].sections] == [
            ("single", 30),
            ("multiple", 10),
        ]
        assert len(list(by_subject["professional"].slots())) == 40
    assert len(faces) == 80
    assert set(keys) == {slot.key for p in papers.values() for paper in p.values() for slot in paper.slots()}
    assert {key.rule for key in keys.values()} == {"all_or_nothing"}
    assert keys_of(draw) == keys
    assert sum(Item.objects.values_list("exposure_count", flat=True)) == 40 * (40 + 37)
    for figures in draw.figures:
        assert figures["distinct"]
        assert figures["score"]["max"] - figures["score"]["min"] <= 0.5 < 5
        assert figures["plain"]["max"] - figures["plain"]["min"] > 5
        assert figures["papers"] == 40
        assert not figures["violations"]


@pytest.mark.req("R037", "I08")
def test_the_seed_is_committed_before_the_draw(bank: Any) -> None:
    draw = draw_papers("b1", people(2), by=SYSTEM)
    first, second = events_on(draw)
    assert [first.code, second.code] == [events.SEED_COMMITTED, events.PAPERS_DRAWN]
    assert first.after["commitment"] == draw.seed_commitment == sm3(bytes.fromhex(draw.seed))
    assert draw.seed not in str(first.after) + str(second.after)
    assert draw.committed_at <= draw.drawn_at
    assert draw.algorithm == "deal-and-exchange-1"
    keys_of(draw)
    assert events_on(draw).last().code == events.KEYS_TAKEN


@pytest.mark.req("R037")
def test_the_same_seed_gives_the_same_papers(bank: Any) -> None:
    draw = draw_papers("b1", people(3), by=SYSTEM, seed=SEED)
    digests = dict(draw.papers.values_list("candidate_key", "digest").filter(subject="general"))
    PaperForm.objects.all().delete()
    Draw.objects.all().delete()
    again = draw_papers("b1", list(reversed(people(3))), by=SYSTEM, seed=SEED)
    assert dict(again.papers.values_list("candidate_key", "digest").filter(subject="general")) == digests
    other = draw_papers("b2", people(3), by=SYSTEM)
    assert not set(other.papers.values_list("digest", flat=True)) & set(
        again.papers.values_list("digest", flat=True)
    )


@pytest.mark.req("R037")
def test_options_stand_in_every_place_equally_often(bank: Any) -> None:
    """χ² over where the right option of four-option single choice items stands."""
    draw = draw_papers("b1", people(60), by=SYSTEM, seed=SEED)
    keys = keys_of(draw)
    places: Counter[int] = Counter()
    for by_subject in papers_of(draw).values():
        for paper in by_subject.values():
            for unit in paper.units:
                if unit.kind == "single" and len(unit.options) == 4:
                    places[[o.id for o in unit.options].index(keys[unit.item_uid].right[0])] += 1
    mean = sum(places.values()) / 4
    assert sum((places[n] - mean) ** 2 for n in range(4)) / mean < 16.3  # 3 degrees, p = 0.001


def test_items_met_before_are_avoided(bank: Any) -> None:
    draw_papers("b1", people(5), by=SYSTEM, seed=SEED)
    met = items_met(key for key, _post in people(5))
    later = draw_papers("b2", people(5), by=SYSTEM, avoid=met)
    for candidate, by_subject in papers_of(later).items():
        singles = [u.item_uid for u in by_subject["general"].units if u.kind == "single"]
        # 30 of 91 were met and every chapter has twice what it needs: none comes again
        assert not set(singles) & met[candidate]


@pytest.mark.req("R033")
def test_who_may_draw(bank: Any) -> None:
    for role in sorted(set(Role) - CENTRE - {Role.BANK_KEEPER}):
        with pytest.raises(Forbidden):
            draw_papers("b1", people(1), by=make_actor(role))
    assert not Draw.objects.exists()


def test_refusals_of_a_draw(bank: Any) -> None:
    draw_papers("b1", people(1), by=SYSTEM, seed=SEED)
    with pytest.raises(Conflict, match="drawn_already"):
        draw_papers("b1", people(1), by=SYSTEM)
    for code, arguments in {
        "no_candidates": {"candidates": []},
        "candidate_repeats": {"candidates": people(1) * 2},
        "post_unknown": {"candidates": [("c1", "999")]},
        "seed_length": {"candidates": people(1), "seed": b"short"},
        "bank_too_small": {"candidates": [("c1", "102")]},
    }.items():
        with pytest.raises(Refusal, match=code):
            draw_papers("b2", by=SYSTEM, **arguments)
    assert Draw.objects.count() == 1
    Blueprint.objects.filter(subject="general").update(is_current=False)
    with pytest.raises(Refusal, match="no_blueprint"):
        draw_papers("b2", people(1), by=SYSTEM)


def test_a_draw_that_was_begun_keeps_its_seed_and_release(bank: Any) -> None:
    begun = draw_papers("b1", people(1), by=SYSTEM, seed=SEED)
    paper = papers_of(begun)
    PaperForm.objects.all().delete()
    Draw.objects.update(drawn_at=None)  # as if the machine had stopped after the commitment
    bank_actions.retire_item(Item.objects.get(uid="101-G-0001"), reason="x", by=make_actor(Role.BANK_KEEPER))
    make_release(note="", by=SYSTEM)
    with pytest.raises(Conflict, match="seed_committed"):
        draw_papers("b1", people(1), by=SYSTEM, seed=bytes(32))
    again = draw_papers("b1", people(1), by=SYSTEM)
    assert papers_of(again) == paper
    assert again.release.number == 1


@pytest.mark.req("R033", "R037")
def test_two_officers_who_draw_at_once_draw_from_one_release(
    bank: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = latest_release()
    bank_actions.retire_item(Item.objects.get(uid="101-G-0001"), reason="x", by=make_actor(Role.BANK_KEEPER))
    make_release(note="", by=SYSTEM)
    groups, began = draws._groups, []

    def meanwhile(*arguments: Any) -> Any:
        if not began:
            assert first is not None
            began.append(draws._commit_seed("b1", first, SEED, by=SYSTEM))
        return groups(*arguments)

    monkeypatch.setattr(draws, "_groups", meanwhile)
    draw = draw_papers("b1", people(2), by=SYSTEM)
    assert draw.release == first
    assert {paper.bank_version for both in papers_of(draw).values() for paper in both.values()} == {
        f"1-{draw.release.digest[:16]}"
    }
    assert recheck_draw(draw, by=SYSTEM) == []


@pytest.mark.req("R037")
@pytest.mark.parametrize("chapters", [True, False])
def test_what_changes_later_does_not_change_a_draw(bank: Any, chapters: bool) -> None:
    """Name of the post, syllabus, blueprint, items, the day: a recheck goes by what stood at the draw."""
    entries = SyllabusEntry.objects.filter(subject="general")
    if not chapters:
        kept = list(entries)
        entries.delete()
    draw = draw_papers("b1", people(3), by=SYSTEM, seed=SEED)
    if chapters:
        entries.delete()
    else:
        SyllabusEntry.objects.bulk_create(kept)
    Post.objects.filter(code="101").update(name="改了名的岗位")
    Blueprint.objects.update(is_current=False)
    bank_actions.retire_item(Item.objects.get(uid="101-G-0001"), reason="x", by=make_actor(Role.BANK_KEEPER))
    make_release(note="", by=SYSTEM)
    with clock.frozen(clock.now() + timedelta(days=40)):
        assert recheck_draw(draw, by=SYSTEM) == []
    row = draw.papers.first()
    row.digest = "0" * 64
    row.save()
    assert recheck_draw(draw, by=SYSTEM) == [f"{row.candidate_key} {row.subject}"]


@pytest.mark.req("R037")
def test_a_chapter_may_weigh_nothing(bank: Any) -> None:
    entry = SyllabusEntry.objects.filter(subject="general").first()
    SyllabusEntry.objects.create(
        syllabus=entry.syllabus, subject="general", number="99", title="附录", weight=Decimal(0)
    )
    draw = draw_papers("b1", people(2), by=SYSTEM)
    assert recheck_draw(draw, by=SYSTEM) == []


def test_papers_with_enemies_together_are_not_drawn(bank: Any) -> None:
    rows = list(Item.objects.filter(subject="general", kind="single", chapter="1").order_by("pk"))
    author = make_actor(Role.ITEM_AUTHOR)
    for n, one in enumerate(rows):
        for other in rows[n + 1 :]:
            bank_actions.add_enemies(one, other, by=author)
    make_release(note="", by=SYSTEM)
    with pytest.raises(Refusal, match="enemies_together"):  # every paper needs several of them
        draw_papers("b1", people(3), by=SYSTEM)
    assert not PaperForm.objects.exists()


def test_without_a_release_nothing_is_drawn() -> None:
    with pytest.raises(Refusal, match="no_release"):
        draw_papers("b1", people(1), by=SYSTEM)


def test_a_changed_paper_is_noticed(bank: Any) -> None:
    draw = draw_papers("b1", people(1), by=SYSTEM)
    row = draw.papers.first()
    row.content["units"][0]["stem"] = "改过"
    row.save()
    with pytest.raises(Refusal, match="paper_changed"):
        papers_of(draw)


@pytest.mark.req("R037")
def test_a_full_hall_is_drawn_in_time(bank: Any) -> None:
    started = time.process_time()
    draw = draw_papers("b1", people(220), by=SYSTEM)
    assert time.process_time() - started < 10
    assert draw.papers.count() == 440


# --- blueprints -------------------------------------------------------------------------------------------

GENERAL = DEFAULT_SECTIONS["general"]


def save(sections: list[dict[str, Any]], **changes: Any) -> Blueprint:
    values = {
        "post": None,
        "subject": "general",
        "name": "新方案",
        "by": make_actor(Role.BANK_KEEPER),
        **changes,
    }
    return save_blueprint(sections=sections, **values)


@pytest.mark.req("R041")
def test_the_default_form_is_a_hundred_marks_and_loads_once() -> None:
    first = load_default_blueprints(by=SYSTEM)
    assert [b.pk for b in load_default_blueprints(by=SYSTEM)] == [b.pk for b in first]
    assert [b.full_mark for b in first] == [100, 100]
    with pytest.raises(Forbidden):
        load_default_blueprints(by=make_actor(Role.ITEM_AUTHOR))


WRONG: dict[str, list[list[dict[str, Any]]]] = {
    "blueprint_sum": [
        [{"kind": "single", "count": 49, "marks": "2"}],
        [{"kind": "single", "count": 30, "marks": "2"}, {"kind": "multiple", "count": 10, "marks": "4.01"}],
    ],
    "no_section": [[]],
    "section_repeats": [
        [{"kind": "single", "count": 25, "marks": "2"}, {"kind": "single", "count": 25, "marks": "2"}]
    ],
    "section_kind": [[{"kind": "essay", "count": 1, "marks": "100"}], [{**GENERAL[0], "rule": "negative"}]],
    "section_values": [
        [{"kind": "single", "count": 50}],
        [{"kind": "single", "count": 0, "marks": "2"}],
        [{"kind": "single", "count": 50, "marks": "NaN"}],
        [{"kind": "single", "count": 3, "marks": "33.333"}],
        [{"kind": "single", "count": 50, "marks": "x"}],
    ],
    "section_children": [
        [{"kind": "case", "count": 2, "children": 3, "marks": "10"}],
        [{"kind": "case", "count": 2, "children": 13, "marks": "10"}],
        [{"kind": "single", "count": 50, "marks": "2", "children": 2}],
    ],
    "bank_too_small": [
        [{"kind": "single", "count": 200, "marks": "0.5"}],
        [{"kind": "case", "count": 2, "children": 5, "marks": "20"}],
    ],
}


@pytest.mark.req("R036", "R037", "R041")
@pytest.mark.parametrize("code", WRONG)
def test_a_wrong_blueprint_is_refused(bank: Any, code: str) -> None:
    for sections in WRONG[code]:
        with pytest.raises(Refusal) as caught:
            save(sections)
        assert caught.value.code == code
    assert Blueprint.objects.filter(subject="general").count() == 1


def test_other_refusals_of_a_blueprint(bank: Any) -> None:
    with pytest.raises(Refusal, match="name_missing"):
        save(GENERAL, name=" ")
    with pytest.raises(Refusal, match="subject_unknown"):
        save(GENERAL, subject="third")
    with pytest.raises(Refusal, match="bank_too_small"):
        save(GENERAL, post=Post.objects.get(code="102"))
    with pytest.raises(Forbidden):
        save(GENERAL, by=make_actor(Role.CENTRE_OFFICER))


def test_a_blueprint_needs_a_release() -> None:
    with pytest.raises(Refusal, match="no_release"):
        save(GENERAL)


@pytest.mark.req("R037")
def test_the_short_cell_is_named(bank: Any) -> None:
    post, release = Post.objects.get(code="101"), latest_release()
    check_fillable(post, "general", release)
    check_fillable(post, "professional", release)
    keeper = make_actor(Role.BANK_KEEPER)
    for item in Item.objects.filter(subject="general", kind="single", chapter="9"):
        bank_actions.retire_item(item, reason="x", by=keeper)
    with pytest.raises(Refusal) as caught:
        check_fillable(post, "general", make_release(note="", by=SYSTEM))
    text = str(caught.value.message)
    assert "土建施工员" in text
    assert "9" in text
    assert caught.value.code == "bank_too_small"


@pytest.mark.req("R036")
def test_a_post_may_have_its_own_form_and_rule(bank: Any) -> None:
    post = Post.objects.get(code="101")
    own = save([{**GENERAL[0]}, {**GENERAL[1], "rule": "half_per_right"}], post=post)
    assert (own.version, own.is_current) == (1, True)
    draw = draw_papers("b1", people(1), by=SYSTEM)
    assert draw.papers.get(subject="general").blueprint_id == own.pk
    paper = papers_of(draw)["c0000"]["general"]
    keys = keys_of(draw)
    assert {keys[u.item_uid].rule for u in paper.units if u.kind == "multiple"} == {"half_per_right"}
    assert {keys[u.item_uid].rule for u in paper.units if u.kind == "single"} == {"all_or_nothing"}


def test_papers_never_hold_a_key(bank: Any) -> None:
    draw = draw_papers("b1", people(1), by=SYSTEM)
    text = str([row.content for row in draw.papers.all()])
    assert "answer" not in text
    assert "explanation" not in text


@pytest.mark.req("I08")
def test_the_seed_lies_encrypted_and_stands_in_no_record(bank: Any) -> None:
    draw = draw_papers("b1", people(1), by=SYSTEM, seed=SEED)
    with connection.cursor() as cursor:
        cursor.execute("SELECT seed FROM papers_draw")
        assert SEED.hex() not in str(cursor.fetchall())
    assert Draw.objects.get().seed == SEED.hex()
    said = str([(event.before, event.after, event.reason) for event in events_on(draw)])
    assert draw.seed_commitment in said
    assert SEED.hex() not in said


def test_the_paper_seed_is_not_the_draw_seed(bank: Any) -> None:
    draw = draw_papers("b1", people(2), by=SYSTEM)
    seeds = {paper.seed for by_subject in papers_of(draw).values() for paper in by_subject.values()}
    assert len(seeds) == 4
    assert draw.seed not in seeds
    assert Stream.of(bytes.fromhex(draw.seed), "x").below(10, 1)[0] < 10
