"""The candidate's page in a real browser, before servers in threads of this process: no city needed.

The hall of two answers at two sites, ``127.0.0.1`` and ``localhost``: so cookies are as strict as between two machines.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn
from playwright.sync_api import Browser, Error, Locator, Page, Route, expect

from tests.browser.served import DESK, PATIENCE_MS, PHONE, Person, Served, free_port
from zhupei.delivery import api
from zhupei.delivery.pages.frame import SCRIPTS
from zhupei.delivery.tests.makers import PEOPLE, SESSION, id_hash, make_bundle

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
BY = "王监考"
SAVED = "全部已保存"


def long_bundle() -> api.Bundle:
    """A hundred questions of one mark in each subject."""
    bundle = make_bundle()
    keys, people = dict(bundle.keys), []
    for candidate in bundle.candidates:
        papers = {}
        for subject, paper in candidate.papers.items():
            units, sections = [], []
            for section in paper.sections[:3]:
                pool = [unit for unit in paper.units if unit.kind == section.kind]
                for no in range(32):
                    name = f"{subject}-{section.kind}-{no}"
                    keys[name] = keys[pool[no % len(pool)].item_uid]
                    units.append(
                        msgspec.structs.replace(pool[no % len(pool)], item_uid=name, marks=Decimal(1))
                    )
                sections.append(msgspec.structs.replace(section, count=32, marks_each=Decimal(1)))
            case = paper.units[-1]
            children = tuple(msgspec.structs.replace(one, marks=Decimal(1)) for one in case.children)
            units.append(msgspec.structs.replace(case, marks=Decimal(4), children=children))
            sections.append(msgspec.structs.replace(paper.sections[-1], marks_each=Decimal(1)))
            papers[subject] = msgspec.structs.replace(paper, units=tuple(units), sections=tuple(sections))
        people.append(msgspec.structs.replace(candidate, papers=papers))
    return api.complete(msgspec.structs.replace(bundle, candidates=tuple(people), keys=keys))


class Server:
    """An application on a port of its own, under a root path; ``stop`` closes the port, ``start`` opens it again."""

    def __init__(self, app: Any, root: str, port: int) -> None:
        self.app, self.root, self.port = app, root, port
        self.start()

    async def _under(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope["root_path"] = self.root
            await self.app(scope, receive, send)

    def start(self) -> None:
        config = uvicorn.Config(
            self._under,
            host="127.0.0.1",
            port=self.port,
            log_level="error",
            lifespan="off",
            interface="asgi3",
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(10)


class Hall:
    """One engine, at the server whose turn it is."""

    def __init__(self, folder: Path, *, bundle: api.Bundle | None = None, servers: int = 1) -> None:
        self.engine = api.Engine(api.SqliteJournal(folder / "journal.sqlite3"), data_dir=folder)
        self.engine.load(bundle or make_bundle())
        for code, *_ in PEOPLE:
            self.engine.admit(code, by=BY, method="id_card")
        self.engine.open_session(SESSION, by=BY)
        ports = [free_port() for _ in range(servers)]
        self.urls = [
            f"http://{host}:{port}" for host, port in zip(("127.0.0.1", "localhost"), ports, strict=False)
        ]
        self.active = 0
        self.servers = [
            Server(
                api.ExamApp(
                    self._engine_at(no), identify=id_hash, peers=self.urls if servers > 1 else (), practice=""
                ),
                "/exam",
                port,
            )
            for no, port in enumerate(ports)
        ]

    def _engine_at(self, no: int) -> Callable[[], api.Engine | None]:
        return lambda: self.engine if self.active == no else None

    def fail_over(self) -> None:
        """The active server is gone, the other takes over."""
        old, self.active = self.active, 1 - self.active
        self.servers[old].stop()

    def answers(self, person: int = 0) -> dict[str, list[str]]:
        held = self.engine.view(PEOPLE[person][0]).answers
        return {key: sorted(answer) for (_, key), answer in held.items()}

    def close(self) -> None:
        for server in self.servers:
            server.stop()
        self.engine.close()


@pytest.fixture
def hall_of(tmp_path: Path) -> Iterator[Callable[..., Hall]]:
    halls: list[Hall] = []

    def make(**options: Any) -> Hall:
        halls.append(Hall(tmp_path, **options))
        return halls[-1]

    yield make
    for hall in halls:
        hall.close()


@pytest.fixture
def seat(chromium: Browser) -> Iterator[Callable[..., Person]]:
    """Somebody at a browser: ``seat(url, DESK)``."""
    people: list[Person] = []

    def make(url: str, size: dict[str, int], **options: Any) -> Person:
        people.append(Person(chromium, Served(url, {}), size, **options))
        return people[-1]

    yield make
    for somebody in people:
        somebody.context.close()


def enter(page: Page, url: str, person: int = 0) -> None:
    """Sign in."""
    page.goto(url + "/exam/")
    page.locator("#slip_no").fill(PEOPLE[person][1])
    page.locator("#id_number").fill(PEOPLE[person][3])
    page.locator("form button.main").click()


def says(**told: Any) -> Callable[[Route], None]:
    """Somebody on the line who answers for the server."""
    return lambda route: route.fulfill(**told)


def wake(page: Page) -> None:
    """The network is back: the page asks at once, instead of some seconds later."""
    page.evaluate("window.dispatchEvent(new Event('online'))")


def sit(somebody: Person, person: int = 0, page: Page | None = None) -> Page:
    """Sign in and start; the script has taken over."""
    page = page or somebody.page
    enter(page, somebody.city.url, person)
    page.locator("form[action$='/start'] button").click()
    expect(page.locator("#link-word")).to_have_text("正常")
    return page


def pick(page: Page) -> tuple[str, list[str]]:
    """Choose the first option of the question shown."""
    question = page.locator("#item .question").first
    key, box = str(question.get_attribute("data-key")), question.locator("input").first
    box.check()
    return key, [str(box.get_attribute("value"))]


def choose(page: Page) -> tuple[str, list[str]]:
    """Choose the first option of the question shown, and go on."""
    chosen = pick(page)
    page.locator("#go-next").click()
    return chosen


@pytest.mark.req("I03", "I04")
def test_the_page_finds_the_other_server_and_the_way_back(
    hall_of: Callable[..., Hall], seat: Callable[..., Person]
) -> None:
    hall = hall_of(servers=2)
    candidate = seat(hall.urls[0], DESK)
    page = sit(candidate)
    given = dict([choose(page)])
    expect(page.locator("#unsaved")).to_have_text(SAVED)
    hall.fail_over()
    given |= dict([choose(page), choose(page)])
    expect(page).to_have_url(re.compile(re.escape(hall.urls[1]) + "/exam/paper"))
    expect(page.locator("#message")).to_contain_text("带来 2 题未保存的答案")
    expect(page.locator("#link-word")).to_have_text("正常")
    expect(page.locator("#q4")).to_be_visible()  # still at the same question
    assert hall.answers() == given
    assert [line for line in candidate.faults() if "ERR_CONNECTION" not in line] == []
    given |= dict([choose(page)])
    expect(page.locator("#unsaved")).to_have_text(SAVED)
    hall.servers[0].start()
    hall.fail_over()
    given |= dict([choose(page)])
    expect(page).to_have_url(re.compile(re.escape(hall.urls[0]) + "/exam/paper"))
    expect(page.locator("#message")).to_contain_text("带来 1 题")
    expect(page.locator("#link-word")).to_have_text("正常")
    assert hall.answers() == given
    # nothing of it is left in the first server's storage once all is kept
    expect(page.locator("#unsaved")).to_have_text(SAVED)
    assert page.evaluate("Object.keys(localStorage).join()") == ""
    # a page that stands by names the other, and brings the candidate there without script
    quiet = seat(hall.urls[0], PHONE, script=False)
    quiet.context.add_cookies(candidate.context.cookies())  # type: ignore[arg-type]
    hall.servers[1].start()
    hall.active = 1
    quiet.open("/exam/paper")
    assert quiet.barriers() == []
    quiet.main.locator("form[action$='/cross'] button").click()
    expect(quiet.page).to_have_url(re.compile(re.escape(hall.urls[1]) + "/exam/paper"))
    expect(quiet.page.locator("#message")).to_contain_text("已保存的答案和时间都在")


def test_a_warning_stands_before_everything_until_it_is_read(
    hall_of: Callable[..., Hall], seat: Callable[..., Person]
) -> None:
    hall = hall_of()
    candidate = seat(hall.urls[0], DESK)
    page = sit(candidate)
    dialog, button = page.locator("#warning"), page.locator("#warning-read")
    expect(dialog).to_be_hidden()
    hall.engine.warn("C001", "请不要与邻座交谈。", by=BY)
    hall.engine.warn("C001", "请收起手机。", by=BY)
    pick(page)  # it comes with the answer to a save
    expect(dialog).to_be_visible()
    expect(page.get_by_role("alertdialog", name="监考人员提醒您")).to_contain_text("请不要与邻座交谈。")
    expect(button).to_be_focused()
    old = {
        "state": "running",
        "remaining_ms": 7_000_000,
        "deadline_version": 1,
        "warning": "",
        "warning_no": 0,
    }
    page.route("**/heartbeat", says(json=old))  # said before the warning, heard after it
    with page.expect_response("**/heartbeat"):
        wake(page)
    page.unroute("**/heartbeat")
    assert candidate.faults() == []
    assert dialog.is_visible()
    unit = page.locator("#item").get_attribute("data-unit")
    for key in ("Tab", "Shift+Tab", "Escape", "ArrowRight", "1"):  # no way past it
        page.keyboard.press(key)
        expect(button).to_be_focused()
    assert page.locator("#item").get_attribute("data-unit") == unit
    assert len(hall.answers()) == 1
    left = page.locator("#countdown").inner_text()
    expect(page.locator("#countdown")).not_to_have_text(left)  # time goes on
    page.keyboard.press("Enter")
    expect(page.locator("#warning-text")).to_have_text("请收起手机。")  # the next one
    expect(button).to_be_focused()
    assert hall.engine.seat("C001").warnings_read == 1
    page.reload()
    expect(page.locator("#link-word")).to_have_text("正常")
    expect(page.get_by_role("alertdialog")).to_contain_text("请收起手机。")
    button.click()
    expect(dialog).to_be_hidden()
    page.locator("#go-next").click()
    choose(page)
    expect(page.locator("#unsaved")).to_have_text(SAVED)
    assert hall.engine.seat("C001").warnings_read == 2
    assert len(hall.answers()) == 2
    # read while the network is away: it does not come back
    hall.engine.warn("C001", "最后一次。", by=BY)
    pick(page)
    expect(dialog).to_be_visible()
    candidate.context.set_offline(True)
    button.click()
    expect(dialog).to_be_hidden()
    candidate.context.set_offline(False)
    expect(page.locator("#link-word")).to_have_text("正常")
    page.locator("#go-next").click()
    choose(page)
    expect(page.locator("#unsaved")).to_have_text(SAVED)
    expect(dialog).to_be_hidden()
    assert hall.engine.seat("C001").warnings_read == 3


def test_unsaved_answers_outlive_a_crash_and_belong_to_one_candidate(
    hall_of: Callable[..., Hall], seat: Callable[..., Person]
) -> None:
    hall = hall_of()
    candidate = seat(hall.urls[0], DESK)
    page = sit(candidate)
    hall.servers[0].stop()
    given = dict(choose(page) for _ in range(3))
    expect(page.locator("#unsaved")).to_have_text("未保存 3 题")
    expect(page.locator("#cell-1")).to_have_class(re.compile(r"\bgiven\b"))
    expect(page.locator("#cell-1")).to_have_attribute("aria-label", "第 1 题, 已选，正在保存")
    assert hall.answers() == {}
    devtools = candidate.context.new_cdp_session(page)
    with page.expect_event("crash"), suppress(Error):  # the call itself has no answer
        devtools.send("Page.crash", timeout=1000)
    hall.servers[0].start()
    again = candidate.context.new_page()
    again.goto(hall.urls[0] + "/exam/paper")
    expect(again.locator("#cell-1")).to_have_class(re.compile(r"\bkept\b"), timeout=PATIENCE_MS)
    expect(again.locator("#unsaved")).to_have_text(SAVED)
    assert hall.answers() == given
    assert again.evaluate("Object.keys(localStorage).join()") == ""
    # what somebody else left at this machine is dropped, and not sent as this candidate's
    again.evaluate("""() => {
      var one = {c: 'general', p: 'P-C001-general', k: 'G-single-1', a: ['o4'], m: null, s: 1};
      localStorage.setItem('zhupei:C001:P-C001-general:G-single-1', JSON.stringify(one));
      localStorage.setItem('zhupei:C009:P-C009-general:G-single-1', JSON.stringify(one));
      localStorage.setItem('zhupei:C002:P-C002-general:G-single-1', '{"a": 1}');
      localStorage.setItem('zhupei:keys', 'off');
      localStorage.setItem('other', 'program');
    }""")
    candidate.context.clear_cookies()
    sit(candidate, 1, again)
    expect(again.locator("#unsaved")).to_have_text(SAVED)
    assert again.evaluate("Object.keys(localStorage).sort().join()") == "other,zhupei:keys"
    assert hall.answers(1) == {}


def test_a_key_meant_for_the_paper_does_not_read_a_warning(
    hall_of: Callable[..., Hall], seat: Callable[..., Person]
) -> None:
    hall = hall_of()
    page = sit(seat(hall.urls[0], DESK))
    page.evaluate(
        """new MutationObserver(() => document.activeElement.click())
           .observe(document.getElementById('warning'), {attributes: true, attributeFilter: ['hidden']})"""
    )
    hall.engine.warn("C001", "请收起手机。", by=BY)
    pick(page)
    expect(page.locator("#warning-read")).to_be_focused()
    expect(page.locator("#unsaved")).to_have_text(SAVED)
    assert hall.engine.seat("C001").warnings_read == 0
    page.locator("#warning-read").click()
    expect(page.locator("#warning")).to_be_hidden()


def test_an_answer_stays_until_the_server_itself_has_spoken(
    hall_of: Callable[..., Hall], seat: Callable[..., Person]
) -> None:
    """A network's own page, whatever its status, and an acknowledgement of something else are none."""
    hall = hall_of()
    page = sit(seat(hall.urls[0], DESK))
    portal = {"body": "<html>Sign in to the network</html>", "content_type": "text/html"}
    strangers: list[dict[str, Any]] = [
        {"status": 200, **portal},
        {"status": 403, **portal},
        {"status": 404, **portal},
        {"status": 200, "json": {}},
        {"status": 200, "json": {"kept": True, "rev": 1, "answer": []}},
    ]
    asked = re.compile("/exam/(save|heartbeat)$")
    given: dict[str, list[str]] = {}
    for no, stranger in enumerate(strangers, 1):
        page.route(asked, says(**stranger))  # save, heartbeat
        with page.expect_response("**/save"):
            given |= dict([choose(page)])
        with page.expect_response("**/heartbeat"):
            wake(page)
        expect(page.locator("#link-word")).not_to_have_text("正常")
        expect(page.locator("#unsaved")).to_have_text("未保存 1 题")
        expect(page.locator(f"#cell-{no}")).to_have_class(re.compile(r"\bgiven\b"))
        expect(page.locator("#message")).to_be_hidden()
        page.unroute(asked)
        wake(page)
        expect(page.locator("#unsaved")).to_have_text(SAVED)
    assert hall.answers() == given


