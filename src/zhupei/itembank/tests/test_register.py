"""Enemies, laws and standards, pictures, and pairs of alike items, through their pages."""

from __future__ import annotations

import io
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image
from tests.makers import make_actor, make_rulebook, make_user, sign_in

from zhupei.audit.api import events_on
from zhupei.itembank import actions, alike
from zhupei.itembank.choices import RunState, Verdict
from zhupei.itembank.models import DuplicatePair, DuplicateRun, EnemyPair, Item, Media, Standard
from zhupei.itembank.rules import ItemText, lettered
from zhupei.itembank.standards import cited_in
from zhupei.itembank.todo import tasks_for
from zhupei.kernel import clock
from zhupei.kernel.errors import Conflict
from zhupei.kernel.roles import Role
from zhupei.rulebook.api import Post

pytestmark = pytest.mark.django_db


@pytest.fixture
def write() -> Any:
    make_rulebook()
    post, author = Post.objects.get(code="101"), make_actor(Role.ITEM_AUTHOR)

    def make(stem: str, *, subject: str = "general", basis: str = "") -> Item:
        options = lettered(["三", "七", "十四"])
        text = ItemText("single", stem, "掌握", options, ("b",), basis=basis)
        return actions.write_item(text, subject=subject, posts=[post], by=author)

    return make


def client_of(role: Role) -> Client:
    return sign_in(Client(), make_user(role))


# ── enemies ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R037")
def test_enemies_are_added_by_number_and_removed_by_reviewer_or_keeper(write: Any) -> None:
    one, other, foreign = write("甲"), write("乙"), write("丙", subject="professional")
    address = reverse("itembank:enemies", args=[one.pk])
    assert client_of(Role.EXAM_OFFICER).post(address, {"other": other.uid}).status_code == 403
    author = client_of(Role.ITEM_AUTHOR)
    assert f'value="{other.uid}"' in author.get(address, {"other": other.uid}).content.decode()
    for wrong in ("", "999-Z-1", one.uid, foreign.uid):
        response = author.post(address, {"other": wrong})
        assert response.status_code == 422, wrong
        assert "id_other_error" in response.content.decode()
    response = author.post(address, {"other": f" {other.uid.lower()} ", "reason": "互相提示"})
    assert response.headers["Location"] == reverse("itembank:item", args=[one.pk])
    assert EnemyPair.objects.get().reason == "互相提示"
    for item, enemy in ((one, other), (other, one)):
        shown = author.get(reverse("itembank:item", args=[item.pk])).content.decode()
        assert enemy.uid in shown
        assert "互相提示" in shown
    remove = reverse("itembank:remove_enemy", args=[other.pk, one.pk])
    assert remove not in author.get(reverse("itembank:enemies", args=[other.pk])).content.decode()
    assert author.post(remove).status_code == 403
    reviewer = client_of(Role.ITEM_REVIEWER)
    assert remove in reviewer.get(reverse("itembank:enemies", args=[other.pk])).content.decode()
    assert reviewer.post(remove).status_code == 302
    assert reviewer.post(remove).status_code == 409
    assert not EnemyPair.objects.exists()


# ── laws and standards ──────────────────────────────────────────────────────────────────────────────────────


def test_a_code_ends_where_the_text_does() -> None:
    codes = [("GB50204-2015", 1), ("JGJ46-2005", 2)]
    for basis in (
        "GB 50204-2015 7.4.1",
        "gb50204—2015第7.4.1条",
        "《规范》（GB 50204－2015）",
        "GB 50204-2015",
    ):
        assert cited_in(basis, codes) == {1}, basis
    assert cited_in("GB 50204-20150", codes) == set()
    assert cited_in("GB 50204-2015 3.0.1；JGJ 46-2005 5.1", codes) == {1, 2}


