"""The invigilator's console in real browsers: live without a reload, a warning, a move to another computer."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Maker
from tests.browser.served import DESK, PHONE, Person, Served
from tests.browser.test_sittings import NUMBERS, answer, hall, kept

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
WITHIN_MS = 2_000  # from the save to the console


def take_seat(candidate: Person, slip_no: str, id_number: str) -> None:
    """Sign in at a computer and go on with a test that has begun."""
    candidate.open("/exam/")
    candidate.fill_in(slip_no=slip_no, id_number=id_number)
    candidate.press("登录")
    expect(candidate.page.locator("#exam")).to_be_visible()
    expect(candidate.page.locator("#link-word")).to_have_text("正常")


def answered(seat: str) -> int:
    """How many items a seat's text says are answered."""
    found = re.search(r"已答 (\d+)／", seat)
    assert found is not None, seat
    return int(found[1])


def seconds_left(seat: str) -> int:
    """The countdown in a seat's text."""
    found = re.search(r"(\d+):(\d\d)", seat)
    assert found is not None, seat
    return int(found[1]) * 60 + int(found[2])


@pytest.mark.req("R136", "I04", "I09")
def test_an_invigilator_follows_warns_and_moves_a_candidate(person: Maker, city: Served) -> None:
    """Everything from the phone: sign in again, warn, move; the console at the desk follows by itself."""
    invigilator, console = hall(person, city, "invigilator", PHONE)
    phone = invigilator.page
    invigilator.open(console)
    expect(phone.locator("#hall-link")).to_have_text("实时")
    name = invigilator.main.locator(".hall-seat[data-state=running] .hall-name").last.inner_text()
    watcher = person(DESK, login=city.login_of("hall_technical_head"))
    desk = watcher.open(console)
    expect(desk.locator("#hall-link")).to_have_text("实时")
    desk.evaluate("window.untouched = true")
    assert watcher.faults() == []
    seat = watcher.main.locator(".hall-seat", has_text=name)

    # the browser was closed: let in again, with two taps
    invigilator.main.locator(".hall-seat", has_text=name).click()
    expect(phone.locator("h1")).to_contain_text(name)
    address, room = phone.url, phone.locator("h1").inner_text().split(" · ")[0]
    slip_no = invigilator.main.locator("dt", has_text="准考证号").locator("+ dd").inner_text()
    assert invigilator.faults() == []
    phone.locator("summary", has_text="重新登录").click()
    assert invigilator.faults() == []
    invigilator.press("浏览器被关闭")
    expect(phone.locator("#messages")).to_contain_text("可以再登录一次")

    candidate = person(DESK)
    take_seat(candidate, slip_no, NUMBERS[name])
    page = candidate.page
    subject = str(page.locator("input[name=subject]").first.get_attribute("value"))
    given, before = kept(candidate, subject), answered(seat.inner_text())
    page.locator("#cells .cell:not(.kept)").last.click()
    expect(page.locator("#item input:checked")).to_have_count(0)
    new = answer(candidate)
    expect(page.locator("#unsaved")).to_have_text("全部已保存")
    expect(seat).to_contain_text(f"已答 {before + len(new)}／", timeout=WITHIN_MS)

    # a warning, with two taps; the candidate reads it
    phone.locator("summary", has_text="警告").click()
    invigilator.press("请勿交谈或打手势。")
    expect(seat).to_contain_text("警告尚未阅读")
    expect(page.locator("#warning-text")).to_have_text("请勿交谈或打手势。")
    assert candidate.barriers() == []
    page.get_by_role("button", name="我已阅读").click()
    expect(seat).not_to_contain_text("警告尚未阅读")

    # to another computer, with answers and time
    left = seconds_left(seat.inner_text())
    invigilator.open(address)
    invigilator.press("换座位")
    assert invigilator.faults() == []
    free = phone.locator("[name=seat] option", has_text=room).last
    place = free.inner_text().split(" · ")[1]
    phone.locator("[name=seat]").select_option(free.get_attribute("value"))
    phone.get_by_label("考试机故障").check()
    invigilator.press("换座")
    expect(phone.locator("#messages")).to_contain_text("已换座")
    expect(watcher.main.locator("#hall-alarms")).to_contain_text("无人登录，时间仍在计算")
    spare = person(DESK)
    take_seat(spare, slip_no, NUMBERS[name])
    assert kept(spare, subject) == given | new
    expect(watcher.main.locator("#hall-alarms")).not_to_contain_text("无人登录")
    expect(seat).to_contain_text(place)
    assert 0 <= left - seconds_left(seat.inner_text()) < 120
    assert desk.evaluate("window.untouched") is True  # never loaded again
    assert watcher.faults() == []
    assert spare.complaints == []


@pytest.mark.req("I09")
def test_a_seat_is_stopped_and_goes_on_from_the_phone(person: Maker, city: Served) -> None:
    """Stopped with two taps, the clock stands; the second person's console shows it; let go on with one."""
    invigilator, console = hall(person, city, "invigilator", PHONE)
    phone = invigilator.page
    watcher = person(DESK, login=city.login_of("hall_technical_head"))
    watcher.open(console)
    invigilator.open(console)
    name = invigilator.main.locator(".hall-seat[data-state=running] .hall-name").first.inner_text()
    invigilator.main.locator(".hall-seat", has_text=name).click()
    phone.locator("summary", has_text="涉嫌违规").click()
    invigilator.press("使用手机等电子设备")
    expect(phone.locator("#messages")).to_contain_text("已停止")
    seat = watcher.main.locator(".hall-seat", has_text=name)
    expect(seat).to_contain_text("暂停")
    expect(watcher.main.locator("#hall-alarms")).to_contain_text("该考生已停止计时")
    assert watcher.faults() == []
    assert invigilator.faults() == []
    invigilator.press("恢复测试")
    expect(seat).to_contain_text("正在测试")
    expect(watcher.main.locator("#hall-alarms")).not_to_contain_text("该考生已停止计时")


def test_without_a_stream_the_console_loads_by_itself(person: Maker, city: Served) -> None:
    """The stream is refused (too many, or a proxy in between): the page asks every five seconds instead."""
    head, console = hall(person, city, "hall_technical_head", DESK)
    head.page.route("**/live/**", lambda route: route.fulfill(status=503))
    head.open(console)
    expect(head.page.locator("#hall-link")).to_have_text("每 5 秒刷新")
    expect(head.main.locator(".hall-seat").first).to_be_visible()
    head.complaints = [line for line in head.complaints if "503" not in line]
    assert head.faults() == []
    plain = person(PHONE, login=city.login_of("hall_technical_head"), script=False)
    plain.open(console)
    expect(plain.main.locator(".hall-seat").first).to_be_visible()
    assert plain.faults() == []
