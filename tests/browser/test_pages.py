"""Every page that a role's menu leads to, at phone and desk width: no barrier, no sideways scroll, no complaint."""

from __future__ import annotations

import re
from collections import deque
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Maker
from tests.browser.served import DESK, PHONE, Person, Served

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
BEYOND = 8  # pages looked at for each role besides those of its menu
FILES = re.compile(  # links that lead to a file, or to the exam engine, whose pages the journeys look at
    r"\.\w+$|/(pdf|docx|roll|image|photo|scan|evidence|signature|seal|file|bundle|template|example|export|source)/$|^/exam/"
)
SHAPE = """() => {
  const seen = new Set();
  for (const node of document.body.querySelectorAll('*'))
    seen.add([node.tagName, node.getAttribute('class'), node.getAttribute('type'), node.getAttribute('role')].join(' '));
  return [...seen].sort().join('\\n');
}"""
ROLES = [
    "city_education_office",
    "centre_officer",
    "centre_approver",
    "district_officer",
    "item_author",
    "item_reviewer",
    "bank_keeper",
    "institution_head",
    "teaching_head",
    "registrar",
    "teacher",
    "exam_officer",
    "hall_technical_head",
    "invigilator",
    "system_administrator",
    "auditor",
]


def kind_of(path: str) -> str:
    """Pages of one kind: pieces of the path that hold a figure or an underline are keys."""
    return "/".join("0" if re.search(r"[\d_]", piece) else piece for piece in path.split("/"))


class Sights:
    """What was looked at in this run, by whomever."""

    def __init__(self) -> None:
        self.kinds: set[str] = set()
        self.shapes: set[tuple[str, str]] = set()


@pytest.fixture(scope="module")
def sights() -> Sights:
    return Sights()


def links(person: Person, within: str = "") -> list[str]:
    """The addresses of this site's pages to which this page links."""
    found = person.page.locator(f"{within} a[href]").evaluate_all("links => links.map(a => a.href)")
    host = urlsplit(person.city.url).netloc
    parts = [urlsplit(link) for link in found]
    return list(dict.fromkeys(p.path for p in parts if p.netloc == host and not FILES.search(p.path)))


def look(person: Person, sights: Sights) -> list[str]:
    """What is wrong with this page at both widths.

    axe-core is not run again on a page that is of the same kind as one that was checked and holds the same elements with the
    same classes.
    """
    shape = (kind_of(urlsplit(person.page.url).path), person.page.evaluate(SHAPE))
    known = shape in sights.shapes
    sights.shapes.add(shape)
    wrong: list[str] = []
    for size in (PHONE, DESK):
        person.resize(size)
        wrong += person.overflows()
        if not known:
            wrong += person.barriers()
    return wrong


def walk(person: Person, sights: Sights) -> list[str]:
    """Look at all pages of the menu, then at pages behind them, those first that nobody has looked at."""
    person.open("/")
    menu = deque(["/", *links(person, "nav"), *links(person, "header")])
    behind: deque[str] = deque(links(person))
    seen: set[str] = set()
    wrong: list[str] = []
    left = BEYOND
    while menu or (behind and left):
        of_menu = bool(menu)
        if of_menu:
            path = menu.popleft()
        else:
            path = next((one for one in behind if kind_of(one) not in sights.kinds), behind[0])
            behind.remove(path)
        kind = kind_of(path)
        if kind in seen:
            continue
        left -= not of_menu
        seen.add(kind)
        sights.kinds.add(kind)
        answer = person.page.goto(person.city.url + path)
        if answer is None or answer.status >= 400:
            wrong.append(f"{path} is linked and answers {answer.status if answer else 'nothing'}")
        wrong += look(person, sights)
        behind.extend(one for one in links(person, "main") if one not in behind)
    assert len(seen) > 2, f"nothing to see from {person.page.url}"
    return wrong + person.complaints


@pytest.mark.parametrize("role", ["visitor", "learner", *ROLES])
def test_no_page_has_a_barrier(person: Maker, city: Served, sights: Sights, role: str) -> None:
    logins = {"visitor": "", "learner": city.demo["open_test"]["id_number"]}
    login = logins[role] if role in logins else city.login_of(role)
    wrong = walk(person(PHONE, login=login), sights)
    assert wrong == [], "\n".join(wrong)


