"""A served demo city, and people with a browser in it; used by the tests and by the screenshots."""

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
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, Response, expect

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
AXE_RUN = """async () => {
  const run = {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'], resultTypes: ['violations']};
  const found = (await axe.run(document, run)).violations;
  const where = node => node.target.join(' ') + ' ' + node.html.slice(0, 120);
  return found.map(one => one.id + ': ' + one.nodes.slice(0, 3).map(where).join(' | '));
}"""
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
FLAGS += ["--disable-component-update", "--disable-sync", "--disable-quic"]
PHONE = {"width": 375, "height": 812}
DESK = {"width": 1366, "height": 800}
PATIENCE_MS = 20_000  # of every wait: two busy cores are slow


@dataclass
class Served:
    """A served demo city: its address, what the demo command said, and the cookies of who has signed in."""

    url: str
    demo: dict[str, Any]
    cookies: dict[str, Any] = field(default_factory=dict)
    start: Callable[[], None] = lambda: None
    """Serves the city, again after ``kill``; returns once it answers."""
    kill: Callable[[], None] = lambda: None
    """Kills the server with all its processes, as a power cut would (SIGKILL)."""

    def login_of(self, role_code: str) -> str:
        """The first account with this role."""
        return next(str(one["login"]) for one in self.demo["accounts"] if one["role_code"] == role_code)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[-3:]}: {(done.stdout + done.stderr)[-3000:]}")
    return done.stdout


@contextmanager
def served_city(data: Path) -> Iterator[Served]:
    """The small demo city in ``data``, on a server of its own with secrets of its own, as ``make run`` serves it."""
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
    _run([*zhupei, "prepare"], environment)
    told = _run([*zhupei, "demo", "--scale", "small", "--json"], environment)
    demo = json.loads(told.strip().splitlines()[-1])
    port = free_port()
    server = _Server([*zhupei, "serve", "--port", str(port)], environment, port, data / "server.log")
    server.start()
    try:
        yield Served(server.url, demo, start=server.start, kill=server.kill)
    finally:
        server.stop()


class _Server:
    """``zhupei serve`` with its processes, in a group of their own."""

    def __init__(self, command: list[str], environment: dict[str, str], port: int, log: Path) -> None:
        self.command, self.environment, self.log = command, environment, log
        self.url = f"http://127.0.0.1:{port}"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx.get(self.url + "/health/", timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.1)
        self.kill()
        raise RuntimeError(f"the server does not answer: {self.log.read_text()[-2000:]}")

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def launch(playwright: Playwright) -> Browser:
    """Debian's Chromium, headless."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        raise RuntimeError("Chromium is missing: apt-get install chromium")
    expect.set_options(timeout=PATIENCE_MS)
    return playwright.chromium.launch(executable_path=path, args=FLAGS)


class Person:
    """Somebody with a browser window of a given size; collects what the browser complains about.

    ``login``: who this is. An account signs in once a session, since a code of the second factor serves once; later windows
    bring its cookies.
    """

    def __init__(
        self,
        chromium: Browser,
        city: Served,
        size: dict[str, int],
        *,
        login: str = "",
        script: bool = True,
        **options: Any,
    ) -> None:
        self.city = city
        self.context: BrowserContext = chromium.new_context(
            viewport=size,  # type: ignore[arg-type]
            java_script_enabled=script,
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            storage_state=city.cookies.get(login),
            **options,
        )
        self.context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.script = script
        self.complaints: list[str] = []
        self.page.on("console", lambda m: self._complain(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self._complain(str(error)))
        self.page.on("response", self._note)
        if login and login not in city.cookies:
            self.sign_in(login, city.demo["password"])
            city.cookies[login] = self.context.storage_state()

    def _complain(self, text: str) -> None:
        # A refused form is answered with 4xx on purpose; the browser writes a line for every such answer.
        if not text.startswith("Failed to load resource: the server responded with a status of 4"):
            self.complaints.append(f"{self.page.url}: {text}")

    def _note(self, response: Response) -> None:
        if response.status >= 500:
            self._complain(f"{response.status} {response.url}")

    def open(self, path: str) -> Page:
        self.page.goto(path if path.startswith("http") else self.city.url + path)
        return self.page

    @property
    def main(self) -> Locator:
        """The page's main part."""
        return self.page.locator("main, [role=main]")

    def press(self, name: str) -> None:
        """Press the main part's button or link of this name."""
        button, link = (self.main.get_by_role(role, name=name, exact=True) for role in ("button", "link"))  # type: ignore[arg-type]
        button.or_(link).first.click()

    def fill_in(self, **values: str) -> None:
        """Fill in the fields of these names."""
        for name, value in values.items():
            self.main.locator(f"[name={name}]").fill(value)

    def sign_in(self, login: str, password: str) -> Page:
        """Sign in by the pages, with the second factor that a demonstration shows."""
        page = self.open("/account/sign-in/")
        self.fill_in(login=login, password=password)
        self.main.locator("form button").last.click()
        code, inside = page.locator("[data-demo-code]"), page.locator("form[data-forget]")
        code.or_(inside).first.wait_for(state="attached")
        if code.count():
            self.fill_in(code=code.inner_text())
            self.main.locator("form button").last.click()
            inside.wait_for(state="attached")
        return page

    def resize(self, size: dict[str, int]) -> None:
        self.page.set_viewport_size(size)  # type: ignore[arg-type]

    def barriers(self) -> list[str]:
        """What axe-core finds wrong with the page as it is (WCAG 2.1 A and AA)."""
        with self._timers():
            if not self.page.evaluate("!!window.axe"):
                self.page.evaluate(AXE + "\n;0")  # by the driver: the page's own policy stays in force
            return [f"{self.page.url} {line}" for line in self.page.evaluate(AXE_RUN)]

    @contextmanager
    def _timers(self) -> Iterator[None]:
        """Let timers run, without which axe-core waits for ever; the scripts of a loaded page stay unread."""
        if self.script:
            yield
            return
        devtools = self.context.new_cdp_session(self.page)
        for value in (True, False):  # the first one makes the second one count
            devtools.send("Emulation.setScriptExecutionDisabled", {"value": value})
        yield
        devtools.send("Emulation.setScriptExecutionDisabled", {"value": True})
        devtools.detach()

    def overflows(self) -> list[str]:
        """One line if the page stays wider than its window; a new size takes a moment to settle."""
        for _ in range(5):
            wide = self.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
            if wide[0] <= wide[1] + 1:
                return []
            self.page.wait_for_timeout(200)
        return [f"{self.page.url} is {wide[0]} px wide in a window of {wide[1]} px"]

    def faults(self) -> list[str]:
        """Everything that is wrong with the page as it is, and what the browser complained about so far."""
        return [*self.barriers(), *self.overflows(), *self.complaints]
