"""The life of an item through its pages: written, reviewed by a second person, published, released, retired."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import as_actor, make_actor, make_bank, make_organisation, make_rulebook, make_user, sign_in

from zhupei.audit.api import events_on
from zhupei.itembank import actions, events
from zhupei.itembank.api import latest_release, load_demo_bank, make_release, versions_in
from zhupei.itembank.models import BankRelease, Item, ItemVersion
from zhupei.itembank.queries import chapters_of, counts, publishable
from zhupei.itembank.rules import ItemText, lettered
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import BANK, Role
from zhupei.organisations.models import Membership
from zhupei.rulebook.api import Post

pytestmark = pytest.mark.django_db
TEXT = ItemText("single", "题干一", "掌握", lettered(["甲", "乙", "丙"]), ("b",), explanation="因为乙")


@pytest.fixture
def post() -> Post:
    make_rulebook()
    return Post.objects.get(code="101")


@pytest.fixture
def author() -> Any:
    return make_user(Role.ITEM_AUTHOR)


def client_of(role: Role) -> Client:
    return sign_in(Client(), make_user(role))


def form(post: Post, **changes: Any) -> dict[str, Any]:
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


@pytest.mark.req("R033", "R036", "I08")
def test_from_draft_to_release(post: Post, author: Any) -> None:
    writer, reviewer, keeper = (
        sign_in(Client(), author),
        client_of(Role.ITEM_REVIEWER),
        client_of(Role.BANK_KEEPER),
    )
    response = writer.post(reverse("itembank:new", args=["single"]), form(post))
    item = Item.objects.get()
    assert response.headers["Location"] == reverse("itembank:item", args=[item.pk])
    assert (item.uid, item.state, item.subject) == ("101-G-0001", "draft", "general")
    version = item.versions.get()
    assert version.key == {"answer": ["a"]}
    assert version.content["options"][1] == {"id": "b", "text": "保暖"}

    publish = reverse("itembank:publish", args=[item.pk])
    assert keeper.post(publish).status_code == 409  # not reviewed
    assert reviewer.post(reverse("itembank:review", args=[item.pk]), {"version": "1"}).status_code == 302
    assert reviewer.post(reverse("itembank:review", args=[item.pk]), {"version": "1"}).status_code == 409
    assert keeper.get(reverse("itembank:queue")).content.decode().count(item.uid) == 1
    assert keeper.post(publish).status_code == 302
    assert keeper.post(reverse("itembank:make_release"), {"note": "试用"}).status_code == 302
    release = latest_release()
    assert [
        row.version.item.uid for row in versions_in(release, post=post, subject="general", on=clock.today())
    ] == [item.uid]
    assert versions_in(release, post=post, subject="professional", on=clock.today()) == []
    assert release.digest[:16] in keeper.get(reverse("itembank:releases")).content.decode()
    assert keeper.get(reverse("itembank:release", args=[release.pk])).status_code == 200

    # a second one without any change is the same
    assert keeper.post(reverse("itembank:make_release"), {}).status_code == 302
    assert BankRelease.objects.count() == 1
    assert [e.code for e in events_on(item)] == [
        events.ITEM_WRITTEN,
        events.ITEM_REVIEWED,
        events.ITEM_PUBLISHED,
    ]


@pytest.mark.req("R036")
def test_nobody_reviews_an_own_item(post: Post) -> None:
    organisation = make_organisation()
    user = make_user(Role.ITEM_AUTHOR, organisation)
    Membership.objects.create(
        user=user,
        organisation=organisation,
        role=Role.ITEM_REVIEWER,
        valid_from=date(2019, 1, 1),
    )
    both = as_actor(user)
    item = actions.write_item(TEXT, subject="general", posts=[post], by=both)
    with pytest.raises(Refusal) as caught:
        actions.review_item(item, by=both)
    assert (caught.value.code, caught.value.status) == ("reviewer_is_author", 409)
    assert actions.review_item(item, by=make_actor(Role.ITEM_REVIEWER)).state == "reviewed"


def test_what_was_not_read_is_not_approved(post: Post, author: Any) -> None:
    """The author writes a new version while the reviewer still has the old one on the page."""
    item = actions.write_item(TEXT, subject="general", posts=[post], by=as_actor(author))
    reviewer = client_of(Role.ITEM_REVIEWER)
    page = reviewer.get(reverse("itembank:item", args=[item.pk])).content.decode()
    assert '<input type="hidden" name="version" value="1"><button class="btn btn-primary">' in page
    actions.edit_item(item, TEXT, subject="general", posts=[post], by=as_actor(author))
    url = reverse("itembank:review", args=[item.pk])
    for data in ({"version": "1"}, {"version": "x"}, {}):
        assert reviewer.post(url, data).status_code == 409
    assert reviewer.post(url, {"version": "2"}).status_code == 302
    item.refresh_from_db()
    assert item.state == "reviewed"


@pytest.mark.req("I08")
def test_the_key_is_shown_only_on_request_and_recorded(post: Post, author: Any) -> None:
    client = sign_in(Client(), author)
    item = actions.write_item(TEXT, subject="general", posts=[post], by=as_actor(author))
    for name in ("itembank:item", "itembank:edit"):
        page = client.get(reverse(name, args=[item.pk])).content.decode()
        assert "因为乙" not in page
        assert "icons.svg#check-lg" not in page.split("<main")[1]
    assert events.KEY_READ not in [e.code for e in events_on(item)]
    url = reverse("itembank:show_key", args=[item.pk])
    assert client.get(url).status_code == 405
    page = client.post(url, {"version": "1"}).content.decode()
    assert "因为乙" in page
    event = events_on(item).last()
    assert (event.code, event.actor_id, event.after) == (events.KEY_READ, author.pk, {"version": 1})
    assert client.post(url, {"version": "99999"}).status_code == 200  # falls back to the newest, recorded too
    assert client_of(Role.EXAM_OFFICER).post(url).status_code == 403


@pytest.mark.req("R033")
@pytest.mark.parametrize("role", sorted(set(Role) - BANK))
def test_no_one_else_sees_or_writes_items(post: Post, role: Role) -> None:
    item = actions.write_item(TEXT, subject="general", posts=[post], by=make_actor(Role.ITEM_AUTHOR))
    client = client_of(role)
    for name in ("itembank:item", "itembank:edit", "itembank:return_item", "itembank:retire"):
        assert client.get(reverse(name, args=[item.pk])).status_code == 403
    assert client.post(reverse("itembank:new", args=["single"]), form(post)).status_code == 403
    by = make_actor(role)
    for act in (
        lambda: actions.write_item(TEXT, subject="general", posts=[post], by=by),
        lambda: actions.edit_item(item, TEXT, subject="general", posts=[post], by=by),
        lambda: actions.review_item(item, by=by),
        lambda: actions.return_item(item, reason="x", by=by),
        lambda: actions.publish_item(item, by=by),
        lambda: actions.publish_reviewed(by=by),
        lambda: actions.retire_item(item, reason="x", by=by),
        lambda: actions.read_key(item.versions.get(), by=by),
        lambda: actions.make_release(note="", by=by),
        lambda: actions.load_demo_bank(by=by),
        lambda: actions.stage_import(b"", name="x", by=by),
    ):
        with pytest.raises(Forbidden):
            act()


def test_an_edit_is_a_new_version_and_the_published_one_stays(post: Post, author: Any) -> None:
    by, keeper = as_actor(author), make_actor(Role.BANK_KEEPER)
    item = actions.write_item(TEXT, subject="general", posts=[post], by=by)
    actions.review_item(item, by=make_actor(Role.ITEM_REVIEWER))
    actions.publish_item(item, by=keeper)
    first = item.versions.get()
    client = sign_in(Client(), author)
    changed = form(post, stem="题干二", options="甲\n乙\n丙", answer="", explanation="")
    assert client.post(reverse("itembank:edit", args=[item.pk]), changed).status_code == 302
    item.refresh_from_db()
    second = item.versions.get(number=2)
    assert item.state == "draft"
    assert second.key == {"answer": ["b"]}  # left empty: kept
    assert second.explanation == "因为乙"
    assert second.digest != first.digest
    first_again = ItemVersion.objects.get(pk=first.pk)
    assert (first_again.content, first_again.digest) == (first.content, first.digest)
    assert [v.number for v in publishable()] == [1]
    actions.review_item(item, by=make_actor(Role.ITEM_REVIEWER))
    assert client_of(Role.BANK_KEEPER).post(reverse("itembank:publish_reviewed")).status_code == 302
    assert [v.number for v in publishable()] == [2]
    # other options need a new answer
    response = client.post(reverse("itembank:edit", args=[item.pk]), {**changed, "options": "甲\n丁"})
    assert response.status_code == 422
    assert item.versions.count() == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"answer": "AB"},
        {"answer": ""},
        {"answer": "D"},
        {"options": "甲"},
        {"options": "1\n2\n3\n4\n5\n6\n7"},
        {"stem": ""},
        {"place": ""},
        {"place": "general/99"},
        {"posts": []},
        {"level": "x"},
        {"difficulty": "1.5"},
    ],
    ids=str,
)
def test_a_wrong_form_is_refused_and_keeps_what_was_typed(
    post: Post, author: Any, changes: dict[str, Any]
) -> None:
    response = sign_in(Client(), author).post(reverse("itembank:new", args=["single"]), form(post, **changes))
    assert response.status_code == 422
    assert "z-errors" in response.content.decode()
    assert not Item.objects.exists()


def test_a_case_is_written_with_its_sub_questions(post: Post, author: Any) -> None:
    client = sign_in(Client(), author)
    data = {
        **{k: v for k, v in form(post).items() if k not in ("options", "answer")},
        "children-TOTAL_FORMS": "3",
        "children-INITIAL_FORMS": "0",
        "children-0-kind": "single",
        "children-0-stem": "小题一",
        "children-0-options": "甲\n乙",
        "children-0-answer": "A",
        "children-1-kind": "true_false",
        "children-1-stem": "小题二",
        "children-1-answer": "错误",
        "children-2-kind": "single",
        "children-2-stem": "",
    }
    url = reverse("itembank:new", args=["case"])
    added = client.post(url, {**data, "add_row": "children"})
    assert added.status_code == 200
    assert 'name="children-3-stem"' in added.content.decode()
    assert "z-errors" not in added.content.decode()
    assert client.post(url, {**data, "children-1-stem": ""}).status_code == 422
    assert client.post(url, data).status_code == 302
    version = ItemVersion.objects.get()
    assert [c["kind"] for c in version.content["children"]] == ["single", "true_false"]
    assert version.key == {"children": {"1": ["a"], "2": ["f"]}}
    edit = reverse("itembank:edit", args=[version.item_id])
    assert "小题二" in client.get(edit).content.decode()
    kept = {**data, "children-0-answer": "", "children-1-answer": "", "explanation": ""}
    assert client.post(edit, kept).status_code == 302
    assert ItemVersion.objects.get(number=2).key == version.key
    assert client.get(reverse("itembank:kinds")).status_code == 200
    assert client.get(reverse("itembank:new", args=["essay"])).status_code == 404


def test_return_and_retire_need_a_reason(post: Post, author: Any) -> None:
    item = actions.write_item(TEXT, subject="general", posts=[post], by=as_actor(author))
    reviewer, keeper = client_of(Role.ITEM_REVIEWER), client_of(Role.BANK_KEEPER)
    for client, name in ((reviewer, "return_item"), (keeper, "retire")):
        url = reverse(f"itembank:{name}", args=[item.pk])
        assert client.get(url).status_code == 200
        assert client.post(url, {"reason": " "}).status_code == 422
        assert client.post(url, {"reason": "题干有歧义"}).status_code == 302
    item.refresh_from_db()
    assert item.state == "retired"
    assert "题干有歧义" in keeper.get(reverse("itembank:item", args=[item.pk])).content.decode()
    assert keeper.post(reverse("itembank:retire", args=[item.pk]), {"reason": "x"}).status_code == 409
    with pytest.raises(Conflict):
        actions.edit_item(item, TEXT, subject="general", posts=[post], by=as_actor(author))
    for act in (actions.return_item, actions.retire_item):
        with pytest.raises(Refusal, match="reason_missing"):
            act(item, reason=" ", by=make_actor(Role.BANK_KEEPER))


def test_other_refusals_of_writing(post: Post) -> None:
    by = make_actor(Role.ITEM_AUTHOR)
    item = actions.write_item(TEXT, subject="general", posts=[post], uid="Q1", by=by)
    with pytest.raises(Refusal, match="item_uid"):
        actions.write_item(TEXT, subject="general", posts=[post], uid="Q1", by=by)
    with pytest.raises(Refusal, match="item_subject"):
        actions.write_item(TEXT, subject="third", posts=[post], by=by)
    with pytest.raises(Refusal, match="item_posts"):
        actions.write_item(TEXT, subject="general", posts=[], by=by)
    two = ItemText("multiple", "x", "掌握", lettered(["1", "2", "3"]), ("a", "b"))
    with pytest.raises(Conflict, match="item_kind_fixed"):
        actions.edit_item(item, two, subject="general", posts=[post], by=by)
    with pytest.raises(Refusal, match="nothing_published"):
        make_release(note="", by=SYSTEM)
    load_demo_bank(by=SYSTEM)
    with pytest.raises(Refusal, match="item_chapter"):
        actions.write_item(TEXT, subject="general", posts=[post], chapter="77", by=by)


@pytest.mark.req("R033", "R034", "R036")
def test_the_demonstration_bank(post: Post) -> None:
    assert load_demo_bank(by=SYSTEM) == 424
    assert load_demo_bank(by=SYSTEM) == 0
    assert Item.objects.filter(is_demo=True, state="published").count() == 424
    version = ItemVersion.objects.select_related("item").get(item__uid="101-G-0001")
    assert version.author != version.reviewer
    assert version.published_at is not None
    assert len(chapters_of(post, "general")) == 10
    assert sum(e.weight for e in chapters_of(post, "professional")) == 1
    by_kind: dict[tuple[str, str], int] = {}
    for row in counts(publishable()):
        by_kind[row["subject"], row["kind"]] = by_kind.get((row["subject"], row["kind"]), 0) + row["n"]
    assert by_kind == {
        ("general", "single"): 130,
        ("general", "multiple"): 57,
        ("general", "true_false"): 10,
        ("professional", "single"): 112,
        ("professional", "multiple"): 42,
        ("professional", "true_false"): 55,
        ("professional", "case"): 18,
    }
    page = client_of(Role.BANK_KEEPER).get(reverse("itembank:item", args=[version.item_id])).content.decode()
    assert "不属于统一题库" in page


def test_the_list_filters_and_costs_the_same_for_any_length(
    post: Post, django_assert_max_num_queries: Any
) -> None:
    make_bank()
    client = client_of(Role.ITEM_REVIEWER)
    url = reverse("itembank:items")
    client.get(url)
    with django_assert_max_num_queries(14):
        page = client.get(url).content.decode()
    assert "101-G-0001" in page
    assert "after=" in page
    assert "101-G-0001" in client.get(url, {"q": "施工许可证之日起"}).content.decode()
    filtered = client.get(
        url, {"subject": "professional", "kind": "case", "chapter": "4", "state": "published"}
    )
    assert "101-P-0080" in filtered.content.decode()
    assert "没有符合条件" in client.get(url, {"q": "无此题"}).content.decode()
