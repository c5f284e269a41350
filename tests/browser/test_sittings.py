"""A test in the hall, in real browsers: a phone with script and a network that fails, plain forms, the invigilator's console."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Maker
from tests.browser.served import DESK, PHONE, Person, Served
from zhupei.config.demo.learners import identity_of

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
QUESTIONS = 40  # of each subject
LAST = "检查未答题"  # what the button for the next unit says on the last one
SUBJECTS = ("general", "professional")
NUMBERS = {name: number for _kind, number, name in map(identity_of, range(60))}


def admit(candidate: Person, slip_no: str, id_number: str) -> None:
    """Sign in at the seat's computer and begin."""
    candidate.open("/exam/")
    assert candidate.faults() == []
    candidate.fill_in(slip_no=slip_no, id_number="000")
    candidate.press("登录")
    expect(candidate.page.get_by_role("alert")).to_be_visible()
    candidate.fill_in(slip_no=slip_no, id_number=id_number)
    candidate.press("登录")
    expect(candidate.page.locator("form[action$='/start'] button")).to_be_visible()
    assert candidate.faults() == []
    candidate.page.locator("form[action$='/start'] button").click()
    expect(candidate.page.locator("#exam")).to_be_visible()


def kept(candidate: Person, subject: str) -> dict[str, list[str]]:
    """The answers of a subject as the engine holds them: slot → options."""
    answer = candidate.page.request.get(f"{candidate.city.url}/exam/paper.json?subject={subject}")
    return {key: sorted(chosen) for key, chosen in answer.json()["answers"].items()}


def choose(question: Locator) -> tuple[str, list[str]]:
    """Answer a question: the first choice, or the first and the last where several may be right."""
    key, kind = str(question.get_attribute("data-key")), question.get_attribute("data-kind")
    boxes = question.locator("input")
    picked = [boxes.first, boxes.last] if kind == "multiple" else [boxes.first]
    for box in picked:
        box.check()
    return key, sorted(str(box.get_attribute("value")) for box in picked)


def answer(candidate: Person) -> dict[str, list[str]]:
    """Answer all questions of the unit that is shown."""
    return dict(map(choose, candidate.page.locator("#item .question").all()))


def hall(person: Maker, city: Served, role: str, size: dict[str, int]) -> tuple[Person, str]:
    """Somebody of the hall on the page of the batch that is open now, and the address of its room's console."""
    somebody = person(size, login=city.login_of(role))
    somebody.open("/hall/")
    somebody.main.get_by_role("link", name=city.demo["open_test"]["batch"].partition("—")[2]).first.click()
    console = somebody.main.locator("a[href*='/sessions/'][href*='/rooms/']").first
    return somebody, city.url + str(console.get_attribute("href"))


FIVE_MINUTES = 300
OUTAGES = ("ERR_INTERNET_", "ERR_CONNECTION_", "ERR_EMPTY_RESPONSE", "status of 502", "status of 503", "503 ")


def seconds_shown(candidate: Person) -> int:
    """What the countdown shows."""
    parts = candidate.page.locator("#countdown").inner_text().split(":")
    return sum(int(part) * 60**place for place, part in enumerate(reversed(parts)))