def test_what_the_server_refuses_is_shown_as_it_holds_it_and_stops_nothing(
    hall_of: Callable[..., Hall], seat: Callable[..., Person]
) -> None:
    hall = hall_of()
    page = sit(seat(hall.urls[0], DESK))
    first = dict([choose(page)])
    expect(page.locator("#unsaved")).to_have_text(SAVED)
    # a question that the server fails at does not hold up the others
    key = page.locator("#item .question").first.get_attribute("data-key")

    def fails(route: Route) -> None:
        if key in str(route.request.post_data):
            route.fulfill(status=500, json={"error": "failed", "message": "程序出错。", "do": ""})
        else:
            route.continue_()

    page.route("**/save", fails)
    second, third = dict([choose(page)]), dict([choose(page)])
    expect(page.locator("#unsaved")).to_have_text("未保存 1 题")
    assert hall.answers() == first | third
    page.unroute("**/save")
    wake(page)
    expect(page.locator("#unsaved")).to_have_text(SAVED)
    assert hall.answers() == first | second | third
    # one that it will never take is not shown as kept
    no = {"error": "value_wrong", "message": "提交的内容不正确，没有保存。", "do": "请返回，重新选择。"}
    page.route("**/save", says(status=422, json=no))
    page.locator("#cell-1").click()
    page.locator("#item input").nth(1).click()
    expect(page.locator("#message")).to_contain_text("没有保存")
    expect(page.locator("#item input").nth(0)).to_be_checked()
    page.locator("#cell-4").click()
    page.locator("#item input").first.click()
    expect(page.locator("#keep-4")).to_have_text("未作答")
    expect(page.locator("#item input:checked")).to_have_count(0)
    assert hall.answers() == first | second | third


