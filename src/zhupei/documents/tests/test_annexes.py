"""Annexes 2 and 4: wording, layout, continuation, DOCX."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from decimal import Decimal

import pytest
from docx import Document as read_docx
from docx.oxml.ns import qn

from zhupei.documents import api
from zhupei.documents.tests.makers import POSTS, bank, pages, picture, plan, reader, squeeze
from zhupei.kernel.errors import Refusal

# Copied from the rule, not from the code.
ANNEX_2 = """附件2
重庆市住房和城乡建设领域施工现场
专业人员培训计划表
培训期数：|年第|期
填报日期：|年|月|日
培训机构
（全称）
开班地址
（详细）
教学负责人|教学负责人电话
联系人|联系电话
岗位名称|预计人数|计划培训时间|收费金额（元）
培训机构申报意见
负责人（签字）：
（盖章）
注：如表中信息发生变化，请于开班前1天重新报送。"""
ANNEX_4 = """附件4
重庆市住房和城乡建设领域施工现场专业人员培训测试题库使用申请表
培训实施单位
（全称）
测试地点
（详细）
测试时间|可用计算机数量（台）
测试批次|测试总人数（人）
测试岗位|测试人数（人）|测试岗位|测试人数（人）
测试单位负责人|手  机
联系人|手  机
我单位承诺：我单位将严格按照专业人员信息化考试相关规定及市住房城乡建委有关要求组织专业人员培训测试，维护测试安全稳定，严肃测试工作纪律，坚决杜绝各类违规违纪现象，确保公平公正。
单位负责人（签字）：
培训实施单位（公章）
年|月|日"""


def labels(annex: str) -> list[str]:
    return [squeeze(part) for line in annex.splitlines() for part in line.split("|")]


def in_order(parts: list[str], text: str) -> None:
    at = 0
    for part in parts:
        found = text.find(part, at)
        assert found >= 0, f"{part!r} not after {text[:at][-20:]!r} in {text}"
        at = found + len(part)


def docx_text(docx: bytes) -> str:
    document = read_docx(io.BytesIO(docx))
    parts = []
    for element in document.element.body.iter():
        if element.tag == qn("w:t"):
            parts.append(element.text or "")
    return squeeze("".join(parts))


@pytest.mark.req("R017", "R181", "R164", "R165")
def test_the_empty_plan_form_is_the_annex_word_for_word() -> None:
    (text,) = pages(api.render_pdf(api.PlanForm()))
    in_order(labels(ANNEX_2), text)
    example = "例：2020年1月1-5日9:00-17:00"
    assert example in text
    # Nothing but the annex's words stands on the sheet.
    assert sorted(text) == sorted("".join(labels(ANNEX_2)) + example)


@pytest.mark.req("R181", "R194", "R196", "R197")
def test_the_empty_bank_form_is_the_annex_word_for_word() -> None:
    (text,) = pages(api.render_pdf(api.BankForm()))
    in_order(labels(ANNEX_4), text)
    assert sorted(text) == sorted("".join(labels(ANNEX_4)) + "例：2019—001")


@pytest.mark.req(
    "R164", "R165", "R166", "R167", "R168", "R169", "R170", "R171", "R172", "R173", "R174", "R175", "R177"
)
def test_a_plan_shows_every_field() -> None:
    (text,) = pages(api.render_pdf(plan(7)))
    in_order(labels(ANNEX_2)[:3], text)
    in_order(
        [
            "培训期数：2026年第3期",
            "填报日期：2026年11月22日",
            "重庆筑培建筑职业培训学校有限公司",
            "重庆市渝中区人民路123号4楼401教室",
            "刘教务",
            "023-63671234-8001",
            "阿卜杜热依木·买买提",
            "13812345678",
            *(
                part
                for at in range(7)
                for part in (POSTS[at], str(30 + at), "2026年12月1-5日9:00-17:00", "1200.00")
            ),
            "情况属实，同意申报。",
        ],
        text,
    )
    assert "例：" not in text
    assert "续表" not in text


@pytest.mark.req("R176")
@pytest.mark.parametrize(("rows", "sheets"), [(1, 1), (7, 1), (8, 2), (15, 3)])
def test_the_eighth_post_goes_to_a_continuation_sheet(rows: int, sheets: int) -> None:
    found = pages(api.render_pdf(plan(rows)))
    assert len(found) == sheets
    for index, text in enumerate(found):
        in_order([*labels(ANNEX_2)[1:3], "岗位名称", "负责人（签字）：", "（盖章）", "注："], text)
        assert (f"续表{index}" in text) == bool(index)
        for post in POSTS[index * 7 : min(rows, index * 7 + 7)]:
            assert post in text


@pytest.mark.req("R188", "R189", "R187")
@pytest.mark.parametrize(("rows", "sheets"), [(14, 1), (15, 2), (21, 2)])
def test_the_fifteenth_post_goes_to_a_continuation_sheet(rows: int, sheets: int) -> None:
    document = bank(rows)
    found = pages(api.render_pdf(document))
    assert len(found) == sheets
    assert document.total == sum(20 + at for at in range(rows))
    for index, text in enumerate(found):
        assert str(document.total) in text
        assert "我单位承诺：" in text
        assert (f"续表{index}" in text) == bool(index)
        for post in POSTS[index * 14 : min(rows, index * 14 + 14)]:
            assert post in text


@pytest.mark.req("R182", "R183", "R184", "R185", "R186", "R190", "R191", "R192", "R193", "R197")
def test_an_application_shows_every_field() -> None:
    (text,) = pages(api.render_pdf(bank(2)))
    in_order(
        [
            "重庆筑培建筑职业培训学校有限公司",
            "重庆市渝中区人民路123号考试中心",
            "2026年12月8日9:00-11:00",
            "200",
            "2026—001",
            "41",
            "土建施工员",
            "20",
            "王力",
            "13812345678",
            "李四",
            "13987654321",
            "2026年11月20日",
        ],
        text,
    )
    assert "例" not in text


@pytest.mark.req("R186")
@pytest.mark.parametrize("typed", ["2026-001", "2026–001", "2026—001", "2026－001", "2026 - 001"])
def test_the_batch_is_printed_with_the_long_dash(typed: str) -> None:
    assert "2026—001" in pages(api.render_pdf(bank(1, batch=typed)))[0]


@pytest.mark.req("R002")
def test_the_legal_basis_stands_below_the_sheet_when_given() -> None:
    (text,) = pages(api.render_pdf(plan(1, basis="依据：建人〔2019〕9号", reference="模板2-1")))
    assert "依据：建人〔2019〕9号" in text
    assert "模板2-1" in text


@pytest.mark.req("R178", "R179", "R195", "R196")
@pytest.mark.parametrize("form", [plan(8), bank(15)])
def test_seal_and_signature_lie_on_every_sheet(form: api.PlanForm | api.BankForm) -> None:
    bare = reader(api.render_pdf(form))
    kind = type(form)
    values = {name: getattr(form, name) for name in form.__dataclass_fields__}
    signed = reader(api.render_pdf(kind(**{**values, "seal": picture(), "signature": picture((400, 160))})))
    assert len(signed.pages) == len(bare.pages) == 2
    for page in signed.pages:
        assert len(page.images) >= 2
    assert squeeze(signed.pages[0].extract_text()) == squeeze(bare.pages[0].extract_text())


@pytest.mark.req("R017", "R181")
@pytest.mark.parametrize(("form", "annex"), [(api.PlanForm(), ANNEX_2), (api.BankForm(), ANNEX_4)])
def test_the_docx_holds_the_same_words(form: api.PlanForm | api.BankForm, annex: str) -> None:
    docx = docx_text(api.render_docx(form))
    in_order(labels(annex), docx)
    assert sorted(docx) == sorted(pages(api.render_pdf(form))[0])


@pytest.mark.req("R176", "R188")
@pytest.mark.parametrize("form", [plan(8), bank(15)])
def test_the_docx_continues_like_the_pdf(form: api.PlanForm | api.BankForm) -> None:
    raw = api.render_docx(form)
    document = read_docx(io.BytesIO(raw))
    assert len(document.tables) == 2
    assert document.sections[0].page_width.mm == pytest.approx(210, abs=0.1)
    assert document.sections[0].page_height.mm == pytest.approx(297, abs=0.1)
    text = docx_text(raw)
    for post in POSTS[: len(form.rows)]:
        assert post in text
    assert "续表1" in text
    east = {fonts.get(qn("w:eastAsia")) for fonts in document.element.body.iter(qn("w:rFonts"))}
    assert east == {"仿宋", "宋体", "黑体"}
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        assert "仿宋_GB2312" in archive.read("word/fontTable.xml").decode()


def test_the_docx_carries_no_seal() -> None:
    raw = api.render_docx(plan(1, seal=picture(), signature=picture()))
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        assert not [name for name in archive.namelist() if "media" in name]
    assert raw == api.render_docx(plan(1))


def test_a_fee_is_written_without_exponent() -> None:
    row = api.PlanRow(post="安全员", expected=1, fee=Decimal("1E+3"))
    assert "1000" in pages(api.render_pdf(plan(1, rows=(row,))))[0]


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(Refusal) as refused:
        api.render_pdf(plan(1, rows=(api.PlanRow(post="安全员"),) * 141))
    assert refused.value.code == "documents.too_many"


def test_a_text_that_fits_no_cell_is_refused_by_its_name() -> None:
    with pytest.raises(Refusal) as refused:
        api.render_pdf(plan(1, address="很长的地址" * 200))
    assert refused.value.code == "documents.too_long"
    assert "开班地址（详细）" in refused.value.fields
    assert len(pages(api.render_pdf(plan(1, opinion="同意。" * 100)))) == 1


def test_the_date_of_the_form_is_the_date_of_the_file() -> None:
    meta = reader(api.render_pdf(plan(1))).metadata
    assert meta is not None
    assert meta.creation_date is not None
    assert meta.creation_date.date() == date(2026, 11, 22)
    assert meta.title == "重庆市住房和城乡建设领域施工现场专业人员培训计划表"
