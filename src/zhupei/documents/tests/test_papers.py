"""Slips, certificates and lists."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pypdfium2
import pytest
import zxingcpp

from zhupei.documents import api
from zhupei.documents.tests.makers import (
    certificate,
    pages,
    picture,
    reader,
    roll,
    score_list,
    seat_list,
    slip,
)
from zhupei.kernel.errors import Refusal


@pytest.mark.req("I06")
def test_slips_are_a_page_each() -> None:
    document = api.AdmissionSlips(
        slips=(slip(photo=picture(kind="JPEG")), slip(name="李四", slip_number="202600010124", seat="18"))
    )
    pdf = api.render_pdf(document)
    first, second = pages(pdf)
    for part in (
        "准考证", "张三", "500***********1234", "202600010123", "土建施工员", "大学城考点", "信息楼3楼", "第2考室", "17",
        "2026年12月8日（星期二）9:00—11:00", "考生须知", "2026—001",
    ):  # fmt: skip
        assert part in first
    assert "李四" in second
    assert "张三" not in second
    assert "（贴照片处）" in second
    assert len(reader(pdf).pages[0].images) == 1


@pytest.mark.req("R048")
def test_the_candidates_rules_take_their_numbers_from_the_caller() -> None:
    rules = api.candidate_rules(opens_before=45, late_after=10, leave_after=20, minutes=120, pass_mark=60)
    (text,) = pages(api.render_pdf(slip(rules=rules)))
    for part in (
        "开考前45分钟",
        "超过10分钟",
        "开考20分钟后",
        "一共120分钟",
        "60分合格",
        "身份证",
        "录像",
        "人工核验",
    ):
        assert part in text


def test_no_slips_and_too_many_slips_are_refused() -> None:
    with pytest.raises(Refusal, match=r"documents\.empty"):
        api.render_pdf(api.AdmissionSlips(slips=()))
    with pytest.raises(Refusal, match=r"documents\.too_many"):
        api.render_pdf(api.AdmissionSlips(slips=(slip(),) * 201))


@pytest.mark.req("I01", "J22", "J26")
def test_a_certificate_says_who_issued_what_and_is_no_licence() -> None:
    pdf = api.render_pdf(certificate(photo=picture(), seal=picture()))
    (text,) = pages(pdf)
    for part in (
        "培训合格证", "张三", "安全员", "40学时", "渝培2026000123", "重庆筑培建筑职业培训学校有限公司", "2026年12月20日",
        "123X", "核验网址：https://zhupei.example.cn/check/AbCdEf123456", "证书状态：有效（截至2026年12月21日）",
        "由培训机构颁发", "不是行政许可", "培训机构（盖章）",
    ):  # fmt: skip
        assert part in text
    for part in (
        "C证",
        "安全生产",
        "考核合格",
        "安全生产管理人员",
        "专职",
        "住房和城乡建设委员会",
        "重庆市住房",
    ):
        assert part not in text
    page = reader(pdf).pages[0]
    assert page.mediabox.width > page.mediabox.height
    assert len(page.images) == 2


def test_the_qr_code_of_a_certificate_reads_as_its_address() -> None:
    page = pypdfium2.PdfDocument(api.render_pdf(certificate()))[0]
    (code,) = zxingcpp.read_barcodes(page.render(scale=2.5).to_pil())
    assert code.text == certificate().check_url


@pytest.mark.req("I01")
def test_a_certificate_out_of_force_says_so_across_the_page() -> None:
    (text,) = pages(api.render_pdf(certificate(status="已注销")))
    assert text.count("已注销") == 2
    assert "有效" not in text


@pytest.mark.parametrize("wrong", ["", "123", "110105194912310021", "12 4", "一二三四"])
def test_a_certificate_takes_no_more_than_four_characters_of_the_number(wrong: str) -> None:
    with pytest.raises(Refusal, match=r"documents\.id_last4"):
        api.render_pdf(certificate(id_last4=wrong))


@pytest.mark.req("R038")
def test_the_score_list_shows_marks_and_repeats_its_head() -> None:
    found = pages(api.render_pdf(score_list(60)))
    assert len(found) == 3
    for index, text in enumerate(found):
        assert "座位号准考证号姓名岗位通用知识专业知识结果" in text
        assert f"第{index + 1}页共3页" in text
    assert "成绩公布表" in found[0]
    assert "60.0—不合格" in found[0]
    assert "60.059.5不合格" in found[0]
    assert "2026—001" in found[0]
    assert "监考人员（签字）" in found[-1]


def test_seat_list_and_roll_leave_room_to_sign() -> None:
    (seats,) = pages(api.render_pdf(seat_list(5)))
    assert "应到人数：5人" in seats
    assert "本人签字" in seats
    (attendance,) = pages(api.render_pdf(roll(5)))
    for part in ("考勤表", "8:52", "施工组织设计", "刘工", "签到签退本人签字备注"):
        assert part in attendance


def test_a_table_must_be_a_table() -> None:
    columns = (api.Column(title="甲"), api.Column(title="乙"))
    with pytest.raises(ValueError, match="cells"):
        api.render_pdf(api.TableDocument(title="表", columns=columns, rows=(("一",),)))
    with pytest.raises(Refusal, match=r"documents\.too_many"):
        api.render_pdf(api.TableDocument(title="表", columns=columns, rows=(("一", "二"),) * 2001))
    wide = api.TableDocument(
        title="表", columns=columns, rows=(("一", "二"),), landscape=True, subtitle="副题"
    )
    page = reader(api.render_pdf(wide)).pages[0]
    assert page.mediabox.width > page.mediabox.height
    assert "副题" in page.extract_text()


def test_hours_may_be_halves() -> None:
    (text,) = pages(api.render_pdf(replace(certificate(), hours=Decimal("40.5"))))
    assert "40.5学时" in text
