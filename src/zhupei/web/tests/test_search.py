from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection, transaction
from django.test import RequestFactory

from zhupei.web.paging import page_by_key
from zhupei.web.search import MAX_PARTS, MAX_TEXT, MAX_TOKENS, TextIndex, phrases, tokens

pytestmark = pytest.mark.django_db


def _declared() -> Iterator[TextIndex]:
    index = TextIndex("web_test_text")
    index.ensure()
    yield index
    del TextIndex.known[index.name]


@pytest.fixture
def index(db: None) -> Iterator[TextIndex]:
    yield from _declared()


def _store(index: TextIndex, *texts: str) -> list[Group]:
    """Live rows (any model will do) with these texts in the index."""
    first = Group.objects.count()
    rows = Group.objects.bulk_create(Group(name=f"{first + n}") for n in range(len(texts)))
    index.put((row.pk, text) for row, text in zip(rows, texts, strict=True))
    return rows


def _found(index: TextIndex, query: str) -> set[int]:
    return set(index.filter(Group.objects.all(), query).values_list("pk", flat=True))


TEXT = "依据GB 50204-2015，Ｃ３０混凝土浇筑完毕后的养护时间不应少于7d；采用ＨＲＢ400E钢筋。C35与Φ12@200"


@pytest.mark.parametrize(
    "query",
    [
        "混凝土",
        "混",
        "土",  # the last of a run is found as well
        "筋",
        "凝土浇",
        "混凝土浇筑完毕后的养护时间",
        "GB 50204-2015",
        "gb50204",
        "50204-2015",
        "50204—2015",
        "C30",
        "ｃ３０",
        "C30混凝土",
        "c30混",
        "hrb400",
        "HRB400E",
        "7d",
        "12@200",
        "钢筋 混凝土",
        "钢筋　养护",  # an ideographic space
        "  养护  ",
        "钢筋。",
        "“混凝土”",
        "完毕后的养护时间不应少于7d;采用",
    ],
)
def test_text_is_found_by_any_part_of_it(index: TextIndex, query: str) -> None:
    row, _other = _store(index, TEXT, "安全帽应当戴好")
    assert _found(index, query) == {row.pk}


@pytest.mark.parametrize(
    "query",
    [
        "混土",
        "凝混",
        "混凝土养护",
        "混凝土 模板",
        "C3",
        "C30钢筋",
        "0204",
        "2015 砌体",
        "hrb500",
        "土混",
        "d7",
        "钢筋C36",
    ],
)
def test_what_does_not_stand_there_is_not_found(index: TextIndex, query: str) -> None:
    _store(index, TEXT)
    assert _found(index, query) == set()


def test_every_search_agrees_with_plain_looking(index: TextIndex) -> None:
    pick = random.Random(3)
    texts = ["".join(pick.choices("甲乙丙丁，", (5, 4, 3, 1, 2), k=pick.randint(1, 14))) for _ in range(300)]
    rows = _store(index, *texts)
    for _ in range(200):
        parts = [
            "".join(pick.choices("甲乙丙丁", k=pick.randint(1, 5))) for _ in range(pick.choice((1, 1, 2)))
        ]
        expected = {r.pk for r, text in zip(rows, texts, strict=True) if all(part in text for part in parts)}
        assert _found(index, " ".join(parts)) == expected, parts


@pytest.mark.parametrize(
    "query", ["", "   ", "？？？", "。，", "***", "\x00", "😀😀", "\ud800", "_", '"', "%", "（ ）"]
)
def test_a_query_without_letter_or_digit_filters_nothing(index: TextIndex, query: str) -> None:
    rows = _store(index, "一", "二")
    assert _found(index, query) == {row.pk for row in rows}


HOSTILE = [
    "混凝土'; DROP TABLE web_test_text; --",
    '"混凝土',
    "'混凝土'' OR 1=1",
    "混凝土 NEAR 钢筋",
    "NEAR(混凝土 钢筋, 2)",
    "NOT 混凝土 OR AND",
    "tokens : 混凝土",
    "-混凝土",
    "^混凝土 *",
    "混*凝(土)",
    "混凝土:* & !钢筋 <-> |",
    "%s %(a)s {} \\ \\' %%",
    "混\x00凝土",
    "\ud83d混凝土\ude00",
    "😀混凝土👷‍♂️",
    "a\u0301\u0323" * 5000,
    "混凝土" * 5000,
    "施 " * 5000,
    " ".join(chr(c) for c in range(0x4E00, 0x4E00 + 5000)),
    "x" * 10_000,
    "9" * 10_000,
    "﷽" * 10_000,  # one character that normalises to eighteen
    "".join(chr(c) for c in range(0x3000)),
    "\U00020000\U00020001\U0003fffd",
]


@pytest.mark.parametrize("query", HOSTILE, ids=range(len(HOSTILE)))
def test_no_query_raises_or_takes_long(index: TextIndex, query: str) -> None:
    _store(index, *[f"混凝土与钢筋{n}" for n in range(200)])
    start = time.perf_counter()
    _found(index, query)
    assert time.perf_counter() - start < 1
    wanted = phrases(query)
    assert len(wanted) <= MAX_PARTS
    assert sum(len(phrase.tokens) for phrase in wanted) <= MAX_TOKENS
    assert Group.objects.count() == 200


