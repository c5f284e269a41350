"""A real Chromium before a real server: the demo city, served as `make run` serves it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
FLAGS += ["--disable-component-update", "--disable-sync", "--disable-quic"]
PHONE = {"width": 375, "height": 812}
DESK = {"width": 1366, "height": 800}


@dataclass
class Served:
    """A served demo city: its address, and what the demo command said of accounts and the open test."""

    url: str
    demo: dict[str, Any]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The small demo city, on a server of its own; gone afterwards."""
    data = tmp_path_factory.mktemp("city")
    environment = {
        **os.environ,
        "ZHUPEI_DATA": str(data),
        "ZHUPEI_SECRET_KEY": secrets.token_urlsafe(60),
        "ZHUPEI_MASTER_KEY": secrets.token_hex(32),
        "ZHUPEI_DEMO": "1",
        "DJANGO_SETTINGS_MODULE": "zhupei.config.settings",
    }
    environment.pop("DATABASE_URL", None)
    zhupei = [sys.executable, "-c", "from zhupei.config.cli import main; main()"]
    subprocess.run([*zhupei, "prepare"], env=environment, check=True, capture_output=True)
    told = subprocess.run(
        [*zhupei, "demo", "--scale", "small", "--json"], env=environment, check=True, capture_output=True, text=True
    )
    demo = json.loads(told.stdout.strip().splitlines()[-1])
    port = free_port()
    log = (data / "server.log").open("wb")
    server = subprocess.Popen(
        [*zhupei, "serve", "--port", str(port)], env=environment, stdout=log, stderr=subprocess.STDOUT
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(100):
            try:
                if httpx.get(f"{url}/health/", timeout=2).status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.2)
        else:
            raise RuntimeError((data / "server.log").read_text()[-2000:])
        yield Served(url, demo)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)
        log.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "Chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class Person:
    """Somebody with a browser window of a given size; collects what the browser complains about."""

    def __init__(self, chromium: Browser, city: Served, size: dict[str, int], *, script: bool = True) -> None:
        self.city = city
        self.context: BrowserContext = chromium.new_context(
            viewport=size,  # type: ignore[arg-type]
            java_script_enabled=script,
            bypass_csp=False,
            locale="zh-CN",
        )
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("response", self._note)

    def _note(self, response: Any) -> None:
        if response.status >= 500:
            self.complaints.append(f"{response.status} {response.url}")

    def open(self, path: str) -> Page:
        self.page.goto(path if path.startswith("http") else self.city.url + path)
        return self.page

    def sign_in(self, login: str, password: str) -> Page:
        page = self.open("/account/sign-in/")
        page.fill("[name=login]", login)
        page.fill("[name=password]", password)
        page.locator("main form [type=submit], main form button").last.click()
        if page.locator("[data-demo-code]").count():
            page.fill("[name=code]", page.locator("[data-demo-code]").inner_text())
            page.locator("main form button").last.click()
        return page

    def barriers(self) -> list[str]:
        """What axe-core finds wrong with the page as it is (WCAG 2.1 A and AA)."""
        # Evaluated by the driver, so that the page's own policy stays in force.
        self.page.evaluate(AXE.read_text() + "\n;0")
        found = self.page.evaluate(
            "async () => (await axe.run(document, {runOnly: ['wcag2a','wcag2aa','wcag21a','wcag21aa']})).violations"
            ".map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.target.join(' ') + ' ' + n.html.slice(0, 120)).join(' | '))"
        )
        return [f"{self.page.url} {line}" for line in found]

    def overflows(self) -> bool:
        """True if the page scrolls sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1"))


@pytest.fixture
def person(chromium: Browser, city: Served) -> Iterator[Any]:
    """Maker of persons: ``person(PHONE)``."""
    people: list[Person] = []

    def make(size: dict[str, int], *, script: bool = True) -> Person:
        people.append(Person(chromium, city, size, script=script))
        return people[-1]

    yield make
    for somebody in people:
        somebody.context.close()