@pytest.mark.req("I03")
def test_two_windows_of_one_candidate_lose_nothing(
    hall_of: Callable[..., Hall], seat: Callable[..., Person]
) -> None:
    """The last answer given to each question is the one that is kept, whichever window it was given in."""
    hall = hall_of()
    candidate = seat(hall.urls[0], DESK)
    one = sit(candidate)
    deaf, two = candidate.context.new_page(), candidate.context.new_page()  # the one is not told in time
    deaf.add_init_script("window.addEventListener('storage', event => event.stopImmediatePropagation())")
    for page in (deaf, two):
        page.goto(hall.urls[0] + "/exam/paper")
        expect(page.locator("#link-word")).to_have_text("正常")

    def give(page: Page, no: int, option: int) -> None:
        page.bring_to_front()
        page.locator(f"#cell-{no}").click()
        box = page.locator("#item input").nth(option)
        box.click()
        key = page.locator("#item .question").first.get_attribute("data-key")
        last[str(key)] = [str(box.get_attribute("value"))]

    last: dict[str, list[str]] = {}
    give(two, 1, 0)
    expect(two.locator("#unsaved")).to_have_text(SAVED)
    give(one, 1, 1)  # the window that was loaded first
    expect(one.locator("#unsaved")).to_have_text(SAVED)
    expect(two.locator("#item input").nth(1)).to_be_checked()  # told at once
    assert hall.answers() == last
    candidate.context.set_offline(True)
    for page, no, option in (
        (one, 1, 0), (two, 2, 0), (one, 2, 1), (two, 3, 0), (one, 1, 2), (two, 1, 3), (one, 3, 1), (one, 5, 0), (two, 6, 0),
        (two, 7, 0), (deaf, 7, 1),
    ):  # fmt: skip
        give(page, no, option)
    two.keyboard.press("m")
    expect(one.locator("#cell-7")).to_have_class(re.compile(r"\bmarked\b"))
    expect(one.locator("#unsaved")).to_have_text("未保存 6 题")
    one.close()  # its answers are not gone with it
    deaf.close()
    candidate.context.set_offline(False)
    wake(two)
    expect(two.locator("#unsaved")).to_have_text(SAVED)
    assert hall.answers() == last
    assert hall.engine.view("C001").marked
    assert two.evaluate("Object.keys(localStorage).join()") == ""


