"""The pages of blueprints and draws."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import translation
from tests.makers import make_actor, make_bank, make_rulebook, make_user, sign_in

from zhupei.audit.api import events_on
from zhupei.itembank import actions as bank_actions
from zhupei.itembank.api import Item, chapters_of, make_release
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role
from zhupei.papers import events
from zhupei.papers.actions import clean_sections, clean_targets
from zhupei.papers.api import Blueprint, Draw, PaperForm, draw_papers
from zhupei.papers.assembly import Targets
from zhupei.papers.choices import DEFAULT_TARGETS, HUBEI_SECTIONS
from zhupei.papers.forms import BlueprintForm, TrialForm, values_of
from zhupei.papers.showing import report as report_of
from zhupei.rulebook.api import Post

pytestmark = pytest.mark.django_db
NEW = "papers:new_blueprint"


@pytest.fixture(autouse=True)
def _rulebook() -> None:
    cache.clear()
    make_rulebook()


@pytest.fixture
def bank() -> Any:
    return make_bank()


@pytest.fixture
def keeper() -> Client:
    return sign_in(Client(), make_user(Role.BANK_KEEPER))


def general() -> Blueprint:
    return Blueprint.objects.get(subject="general", is_current=True, post=None)


def fields_of(html: str) -> dict[str, str]:
    """What a browser would send of the form with the sections: every field's first value."""
    form = re.search(r'<form class="z-form[^>]*>.*?</form>', html, re.S)
    assert form
    found = {}
    for tag in re.findall(r"<input[^>]*>", form[0]):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and ('type="radio"' not in tag or "checked" in tag):
            found[name[1]] = value[1] if value else ""
    for name, options in re.findall(r'<select name="([^"]*)".*?>(.*?)</select>', form[0], re.S):
        chosen = re.search(r'value="([^"]*)" selected', options)
        found[name] = chosen[1] if chosen else ""
    return found


def form_of(client: Client, **query: Any) -> dict[str, str]:
    """The form as it is first shown, to be sent back with changes."""
    return fields_of(client.get(reverse(NEW), query).content.decode())


def errors(response: Any) -> dict[str, str]:
    """The errors of the form, by field; ``__all__`` for those at the top alone."""
    return {name: " ".join(texts) for name, texts in response.context["form"].errors.items()}


# ── the form ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R037", "R041")
def test_a_blueprint_sent_back_as_it_is_shown_is_the_same(bank: Any, keeper: Client) -> None:
    old = general()
    assert keeper.post(reverse(NEW), form_of(keeper, **{"from": old.pk})).status_code == 302
    new = general()
    assert (new.version, new.sections, new.targets) == (2, old.sections, old.targets)
    old.refresh_from_db()
    assert not old.is_current


@pytest.mark.req("R034", "R036")
@pytest.mark.parametrize(("start", "subject"), [("general", "general"), ("professional", "professional")])
def test_the_default_forms_can_be_started_from(bank: Any, keeper: Client, start: str, subject: str) -> None:
    data = form_of(keeper, **{"from": start})
    assert keeper.post(reverse(NEW), data).status_code == 302
    new = Blueprint.objects.get(subject=subject, is_current=True)
    assert new.version == 2
    assert new.sections == Blueprint.objects.get(subject=subject, version=1).sections


@pytest.mark.req("R036")
def test_the_hubei_form_keeps_its_cases(keeper: Client) -> None:
    data = form_of(keeper, **{"from": "hubei"})
    form = BlueprintForm({**data, "subject": "professional"})
    assert form.is_valid(), form.errors
    sections = form.typed_sections()
    assert [(s["kind"], s["count"]) for s in sections] == [(s["kind"], s["count"]) for s in HUBEI_SECTIONS]
    assert [(p["kind"], p["number"], str(p["marks"])) for p in sections[-1]["pattern"]] == [
        ("single", 2, "1"),
        ("multiple", 1, "2"),
        ("true_false", 1, "1"),
    ]


def test_a_bank_without_such_cases_refuses_the_hubei_form_and_keeps_what_was_typed(
    bank: Any, keeper: Client
) -> None:
    data = form_of(keeper, **{"from": "hubei"}) | {"name": "四道案例", "subject": "professional"}
    answer = keeper.post(reverse(NEW), data)
    assert answer.status_code == 409
    assert "土建施工员" in errors(answer)["__all__"]
    shown = fields_of(answer.content.decode())
    assert {**shown, "csrfmiddlewaretoken": ""} == {**data, "csrfmiddlewaretoken": ""}
    assert not Blueprint.objects.filter(name="四道案例").exists()


