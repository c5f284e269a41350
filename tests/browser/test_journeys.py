"""What people do outside the hall, in a real browser: enrol on a phone, file a plan."""

from __future__ import annotations

import re
from datetime import date, time, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Maker
from tests.browser.served import DESK, PHONE, Served
from zhupei.config.demo.props import portrait, seal, signature
from zhupei.kernel import clock
from zhupei.kernel.schedule import Period, format_periods
from zhupei.people.api import demo_identity_number

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
NEWCOMER = demo_identity_number(9001)
PASSWORD = "Zhupei-newcomer-7"


@pytest.mark.req("R020")
def test_a_learner_opens_an_account_and_enrols_on_a_phone(person: Maker) -> None:
    learner = person(PHONE)
    page = learner.open("/")
    learner.press("开通学员账号")
    page.select_option("[name=identity_kind]", "resident_id")
    learner.fill_in(identity_number=NEWCOMER, name="秦新学", phone="13999990001")
    learner.press("发送验证码")
    told = learner.main.locator(".z-message b")
    expect(told).to_have_text(re.compile(r"^\d{6}$"))
    assert learner.faults() == []
    learner.fill_in(code=told.inner_text(), password=PASSWORD, again=PASSWORD)
    learner.press("开通账号")  # the consent is missing
    expect(learner.main.get_by_role("alert")).to_contain_text("同意")
    expect(learner.main.locator("[name=name]")).to_have_value("秦新学")
    assert learner.faults() == []
    page.check("[name=consent_account]")
    learner.fill_in(password=PASSWORD, again=PASSWORD)
    learner.press("开通账号")
    expect(page).to_have_url(re.compile("/account/sign-in/"))

    learner.sign_in(NEWCOMER, PASSWORD)
    step = page.locator(".z-step")
    expect(step).to_contain_text("报名参加培训")
    assert learner.faults() == []
    learner.open("/me/photo/")
    page.set_input_files("[name=photo]", {"name": "我.jpg", "mimeType": "image/jpeg", "buffer": portrait(7)})
    learner.press("保存照片")
    expect(learner.main.locator("img").first).to_be_visible()
    learner.open("/me/edit/")
    page.select_option("[name=education]", "senior")
    learner.press("保存")
    expect(page.locator("#messages")).to_contain_text("已保存")

    learner.open("/")
    step.get_by_role("link").click()
    learner.main.locator("a[href^='/training/open/']").first.click()
    assert learner.faults() == []
    learner.press("报名参加本班")
    expect(learner.main).to_contain_text("待审核")
    assert learner.faults() == []
    learner.open("/")
    expect(step).to_contain_text("报名审核中")
    expect(page.locator(".z-path [aria-current=step]")).to_contain_text("报名")
    assert learner.faults() == []


def planned(first: date, days: int) -> str:
    """Eight class hours a day, as annex 2 writes it."""
    last = first + timedelta(days=days - 1)
    return format_periods([Period(first, last, time(9), time(17), ((time(12), time(14)),))])


def attach(page: Page) -> None:
    """Choose the pictures of signature and seal."""
    for name, content in (("signature", signature()), ("seal", seal())):
        picture = {"name": f"{name}.png", "mimeType": "image/png", "buffer": content}
        page.set_input_files(f"[name={name}]", picture)  # type: ignore[arg-type]


@pytest.mark.req("R016", "R017", "R169", "R174", "R181")
def test_a_registrar_files_a_plan(person: Maker, city: Served) -> None:
    registrar = person(DESK, login=city.login_of("registrar"))
    page = registrar.open("/training/plans/")
    first = clock.today() + timedelta(days=70)
    first -= timedelta(days=first.weekday())
    page.locator("a[href='/training/plans/new/']").first.click()
    assert registrar.faults() == []

    page.select_option("[name=site]", index=1)
    registrar.fill_in(
        teaching_head="周正", teaching_head_phone="12345", contact="林清", contact_phone="023-63672000"
    )
    page.select_option("[name=rows-0-post]", index=1)
    registrar.fill_in(**{"rows-0-expected": "45", "rows-0-fee": "680", "rows-0-time_text": planned(first, 4)})
    registrar.fill_in(opinion="同意报送。", signed_by="周正")
    attach(page)
    registrar.press("保存草稿")
    alert = registrar.main.get_by_role("alert")
    expect(alert).to_contain_text("教学负责人电话")
    expect(page.locator("[name=teaching_head_phone]")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("[name=rows-0-time_text]")).to_have_value(planned(first, 4))
    assert registrar.faults() == []
    registrar.fill_in(teaching_head_phone="13983001234")
    attach(page)  # browsers forget chosen files
    registrar.press("保存草稿")
    expect(page.locator("#messages")).to_contain_text("已保存为草稿")
    expect(registrar.main).to_contain_text("32")
    assert registrar.faults() == []

    registrar.press("报送计划")
    expect(page).to_have_url(re.compile(r"/submit/$"))
    expect(registrar.main).to_contain_text("不足 40 学时不能报送")
    assert registrar.faults() == []
    registrar.press("报送计划")
    expect(alert).to_contain_text("40")
    assert registrar.faults() == []
    registrar.press("取消")
    expect(page).to_have_url(re.compile(r"/plans/\d+/$"))
    registrar.press("修改")
    registrar.fill_in(**{"rows-0-time_text": planned(first, 5)})
    registrar.press("保存草稿")
    expect(page.locator("#messages")).to_contain_text("计划已保存")
    registrar.press("报送计划")
    expect(page).to_have_url(re.compile(r"/submit/$"))
    registrar.press("报送计划")
    expect(page.locator("#messages")).to_contain_text("计划已报送中心")
    expect(registrar.main).to_contain_text("seal.png")
    assert registrar.faults() == []

    address = registrar.main.get_by_role("link", name="PDF").get_attribute("href")
    pdf = page.request.get(city.url + str(address))
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.body().startswith(b"%PDF")
    with page.expect_download() as download:
        registrar.press("DOCX")
    assert download.value.suggested_filename.endswith(".docx")
    assert registrar.complaints == []