def test_with_a_part_of_the_scripts_missing_the_page_is_one_of_plain_forms(
    hall_of: Callable[..., Hall], seat: Callable[..., Person]
) -> None:
    hall = hall_of()
    page = sit(seat(hall.urls[0], PHONE))
    given: dict[str, list[str]] = {}
    scripts = [name for name in SCRIPTS if name != "elsewhere.js"]
    for no, name in enumerate(scripts, 1):
        page.route(f"**/static/{name}*", lambda route: route.abort())
        page.goto(f"{hall.urls[0]}/exam/paper?n={no}")
        expect(page.locator("html")).not_to_have_class(re.compile(r"\bscript\b"))
        with page.expect_navigation():
            given |= dict([choose(page)])
        expect(page.locator(f"#q{no + 1}")).to_be_visible()
        assert hall.answers() == given
        page.unroute(f"**/static/{name}*")
    page.reload()
    expect(page.locator("html")).to_have_class(re.compile(r"\bscript\b"))
    # who waits for the start sees it all the same
    hall.engine.pause(session_id=SESSION, by=BY, reason="停电")
    waiting = [seat(hall.urls[0], PHONE).page for _ in range(2)]
    for no, (other, name) in enumerate(zip(waiting, (scripts[0], scripts[2]), strict=True), 1):
        other.route(f"**/static/{name}*", lambda route: route.abort())
        enter(other, hall.urls[0], no)
        expect(other.locator("#wait-state")).to_be_visible()
    hall.engine.resume(session_id=SESSION, by=BY)
    for other in waiting:
        expect(other.locator("form[action$='/start']")).to_be_visible()