@pytest.mark.req("R041")
def test_faults_stand_at_their_fields(bank: Any, keeper: Client) -> None:
    good = form_of(keeper, **{"from": "professional"})
    wrong = {
        "name": {"name": " "},
        "single_marks": {"single_marks": ""},
        "multiple_count": {"multiple_count": "x"},
        "case_children": {"case_children": ""},
        "pattern_single_number": {"case_way": "pattern"},
        "pattern_multiple_marks": {"case_way": "pattern", "pattern_multiple_number": "2"},
        "mean": {"mean": "96"},
        "tolerance": {"tolerance": "0"},
        "level0_low": {"level0_low": "80", "level0_high": "70"},
        "level1_high": {"level1_high": "101"},
        "spread_low": {"spread_low": "30", "spread_high": "20"},
        "chapter_tolerance": {"chapter_tolerance": "0"},
        "overlap": {"overlap": "-1"},
        "exposure": {"exposure": "0.5"},
        "__all__": {"single_count": "21"},
    }
    for name, changes in wrong.items():
        answer = keeper.post(reverse(NEW), good | changes)
        assert answer.status_code == 422, name
        assert set(errors(answer)) == {name}
    sums = {
        "level0_low": {"level0_low": "60", "level1_low": "50"},
        "level0_high": {"level0_high": "35", "level1_high": "30", "level2_high": "30"},
    }
    for name, changes in sums.items():
        answer = keeper.post(reverse(NEW), good | changes)
        assert set(errors(answer)) == {name}
    assert "102" in errors(keeper.post(reverse(NEW), good | {"single_count": "21"}))["__all__"]
    assert Blueprint.objects.count() == 2


def test_the_rule_of_the_action_points_at_the_field(bank: Any, keeper: Client) -> None:
    good = form_of(keeper, **{"from": "professional"})
    answer = keeper.post(reverse(NEW), good | {"case_children": "13"})
    assert set(errors(answer)) == {"case_children"}


def test_targets_are_typed_in_per_cent_and_kept_as_shares(bank: Any, keeper: Client) -> None:
    data = form_of(keeper, **{"from": "general"}) | {
        "mean": "65 %",
        "tolerance": "0.4",
        "spread_low": "5",
        "spread_high": "40",
        "overlap": "30",
        "exposure": "2",
        "chapter_tolerance": "10",
        "level2_low": "",
        "level2_high": "",
    }
    assert keeper.post(reverse(NEW), data).status_code == 302
    new = general()
    assert new.targets == {
        "mean": "0.65",
        "tolerance": "0.4",
        "chapter_tolerance": "10",
        "overlap": "0.3",
        "exposure": "2",
        "spread": ["0.05", "0.4"],
        "levels": {"掌握": ["0.3", "0.75"], "熟悉": ["0.1", "0.6"]},
    }
    shown = form_of(keeper, **{"from": new.pk})
    assert (shown["mean"], shown["spread_high"], shown["overlap"]) == ("65", "40", "30")
    assert BlueprintForm(shown).is_valid()


def test_empty_targets_stay_at_their_defaults(bank: Any, keeper: Client) -> None:
    data = form_of(keeper, **{"from": "general"})
    data |= {name: "" for name in data if name.startswith("level")}
    assert keeper.post(reverse(NEW), data).status_code == 302
    assert general().targets == {}


@pytest.mark.req("R037")
def test_a_target_that_the_trial_misses_is_named(bank: Any, keeper: Client) -> None:
    data = form_of(keeper, **{"from": "general"}) | {"mean": "95"}
    answer = keeper.post(reverse(NEW), data)
    assert answer.status_code == 409
    assert "平均难度" in errors(answer)["__all__"]
    assert fields_of(answer.content.decode())["mean"] == "95"
    assert general().version == 1


@pytest.mark.req("R037")
def test_a_short_cell_is_named_at_the_top(bank: Any, keeper: Client) -> None:
    data = form_of(keeper, **{"from": "general"})
    for item in Item.objects.filter(subject="general", kind="single", chapter="9"):
        bank_actions.retire_item(item, reason="x", by=make_actor(Role.BANK_KEEPER))
    make_release(note="", by=SYSTEM)
    answer = keeper.post(reverse(NEW), data)
    assert answer.status_code == 409
    assert "第 9 章" in errors(answer)["__all__"]


