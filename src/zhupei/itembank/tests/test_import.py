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

from zhupei.itembank import actions, excel
from zhupei.itembank.models import Item, ItemImport, ItemVersion
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role

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
    return [values.get(header, "") for header in excel.HEADERS]


def book(*rows: list[Any], headers: Any = excel.HEADERS) -> bytes:
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
    upload = SimpleUploadedFile("题目.xlsx", book(row(), *case_rows()), actions.loading.XLSX)
    response = client.post(reverse("itembank:imports"), {"file": upload})
    staged = ItemImport.objects.get()
    page = reverse("itembank:import", args=[staged.pk])
    assert response.headers["Location"] == page
    assert not Item.objects.exists()  # a dry run so far
    assert (staged.row_count, staged.item_count, staged.error_count) == (4, 2, 0)
    text = client.get(page).content.decode()
    assert "Q1" in text
    assert "C1" in text
    assert "题目.xlsx" in client.get(reverse("itembank:imports")).content.decode()
    assert client.post(reverse("itembank:confirm_import", args=[staged.pk])).status_code == 302
    assert client.post(reverse("itembank:confirm_import", args=[staged.pk])).status_code == 409
    assert client.get(page).status_code == 200
    assert {i.uid: i.state for i in Item.objects.all()} == {"Q1": "draft", "C1": "draft"}
    version = ItemVersion.objects.get(item__uid="C1")
    assert version.key == {"children": {"1": ["f"], "2": ["a", "c"]}}
    assert version.author_id == user.pk
    assert [p.code for p in version.item.posts.all()] == ["101"]


WRONG_ROWS: list[tuple[list[list[Any]], int, str]] = [
    ([row(""), row("Q2")], 2, "编号"),
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
    (case_rows()[:2], 2, "小题号"),
    ([case_rows()[0], case_rows()[1], row("", 父题编号="C1", 小题号=3)], 4, "小题号"),
    ([row(), row("", 父题编号="NO", 小题号=1)], 3, "父题编号"),
    ([row(题干="=1+1")], 2, ""),
]


@pytest.mark.req("R036")
@pytest.mark.parametrize(("rows", "number", "column"), WRONG_ROWS, ids=lambda v: str(v)[:30])
def test_a_fault_is_named_by_row_and_column_and_nothing_comes_in(
    rows: list[list[Any]], number: int, column: str
) -> None:
    by = make_actor(Role.ITEM_AUTHOR)
    staged = actions.stage_import(book(*rows), name="x.xlsx", by=by)
    errors = excel.parse(book(*rows)).errors
    assert (number, column) in [(e.row, e.column) for e in errors]
    assert staged.error_count == len(errors) > 0
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
    "cut": ("file_kind", lambda: book(row())[:2000]),
    "too large": ("file_large", lambda: b"PK\x03\x04" + bytes(excel.MAX_BYTES)),
    "bomb": ("file_bomb", lambda: _on_good("xl/media/a.bin", bytes(excel.MAX_UNPACKED + 1))),
    "many members": ("file_bomb", lambda: _zip({f"a{n}": b"" for n in range(excel.MAX_MEMBERS + 1)})),
    "entities": ("file_entities", lambda: _on_good("xl/worksheets/sheet1.xml", ENTITIES)),
    "entities in utf-16": (
        "file_entities",
        lambda: _on_good("xl/styles.xml", ENTITIES.decode().encode("utf-16")),
    ),
    "broken sheet": (
        "file_damaged",
        lambda: _on_good("xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row>"),
    ),
    "broken workbook": ("file_damaged", lambda: _on_good("xl/workbook.xml", b"nonsense")),
    "wrong headers": ("file_headers", lambda: book(row(), headers=["a", *excel.HEADERS[1:]])),
    "no row": ("file_empty", book),
    "nothing": ("file_empty", lambda: book(headers=[])),
    "6,000 rows": ("file_rows", lambda: book(*[row(f"Q{n}") for n in range(6000)])),
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
    for name, data in (("a.txt", b"x"), ("a.xlsx", b"x"), ("a.xlsx", _zip({"a.txt": b"x"}))):
        response = client.post(reverse("itembank:imports"), {"file": SimpleUploadedFile(name, data)})
        assert response.status_code == 422
        assert "z-errors" in response.content.decode()
    assert client.post(reverse("itembank:imports"), {}).status_code == 422


def test_the_template_can_be_filled_in_and_taken_back() -> None:
    client = sign_in(Client(), make_user(Role.ITEM_AUTHOR))
    response = client.get(reverse("itembank:template"))
    data = response.content
    sheet = load_workbook(io.BytesIO(data)).worksheets[0]
    assert tuple(cell.value for cell in sheet[1]) == excel.HEADERS
    parsed = excel.parse(data)
    assert parsed.errors == []
    assert [item.text.kind for item in parsed.items] == ["single", "true_false", "case"]


def test_five_thousand_rows_come_in_within_bounds() -> None:
    by = make_actor(Role.ITEM_AUTHOR)
    data = book(*[row(f"Q{n:05d}") for n in range(5000)])
    started = time.monotonic()
    staged = actions.stage_import(data, name="x.xlsx", by=by)
    assert staged.error_count == 0
    assert actions.confirm_import(staged, by=by) == 5000
    assert time.monotonic() - started < 30