# What lies behind the menu of the bank, of papers and of analysis: the role, the page to begin with, and the links to follow from
# page to page.
BEHIND = [
    ("item_reviewer", "/analysis/", ("a[href$='/map/']", "a[href$='/exposure/']")),
    ("bank_keeper", "/items/", ("tbody a", "a[href*='/corrections/new/']")),
    ("bank_keeper", "/items/standards/", ("tbody a",)),
    ("bank_keeper", "/items/releases/", ("tbody a",)),
    ("bank_keeper", "/items/duplicates/", ()),
    ("bank_keeper", "/papers/blueprints/", ("h2 a, h3 a", "a[href$='/trial/']")),
    ("bank_keeper", "/papers/blueprints/new/?from=hubei", ()),
    ("bank_keeper", "/analysis/runs/", ("tbody a", "a[href$='/report/']")),
    ("centre_approver", "/papers/draws/", ("tbody a",)),
    ("centre_approver", "/exams/corrections/?item=none&version=1", ()),
    ("item_author", "/items/new/", ("a[href$='/case/']",)),
    ("item_author", "/items/imports/", ()),
]


def test_the_bank_its_papers_and_their_analysis(person: Maker, city: Served, sights: Sights) -> None:
    """The pages behind the menu that a walk may pass by."""
    wrong = []
    people: dict[str, Person] = {}
    for role, start, steps in BEHIND:
        if role not in people:
            people[role] = person(PHONE, login=city.login_of(role))
        somebody = people[role]
        somebody.open(start)
        wrong += look(somebody, sights)
        for step in steps:
            link = somebody.main.locator(step).first
            link.wait_for()  # an analysis may still go on; its page shows the report when it is there
            somebody.open(link.evaluate("link => link.href"))
            wrong += look(somebody, sights)
    wrong += [line for one in people.values() for line in one.complaints]
    assert wrong == [], "\n".join(wrong)


def test_the_learners_worth_looking_at(person: Maker, city: Served, sights: Sights) -> None:
    """Certificates of both standings, scores that wait, a class today, an enrolment that waits."""
    wrong = []
    for one in city.demo["learners"][1:]:
        somebody = person(PHONE, login=one["id_number"])
        for path in ("/", "/certificates/mine/", "/training/mine/"):
            somebody.page.goto(city.url + path)
            wrong += look(somebody, sights)
        wrong += somebody.complaints
    assert wrong == [], "\n".join(wrong)


def test_the_english_pages_are_english(person: Maker) -> None:
    somebody = person(PHONE)
    page = somebody.open("/")
    page.locator("summary.z-tool").first.click()
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(somebody.main).to_contain_text("Check a certificate")
    wrong = somebody.faults()
    for path in (
        "/account/sign-in/",
        "/me/sign-up/",
        "/training/open/",
        "/certificates/check/",
        "/institutions/",
    ):
        page.goto(somebody.city.url + path)
        chinese = re.findall(r"[\u4e00-\u9fff]{2,}", somebody.page.locator("h1").inner_text())
        wrong += [f"{path}: {chinese}"] if chinese else []
        wrong += somebody.faults()
    assert wrong == [], "\n".join(wrong)


def test_large_type_and_high_contrast_stay(person: Maker, city: Served) -> None:
    """Chosen in the display menu, they hold on every page, for visitors and staff, and on the phone nothing scrolls sideways."""
    wrong = []
    for login in ("", city.login_of("registrar")):
        somebody = person(PHONE, login=login)
        page = somebody.open("/")
        for name in ("large", "contrast"):
            page.locator("summary.z-tool").first.click()
            page.locator(f"button[name={name}]").click()
            expect(page.locator("html")).to_have_class(re.compile(rf"\b{name}\b"))
        for path in (
            "/",
            "/training/open/",
            *(["/training/plans/", "/training/plans/new/"] if login else []),
        ):
            page.goto(city.url + path)
            expect(page.locator("html")).to_have_class(re.compile(r"\blarge\b"))
            expect(page.locator("html")).to_have_class(re.compile(r"\bcontrast\b"))
            wrong += somebody.faults()
    assert wrong == [], "\n".join(wrong)
