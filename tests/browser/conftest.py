"""A real Chromium before a real server: the demo city, served as `make run` serves it.

The fixtures live as long as this package's tests: Playwright keeps an event loop running in the thread, and with one Django
refuses the database to whatever test comes next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.served import Person, Served, launch, served_city

Maker = Callable[..., Person]


@pytest.fixture(scope="package")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The small demo city, on a server of its own; gone afterwards."""
    with served_city(tmp_path_factory.mktemp("city")) as served:
        yield served


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def person(chromium: Browser, city: Served) -> Iterator[Maker]:
    """Maker of persons: ``person(PHONE)``, ``person(DESK, login="registrar1")``."""
    people: list[Person] = []

    def make(size: dict[str, int], **options: Any) -> Person:
        people.append(Person(chromium, city, size, **options))
        return people[-1]

    yield make
    for somebody in people:
        somebody.context.close()