def test_the_register_of_standards(write: Any) -> None:
    item = write("甲", basis="GB 50204-2015 7.4.1")
    author, keeper = client_of(Role.ITEM_AUTHOR), client_of(Role.BANK_KEEPER)
    new = reverse("itembank:standard_new")
    typed = {
        "code": "GB 50204-2015",
        "title": "混凝土结构工程施工质量验收规范",
        "in_force_from": "2015-09-01",
    }
    assert author.post(new, typed).status_code == 403
    assert keeper.post(new, {**typed, "in_force_to": "2015-08-31"}).status_code == 422
    response = keeper.post(new, typed)
    row = Standard.objects.get()
    assert response.headers["Location"] == reverse("itembank:standard", args=[row.pk])
    assert keeper.post(new, typed).status_code == 409  # the code stands there already
    shown = author.get(reverse("itembank:standard", args=[row.pk])).content.decode()
    assert item.uid in shown
    edit = reverse("itembank:standard_edit", args=[row.pk])
    assert edit not in shown
    assert author.post(edit, typed).status_code == 403
    changed = {**typed, "in_force_to": "2026-01-31", "replaced_by": "GB 50204-2026"}
    assert client_of(Role.ITEM_REVIEWER).post(edit, changed).status_code == 302
    Standard.objects.create(code="JGJ 46-2005", title="施工现场临时用电安全技术规范")
    with clock.frozen(datetime(2026, 2, 1, 9, tzinfo=clock.SHANGHAI)):
        author, keeper = client_of(Role.ITEM_AUTHOR), client_of(Role.BANK_KEEPER)
        listed = reverse("itembank:standards")
        for query, found in (
            ({}, {"GB 50204-2015", "JGJ 46-2005"}),
            ({"force": "out"}, {"GB 50204-2015"}),
            ({"force": "in"}, {"JGJ 46-2005"}),
            ({"q": "gb50204"}, {"GB 50204-2015"}),
            ({"q": "临时用电"}, {"JGJ 46-2005"}),
            ({"q": "没有"}, set()),
        ):
            body = author.get(listed, query).content.decode()
            assert {code for code in ("GB 50204-2015", "JGJ 46-2005") if f">{code}<" in body} == found, query
        flagged = author.get(reverse("itembank:item", args=[item.pk])).content.decode()
        assert "2026年2月1日" in flagged
        assert "GB 50204-2026" in flagged
        for role in (Role.ITEM_AUTHOR, Role.BANK_KEEPER):
            assert [t.count for t in tasks_for(make_actor(role)) if "outdated" in t.url] == [1]
        assert not [t for t in tasks_for(make_actor(Role.ITEM_REVIEWER)) if "outdated" in t.url]


def test_the_list_of_standards_takes_few_queries(django_assert_max_num_queries: Any) -> None:
    for n in range(40):
        Standard.objects.create(code=f"GB {n:04d}-2000", title="x")
    client = client_of(Role.ITEM_AUTHOR)
    client.get(reverse("itembank:standards"))
    with django_assert_max_num_queries(8):
        assert client.get(reverse("itembank:standards")).status_code == 200


# ── pictures ────────────────────────────────────────────────────────────────────────────────────────────────


def png() -> SimpleUploadedFile:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, "PNG")
    return SimpleUploadedFile("图.png", out.getvalue(), "image/png")


@pytest.mark.req("R033", "I08")
def test_a_picture_is_uploaded_shown_and_served_to_people_of_the_bank_only(write: Any) -> None:
    address = reverse("itembank:picture")
    assert client_of(Role.ITEM_REVIEWER).post(address, {"picture": png(), "alt": "红"}).status_code == 403
    author = client_of(Role.ITEM_AUTHOR)
    response = author.post(address, {"picture": png(), "alt": "红[色]块"})
    row = Media.objects.get()
    markup = f"![红（色）块](media:{row.digest})"
    assert f'value="{markup}"' in response.content.decode()
    part = author.post(address, {"picture": png(), "alt": "红"}, headers={"HX-Request": "true"})
    assert "data-insert" in part.content.decode()
    assert "<html" not in part.content.decode()
    assert Media.objects.count() == 1  # the same picture is kept once
    item = write(f"图中所示为（  ）。\n{markup}")
    source = reverse("itembank:media", args=[row.digest])
    assert f'src="{source}"' in author.get(reverse("itembank:item", args=[item.pk])).content.decode()
    for role in (Role.REGISTRAR, Role.EXAM_OFFICER, Role.LEARNER):
        assert client_of(role).get(source).status_code == 403
    assert Client().get(source).status_code == 302
    served = author.get(source)
    assert served.status_code == 200
    assert served.headers["Content-Type"] == "image/png"
    assert served.headers["X-Content-Type-Options"] == "nosniff"
    assert served.headers["Cache-Control"].startswith("private")
    assert Image.open(io.BytesIO(served.content)).size == (40, 30)
    assert author.get(reverse("itembank:media", args=["0" * 64])).status_code == 404