def test_where_there_is_no_room_to_store_the_page_says_so_and_no_older_answer_comes_back(
    hall_of: Callable[..., Hall], seat: Callable[..., Person]
) -> None:
    hall = hall_of()
    page = sit(seat(hall.urls[0], DESK))
    hall.servers[0].stop()
    pick(page)
    expect(page.locator("#link-word")).to_have_text("正在重连，答案已存本机")
    page.evaluate("() => { Storage.prototype.setItem = () => { throw new Error('QuotaExceededError'); }; }")
    page.locator("#item input").nth(1).check()
    expect(page.locator("#link-word")).to_have_text("正在重连，请勿关闭本页")
    assert page.evaluate("Object.keys(localStorage).join()") == ""
    hall.servers[0].start()
    wake(page)
    expect(page.locator("#unsaved")).to_have_text(SAVED)
    assert list(hall.answers().values()) == [[page.locator("#item input").nth(1).get_attribute("value")]]


def test_the_countdown_follows_the_server_alone(
    hall_of: Callable[..., Hall], seat: Callable[..., Person]
) -> None:
    """An old browser whose clock jumps hours; answers that come late over a slow line."""
    hall = hall_of()
    candidate = seat(hall.urls[0], DESK)
    candidate.page.add_init_script(
        """Object.defineProperty(window, 'performance', {value: undefined});
        var real = Date; window.ahead = -5 * 3600 * 1000;
        window.Date = function () { return {getTime: function () { return real.now() + window.ahead; }}; };"""
    )
    page = sit(candidate)
    expect(page.locator("#countdown")).to_have_text(re.compile("1:59:"))
    with page.expect_response("**/hand-in") as answer:
        page.evaluate("window.ahead = 3 * 3600 * 1000")
    assert answer.value.status == 409
    expect(page.locator("#countdown")).to_have_text(re.compile("1:59:"))
    expect(page.locator("#message")).to_be_hidden()
    page.evaluate("window.ahead = -3600 * 1000")
    wake(page)
    expect(page.locator("#countdown")).to_have_text(re.compile("1:59:"))
    told = {"state": "running", "remaining_s": 0, "deadline_version": 7, "subject": "general"}
    shown = []
    for late in (0, 2900, 900):
        pulse = told | {"remaining_ms": 1_000_000 + late}
        page.route("**/heartbeat", says(json=pulse))
        with page.expect_response("**/heartbeat"):
            wake(page)
        page.wait_for_timeout(300)
        shown.append(page.locator("#countdown").inner_text())
        page.unroute("**/heartbeat")
    assert shown == sorted(shown, reverse=True)
    assert shown[0] <= "16:40"


