"""What people do, in a real browser: enrol on a phone, sit the test, file a plan."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import DESK, PHONE, Person, Served
from zhupei.people.api import demo_identity_number

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
NEWCOMER = demo_identity_number(9001)
PASSWORD = "Zhupei-newcomer-7"
ITEMS = {"general": 40, "professional": 40}


def press(page: Page, name: str) -> None:
    """Press the main part's button of this name."""
    page.locator("main").get_by_role("button", name=name).first.click()


@pytest.mark.req("R020")
def test_a_learner_opens_an_account_and_enrols_on_a_phone(
    person: Callable[..., Person], city: Served
) -> None:
    learner = person(PHONE)
    page = learner.open("/me/sign-up/")
    page.select_option("[name=identity_kind]", "resident_id")
    page.fill("[name=identity_number]", NEWCOMER)
    page.fill("[name=name]", "秦新学")
    page.fill("[name=phone]", "13999990001")
    page.locator("main form").first.locator("button[value=code], button").first.click()
    code = page.locator("[data-demo-code]").first.inner_text()
    page.fill("[name=code]", code)
    page.fill("[name=password]", PASSWORD)
    page.fill("[name=again]", PASSWORD)
    page.check("[name=consent]")
    page.locator("main form").last.locator("button").last.click()
    assert not learner.barriers()
    learner.sign_in(NEWCOMER, PASSWORD)
    learner.open("/me/edit/")
    page.select_option("[name=education]", "senior")
    page.locator("main form button").last.click()
    learner.open("/training/open/")
    page.locator("main a[href*='/training/open/']").first.click()
    press(page, "报名")
    expect(page.locator("main")).to_contain_text("待审核")
    assert not learner.barriers()
    assert not learner.overflows()
    assert learner.open("/").locator(".z-step").inner_text().count("审核")
    assert not learner.complaints


@pytest.mark.req("R038", "R039")
def test_a_candidate_sits_the_whole_test_on_a_phone_and_sees_both_scores(
    person: Callable[..., Person], city: Served
) -> None:
    candidate = person(PHONE)
    test = city.demo["open_test"]
    page = candidate.open("/exam/")
    assert not candidate.barriers()
    page.fill("[name=slip_no]", test["slip_no"])
    page.fill("[name=id_number]", test["id_number"])
    page.locator("form button").first.click()
    expect(page.locator("body")).to_contain_text(test["name"])
    assert not candidate.barriers()
    page.locator("form[action$='start'] button").click()
    for subject, count in ITEMS.items():
        expect(page).to_have_url(lambda url, s=subject: "/exam/paper" in url and s in url)
        for number in range(1, count + 1):
            page.locator("main input[type=radio]:visible, main input[type=checkbox]:visible").first.check()
            if number == 1:
                assert not candidate.barriers()
                assert not candidate.overflows()
            if number < count:
                page.get_by_role("button", name="保存并下一题").click()
        page.locator(".sheet-done, [href*='next-subject'], [href*='hand-in']").first.click()
        assert not candidate.barriers()
        page.locator("main form button").last.click()
    expect(page).to_have_url(lambda url: "/exam/result" in url)
    expect(page.locator("main")).to_contain_text("通用知识")
    expect(page.locator("main")).to_contain_text("专业知识")
    assert not candidate.barriers()
    assert not candidate.complaints


@pytest.mark.req("R016", "R017")
def test_a_registrar_files_a_plan(person: Callable[..., Person], city: Served) -> None:
    registrar = person(DESK)
    page = registrar.sign_in("registrar1", city.demo["password"])
    registrar.open("/training/plans/new/")
    assert not registrar.barriers()
    expect(page.locator("main")).to_contain_text("培训期数")
