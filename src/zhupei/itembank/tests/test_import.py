"""Items from the Excel template: what comes in, and everything that is refused."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from openpyxl import Workbook, load_workbook
from tests.makers import as_actor, make_actor, make_rulebook, make_user, sign_in

from zhupei.itembank import actions
from zhupei.itembank.formats import common, xlsx
from zhupei.itembank.formats.labels import HEADERS
from zhupei.itembank.models import Item, ItemImport, ItemVersion
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role
from zhupei.rulebook.api import Post, SyllabusEntry, syllabus_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _rulebook() -> None:
    make_rulebook()


def row(uid: str = "Q1", **changes: Any) -> list[Any]:
    values = {
        "编号": uid,
        "科目": "通用知识",
        "岗位": 101,
        "题型": "单选",
        "章节": 1,
        "程度": "掌握",
        "难度": 0.7,
        "题干": "题干（  ）。",
        "选项A": "甲",
        "选项B": "乙",
        "选项C": "丙",
        "答案": "B",
        "解析": "解析",
        "依据": "某法",
        **changes,
    }
    return [values.get(header, "") for header in HEADERS]


def book(*rows: list[Any], headers: Any = HEADERS) -> bytes:
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet()
    for values in (list(headers), *rows):
        sheet.append(values)
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def case_rows() -> list[list[Any]]:
    empty = {"科目": "", "岗位": "", "章节": "", "程度": "", "难度": ""}
    return [
        row("C1", 科目="专业知识", 题型="综合", 选项A="", 选项B="", 选项C="", 答案=""),
        row("", **empty, 题型="多选", 答案="A、C", 父题编号="C1", 小题号=2),
        row("", **empty, 题型="判断", 选项A="", 选项B="", 选项C="", 答案="错误", 父题编号="C1", 小题号=1),
    ]


@pytest.mark.req("R036")
def test_a_file_is_looked_at_then_taken_in_whole() -> None:
    user = make_user(Role.ITEM_AUTHOR)
    client = sign_in(Client(), user)
    upload = SimpleUploadedFile("题目.xlsx", book(row(), *case_rows()), xlsx.CONTENT_TYPE)
    response = client.post(reverse("itembank:imports"), {"file": upload})
    staged = ItemImport.objects.get()
    page = reverse("itembank:import", args=[staged.pk])
    assert response.headers["Location"] == page
    assert not Item.objects.exists()  # a dry run so far
    assert (staged.row_count, staged.item_count, staged.error_count) == (2, 2, 0)
    text = client.get(page).content.decode()
    assert "Q1" in text
    assert "C1" in text
    assert "题目.xlsx" in client.get(reverse("itembank:imports")).content.decode()
    assert client.post(reverse("itembank:confirm_import", args=[staged.pk])).status_code == 302
    assert client.post(reverse("itembank:confirm_import", args=[staged.pk])).status_code == 409
    assert client.get(page).status_code == 200
    assert {i.uid: i.state for i in Item.objects.all()} == {"Q1": "draft", "C1": "draft"}
    version = ItemVersion.objects.get(item__uid="C1")
    assert version.key == {
        "children": {"1": ["f"], "2": ["a", "c"]},
        "explanations": {"1": "解析", "2": "解析"},
    }
    assert version.author_id == user.pk
    assert [p.code for p in version.item.posts.all()] == ["101"]


WRONG_ROWS: list[tuple[list[list[Any]], int, str]] = [
    ([row("", 题型="综合", 选项A="", 选项B="", 选项C="", 答案="")], 2, "编号"),
    ([row("x" * 41)], 2, "编号"),
    ([row(), row()], 3, "编号"),
    ([row(科目="历史")], 2, "科目"),
    ([row(岗位="飞行员")], 2, "岗位"),
    ([row(岗位="")], 2, "岗位"),
    ([row(题型="问答")], 2, "题型"),
    ([row(程度="精通")], 2, "程度"),
    ([row(难度="高")], 2, "难度"),
    ([row(难度=1.2)], 2, "难度"),
    ([row(难度="NaN")], 2, "难度"),
    ([row(题干="")], 2, "题干"),
    ([row(选项B="", 答案="A")], 2, "选项A"),
    ([row(答案="")], 2, "答案"),
    ([row(答案="AB")], 2, "答案"),
    ([row(题型="多选", 答案="ABC")], 2, "答案"),
    ([row(题型="判断", 答案="也许")], 2, "答案"),
    (case_rows()[:2], 3, "小题号"),
    ([case_rows()[0], case_rows()[2]], 2, "小题号"),
    ([case_rows()[0], case_rows()[1], row("", 父题编号="C1", 小题号=3)], 4, "小题号"),
    ([row(), row("", 父题编号="NO", 小题号=1)], 3, "父题编号"),
    ([row(题干="=1+1")], 2, "题干"),
    ([row(依据有效至="明年")], 2, "依据有效至"),
    ([row(固定选项="F")], 2, "选项A"),
]


@pytest.mark.req("R036")
@pytest.mark.parametrize(("rows", "number", "column"), WRONG_ROWS, ids=lambda v: str(v)[:30])
def test_a_fault_is_named_by_row_and_column_and_nothing_comes_in(
    rows: list[list[Any]], number: int, column: str
) -> None:
    by = make_actor(Role.ITEM_AUTHOR)
    staged = actions.stage_import(book(*rows), name="x.xlsx", by=by)
    found = [(where, column) for where, column, _reason in staged.report["refused"]]
    assert (f"第 {number} 行", column) in found
    assert staged.error_count == len(found) > 0
    with pytest.raises(Refusal, match="import_has_errors"):
        actions.confirm_import(staged, by=by)
    assert not Item.objects.exists()


def test_a_number_of_the_bank_is_refused_and_the_page_says_so() -> None:
    user = make_user(Role.ITEM_AUTHOR)
    by = as_actor(user)
    actions.confirm_import(actions.stage_import(book(row()), name="x.xlsx", by=by), by=by)
    again = actions.stage_import(book(row()), name="x.xlsx", by=by)
    text = sign_in(Client(), user).get(reverse("itembank:import", args=[again.pk])).content.decode()
    assert "已存在" in text
    assert "confirm" not in text


def test_only_the_one_who_staged_a_file_decides_and_only_once() -> None:
    by = make_actor(Role.ITEM_AUTHOR)
    staged = actions.stage_import(book(row()), name="x.xlsx", by=by)
    other = make_user(Role.ITEM_AUTHOR)
    for act in (actions.confirm_import, actions.discard_import):
        with pytest.raises(Refusal, match="import_of_another"):
            act(staged, by=as_actor(other))
    assert sign_in(Client(), other).get(reverse("itembank:import", args=[staged.pk])).status_code == 404
    actions.discard_import(staged, by=by)
    for act in (actions.confirm_import, actions.discard_import):
        with pytest.raises(Conflict):
            act(staged, by=by)
    assert not Item.objects.exists()


def _zip(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in members.items():
            package.writestr(name, data)
    return out.getvalue()


def _with(data: bytes, name: str, content: bytes) -> bytes:
    source = zipfile.ZipFile(io.BytesIO(data))
    return _zip({**{n: source.read(n) for n in source.namelist()}, name: content})


ENTITIES = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'


def _on_good(name: str, content: bytes) -> bytes:
    return _with(book(row()), name, content)


HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "no zip": ("file_kind", lambda: b"hello"),
    "empty": ("file_kind", lambda: b""),
    "zip of something else": ("file_kind", lambda: _zip({"a.txt": b"x"})),
    "cut": ("file_damaged", lambda: book(row())[:2000]),
    "too large": ("file_large", lambda: b"PK\x03\x04" + bytes(common.MAX_BYTES)),
    "bomb": ("file_bomb", lambda: _on_good("xl/media/a.bin", bytes(common.MAX_MEMBER + 1))),
    "many members": ("file_bomb", lambda: _zip({f"a{n}": b"" for n in range(common.MAX_MEMBERS + 1)})),
    "entities": ("file_entities", lambda: _on_good("xl/worksheets/sheet1.xml", ENTITIES)),
    "entities in utf-16": (
        "file_entities",
        lambda: _on_good("xl/styles.xml", ENTITIES.decode().encode("utf-16")),
    ),
    "broken sheet": (
        "file_damaged",
        lambda: _on_good("xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row>"),
    ),
    "path outside": ("file_paths", lambda: _on_good("../../etc/x.xml", b"<a/>")),
    "broken workbook": ("file_damaged", lambda: _on_good("xl/workbook.xml", b"nonsense")),
    "wrong headers": (
        "file_headers",
        lambda: book(row(), headers=["题目" if h == "题干" else h for h in HEADERS]),
    ),
    "no row": ("file_empty", book),
    "nothing": ("file_empty", lambda: book(headers=[])),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_or_broken_file_is_refused_quickly(name: str) -> None:
    code, make = HOSTILE[name]
    data = make()
    started = time.monotonic()
    with pytest.raises(Refusal) as caught:
        actions.stage_import(data, name="x.xlsx", by=make_actor(Role.ITEM_AUTHOR))
    assert caught.value.code == code
    assert caught.value.status in (413, 422)
    assert time.monotonic() - started < 20
    assert not ItemImport.objects.exists()


def test_a_refused_upload_is_a_form_error() -> None:
    client = sign_in(Client(), make_user(Role.ITEM_AUTHOR))
    for name, data in (
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1x"),
        ("a.xlsx", b"x"),
        ("a.xlsx", _zip({"a.txt": b"x"})),
    ):
        response = client.post(reverse("itembank:imports"), {"file": SimpleUploadedFile(name, data)})
        assert response.status_code == 422
        assert "z-errors" in response.content.decode()
    assert client.post(reverse("itembank:imports"), {}).status_code == 422


def test_the_template_can_be_filled_in_and_taken_back() -> None:
    client = sign_in(Client(), make_user(Role.ITEM_AUTHOR))
    response = client.get(reverse("itembank:template"))
    data = response.content
    sheet = load_workbook(io.BytesIO(data)).worksheets[0]
    assert tuple(cell.value for cell in sheet[1]) == HEADERS
    checked = actions.check_file(data, name="x.xlsx")
    assert checked.refused == []
    assert [one.new.text.kind for one in checked.items] == ["single", "true_false", "case"]


def test_more_rows_than_a_file_may_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "MAX_ROWS", 20)
    by = make_actor(Role.ITEM_AUTHOR)
    actions.stage_import(book(*[row(f"Q{n}") for n in range(20)]), name="x.xlsx", by=by)
    with pytest.raises(Refusal, match="file_rows"):
        actions.stage_import(book(*[row(f"R{n}") for n in range(21)]), name="x.xlsx", by=by)


def test_columns_may_stand_in_any_order_and_strange_ones_are_told() -> None:
    order = ["备注", *reversed(HEADERS)]
    values = dict(zip(HEADERS, row("Q9"), strict=True))
    data = book([values.get(header, "闲话") for header in order], headers=order)
    checked = actions.check_file(data, name="x.xlsx")
    assert [one.new.uid for one in checked.items] == ["Q9"]
    assert [note.column for note in checked.notes] == ["备注"]


def test_what_the_file_does_not_say_comes_from_the_choices_and_numbers_are_given() -> None:
    user = make_user(Role.ITEM_AUTHOR)
    client = sign_in(Client(), user)
    bare = {"科目": "", "岗位": "", "章节": "", "程度": ""}
    upload = SimpleUploadedFile("a.xlsx", book(row("", **bare), row("101-G-0001"), row("", **bare)))
    SyllabusEntry.objects.create(
        syllabus=syllabus_of(Post.objects.get(code="101")),
        subject="general",
        number="1",
        title="法律法规",
        weight=1,
    )
    sent = {"file": upload, "post": "101", "place": "general/1", "level": "了解"}
    assert client.post(reverse("itembank:imports"), sent).status_code == 302
    staged = ItemImport.objects.get()
    assert staged.defaults == {"subject": "general", "chapter": "1", "level": "了解", "posts": ["101"]}
    client.post(reverse("itembank:confirm_import", args=[staged.pk]))
    found = {i.uid: (i.subject, i.chapter, i.level) for i in Item.objects.all()}
    assert found == {
        "101-G-0002": ("general", "1", "了解"),
        "101-G-0001": ("general", "1", "掌握"),
        "101-G-0003": ("general", "1", "了解"),
    }


def test_what_is_refused_is_left_out_only_when_that_is_ticked() -> None:
    client = sign_in(Client(), make_user(Role.ITEM_AUTHOR))
    upload = SimpleUploadedFile("a.xlsx", book(row("Q1"), row("Q2", 答案="Z"), row("Q3", 题型="简答题")))
    client.post(reverse("itembank:imports"), {"file": upload})
    staged = ItemImport.objects.get()
    page = client.get(reverse("itembank:import", args=[staged.pk])).content.decode()
    assert "第 3 行" in page
    assert "简答题" in page
    confirm = reverse("itembank:confirm_import", args=[staged.pk])
    response = client.post(confirm)
    assert response.status_code == 422
    assert "不收入" in response.content.decode()
    assert not Item.objects.exists()
    assert client.post(confirm, {"partial": "on"}).status_code == 302
    assert [i.uid for i in Item.objects.all()] == ["Q1"]


LONG = "zhupei.itembank.actions.importing"


def test_a_long_file_is_read_and_taken_in_by_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{LONG}.LONG_BYTES", 10)
    monkeypatch.setattr(f"{LONG}.LONG_ITEMS", 1)
    monkeypatch.setattr(f"{LONG}.TICK_SECONDS", 0)
    client = sign_in(Client(), make_user(Role.ITEM_AUTHOR))
    data = book(*[row(f"Q{n}") for n in range(300)])
    client.post(reverse("itembank:imports"), {"file": SimpleUploadedFile("a.xlsx", data)})
    staged = ItemImport.objects.get()  # the job has run at once
    assert (staged.state, staged.item_count) == ("staged", 300)
    client.post(reverse("itembank:confirm_import", args=[staged.pk]))
    staged.refresh_from_db()
    assert staged.state == "confirmed"
    assert Item.objects.count() == 300


def test_the_page_of_a_file_being_read_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{LONG}.LONG_BYTES", 10)
    monkeypatch.setattr(f"{LONG}.TICK_SECONDS", 0)
    user = make_user(Role.ITEM_AUTHOR)
    staged = actions.stage_import(book(*[row(f"Q{n}") for n in range(500)]), name="a.xlsx", by=as_actor(user))
    assert staged.state == "reading"
    seen: list[tuple[int, int]] = []
    client = sign_in(Client(), user)
    page = reverse("itembank:import", args=[staged.pk])
    real = actions.importing.check_drafts

    def looking(reading: Any, defaults: Any) -> Any:
        staged.refresh_from_db()
        seen.append((staged.report["done"], staged.report["of"]))
        assert (
            f'value="{staged.report["done"]}"'
            in client.get(page, headers={"HX-Request": "true"}).content.decode()
        )
        return real(reading, defaults)

    monkeypatch.setattr(f"{LONG}.check_drafts", looking)
    assert actions.read_import(staged.pk) == 500
    assert seen == [(400, 501)]
    done = client.get(page, headers={"HX-Request": "true"})
    assert done.headers["HX-Refresh"] == "true"


def test_a_long_file_that_cannot_be_read_says_why_and_one_thrown_away_stays_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(f"{LONG}.LONG_BYTES", 10)
    user = make_user(Role.ITEM_AUTHOR)
    by = as_actor(user)
    broken = actions.stage_import(book(row(), headers=["x", "y"]), name="a.xlsx", by=by)
    assert actions.read_import(broken.pk) == 0
    broken.refresh_from_db()
    assert broken.state == "failed"
    page = sign_in(Client(), user).get(reverse("itembank:import", args=[broken.pk])).content.decode()
    assert "题型" in page
    gone = actions.stage_import(book(row()), name="b.xlsx", by=by)
    actions.discard_import(gone, by=by)
    actions.read_import(gone.pk)
    gone.refresh_from_db()
    assert gone.state == "discarded"


def test_a_long_file_that_turns_out_wrong_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{LONG}.LONG_ITEMS", 1)
    by = make_actor(Role.ITEM_AUTHOR)
    first = actions.stage_import(book(row("Q1"), row("Q2")), name="a.xlsx", by=by)
    second = actions.stage_import(book(row("Q1"), row("Q2")), name="a.xlsx", by=by)
    assert actions.begin_import(second, by=by)
    assert actions.confirm_import(first, by=by) == 2
    assert actions.take_import(second.pk, partial=False, by=by) == 0
    second.refresh_from_db()
    assert second.state == "staged"
    assert second.report["error"]
    assert Item.objects.count() == 2


def test_five_thousand_rows_come_in_within_bounds() -> None:
    by = make_actor(Role.ITEM_AUTHOR)
    data = book(*[row(f"Q{n:05d}") for n in range(5000)])
    started = time.monotonic()
    staged = actions.stage_import(data, name="x.xlsx", by=by, wait=True)
    assert staged.error_count == 0
    assert actions.confirm_import(staged, by=by) == 5000
    assert time.monotonic() - started < 30
