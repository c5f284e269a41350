"""A release freezes all that papers follow from: versions with their places, what was measured, and who is whose enemy."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from tests.makers import make_actor, make_bank, make_rulebook

from zhupei.audit.api import events_on
from zhupei.itembank import actions, events
from zhupei.itembank.api import (
    BankRelease,
    Item,
    Measured,
    latest_release,
    make_release,
    record_calibration,
    versions_in,
)
from zhupei.itembank.models import EnemyPair, ItemVersion
from zhupei.itembank.queries import text_of_version
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.rulebook.api import Post

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _rulebook() -> None:
    make_rulebook()


@pytest.fixture
def post() -> Post:
    return Post.objects.get(code="101")


@pytest.fixture
def release() -> BankRelease:
    return make_bank()


def rows_of(
    release: BankRelease, post: Post, subject: str = "general", on: date | None = None
) -> dict[str, Any]:
    return {
        row.version.item.uid: row
        for row in versions_in(release, post=post, subject=subject, on=on or clock.today())
    }


@pytest.mark.req("R033")
def test_a_release_never_changes(release: BankRelease, post: Post) -> None:
    before = {uid: row.version.pk for uid, row in rows_of(release, post).items()}
    keeper, author = make_actor(Role.BANK_KEEPER), make_actor(Role.ITEM_AUTHOR)
    actions.retire_item(Item.objects.get(uid="101-G-0001"), reason="过时", by=keeper)
    moved = Item.objects.get(uid="101-G-0002")
    text = text_of_version(moved.versions.get())
    actions.edit_item(
        moved, text, subject="general", posts=[Post.objects.get(code="102")], chapter="", by=author
    )
    second = make_release(note="二", by=SYSTEM)
    assert {uid: row.version.pk for uid, row in rows_of(release, post).items()} == before
    # the retired one is out; the other stays as it was published until its new version is
    assert set(before) - set(rows_of(second, post)) == {"101-G-0001"}
    assert (second.number, second.digest != release.digest) == (2, True)


@pytest.mark.req("R036")
def test_what_was_measured_counts_from_a_hundred_answers_on_and_from_the_next_release(
    release: BankRelease, post: Post
) -> None:
    judged = rows_of(release, post)["101-G-0001"].share
    rows = [
        Measured("101-G-0001", 1, Decimal("0.412"), 250, "2pl", Decimal("1.1"), Decimal("0.3")),
        Measured("101-G-0002", 1, Decimal("0.412"), 99, "2pl", Decimal("1.1"), Decimal("0.3")),
        Measured("101-G-0003", 1, Decimal("0.412"), 250, "2pl", Decimal("1.1"), Decimal("0.3"), fits=False),
        Measured("no such item", 1, Decimal("0.412"), 250),
    ]
    with pytest.raises(Forbidden):
        record_calibration(rows, by=make_actor(Role.ITEM_AUTHOR))
    assert record_calibration(rows, by=SYSTEM) == 3
    assert rows_of(release, post)["101-G-0001"].share == judged
    found = rows_of(make_release(note="", by=SYSTEM), post)
    assert (found["101-G-0001"].share, found["101-G-0001"].b) == (Decimal("0.412"), Decimal("0.300"))
    assert (found["101-G-0002"].share, found["101-G-0002"].a) == (
        rows_of(release, post)["101-G-0002"].share,
        None,
    )
    assert (found["101-G-0003"].share, found["101-G-0003"].a) == (Decimal("0.412"), None)


def test_enemies_are_frozen_with_the_release(release: BankRelease) -> None:
    one, other = (Item.objects.get(uid=f"101-G-000{n}") for n in (1, 2))
    foreign = Item.objects.get(uid="101-P-0001")
    author, reviewer = make_actor(Role.ITEM_AUTHOR), make_actor(Role.ITEM_REVIEWER)
    for wrong in (one, foreign):
        with pytest.raises(Refusal):
            actions.add_enemies(one, wrong, by=author)
    with pytest.raises(Forbidden):
        actions.add_enemies(one, other, by=make_actor(Role.CENTRE_OFFICER))
    actions.add_enemies(other, one, reason="互相提示", by=author)
    actions.add_enemies(one, other, by=author)
    assert EnemyPair.objects.count() == 1
    assert events_on(one).last().code == events.ENEMIES_SET
    second = make_release(note="", by=SYSTEM)
    assert (release.enemies, second.enemies) == ([], [["101-G-0001", "101-G-0002"]])
    actions.remove_enemies(one, other, by=reviewer)
    with pytest.raises(Conflict):
        actions.remove_enemies(one, other, by=reviewer)
    assert latest_release().enemies == [["101-G-0001", "101-G-0002"]]


@pytest.mark.req("R036")
def test_a_version_past_its_last_day_is_not_drawn(release: BankRelease, post: Post) -> None:
    ItemVersion.objects.filter(item__uid="101-G-0005").update(valid_to=date(2027, 1, 31))
    assert "101-G-0005" in rows_of(release, post, on=date(2027, 1, 31))
    assert "101-G-0005" not in rows_of(release, post, on=date(2027, 2, 1))
    with clock.frozen(datetime(2027, 2, 1, 9)):
        assert "101-G-0005" not in rows_of(make_release(note="", by=SYSTEM), post, on=date(2027, 1, 1))


@pytest.mark.req("I08")
def test_keys_and_explanations_lie_encrypted(release: BankRelease) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT key, explanation FROM itembank_itemversion ORDER BY id LIMIT 50")
        rows = cursor.fetchall()
    assert not any("answer" in key or "《" in explanation for key, explanation in rows)
    version = ItemVersion.objects.order_by("pk")[0]
    assert version.key["answer"]
    assert version.explanation


@pytest.mark.req("I07", "R036")
def test_a_wrong_key_is_corrected_by_two_persons_in_a_new_version(release: BankRelease, post: Post) -> None:
    item = Item.objects.get(uid="101-G-0001")
    old = item.versions.get()
    proposer, approver = make_actor(Role.BANK_KEEPER), make_actor(Role.CENTRE_APPROVER)
    (wrong,) = set("abcd") - set(old.key["answer"]) - {"a", "c"} or {"a"}
    with pytest.raises(Refusal, match="two_persons"):
        actions.correct_key(item.uid, 1, {0: [wrong]}, reason="x", proposed_by=proposer, by=proposer)
    for right in ({}, {1: [wrong]}, {0: ["z"]}, {0: ["a", "b"]}):
        with pytest.raises(Refusal):
            actions.correct_key(item.uid, 1, right, reason="x", proposed_by=proposer, by=approver)
    with pytest.raises(Forbidden):
        actions.correct_key(
            item.uid, 1, {0: [wrong]}, reason="x", proposed_by=proposer, by=make_actor(Role.ITEM_AUTHOR)
        )
    actions.edit_item(
        item,
        text_of_version(old),
        subject="professional",
        posts=[Post.objects.exclude(pk=post.pk).order_by("code")[0]],
        chapter="1",
        by=make_actor(Role.ITEM_AUTHOR),
    )  # somebody is writing a version meanwhile, for another place
    new = actions.correct_key(item.uid, 1, {0: [wrong]}, reason="答案有误", proposed_by=proposer, by=approver)
    assert (new.number, new.key, new.author, new.reviewer) == (
        3,
        {"answer": [wrong]},
        proposer.name,
        approver.name,
    )
    old.refresh_from_db()
    assert old.key != new.key
    item.refresh_from_db()
    assert (item.subject, list(item.posts.all())) == (new.subject, [post])  # where the newest version belongs
    found = rows_of(make_release(note="", by=SYSTEM), post)[item.uid]
    assert found.version.number == 3
    assert events_on(item).last().code == events.KEY_CORRECTED
    assert events_on(item).last().after == {"state": "published", "version": 3}  # and no key