def test_double_clicks_a_slow_line_and_the_way_back(
    hall_of: Callable[..., Hall], seat: Callable[..., Person]
) -> None:
    hall = hall_of()
    candidate = seat(hall.urls[0], PHONE)
    page = sit(candidate)
    handed: list[str] = []
    page.on("request", lambda request: handed.append(request.url) if request.method == "POST" else None)
    line = candidate.context.new_cdp_session(page)
    line.send("Network.enable")
    slow = {"offline": False, "latency": 600, "downloadThroughput": -1, "uploadThroughput": -1}
    line.send("Network.emulateNetworkConditions", slow)
    given = dict([choose(page), choose(page), choose(page)])
    page.locator("#onward button").dblclick()  # before all is kept
    expect(page.locator("#message")).to_contain_text("未保存到服务器")
    expect(page.locator("#part")).to_have_count(1)
    assert hall.answers() == given
    page.locator("[data-back]").click()
    expect(page.locator("#q4")).to_be_focused()
    expect(page.locator("#message")).to_be_hidden()
    line.send("Network.emulateNetworkConditions", slow | {"latency": 0})
    for what in ("next-subject", "hand-in"):
        page.locator("#onward button").dblclick()
        expect(page.locator("#part")).to_have_count(1)
        assert [url for url in handed if what in url] == []
        page.locator("#part form button").hover()
        page.mouse.down(click_count=2)  # the second half of that double click
        page.mouse.up(click_count=2)
        expect(page.locator("#part")).to_have_count(1)
        page.locator("#part form button").dblclick()
        expect(page.locator("#part")).to_have_count(0)
        expect(page.locator(".score") if what == "hand-in" else page.locator("#go-prev")).not_to_have_count(0)
        assert len([url for url in handed if what in url]) == 1
        expect(page.locator("#link-word").or_(page.locator(".score").first)).to_have_text(
            re.compile("正常|分")
        )
    page.go_back()  # none of it leads to the paper again
    expect(page.locator(".score")).to_have_count(2)
    page.goto(hall.urls[0] + "/exam/")
    expect(page.locator(".score")).to_have_count(2)
    assert candidate.faults() == []


