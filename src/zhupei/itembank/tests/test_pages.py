"""Finding, reading, comparing and writing items through their pages."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import make_actor, make_rulebook, make_user, sign_in

from zhupei.audit.api import events_on
from zhupei.itembank import actions, alike, compare
from zhupei.itembank.actions import Measured
from zhupei.itembank.actions.releases import MEASURED_FROM
from zhupei.itembank.models import BankRelease, Item, ItemVersion, Standard
from zhupei.itembank.queries import newest_version, text_of_version
from zhupei.itembank.rules import ItemText, Question, faults_of, lettered
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.roles import Role
from zhupei.rulebook.api import Post

pytestmark = pytest.mark.django_db
TABLE = "| 甲 | 乙 |\n|---|---|\n| 1 | 2 |"


def text(stem: str = "混凝土养护时间不少于（  ）天。", **changes: Any) -> ItemText:
    values: dict[str, Any] = {
        "kind": "single",
        "level": "掌握",
        "options": lettered(["三", "七", "十四"]),
        "answer": ("b",),
        "explanation": "见养护一节",
        "basis": "GB 50204-2015 7.4.1",
    }
    return ItemText(stem=stem, **{**values, **changes})


@pytest.fixture
def post() -> Post:
    make_rulebook()
    return Post.objects.get(code="101")


@pytest.fixture
def write(post: Post) -> Any:
    author = make_actor(Role.ITEM_AUTHOR)

    def make(*args: Any, subject: str = "general", **changes: Any) -> Item:
        return actions.write_item(text(*args, **changes), subject=subject, posts=[post], by=author)

    return make


def client_of(role: Role) -> Client:
    return sign_in(Client(), make_user(role))


def page(client: Client, name: str, *args: Any, query: str = "", **headers: Any) -> str:
    response = client.get(reverse(f"itembank:{name}", args=args) + query, **headers)
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def publish(item: Item) -> None:
    actions.review_item(item, by=make_actor(Role.ITEM_REVIEWER))
    actions.publish_item(item, by=make_actor(Role.BANK_KEEPER))


# ── the list ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R033", "I08")
def test_only_people_of_the_bank_find_items(write: Any) -> None:
    item = write()
    for role in (Role.REGISTRAR, Role.TEACHING_HEAD, Role.EXAM_OFFICER, Role.LEARNER):
        response = client_of(role).get(reverse("itembank:items"), {"q": "养护"})
        assert response.status_code == 403
        assert item.uid not in response.content.decode()
    assert item.uid in page(client_of(Role.ITEM_REVIEWER), "items", query="?q=养护")


def test_search_finds_words_of_options_and_clause_and_the_beginning_of_a_number(write: Any) -> None:
    wanted = write(
        "脚手架的连墙件应如何设置", options=lettered(["两步三跨", "三步三跨", "不设"]), basis="JGJ 130-2011"
    )
    other = write("施工现场的临时用电", basis="JGJ 46-2005")
    client = client_of(Role.ITEM_AUTHOR)
    for query in ("连墙件", "三步三跨", "JGJ130", "jgj 130-2011", wanted.uid.lower()):
        found = page(client, "items", query=f"?q={query}")
        assert wanted.uid in found, query
        assert other.uid not in found, query
    both = page(client, "items", query=f"?q={wanted.uid[:-3]}")
    assert wanted.uid in both
    assert other.uid in both
    assert wanted.uid not in page(client, "items", query="?q=见养护一节")  # explanations are no part of it


def test_filters(write: Any, post: Post) -> None:
    single = write("甲题")
    other_post = Post.objects.exclude(pk=post.pk).filter(code__startswith="10").first()
    professional = write("乙题", subject="professional", level="了解")
    pictured = write("丙题", options=lettered(["甲", "乙"]), answer=("a",))
    version = newest_version(pictured)
    version.content["options"][0]["text"] = f"![图](media:{'a' * 64})"
    version.save()
    client = client_of(Role.ITEM_AUTHOR)

    def listed(query: str) -> set[str]:
        found = page(client, "items", query=query)
        return {item.uid for item in (single, professional, pictured) if f">{item.uid}<" in found}

    everything = {single.uid, professional.uid, pictured.uid}
    assert listed("") == everything
    assert listed("?post=101") == everything
    assert listed(f"?post={other_post.code}") == set()
    assert listed("?subject=professional") == {professional.uid}
    assert listed("?level=了解") == {professional.uid}
    assert listed("?kind=case") == set()
    assert listed("?state=published") == set()
    assert listed("?only=picture") == {pictured.uid}
    assert listed("?only=outdated") == set()
    assert listed("?kind=nonsense") == everything  # a filter that is none narrows nothing, and says so


def test_items_whose_ground_goes_are_found(write: Any) -> None:
    with clock.frozen(datetime(2026, 10, 1, 9, tzinfo=clock.SHANGHAI)):
        Standard.objects.create(code="GB 50204-2015", title="验收规范", in_force_to=date(2026, 9, 30))
        Standard.objects.create(code="GB 50300-2013", title="统一标准", in_force_to=date(2026, 10, 1))
        gone, near, far = (
            write("一"),
            write("二", basis="", valid_to=date(2026, 12, 30)),
            write("三", basis="GB 50300-2013", valid_to=date(2026, 12, 31)),
        )
        client = client_of(Role.ITEM_AUTHOR)
        outdated = page(client, "items", query="?only=outdated")
        assert gone.uid in outdated
        assert near.uid not in outdated
        assert far.uid not in outdated  # its last day is today
        expiring = page(client, "items", query="?only=expiring")
        assert near.uid in expiring
        assert far.uid not in expiring
        shown = page(client, "item", gone.pk)
        assert "2026年10月1日" in shown  # the first day without force
        home = sign_in(Client(), make_user(Role.BANK_KEEPER)).get("/").content.decode()
        assert "only=outdated" in home
        assert "only=expiring" in home


@pytest.mark.req("R033")
def test_the_list_takes_as_many_queries_for_a_full_page_as_for_one(
    write: Any, django_assert_max_num_queries: Any
) -> None:
    write()
    client = client_of(Role.ITEM_AUTHOR)
    address = reverse("itembank:items")
    client.get(address)
    for n in range(35):
        write(f"第{n}题")
    with django_assert_max_num_queries(10):
        first = client.get(address, {"q": "题"})
    assert first.content.decode().count('class="ib-uid"') == 30
    assert "after=" in first.content.decode()


def test_stems_are_listed_as_words(write: Any) -> None:
    write(r"强度 \(f_{cu,k}\) 取值，见表：" + "\n" + TABLE)
    found = page(client_of(Role.ITEM_AUTHOR), "items")
    assert "f_{cu,k}" in found
    assert "|---|" not in found


# ── an item ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R035", "I08")
def test_an_item_is_shown_with_formula_and_table_but_without_its_key(write: Any) -> None:
    item = write("求 \\(\\frac{F}{A}\\)：\n" + TABLE + "\n<script>alert(1)</script>")
    client = client_of(Role.ITEM_REVIEWER)
    shown = page(client, "item", item.pk)
    assert "<mfrac>" in shown
    assert '<th scope="col">甲</th>' in shown
    assert "<script>alert" not in shown
    assert "ib-right" not in shown
    assert "见养护一节" not in shown
    assert not [e for e in events_on(item) if e.code == "itembank.key_read"]
    told = client.post(reverse("itembank:show_key", args=[item.pk]), {"version": "1"}).content.decode()
    assert told.count("ib-right") == 1
    assert "见养护一节" in told
    assert [e.after for e in events_on(item) if e.code == "itembank.key_read"] == [{"version": 1}]


def case() -> ItemText:
    return text(
        "某工程背景资料",
        kind="case",
        options=(),
        answer=(),
        children=(
            Question("single", "问一", lettered(["甲", "乙"]), ("a",), explanation="因为甲"),
            Question("true_false", "问二", (("t", "正确"), ("f", "错误")), ("f",)),
        ),
        explanation="总说",
    )


@pytest.mark.req("R035")
def test_explanations_of_sub_questions_are_shown_with_the_key_only(post: Post) -> None:
    item = actions.write_item(case(), subject="general", posts=[post], by=make_actor(Role.ITEM_AUTHOR))
    client = client_of(Role.BANK_KEEPER)
    assert "因为甲" not in page(client, "item", item.pk)
    told = client.post(reverse("itembank:show_key", args=[item.pk])).content.decode()
    assert "因为甲" in told
    assert "总说" in told
    assert told.count('class="ib-right"') == 2


@pytest.mark.req("R037")
def test_measured_values_stand_beside_the_authors_judgement(write: Any) -> None:
    item = write(difficulty=Decimal("0.700"))
    client = client_of(Role.BANK_KEEPER)
    assert "0.613" not in page(client, "item", item.pk)
    measured = Measured(
        item.uid, 1, Decimal("0.613"), MEASURED_FROM + 1, "2PL", Decimal("1.25"), Decimal("-0.4")
    )
    actions.record_calibration([measured], by=SYSTEM)
    shown = page(client, "item", item.pk)
    for words in ("0.700", "0.613", str(MEASURED_FROM + 1), "-0.400", "1.250"):
        assert words in shown, words


@pytest.mark.req("I07")
def test_the_correction_of_a_key_is_one_step_from_a_published_version(write: Any) -> None:
    item = write()
    address = reverse("exams:correct_key", args=[item.uid, 1])
    keeper = client_of(Role.BANK_KEEPER)
    assert address not in page(keeper, "item", item.pk)  # a draft is simply written anew
    publish(item)
    assert address in page(keeper, "item", item.pk)
    assert address not in page(client_of(Role.ITEM_AUTHOR), "item", item.pk)


# ── two versions ────────────────────────────────────────────────────────────────────────────────────────────


def test_pieces_say_what_went_and_came() -> None:
    assert compare.pieces_of("不少于7天", "不少于14天") == [
        ("=", "不少于"),
        ("-", "7"),
        ("+", "14"),
        ("=", "天"),
    ]
    assert compare.pieces_of("", "新") == [("+", "新")]
    old, new = "甲" * 4000, "乙" + "甲" * 3998 + "丙"
    began = clock.now()
    pieces = compare.pieces_of(old, new)
    assert clock.now() - began < timedelta(seconds=2)
    assert "".join(t for sign, t in pieces if sign in "=-") == old
    assert "".join(t for sign, t in pieces if sign in "=+") == new


def test_a_picture_is_compared_by_the_beginning_of_its_digest(write: Any) -> None:
    version = newest_version(write("图一"))
    other = newest_version(write("图二"))
    version.content["stem"], other.content["stem"] = (f"![图](media:{sign * 64})" for sign in "ab")
    pieces = compare.changes(version, other)[0].pieces
    assert "".join(t for sign, t in pieces if sign != "+") == "![图](media:aaaaaaaa…)"


@pytest.mark.req("I08")
def test_what_changed_is_shown_field_by_field_and_keys_on_request_only(write: Any, post: Post) -> None:
    item = write()
    changed = text("混凝土养护时间不少于（  ）日。", answer=("c",), explanation="改了", level="熟悉")
    actions.edit_item(item, changed, subject="general", posts=[post], by=make_actor(Role.ITEM_AUTHOR))
    address = reverse("itembank:differences", args=[item.pk])
    assert client_of(Role.EXAM_OFFICER).post(address).status_code == 403
    client = client_of(Role.ITEM_AUTHOR)
    shown = client.get(address, {"from": "1", "to": "2"}).content.decode()
    assert "<del>天</del><ins>日</ins>" in shown
    assert "改了" not in shown
    assert "<del>B</del>" not in shown
    assert not [e for e in events_on(item) if e.code == "itembank.key_read"]
    told = client.post(address, {"from": "1", "to": "2"}).content.decode()
    assert "<del>B</del><ins>C</ins>" in told
    assert "改了" in told
    read = [e.after["version"] for e in events_on(item) if e.code == "itembank.key_read"]
    assert sorted(read) == [1, 2]
    assert (
        "<del>" not in client.get(address, {"from": "²", "to": "9" * 40}).content.decode().split("z-note")[0]
    )


def test_the_differences_of_a_case_name_the_sub_question(post: Post) -> None:
    author = make_actor(Role.ITEM_AUTHOR)
    item = actions.write_item(case(), subject="general", posts=[post], by=author)
    new = case()
    children = (Question("single", "问一", lettered(["甲", "丙"]), ("a",)), new.children[1])
    actions.edit_item(
        item, text(**{**new.__dict__, "children": children}), subject="general", posts=[post], by=author
    )
    old_version, new_version = item.versions.order_by("number")
    open_changes = compare.changes(old_version, new_version)
    assert len(open_changes) == 1
    assert open_changes[0].pieces == [("-", "乙"), ("+", "丙")]
    assert len(compare.changes(old_version, new_version, with_key=True)) == 2  # the explanation went too


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────


def typed(post: Post, **changes: Any) -> dict[str, Any]:
    return {
        "posts": [post.pk],
        "place": "general/",
        "level": "掌握",
        "stem": "安全帽的作用是（  ）。",
        "options": "保护头部\n保暖\n装饰",
        "answer": "A",
        "explanation": "解析文字",
        **changes,
    }


@pytest.mark.parametrize(
    ("field", "value", "codes"),
    [
        ("stem", r"求 \(x", {"formula_open"}),
        ("stem", r"求 \(\input{x}\)", {"formula_invalid"}),
        ("stem", "| 甲 | 乙 |\n|---|---|\n| 1 |", {"table_ragged"}),
        ("stem", "![图](https://example.com/a.png)", {"image_remote"}),
        ("stem", "![图](图1.png)", {"image_form"}),
        ("explanation", r"求 \[x", {"formula_open"}),
        ("options", lettered([TABLE, "乙", "丙"]), {"table_in_option"}),
    ],
)
def test_faults_of_the_markup_are_told_at_their_field(field: str, value: Any, codes: set[str]) -> None:
    found = faults_of(text(**{"stem": "题干", field: value}))
    assert {code for code, name, _message in found if name == field} == codes
    assert all("%" not in message for _code, _name, message in found)
    assert faults_of(text("题干 \\(x^2\\)\n" + TABLE)) == []


def test_faults_of_a_sub_question_name_its_number() -> None:
    bad = case()
    children = (bad.children[0], Question("true_false", r"\(x", bad.children[1].options, ("t",)))
    found = faults_of(text(**{**bad.__dict__, "children": children}))
    assert [(code, name) for code, name, _message in found] == [("formula_open", "children")]
    assert "2" in found[0][2]


@pytest.mark.req("R036")
def test_the_form_keeps_what_was_typed_and_tells_the_fault(post: Post) -> None:
    client = client_of(Role.ITEM_AUTHOR)
    address = reverse("itembank:new", args=["single"])
    assert client_of(Role.ITEM_REVIEWER).post(address, typed(post)).status_code == 403
    response = client.post(address, typed(post, stem=r"求 \(x"))
    assert response.status_code == 422
    assert 'id="id_stem_error"' in response.content.decode()
    unknown = client.post(address, typed(post, stem=f"![图](media:{'0' * 64})"))
    assert unknown.status_code == 422
    assert 'id="id_stem_error"' in unknown.content.decode()
    assert not Item.objects.exists()
    assert client.post(address, typed(post, valid_to="2027-06-30")).status_code == 302
    assert ItemVersion.objects.get().valid_to == date(2027, 6, 30)


def test_a_preview_saves_nothing_and_shows_what_there_is(post: Post) -> None:
    client = client_of(Role.ITEM_AUTHOR)
    address = reverse("itembank:new", args=["single"])
    data = typed(post, stem="求 \\(\\frac{1}{2}\\)：\n" + TABLE, posts=[], preview="1")
    shown = client.post(address, data)
    assert shown.status_code == 200
    assert "<mfrac>" in shown.content.decode()
    part = client.post(address, data, headers={"HX-Request": "true"}).content.decode()
    assert "<mfrac>" in part
    assert "<html" not in part
    assert "id_posts" in part  # what is missing is named
    assert not Item.objects.exists()
    for kind in ("multiple", "true_false", "case"):
        empty = client.post(reverse("itembank:new", args=[kind]), {"preview": "1"})
        assert empty.status_code == 200, kind


@pytest.mark.req("I08")
def test_the_kept_key_shows_neither_in_the_form_nor_in_its_preview_unless_asked_for(
    write: Any, post: Post
) -> None:
    item = write()
    client = client_of(Role.ITEM_AUTHOR)
    address = reverse("itembank:edit", args=[item.pk])
    data = typed(
        post, stem="混凝土养护时间不少于（  ）天。", options="三\n七\n十四", answer="", explanation=""
    )
    for response in (client.get(address), client.post(address, {**data, "preview": "1"})):
        assert response.status_code == 200
        assert "见养护一节" not in response.content.decode()
        assert "ib-right" not in response.content.decode()
    assert not [e for e in events_on(item) if e.code == "itembank.key_read"]
    told = client.post(address, {**data, "load_key": "1"}).content.decode()
    assert "见养护一节" in told
    assert 'value="B"' in told
    assert [e.after for e in events_on(item) if e.code == "itembank.key_read"] == [{"version": 1}]
    assert client.post(address, data).status_code == 302
    kept = text_of_version(newest_version(item))
    assert (kept.answer, kept.explanation) == (("b",), "见养护一节")


@pytest.mark.req("R035", "I08")
def test_an_edit_keeps_the_answers_and_explanations_of_sub_questions(post: Post) -> None:
    item = actions.write_item(case(), subject="general", posts=[post], by=make_actor(Role.ITEM_AUTHOR))
    client = client_of(Role.ITEM_AUTHOR)
    address = reverse("itembank:edit", args=[item.pk])
    data = {
        "posts": [post.pk],
        "place": "general/",
        "level": "掌握",
        "stem": "某工程背景资料，已修改",
        "children-TOTAL_FORMS": "2",
        "children-INITIAL_FORMS": "0",
        "children-0-kind": "single",
        "children-0-stem": "问一",
        "children-0-options": "甲\n乙",
        "children-1-kind": "true_false",
        "children-1-stem": "问二",
        "children-1-answer": "正确",
    }
    told = client.post(address, {**data, "load_key": "1"}).content.decode()
    assert "因为甲" in told
    assert client.post(address, data).status_code == 302
    kept = text_of_version(newest_version(item))
    assert [child.answer for child in kept.children] == [("a",), ("t",)]
    assert (kept.explanation, kept.children[0].explanation) == ("总说", "因为甲")


# ── items that ask nearly the same ──────────────────────────────────────────────────────────────────────────


def test_a_new_item_that_resembles_another_is_saved_only_when_its_author_insists(
    write: Any, post: Post
) -> None:
    there = write("混凝土浇筑完毕后，养护时间不得少于（  ）天。", options=lettered(["三", "七", "十四"]))
    client = client_of(Role.ITEM_AUTHOR)
    address = reverse("itembank:new", args=["single"])
    data = typed(post, stem="混凝土浇筑完毕后，其养护时间不得少于（  ）天。", options="七\n三\n十四")
    warned = client.post(address, data)
    assert warned.status_code == 422
    assert reverse("itembank:item", args=[there.pk]) in warned.content.decode()
    assert f'value="{there.uid}"' in warned.content.decode()
    assert Item.objects.count() == 1
    assert (
        client.post(address, {**data, "not_duplicate": "101-G-9999"}).status_code == 422
    )  # others were compared
    assert client.post(address, {**data, "not_duplicate": there.uid}).status_code == 302
    assert Item.objects.count() == 2


def test_what_resembles_an_item_is_looked_for_on_request(write: Any) -> None:
    one = write("混凝土浇筑完毕后，养护时间不得少于（  ）天。")
    other = write("混凝土浇筑完毕后，其养护时间不得少于（  ）天。")
    write("脚手架拆除的顺序是（  ）。", options=lettered(["由上而下", "由下而上", "同时"]))
    retired = write("混凝土浇筑完毕后，养护的时间不得少于（  ）天。")
    actions.retire_item(retired, reason="重复", by=make_actor(Role.BANK_KEEPER))
    assert client_of(Role.REGISTRAR).get(reverse("itembank:similar", args=[one.pk])).status_code == 403
    client = client_of(Role.ITEM_REVIEWER)
    part = page(client, "similar", one.pk, headers={"HX-Request": "true"})
    assert [row.uid for row in alike.alike_to_version(newest_version(one))] == [other.uid]
    assert other.uid in part
    assert "<html" not in part
    assert other.uid in page(client, "similar", one.pk)


# ── releases ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R033")
def test_the_release_page_says_what_comes_in_and_what_is_left_out(write: Any, post: Post) -> None:
    address = reverse("itembank:releases")
    assert client_of(Role.ITEM_AUTHOR).get(address).status_code == 403
    keeper = client_of(Role.BANK_KEEPER)
    assert keeper.get(address).status_code == 200  # an empty bank
    with clock.frozen(datetime(2026, 10, 1, 9, tzinfo=clock.SHANGHAI)):
        stays, changes, goes, expires = (write(words) for words in ("甲题", "乙题", "丙题", "丁题"))
        for item in (stays, changes, goes, expires):
            publish(item)
        actions.make_release(note="", by=SYSTEM)
    with clock.frozen(datetime(2026, 10, 2, 9, tzinfo=clock.SHANGHAI)):
        Standard.objects.create(code="GB 50204-2015", title="验收规范", in_force_to=date(2026, 9, 30))
        actions.save_standard(
            None,
            code="JGJ 1",
            title="x",
            in_force_from=None,
            in_force_to=None,
            by=make_actor(Role.BANK_KEEPER),
        )  # links anew
        same = {"subject": "general", "posts": [post], "by": make_actor(Role.ITEM_AUTHOR)}
        actions.edit_item(changes, text("乙题改", basis=""), **same)
        publish(changes)
        actions.edit_item(expires, text("丁题", basis="", valid_to=date(2026, 10, 1)), **same)
        publish(expires)
        actions.retire_item(goes, reason="过时", by=make_actor(Role.BANK_KEEPER))
        new = write("戊题", basis="")
        publish(new)
        write("己题", basis="")
        from zhupei.itembank.queries import latest_release
        from zhupei.itembank.upcoming import upcoming

        seen = upcoming(latest_release())
        assert [uid for _pk, uid in seen.step.new.first] == [new.uid]
        assert [uid for _pk, uid in seen.step.changed.first] == [changes.uid]
        assert [uid for _pk, uid in seen.step.gone.first] == sorted([goes.uid, expires.uid])
        assert [uid for _pk, uid in seen.expired.first] == [expires.uid]
        assert [uid for _pk, uid in seen.out_of_force.first] == [stays.uid]
        assert (seen.total, seen.retired, seen.unpublished) == (3, 1, {"draft": 1})
        shown = keeper.get(address).content.decode()
        for item in (new, changes, goes, expires):
            assert item.uid in shown
        assert "only=outdated" in shown
        made = actions.make_release(note="", by=SYSTEM)
        assert made.number == 2
        again = upcoming(made)
        assert again.step.same
        detail = page(keeper, "release", made.pk)
        assert new.uid in detail
    assert BankRelease.objects.count() == 2
