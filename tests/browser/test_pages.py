"""Every page that a role's menu leads to, at phone and desk width: no barrier, no sideways scroll, no complaint."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import DESK, PHONE, Person, Served

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
PAGES_PER_ROLE = 14


def addresses(person: Person) -> list[str]:
    """The pages that this one links to, each kind once: numbers in the path count as the same kind."""
    found: dict[str, str] = {}
    for link in person.page.locator("a[href]").evaluate_all("links => links.map(a => a.href)"):
        parts = urlsplit(link)
        kind = "/".join("0" if piece.isdigit() else piece for piece in parts.path.split("/"))
        skip = ("pdf", "docx", "xlsx", "/image/", "/export", "/template", "/example", "/scan/", "/slip", "/exam")
        if parts.netloc == urlsplit(person.city.url).netloc and not any(word in parts.path for word in skip):
            found.setdefault(kind, parts.path)
    return list(found.values())


def walk(person: Person, size: str) -> list[str]:
    """Look at the pages reached from here, breadth first; returns what is wrong with them."""
    todo, seen, wrong = ["/"], set(), []
    while todo and len(seen) < PAGES_PER_ROLE:
        path = todo.pop(0)
        kind = "/".join("0" if piece.isdigit() else piece for piece in path.split("/"))
        if kind in seen:
            continue
        seen.add(kind)
        person.open(path)
        wrong += person.barriers()
        if person.overflows():
            wrong.append(f"{path} scrolls sideways at {size} width")
        todo += [address for address in addresses(person) if address not in todo]
    assert len(seen) > 1, f"nothing to see from {person.page.url}"
    return wrong + person.complaints


def staff(city: Served) -> dict[str, str]:
    """One account for each role of the demo city."""
    return {account["role_code"]: account["login"] for account in reversed(city.demo["accounts"])}


ROLES = [
    "city_education_office",
    "centre_officer",
    "centre_approver",
    "district_officer",
    "bank_keeper",
    "institution_head",
    "teaching_head",
    "registrar",
    "teacher",
    "exam_officer",
    "hall_technical_head",
    "system_administrator",
    "auditor",
]


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("role", ["visitor", "learner", *ROLES])
def test_no_page_has_a_barrier(
    person: Callable[..., Person], city: Served, role: str, size: dict[str, int], request: pytest.FixtureRequest
) -> None:
    somebody = person(size)
    password = city.demo["password"]
    if role == "learner":
        somebody.sign_in(city.demo["open_test"]["id_number"], password)
    elif role != "visitor":
        somebody.sign_in(staff(city)[role], password)
    wrong = walk(somebody, request.node.callspec.id)
    assert not wrong, "\n".join(wrong)


def test_the_english_pages_are_english(person: Callable[..., Person]) -> None:
    somebody = person(DESK)
    page = somebody.open("/")
    page.locator("form:has([name=language]) button, button[name=language]").first.click()
    assert "Check a certificate" in page.content()
    assert not somebody.barriers()


def test_large_type_and_high_contrast_stay(person: Callable[..., Person]) -> None:
    somebody = person(PHONE)
    page = somebody.open("/")
    for name in ("large", "contrast"):
        button = page.locator(f"button[name={name}]")
        if not button.first.is_visible():
            page.locator("summary").first.click()
        button.first.click()
    classes = page.locator("html").get_attribute("class") or ""
    assert {"large", "contrast"} <= set(classes.split())
    assert not somebody.barriers()
    assert not somebody.overflows()