def test_a_phone_shows_what_matters_in_every_state(
    hall_of: Callable[..., Hall], seat: Callable[..., Person]
) -> None:
    hall = hall_of(bundle=long_bundle())
    candidate = seat(hall.urls[0], PHONE)
    page = sit(candidate)
    top, link = page.locator(".top"), page.locator("#link")
    height = top.bounding_box()["height"]  # type: ignore[index]
    candidate.context.set_offline(True)
    choose(page)
    choose(page)
    expect(link).to_have_text("2正在重连，答案已存本机")  # the count too: the sheet is further down
    assert top.bounding_box()["height"] == height  # type: ignore[index]
    page.wait_for_timeout(100)
    assert candidate.barriers() == []
    assert candidate.overflows() == []
    candidate.context.set_offline(False)
    wake(page)
    expect(link).to_have_text("正常")
    page.locator("#onward button").click()
    expect(page.locator("#part h1")).to_be_focused()
    assert candidate.overflows() == []
    hall.engine.pause(by=BY, reason="停电", candidate_id="C001")
    wake(page)
    expect(page.locator("#overlay")).to_be_visible()
    expect(page.locator("#part")).to_be_hidden()
    left = page.locator("#countdown").inner_text()
    assert candidate.barriers() == []
    hall.engine.resume(by=BY, candidate_id="C001")
    expect(page.locator("#part")).to_be_visible()
    expect(page.locator("#exam")).to_be_hidden()
    assert page.locator("#countdown").inner_text() <= left


def test_signed_in_elsewhere_nothing_is_lost(
    hall_of: Callable[..., Hall], seat: Callable[..., Person]
) -> None:
    """The page says what to do; what it had not saved comes along when one signs in again at the same machine."""
    hall = hall_of()
    candidate = seat(hall.urls[0], DESK)
    page = sit(candidate)
    hall.engine.allow_entry("C001", by=BY, reason="换机")
    hall.engine.enter(PEOPLE[0][1], id_hash(PEOPLE[0][3])).wait(5)
    given = dict([choose(page)])
    expect(page.locator("#message")).to_contain_text("请举手")
    expect(page.locator("#unsaved")).to_have_text("未保存 1 题")
    hall.engine.allow_entry("C001", by=BY, reason="浏览器关闭")
    again = candidate.context.new_page()
    enter(again, hall.urls[0])
    expect(again.locator("#unsaved")).to_have_text(SAVED)
    assert hall.answers() == given


@pytest.mark.req("R040")
def test_the_page_s_countdown_hands_in_neither_before_time_nor_before_what_is_unsaved(
    hall_of: Callable[..., Hall], seat: Callable[..., Person]
) -> None:
    hall = hall_of(bundle=make_bundle(order="free"))
    page = sit(seat(hall.urls[0], DESK))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    over = {
        "state": "running",
        "remaining_s": 0,
        "remaining_ms": 0,
        "deadline_version": 1,
        "subject": "general",
    }

    page.route("**/save", lambda route: route.abort())
    given = dict([choose(page)])
    page.route("**/heartbeat", lambda route: route.fulfill(json=over))
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(page.locator("#countdown")).to_have_text("00:00")
    page.wait_for_timeout(7_000)
    assert "save" in asked
    assert "hand-in" not in asked
    page.unroute("**/save")
    page.unroute("**/heartbeat")
    expect(page.locator("#unsaved")).to_have_text(SAVED)
    expect(page.locator("#countdown")).to_have_text(re.compile("1:59:"))
    assert hall.answers() == given
    page.route("**/heartbeat", lambda route: route.fulfill(json=over))
    with page.expect_response("**/hand-in") as answer:
        page.evaluate("window.dispatchEvent(new Event('online'))")
    assert answer.value.status == 409
    page.unroute("**/heartbeat")
    expect(page.locator("#countdown")).to_have_text(re.compile("1:59:"))
    assert hall.engine.seat("C001").state == "running"


def test_where_nothing_may_be_stored_everything_still_works(
    hall_of: Callable[..., Hall], seat: Callable[..., Person]
) -> None:
    hall = hall_of()
    candidate = seat(hall.urls[0], PHONE)
    candidate.page.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get: function () { throw new Error('forbidden'); }});"
    )
    page = sit(candidate)
    given = dict([choose(page)])
    expect(page.locator("#unsaved")).to_have_text(SAVED)
    hall.servers[0].stop()
    given |= dict([choose(page), choose(page)])
    expect(page.locator("#link-word")).to_have_text("正在重连，请勿关闭本页")
    expect(page.locator("#unsaved")).to_have_text("未保存 2 题")
    hall.servers[0].start()
    expect(page.locator("#unsaved")).to_have_text(SAVED)
    assert hall.answers() == given


