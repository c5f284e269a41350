from __future__ import annotations

from typing import Any

import pytest
from tests.makers import make_bank, make_rulebook, make_user
from tests.permissions import Row, check

from zhupei.itembank.models import BankRelease, DuplicatePair, Item, ItemImport, Media, Standard
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.roles import BANK, CENTRE, Role

AUTHOR = frozenset({Role.ITEM_AUTHOR})
REVIEWER = frozenset({Role.ITEM_REVIEWER})
KEEPER = frozenset({Role.BANK_KEEPER})


def item() -> dict[str, Any]:
    make_rulebook()
    make_bank()
    return {"pk": Item.objects.get(uid="101-G-0001").pk}


def bank() -> dict[str, Any]:
    item()
    return {}


def release() -> dict[str, Any]:
    item()
    return {"pk": BankRelease.objects.get().pk}


def staged() -> dict[str, Any]:
    from zhupei.evidence.api import store
    from zhupei.kernel import clock

    make_rulebook()
    user = make_user(Role.ITEM_AUTHOR)
    file = store(b"x", name="x.xlsx", content_type="x", purpose="item_import", by=SYSTEM)
    row = ItemImport.objects.create(
        file=file,
        row_count=1,
        error_count=1,
        item_count=0,
        created_by_id=user.pk,
        created_by="x",
        created_at=clock.now(),
    )
    return {"pk": row.pk}


def two_items() -> dict[str, Any]:
    item()
    first, second = Item.objects.filter(subject="general")[:2]
    return {"pk": first.pk, "other": second.pk}


def standard() -> dict[str, Any]:
    row, _created = Standard.objects.get_or_create(code="GB 1-2000", defaults={"title": "x"})
    return {"pk": row.pk}


def picture() -> dict[str, Any]:
    from zhupei.evidence.api import store
    from zhupei.kernel import clock

    file = store(b"x", name="x.png", content_type="image/png", purpose="item_media", by=SYSTEM)
    digest = "ab" * 32
    Media.objects.create(
        digest=digest, file=file, content_type="image/png", width=1, height=1, created_at=clock.now()
    )
    return {"digest": digest}


def pair() -> dict[str, Any]:
    item()
    first, second = Item.objects.filter(subject="general").order_by("pk")[:2]
    row = DuplicatePair.objects.create(
        first=first, second=second, first_version=1, second_version=1, likeness=90
    )
    return {"pk": row.pk}


def kind() -> dict[str, Any]:
    make_rulebook()
    return {"kind": "single"}


ROWS = [
    Row("itembank:items", BANK),
    Row("itembank:item", BANK, item),
    Row("itembank:show_key", BANK, item, "post"),
    Row("itembank:differences", BANK, item),
    Row("itembank:similar", BANK, item),
    Row("itembank:enemies", BANK, item),
    Row("itembank:remove_enemy", REVIEWER | KEEPER, two_items, "post"),
    Row("itembank:standards", BANK),
    Row("itembank:standard", BANK, standard),
    Row("itembank:standard_new", REVIEWER | KEEPER),
    Row("itembank:standard_edit", REVIEWER | KEEPER, standard),
    Row("itembank:media", BANK | CENTRE, picture),
    Row("itembank:picture", AUTHOR),
    Row("itembank:duplicates", KEEPER),
    Row("itembank:seek_duplicates", KEEPER, method="post"),
    Row("itembank:duplicate", KEEPER, pair),
    Row("itembank:decide_pair", KEEPER, pair, "post"),
    Row("itembank:kinds", AUTHOR),
    Row("itembank:new", AUTHOR, kind),
    Row("itembank:edit", AUTHOR, item),
    Row("itembank:queue", REVIEWER | KEEPER),
    Row("itembank:review", REVIEWER, item, "post"),
    Row("itembank:return_item", REVIEWER | KEEPER, item),
    Row("itembank:publish", KEEPER, item, "post"),
    Row("itembank:publish_reviewed", KEEPER, method="post"),
    Row("itembank:retire", KEEPER, item),
    Row("itembank:imports", AUTHOR),
    Row("itembank:template", AUTHOR),
    Row("itembank:import", AUTHOR, staged),
    Row("itembank:confirm_import", AUTHOR, staged, "post"),
    Row("itembank:discard_import", AUTHOR, staged, "post"),
    Row("itembank:export", KEEPER),
    Row("itembank:releases", KEEPER),
    Row("itembank:release", KEEPER, release),
    Row("itembank:make_release", KEEPER, bank, "post"),
]


@pytest.mark.req("R033", "I08")
@pytest.mark.django_db
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_who_gets_in(row: Row) -> None:
    """Nobody but people of the bank opens a page of it: no institution, no centre officer."""
    check(row)