def test_a_long_query_is_answered_by_its_beginning(index: TextIndex) -> None:
    stem = "".join(chr(0x4E00 + 7 * n) for n in range(150))
    row, _other = _store(index, stem, stem[:10])
    assert _found(index, stem) == {row.pk}
    assert _found(index, f"{stem} 别的") == {row.pk}


@pytest.mark.parametrize("text", [*HOSTILE, "", "长" * (MAX_TEXT * 3), "a1" * MAX_TEXT, "字 " * MAX_TEXT])
def test_any_text_can_be_kept(index: TextIndex, text: str) -> None:
    row, _other = _store(index, f"抹灰 {text}", text)
    assert _found(index, "抹灰") == {row.pk}
    assert len(tokens(text)) <= MAX_TEXT


def test_letters_of_any_script_and_characters_outside_the_first_plane(index: TextIndex) -> None:
    russian, rare, kana, signs = _store(
        index, "БЕТОН марки", "\U00020000\U00020001字", "コンクリート", "Ⅱ级 ㎡"
    )
    assert _found(index, "бетон") == {russian.pk}
    assert _found(index, "\U00020000\U00020001") == {rare.pk}
    assert _found(index, "\U00020001") == {rare.pk}
    assert _found(index, "ｺﾝｸﾘ") == {kana.pk}
    assert _found(index, "II级 m2") == {signs.pk}


def test_a_text_is_replaced_and_forgotten(index: TextIndex) -> None:
    one, two = _store(index, "模板", "模板")
    index.put([(one.pk, "钢筋")])
    assert _found(index, "模板") == {two.pk}
    assert _found(index, "钢筋") == {one.pk}
    assert not index.missing(Group.objects.all()).exists()
    index.remove([one.pk, 10**9])
    assert _found(index, "钢筋") == set()
    assert index.missing(Group.objects.all()).get() == one
    index.put([(one.pk, "旧"), (one.pk, "新")])  # the last word holds
    assert _found(index, "新") == {one.pk}
    assert _found(index, "旧") == set()


def test_common_words_are_found_as_rare_ones_are(index: TextIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = _store(index, *["模板"] * 9, "钢筋")
    monkeypatch.setattr("zhupei.web.search.COMMON", 5)
    assert _found(index, "模板") == {row.pk for row in rows[:9]}
    assert _found(index, "钢筋") == {rows[9].pk}


def test_a_row_that_is_gone_is_never_shown(index: TextIndex) -> None:
    one, two = _store(index, "模板", "模板")
    one.delete()
    assert list(index.filter(Group.objects.all(), "模板")) == [two]
    assert index.filter(Group.objects.all(), "模板").count() == 1


def test_an_undone_transaction_undoes_the_index(index: TextIndex) -> None:
    (row,) = _store(index, "模板")
    with transaction.atomic():
        index.put([(row.pk, "钢筋")])
        assert _found(index, "钢筋") == {row.pk}
        transaction.set_rollback(True)
    assert _found(index, "模板") == {row.pk}
    assert _found(index, "钢筋") == set()


def test_thousands_of_rows_go_in_at_once_and_page_by_key(index: TextIndex) -> None:
    rows = _store(index, *(f"第{n}题 {'混凝土' if n % 3 else '钢筋'}" for n in range(2500)))
    expected = [row.pk for n, row in enumerate(rows) if n % 3 == 0]
    queryset = index.filter(Group.objects.filter(pk__gt=rows[0].pk), "钢筋")
    seen, query = [], ""
    while True:
        page = page_by_key(queryset, RequestFactory().get("/" + query), size=200)
        seen += [row.pk for row in page.items]
        if not page.next_url:
            break
        query = page.next_url
    assert seen == expected[:0:-1]  # newest first, each once, without the row that another filter left out


def test_a_search_takes_one_query_or_two(index: TextIndex, django_assert_num_queries: Any) -> None:
    _store(index, "混凝土与钢筋")
    with django_assert_num_queries(2 if connection.vendor == "postgresql" else 1):
        assert len(index.filter(Group.objects.order_by("name"), "钢筋 混凝土")[:10]) == 1


def test_tables_are_made_after_every_migrate(db: None) -> None:
    index = TextIndex("web_test_made")
    try:
        for _ in range(2):  # and again, harmlessly
            emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
            assert index.name in connection.introspection.table_names()
    finally:
        del TextIndex.known[index.name]


@pytest.mark.django_db(transaction=True)
def test_the_index_outlives_an_emptied_database() -> None:
    for index in _declared():
        try:
            (row,) = _store(index, "模板")
            assert _found(index, "模板") == {row.pk}
            call_command("flush", interactive=False, verbosity=0)
            assert _found(index, "模板") == set()
            (row,) = _store(index, "钢筋")
            assert _found(index, "钢筋") == {row.pk}
        finally:
            with connection.cursor() as cursor:
                cursor.execute(f"DROP TABLE {index.name}")


@pytest.mark.parametrize("name", ["", "Drop", "a b", "a;b", "1a", "a" * 60])
def test_a_table_has_a_plain_name(name: str) -> None:
    with pytest.raises(ValueError, match="table name"):
        TextIndex(name)