# ── chapters ────────────────────────────────────────────────────────────────────────────────────────────


def chosen(client: Client, **changes: str) -> dict[str, str]:
    """The default form for post 101, after its chapters were asked for."""
    post = Post.objects.get(code="101")
    data = form_of(client, **{"from": "general"}) | {"post": str(post.pk), **changes}
    page = client.post(reverse(NEW), data | {"show_chapters": "1"})
    assert page.status_code == 200
    return fields_of(page.content.decode())


def test_chapters_come_with_the_post(bank: Any, keeper: Client) -> None:
    post = Post.objects.get(code="101")
    data = chosen(keeper, name="土建施工员通用", mean="not a number")
    entries = chapters_of(post, "general")
    assert len(entries) > 5
    weights = [float(data[f"chapter-{e.number}"]) for e in entries]
    assert weights == [float(e.weight * 100) for e in entries]
    assert (data["name"], data["mean"]) == (
        "土建施工员通用",
        "not a number",
    )  # nothing is checked, nothing lost
    piece = keeper.post(reverse(NEW), data | {"show_chapters": "1"}, headers={"HX-Request": "true"})
    assert "<form" not in piece.content.decode()
    assert f'name="chapter-{entries[0].number}"' in piece.content.decode()


def test_weights_of_the_syllabus_are_left_to_it(bank: Any, keeper: Client) -> None:
    assert keeper.post(reverse(NEW), chosen(keeper)).status_code == 302
    own = Blueprint.objects.get(post__code="101")
    assert "chapters" not in own.targets
    data = chosen(keeper)
    data |= {name: "" for name in data if name.startswith("chapter-")}
    assert keeper.post(reverse(NEW), data).status_code == 302
    assert "chapters" not in Blueprint.objects.get(post__code="101", is_current=True).targets


def test_own_weights_are_kept_and_shown_again(bank: Any, keeper: Client) -> None:
    data = chosen(keeper)
    first, second = [name for name in data if name.startswith("chapter-")][:2]
    low, high = float(data[first]) - 1, float(data[second]) + 1
    answer = keeper.post(reverse(NEW), data | {first: "99"})
    assert set(errors(answer)) == {first}
    data |= {first: f"{low:g}", second: f"{high:g}"}
    assert keeper.post(reverse(NEW), data).status_code == 302
    own = Blueprint.objects.get(post__code="101")
    assert float(own.targets["chapters"][first.removeprefix("chapter-")]) == pytest.approx(low / 100)
    shown = form_of(keeper, **{"from": own.pk})
    assert {n: v for n, v in shown.items() if n.startswith("chapter-")} == {
        n: v for n, v in data.items() if n.startswith("chapter-")
    }
    page = keeper.get(reverse("papers:blueprint", args=[own.pk])).content.decode()
    assert f"{low:g} %" in page
    assert page.count("papers-mark") == len([n for n in data if n.startswith("chapter-")])


def test_weights_never_pass_to_another_subject(bank: Any, keeper: Client) -> None:
    data = chosen(keeper)
    answer = keeper.post(reverse(NEW), data | {"subject": "professional"})
    assert answer.status_code == 422
    shown = fields_of(answer.content.decode())
    assert shown["chapters_of"].endswith("-professional")
    entries = chapters_of(Post.objects.get(code="101"), "professional")
    assert [float(shown[f"chapter-{e.number}"]) for e in entries] == [float(e.weight * 100) for e in entries]


# ── the blueprint's page ────────────────────────────────────────────────────────────────────────────────


def test_the_list_names_what_can_be_filled(bank: Any, keeper: Client) -> None:
    page = keeper.get(reverse("papers:blueprints")).content.decode()
    assert "通用知识（默认）" in page
    assert "可以组卷" in page