@pytest.mark.parametrize(
    ("data", "alt", "field"),
    [(b"<svg onload=alert(1)>", "x", "picture"), (b"", "x", "picture"), (None, "", "alt")],
    ids=["no picture", "empty", "no words"],
)
def test_what_is_no_picture_is_refused(data: bytes | None, alt: str, field: str) -> None:
    file = png() if data is None else SimpleUploadedFile("a.png", data, "image/png")
    response = client_of(Role.ITEM_AUTHOR).post(reverse("itembank:picture"), {"picture": file, "alt": alt})
    assert response.status_code == 422
    assert f"id_{field}_error" in response.content.decode()
    assert not Media.objects.exists()


# ── duplicates ──────────────────────────────────────────────────────────────────────────────────────────────

ALIKE = ("混凝土浇筑完毕后，养护时间不得少于（  ）天。", "混凝土浇筑完毕后，其养护时间不得少于（  ）天。")


def test_the_bank_is_searched_and_pairs_are_decided(write: Any) -> None:
    one, other = (write(stem) for stem in ALIKE)
    write("脚手架拆除的顺序是（  ）。")
    seek, listed = reverse("itembank:seek_duplicates"), reverse("itembank:duplicates")
    assert client_of(Role.ITEM_REVIEWER).post(seek).status_code == 403
    assert not DuplicateRun.objects.exists()
    keeper = client_of(Role.BANK_KEEPER)
    assert keeper.get(listed).status_code == 200
    assert keeper.post(seek).status_code == 302
    run = DuplicateRun.objects.get()
    assert (run.state, run.done, run.total, run.pair_count) == (RunState.FINISHED, 3, 3, 1)
    pair = DuplicatePair.objects.get()
    assert (pair.first, pair.second) == (one, other)
    assert 70 <= pair.likeness < 100
    assert [t.count for t in tasks_for(make_actor(Role.BANK_KEEPER)) if t.url == listed] == [1]
    page = reverse("itembank:duplicate", args=[pair.pk])
    assert page in keeper.get(listed).content.decode()
    shown = keeper.get(page).content.decode()
    assert shown.count("养护时间不得少于") == 2
    assert "ib-right" not in shown
    decide = reverse("itembank:decide_pair", args=[pair.pk])
    assert client_of(Role.ITEM_AUTHOR).post(decide, {"verdict": "different"}).status_code == 403
    assert keeper.post(decide, {"verdict": "different"}).status_code == 302
    assert keeper.post(decide, {"verdict": "enemies"}).status_code == 409
    assert not EnemyPair.objects.exists()
    assert [e.code for e in events_on(one)].count("itembank.pair_decided") == 1
    assert page not in keeper.get(listed).content.decode()
    assert page in keeper.get(listed, {"verdict": "different"}).content.decode()
    assert not [t for t in tasks_for(make_actor(Role.BANK_KEEPER)) if t.url == listed and t.count]


def pair_of(one: Item, other: Item, *versions: int, percent: int = 90) -> alike.Pair:
    return alike.Pair(one.pk, other.pk, *(versions or (1, 1)), percent)


def searched(monkeypatch: Any, *pairs: alike.Pair) -> None:
    monkeypatch.setattr(alike, "pairs_in_bank", lambda progress: list(pairs))
    run = actions.start_duplicate_run(by=make_actor(Role.BANK_KEEPER))
    actions.run_duplicates(run.pk)