@pytest.mark.timeout(400)
@pytest.mark.req("R038", "R039", "R040", "I03")
def test_a_candidate_sits_the_whole_test_on_a_phone(person: Maker, city: Served) -> None:
    """All units with script. The network is gone for five minutes, the server is killed twice; no answer is lost.

    The five minutes pass on the page's own clock (timers, dates, ``performance.now``), with the browser offline all the time;
    the server's clock goes on as usual, and the countdown comes back to its word.
    """
    candidate, test = person(PHONE), city.demo["open_test"]
    page = candidate.page
    page.clock.install()
    tries: list[str] = []  # requests that did not get there
    admit(candidate, test["slip_no"], test["id_number"])
    link, unsaved = page.locator("#link-word"), page.locator("#unsaved")
    for subject in SUBJECTS:
        expect(page).to_have_url(re.compile(f"/exam/paper.*subject={subject}"))
        expect(link).to_have_text("正常")  # the script has taken over
        given: dict[str, list[str]] = {}
        for unit in range(1, QUESTIONS + 1):
            expect(page.locator(f"#item[data-unit='{unit}']")).to_be_attached()
            if unit == 1:
                assert candidate.faults() == []
            if unit == 12 and subject == "general":
                expect(unsaved).to_have_text("全部已保存")
                candidate.context.set_offline(True)
                expect(link).to_have_text("离线")
            given |= answer(candidate)
            if unit == 15 and subject == "general":
                expect(unsaved).to_have_text(re.compile("未保存 [4-9] 题"))
                assert candidate.barriers() == []
                page.on("requestfailed", lambda request: tries.append(request.url))
                before = seconds_shown(candidate)
                for _part in range(FIVE_MINUTES // 5):  # the page tries again and again meanwhile
                    page.clock.run_for(5000)
                    page.wait_for_timeout(20)
                assert sum("/save" in url for url in tries) >= 10
                assert seconds_shown(candidate) <= before - FIVE_MINUTES
                expect(unsaved).to_have_text(re.compile("未保存 [4-9] 题"))
                candidate.context.set_offline(False)
                expect(unsaved).to_have_text("全部已保存")
                expect(link).to_have_text("正常")
                assert kept(candidate, subject) == given
                until = time.monotonic() + 10
                while seconds_shown(candidate) < before - FIVE_MINUTES // 2 and time.monotonic() < until:
                    page.wait_for_timeout(100)
                assert seconds_shown(candidate) > before - FIVE_MINUTES // 2  # the server's word again
            if (unit, subject) in ((20, "general"), (10, "professional")):
                expect(unsaved).to_have_text("全部已保存")
                city.kill()
            if (unit, subject) in ((22, "general"), (12, "professional")):
                expect(unsaved).to_have_text(re.compile("未保存 [2-9] 题"))
                city.start()
                expect(unsaved).to_have_text("全部已保存")
                assert kept(candidate, subject) == given
            last = page.locator("#go-next").inner_text() == LAST
            page.locator("#go-next").click()
            if last:
                break
        confirm = page.locator("form[data-confirm]")
        expect(confirm).to_be_visible()
        expect(page.locator("#part")).to_contain_text("所有题目均已作答")
        assert kept(candidate, subject) == given
        assert len(given) == QUESTIONS
        candidate.complaints = [
            line for line in candidate.complaints if not any(one in line for one in OUTAGES)
        ]
        assert candidate.faults() == []
        confirm.locator("button").click()
    expect(page).to_have_url(re.compile("/exam/result"))
    expect(candidate.main.locator(".score")).to_have_count(2)
    for score, title in zip(candidate.main.locator(".score").all(), ("通用知识", "专业知识"), strict=True):
        expect(score).to_contain_text(title)
        expect(score.locator(".figure b")).to_have_text(re.compile(r"^\d+(\.\d+)?$"))
    assert candidate.faults() == []


@pytest.mark.req("R049", "R050")
def test_a_candidate_without_script_sits_the_whole_test(person: Maker, city: Served) -> None:
    """Let in late at the desk, then through plain forms from the first question to the scores."""
    head, console = hall(person, city, "hall_technical_head", DESK)
    desk = str(head.main.locator("a[href$='/desk/']").first.get_attribute("href"))
    waiting = head.open(desk).locator("main").inner_text()
    head.open(console)
    names = head.main.locator(".hall-seat", has_text="未签到").locator(".hall-name").all_inner_texts()
    name = next(one for one in names if one not in waiting)
    head.open(desk)
    head.fill_in(q=NUMBERS[name])
    head.press("查找")
    expect(head.main).to_contain_text(name)
    assert head.faults() == []
    slip_no = head.main.locator("dt", has_text="准考证号").locator("+ dd").inner_text()
    head.fill_in(late_reason="堵车，已核实。")
    head.press("签到")
    expect(head.page.locator("#messages")).to_contain_text(f"{name} 已签到")

    candidate = person(PHONE, script=False)
    page = candidate.page
    admit(candidate, slip_no, NUMBERS[name])
    for subject in SUBJECTS:
        given: dict[str, list[str]] = {}
        for unit in range(1, QUESTIONS + 1):
            given |= answer(candidate)
            if unit == 2:
                assert candidate.faults() == []
            last = page.locator("#go-next").inner_text() == LAST
            with page.expect_navigation():
                page.locator("#go-next").click()
            if last:
                break
        confirm = page.locator("form[data-confirm]")
        expect(confirm).to_be_visible()
        expect(candidate.main).to_contain_text("所有题目均已作答")
        assert kept(candidate, subject) == given
        assert len(given) == QUESTIONS
        assert candidate.faults() == []
        confirm.locator("button").click()
        expect(page).to_have_url(re.compile("subject=professional|/result"))
    expect(candidate.main.locator(".score .figure b")).to_have_count(2)
    assert candidate.faults() == []


@pytest.mark.req("R050")
def test_the_console_shows_what_a_candidate_does(person: Maker, city: Served) -> None:
    """Somebody waits for a second person at the desk; then the invigilator sees his answers come in, without a reload."""
    head, console = hall(person, city, "hall_technical_head", DESK)
    head.main.locator("a[href$='/desk/']").first.click()
    head.press("查看并决定")
    name = head.main.locator(".hall-place").first.inner_text()
    slip_no = head.main.locator("dt", has_text="准考证号").locator("+ dd").inner_text()
    assert head.faults() == []
    head.fill_in(late_reason="到场及时，等待第二人核验。")
    head.press("确是本人，准予签到")
    expect(head.page.locator("#messages")).to_contain_text("已保存")

    invigilator, _console = hall(person, city, "invigilator", PHONE)
    invigilator.open(console)
    seat = invigilator.main.locator(".hall-seat", has_text=name)
    expect(seat).to_contain_text("已签到")
    assert invigilator.faults() == []

    candidate = person(DESK)
    page = candidate.page
    admit(candidate, slip_no, NUMBERS[name])
    assert candidate.faults() == []
    done = 0
    for unit in range(1, 6):
        expect(page.locator(f"#item[data-unit='{unit}']")).to_be_attached()
        done += len(answer(candidate))
        if unit in (2, 5):
            expect(page.locator("#unsaved")).to_have_text("全部已保存")
            expect(seat).to_contain_text(re.compile(rf"已答 {done}／\d+"))
        page.locator("#go-next").click()
    expect(seat).to_contain_text("正在测试")
    assert invigilator.faults() == []
    assert candidate.complaints == []