def test_a_version_says_what_it_changed(bank: Any, keeper: Client) -> None:
    data = form_of(keeper, **{"from": "general"}) | {
        "single_count": "40",
        "multiple_count": "5",
        "overlap": "30",
        "multiple_rule": "proportional",
    }
    assert keeper.post(reverse(NEW), data).status_code == 302
    page = keeper.get(reverse("papers:blueprint", args=[general().pk]))
    newest, first = page.context["versions"]
    assert first["first"]
    text = " ".join(newest["changes"])
    assert len(newest["changes"]) == 4
    for words in ("40", "30", "25", "按比例"):
        assert words in text
    old = keeper.get(reverse("papers:blueprint", args=[first["row"].pk])).content.decode()
    assert "已被新版本替代" in old


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_targets_and_levels_in_words_and_bars(bank: Any, keeper: Client, language: str) -> None:
    keeper.cookies["zhupei_language"] = language
    page = keeper.get(reverse("papers:blueprint", args=[general().pk]))
    html = page.content.decode()
    with translation.override(language):
        assert str(translation.gettext("What every paper keeps to")) in html
    assert html.count("papers-span") == 3
    assert "30 – 75 %" in html
    assert html.count("1.4") == 1


# ── trying it out ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R037")
def test_a_trial_shows_how_even_and_keeps_nothing(bank: Any, keeper: Client) -> None:
    url = reverse("papers:trial", args=[general().pk])
    page = keeper.get(url)
    assert "report" not in page.context
    post = Post.objects.get(code="101")
    answer = keeper.post(url, {"post": post.pk})
    assert answer.status_code == 200
    report = answer.context["report"]
    assert report["papers"] == 220
    assert report["missed"] == []
    this, plain = report["scores"]["rows"]
    assert float(this["range"]) <= 0.5 < 5 < float(plain["range"])
    assert this["bar"].width < plain["bar"].width
    assert f"{this['min']} – {this['max']}" in answer.content.decode()
    assert not Draw.objects.exists()
    assert not PaperForm.objects.exists()
    assert keeper.post(url, {"post": "99999"}).status_code == 422
    assert keeper.post(url).context["post"] == post  # the only one with items


def test_a_trial_names_what_is_missed(bank: Any, keeper: Client) -> None:
    row = general()
    row.targets = {**DEFAULT_TARGETS, "mean": "0.94", "levels": {"掌握": ["0.95", "1"]}}
    row.save()
    html = keeper.post(
        reverse("papers:trial", args=[row.pk]), {"post": Post.objects.get(code="101").pk}
    ).content.decode()
    assert "平均难度" in html
    assert "掌握" in html
    assert "z-message-error" in html


def test_one_trial_at_a_time(bank: Any, keeper: Client) -> None:
    url, data = reverse("papers:trial", args=[general().pk]), {"post": Post.objects.get(code="101").pk}
    user_id = int(keeper.session["_auth_user_id"])
    cache.set(f"papers:assembling:{user_id}", 1)
    assert keeper.post(url, data).status_code == 429
    cache.clear()
    assert keeper.post(url, data).status_code == 200
    assert keeper.post(url, data).status_code == 200  # the first is over


def test_a_trial_says_why_it_is_impossible(bank: Any, keeper: Client) -> None:
    row = general()
    row.sections = [{"kind": "single", "count": 200, "marks": "0.5", "rule": "all_or_nothing"}]
    row.save()
    answer = keeper.post(reverse("papers:trial", args=[row.pk]), {"post": Post.objects.get(code="101").pk})
    assert answer.status_code == 409
    assert "200" in errors(answer)["__all__"]


# ── draws ───────────────────────────────────────────────────────────────────────────────────────────────


def drawn(count: int = 3, key: str = "b1") -> Draw:
    return draw_papers(key, [(f"c{n:04d}", "101") for n in range(count)], by=SYSTEM)


@pytest.mark.req("R037", "I08")
@pytest.mark.parametrize("role", [Role.BANK_KEEPER, Role.CENTRE_APPROVER])
def test_a_draw_shows_its_figures_and_never_its_seed(bank: Any, role: Role) -> None:
    draw = drawn(40)
    client = sign_in(Client(), make_user(role))
    answer = client.get(reverse("papers:draw", args=[draw.pk]))
    html = answer.content.decode()
    assert draw.seed_commitment in html
    assert draw.seed not in html
    assert draw.seed not in client.get(reverse("papers:draws")).content.decode()
    assert len(answer.context["reports"]) == 2
    assert "土建施工员" in html
    for report, figures in zip(answer.context["reports"], draw.figures, strict=True):
        this, plain = report["scores"]["rows"]
        assert float(this["min"]) == round(figures["score"]["min"], 2)
        assert float(plain["max"]) == round(figures["plain"]["max"], 2)
        assert f"{this['min']} – {this['max']}" in html
    assert ("/papers/blueprints/" in html) == (role == Role.BANK_KEEPER)
    assert "z-message-error" not in html