def test_a_decision_holds_until_one_of_the_two_says_something_else(write: Any, monkeypatch: Any) -> None:
    one, other, third = write("甲"), write("乙"), write("丙")
    searched(monkeypatch, pair_of(one, other), pair_of(one, third))
    pair, open_pair = DuplicatePair.objects.order_by("pk")
    actions.decide_pair(pair, Verdict.DIFFERENT, by=make_actor(Role.BANK_KEEPER))
    searched(monkeypatch, pair_of(one, other, percent=91))
    pair.refresh_from_db()
    assert (pair.verdict, pair.likeness) == (Verdict.DIFFERENT, 91)
    assert not DuplicatePair.objects.filter(pk=open_pair.pk).exists()  # alike no more, never decided on
    searched(monkeypatch, pair_of(one, other, 1, 2))
    pair.refresh_from_db()
    assert (pair.verdict, pair.decided_by, pair.second_version) == (Verdict.OPEN, "", 2)
    actions.decide_pair(pair, Verdict.ENEMIES, by=make_actor(Role.BANK_KEEPER))
    assert EnemyPair.objects.get().second == other
    searched(monkeypatch, pair_of(one, other, 1, 3))
    pair.refresh_from_db()
    assert pair.verdict == Verdict.ENEMIES  # no paper holds both whatever they say


def test_a_retired_item_is_compared_with_nothing(write: Any, monkeypatch: Any) -> None:
    one, other = write("甲"), write("乙")
    searched(monkeypatch, pair_of(one, other))
    actions.retire_item(other, reason="重复", by=make_actor(Role.BANK_KEEPER))
    shown = client_of(Role.BANK_KEEPER).get(reverse("itembank:duplicates")).content.decode()
    assert other.uid not in shown


def test_one_search_at_a_time_and_a_broken_one_does_not_stand_in_the_way(monkeypatch: Any) -> None:
    keeper = make_actor(Role.BANK_KEEPER)
    start = datetime(2026, 10, 1, 9, tzinfo=clock.SHANGHAI)
    with clock.frozen(start):
        run = actions.start_duplicate_run(by=keeper)
        with pytest.raises(Conflict):
            actions.start_duplicate_run(by=keeper)
        client = client_of(Role.BANK_KEEPER)
        address = reverse("itembank:duplicates")
        waiting = client.get(address, headers={"HX-Request": "true"})
        assert "hx-get" in waiting.content.decode()
        assert "HX-Refresh" not in waiting.headers
    with clock.frozen(start + timedelta(hours=1)):
        actions.start_duplicate_run(by=keeper)
    run.refresh_from_db()
    assert run.state == RunState.FAILED

    def broken(progress: Any) -> None:
        progress(1, 3)
        raise RuntimeError

    monkeypatch.setattr(alike, "pairs_in_bank", broken)
    going = DuplicateRun.objects.get(state=RunState.QUEUED)
    with pytest.raises(RuntimeError):
        actions.run_duplicates(going.pk)
    going.refresh_from_db()
    assert (going.state, going.done, going.total) == (RunState.FAILED, 1, 3)
    ended = client_of(Role.BANK_KEEPER).get(address, headers={"HX-Request": "true"})
    assert ended.headers["HX-Refresh"] == "true"  # the page shows the pairs


def test_items_of_two_subjects_cannot_be_kept_apart(write: Any, monkeypatch: Any) -> None:
    one, other = write("甲"), write("乙", subject="professional")
    searched(monkeypatch, pair_of(one, other))
    pair = DuplicatePair.objects.get()
    keeper = client_of(Role.BANK_KEEPER)
    assert 'value="enemies"' not in keeper.get(reverse("itembank:duplicate", args=[pair.pk])).content.decode()
    decide = reverse("itembank:decide_pair", args=[pair.pk])
    assert keeper.post(decide, {"verdict": "enemies"}).status_code == 422
    pair.refresh_from_db()
    assert pair.verdict == Verdict.OPEN


def test_days_without_force_begin_after_the_last_day() -> None:
    row = Standard(code="x", title="x", in_force_to=date(2026, 1, 31))
    assert row.out_since(date(2026, 1, 31)) is None
    assert row.out_since(date(2026, 2, 1)) == date(2026, 2, 1)
    assert Standard(code="x", title="x").out_since(date(2026, 2, 1)) is None