def test_the_whole_answer_sheet_can_be_reached_in_every_window(
    hall_of: Callable[..., Hall], seat: Callable[..., Person]
) -> None:
    """The last button is in the window beside the paper; a hundred numbers scroll, the present one in sight."""
    hall = hall_of(bundle=long_bundle())
    candidate = seat(hall.urls[0], DESK)
    page = sit(candidate)
    onward, cell = page.locator("#onward button").last, page.locator("#cell-96")
    for width, height in ((1366, 800), (1024, 768), (1366, 650), (1920, 1080)):
        candidate.resize({"width": width, "height": height})
        page.locator("#cell-1").click()
        page.locator("#cell-96").click()
        expect(onward).to_be_in_viewport(ratio=1)
        expect(page.locator("#sheet-title")).to_be_in_viewport(ratio=1)
        expect(cell).to_be_in_viewport(ratio=1)
        inside = page.evaluate("""() => {
          var cells = document.getElementById('cells').getBoundingClientRect();
          var cell = document.getElementById('cell-96').getBoundingClientRect();
          return cell.top >= cells.top && cell.bottom <= cells.bottom;
        }""")
        assert inside
        assert candidate.overflows() == []
    # 200 % zoom of 1366×800, a small phone, and one turned on its side: one column, all of it by scrolling
    for width, height in ((683, 400), (360, 740), (320, 568), (740, 360)):
        candidate.resize({"width": width, "height": height})
        onward.scroll_into_view_if_needed()
        expect(onward).to_be_in_viewport(ratio=1)
        assert candidate.overflows() == []
    for setting in ("size", "contrast"):
        page.locator(f"[data-look={setting}]").click()
        for size in (DESK, {"width": 360, "height": 740}):
            candidate.resize(size)
            assert candidate.faults() == []


def test_a_visitor_practises(chromium: Browser, seat: Callable[..., Person]) -> None:
    server = Server(api.PracticeApp(), "/practice", free_port())
    try:
        visitor = seat(f"http://127.0.0.1:{server.port}", PHONE)
        page = visitor.open("/practice/")
        assert visitor.faults() == []
        visitor.press("开始练习")
        expect(page.locator("#link-word")).to_have_text("正常")
        expect(page.locator(".practice")).to_contain_text("练习")
        assert visitor.faults() == []
        for _subject in range(2):
            for unit in range(1, 9):
                expect(page.locator(f"#item[data-unit='{unit}']")).to_be_attached()
                choose(page)
            page.locator("form[data-confirm] button").click()
            expect(page.locator("form[data-confirm]")).to_have_count(0)
        expect(page.locator(".score")).to_have_count(2)
        expect(page.locator(".solution")).to_have_count(20)
        assert visitor.faults() == []
        visitor.resize(DESK)
        assert visitor.overflows() == []
    finally:
        server.stop()


def test_the_keyboard_is_enough(hall_of: Callable[..., Hall], seat: Callable[..., Person]) -> None:
    """Answering, marking, turning, going by the answer sheet, and finishing the subject, without a mouse."""
    hall = hall_of()
    candidate = seat(hall.urls[0], DESK)
    page = sit(candidate)
    keys = page.keyboard

    def tab_to(place: Locator) -> None:
        for _ in range(60):
            if place.evaluate("node => node === document.activeElement"):
                return
            keys.press("Tab")
        raise AssertionError(f"{place} is not reached")

    keys.press("1")
    expect(page.locator("#cell-1")).to_have_class(re.compile(r"\bkept\b"))
    keys.press("2")  # another choice instead
    keys.press("m")
    expect(page.locator("#cell-1")).to_have_attribute("aria-label", "第 1 题, 已保存, 已标记")
    keys.press("ArrowRight")
    expect(page.locator("#q2")).to_be_focused()
    tab_to(page.locator("#item input").first)
    keys.press("Space")
    expect(page.locator("#keep-2")).to_have_text("已保存")
    tab_to(page.locator("#cell-4"))  # a multiple one
    keys.press("Enter")
    keys.press("a")
    keys.press("b")
    keys.press("a")
    expect(page.locator("#unsaved")).to_have_text(SAVED)
    first, second = page.locator("#item input").nth(0), page.locator("#item input").nth(1)
    expect(first).not_to_be_checked()
    expect(second).to_be_checked()
    assert [len(answer) for answer in hall.answers().values()] == [1, 1, 1]
    tab_to(page.locator("#onward button"))
    keys.press("Enter")
    expect(page.locator("#part h1")).to_be_focused()
    tab_to(page.locator("#part form button"))
    keys.press("Enter")
    expect(page).to_have_url(re.compile("subject=professional"))