@pytest.mark.req("R037", "I08")
def test_drawing_again_finds_the_same_papers(bank: Any, keeper: Client) -> None:
    draw = drawn()
    url = reverse("papers:recheck", args=[draw.pk])
    assert keeper.get(url).status_code == 405
    page = keeper.post(url, follow=True).content.decode()
    assert "6 份" in page
    event = events_on(draw).last()
    assert (event.code, event.after["differing"]) == (events.DRAW_RECHECKED, 0)


@pytest.mark.req("R037", "I08")
def test_drawing_again_names_what_differs(bank: Any, keeper: Client) -> None:
    draw = drawn()
    row = draw.papers.filter(candidate_key="c0001", subject="professional").get()
    row.digest = "0" * 64
    row.save()
    answer = keeper.post(reverse("papers:recheck", args=[draw.pk]))
    assert answer.status_code == 409
    assert len(answer.context["differing"]) == 1
    html = answer.content.decode()
    assert "c0001" in html
    assert "c0000" not in html
    assert "z-message-error" in html
    assert events_on(draw).last().after["differing"] == 1
    assert draw.seed not in html


@pytest.mark.req("R033")
def test_who_may_draw_again(bank: Any) -> None:
    draw = drawn(1)
    for role in (Role.CENTRE_OFFICER, Role.ITEM_AUTHOR, Role.AUDITOR):
        client = sign_in(Client(), make_user(role))
        assert client.post(reverse("papers:recheck", args=[draw.pk])).status_code == 403
    assert not events_on(draw).filter(code=events.DRAW_RECHECKED).exists()
    client = sign_in(Client(), make_user(Role.CENTRE_APPROVER))
    assert client.post(reverse("papers:recheck", args=[draw.pk])).status_code == 302


def test_a_draw_that_broke_off_says_so(bank: Any, keeper: Client) -> None:
    draw = drawn(1)
    PaperForm.objects.all().delete()
    Draw.objects.update(drawn_at=None, figures=[], inputs={})
    html = keeper.get(reverse("papers:draw", args=[draw.pk])).content.decode()
    assert "尚未抽卷" in html
    assert reverse("papers:recheck", args=[draw.pk]) not in html
    assert "尚未抽卷" in keeper.get(reverse("papers:draws")).content.decode()
    assert keeper.post(reverse("papers:recheck", args=[draw.pk])).status_code == 409


def test_missed_targets_stand_out(bank: Any, keeper: Client) -> None:
    draw = drawn(2)
    draw.figures[0]["violations"] = {"neighbours": 2, "level 掌握": 1, "chapters": 1}
    draw.figures[0]["overlap"]["max"] = 0.26
    draw.figures[1]["distinct"] = False
    draw.save()
    (row,) = keeper.get(reverse("papers:draws")).context["rows"]
    assert len(row["flags"]) == 4
    html = keeper.get(reverse("papers:draw", args=[draw.pk])).content.decode()
    assert "neighbours" not in html
    for words in row["flags"][:3]:
        assert words in html
    assert html.count("papers-bad") == 2  # the overlap above its limit, and papers that are alike


@pytest.mark.parametrize(("papers", "high"), [(99, False), (100, True)])
def test_exposure_is_judged_when_there_are_papers_enough(bank: Any, papers: int, high: bool) -> None:
    figures = drawn(1).figures[0] | {"papers": papers, "exposure": 1.41}
    assert report_of(figures, Targets(), "x")["exposure_high"] is high
    assert report_of(figures | {"exposure": 1.4}, Targets(), "x")["exposure_high"] is False


def test_a_trial_of_a_default_is_for_one_of_its_posts() -> None:
    posts = list(Post.objects.order_by("position")[:2])
    form = TrialForm({"post": str(posts[1].pk)}, posts=posts)
    assert form.is_valid()
    assert form.chosen() == posts[1]
    assert not TrialForm({}, posts=posts).is_valid()
    alone = TrialForm({}, posts=posts[:1])
    assert alone.is_valid()
    assert alone.chosen() == posts[0]


def test_the_list_of_draws_takes_few_queries(
    bank: Any, keeper: Client, django_assert_num_queries: Any
) -> None:
    drawn(2, "b0")
    url = reverse("papers:draws")
    keeper.get(url)
    with django_assert_num_queries(QUERIES):
        keeper.get(url)
    first = Draw.objects.get()
    for n in range(1, 34):
        first.pk, first.batch_key = None, f"b{n}"
        first.save()
    with django_assert_num_queries(QUERIES):
        page = keeper.get(url)
    assert len(page.context["rows"]) == 30
    assert page.context["rows"][0]["draw"].batch_key == "b33"
    assert page.context["rows"][0]["papers"] == 4
    second = keeper.get(url + page.context["page"].next_url)
    assert [row["draw"].batch_key for row in second.context["rows"]] == ["b3", "b2", "b1", "b0"]


QUERIES = 7


def test_empty_pages_say_what_to_do(keeper: Client) -> None:
    assert "建立默认组卷方案" in keeper.get(reverse("papers:blueprints")).content.decode()
    assert keeper.post(reverse("papers:load_defaults")).status_code == 302
    assert Blueprint.objects.count() == 2
    assert "还没有抽卷" in keeper.get(reverse("papers:draws")).content.decode()
    trial = keeper.get(reverse("papers:trial", args=[general().pk])).content.decode()
    assert reverse("itembank:releases") in trial


def test_every_ready_form_fills_the_form() -> None:
    values = values_of(HUBEI_SECTIONS, DEFAULT_TARGETS)
    assert values["case_way"] == "pattern"
    assert (values["level0_low"], values["level0_high"]) == ("30", "75")


# ── what the action says of patterns and targets ────────────────────────────────────────────────────────

PART = {"kind": "single", "number": 2, "marks": "5"}


@pytest.mark.req("R036")
@pytest.mark.parametrize(
    ("pattern", "code", "field"),
    [
        ([PART, PART], "section_pattern", None),
        ([PART, {**PART, "kind": "case"}], "section_pattern", None),
        ([{**PART, "marks": "NaN"}], "section_pattern", "pattern_single_marks"),
        ([{**PART, "marks": "x"}], "section_pattern", "pattern_single_marks"),
        ([{**PART, "marks": "3.333"}], "section_pattern", "pattern_single_marks"),
        ([{**PART, "number": "many"}], "section_pattern", "pattern_single_number"),
        ([{**PART, "number": -1}], "section_pattern", "pattern_single_number"),
        ([{"kind": "single"}], "section_pattern", "pattern_single_number"),
        ([{**PART, "number": 1}], "section_children", "pattern_single_number"),
        ([{**PART, "number": 6}, {**PART, "kind": "multiple"}], "section_children", "pattern_single_number"),
    ],
)
def test_a_wrong_pattern_is_refused(pattern: list[dict[str, Any]], code: str, field: str | None) -> None:
    sections = [{"kind": "case", "count": 10, "marks": "1", "pattern": pattern}]
    with pytest.raises(Refusal) as caught:
        clean_sections(sections, Decimal(100))
    assert (caught.value.code, list(caught.value.fields)) == (code, [field] if field else [])


def test_a_right_pattern_is_kept() -> None:
    sections = [{"kind": "case", "count": 10, "marks": "1", "pattern": [PART]}]
    (row,) = clean_sections(sections, Decimal(100))
    assert (row["children"], row["pattern"]) == (20, [PART])


@pytest.mark.parametrize("weight", ["x", "-1", "2", "NaN"])
def test_impossible_weights_are_refused(weight: str) -> None:
    with pytest.raises(Refusal, match="target_value"):
        clean_targets({"chapters": {"1": weight}})
    assert clean_targets({"chapters": {"1": "0", "2": "0.5", "3": None}}) == {"chapters": {"2": "0.5"}}


@pytest.mark.parametrize("rubbish", ["9" * 30, "²", "NaN", "1e999", "𠮷" * 200])
def test_rubbish_is_no_fault_of_the_program(bank: Any, keeper: Client, rubbish: str) -> None:
    data = dict.fromkeys(chosen(keeper), rubbish)
    for changes in ({}, {"post": str(Post.objects.get(code="101").pk), "subject": "general"}):
        assert keeper.post(reverse(NEW), data | changes).status_code == 422
        assert keeper.post(reverse(NEW), data | changes | {"show_chapters": "1"}).status_code == 200
    assert keeper.get(reverse(NEW), {"from": rubbish}).status_code in (200, 404)
    assert keeper.post(reverse("papers:trial", args=[general().pk]), {"post": rubbish}).status_code == 422
