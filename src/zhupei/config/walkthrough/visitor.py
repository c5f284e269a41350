"""A person with a browser, over plain HTTP: follows links, fills in the pages' own forms, presses their buttons."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urljoin

import httpx
from lxml import html

Files = dict[str, tuple[str, bytes, str]]


class Unexpected(AssertionError):
    """A page answered otherwise than the walkthrough expects."""


class Visitor:
    """One browser: cookies of its own and the page it is on."""

    def __init__(self, base: str, name: str) -> None:
        self.name = name
        self.client = httpx.Client(
            base_url=base, follow_redirects=True, timeout=60, headers={"Referer": base}
        )
        self.status = 0
        self.url = ""
        self.page: html.HtmlElement = html.fromstring("<html></html>")
        self.content = b""

    def _take(self, response: httpx.Response, expect: int) -> Visitor:
        self.status, self.url, self.content = response.status_code, str(response.url), response.content
        if "html" in response.headers.get("content-type", "") and response.content:
            self.page = html.fromstring(response.content, base_url=self.url)
        if response.status_code != expect:
            raise Unexpected(
                f"{self.name}: {response.request.method} {response.request.url.path} answered {response.status_code}, "
                f"not {expect}: {self.said()[:400]}"
            )
        return self

    def open(self, path: str, expect: int = 200) -> Visitor:
        """Go to an address."""
        return self._take(self.client.get(path), expect)

    def text(self) -> str:
        """The page's words, white space folded."""
        return re.sub(r"\s+", " ", self.page.text_content()).strip()

    def said(self) -> str:
        """What the main part of the page says."""
        main = self.page.xpath("//main")
        return re.sub(r"\s+", " ", (main[0] if main else self.page).text_content()).strip()

    def must_say(self, *words: str) -> Visitor:
        """Fail unless the page holds all of ``words``."""
        text = self.text()
        for word in words:
            if word not in text:
                raise Unexpected(f"{self.name}: {self.url} does not say {word!r}: {self.said()[:400]}")
        return self

    def link(self, part: str) -> str:
        """The address of the first link whose address holds ``part`` (a regular expression)."""
        for href in self.page.xpath("//a/@href"):
            if re.search(part, href):
                return urljoin(self.url, str(href))
        raise Unexpected(f"{self.name}: {self.url} has no link to {part!r}")

    def links(self, part: str) -> list[str]:
        """The addresses of all links whose address holds ``part`` (a regular expression), once each."""
        found = [urljoin(self.url, str(h)) for h in self.page.xpath("//a/@href") if re.search(part, h)]
        return list(dict.fromkeys(found))

    def link_named(self, words: str) -> str:
        """The address of the first link whose text contains ``words``."""
        for anchor in self.page.xpath("//a[@href]"):
            if words in re.sub(r"\s+", " ", anchor.text_content()):
                return urljoin(self.url, str(anchor.get("href")))
        raise Unexpected(f"{self.name}: {self.url} has no link called {words!r}: {self.said()[:300]}")

    def number(self, pattern: str) -> int:
        """The number that ``pattern`` finds in the present address, such as the row that a page shows."""
        found = re.search(pattern, self.url)
        if found is None:
            raise Unexpected(f"{self.name}: {self.url} is not {pattern}")
        return int(found[1])

    def option(self, field: str, words: str) -> str:
        """The value of the choice of ``field`` (select, tick boxes or radio buttons) whose words contain ``words``."""
        for option in self.page.xpath(f"//select[@name='{field}']/option"):
            if words in option.text_content():
                return str(option.get("value"))
        for box in self.page.xpath(f"//input[@name='{field}']"):
            labels = self.page.xpath(f"//label[@for='{box.get('id')}']") + box.xpath("ancestor::label")
            if any(words in label.text_content() for label in labels):
                return str(box.get("value"))
        raise Unexpected(f"{self.name}: {field} at {self.url} offers no {words!r}: {self.said()[:300]}")

    def tab(self) -> Visitor:
        """A second tab of the same browser, on the same page."""
        other = Visitor(str(self.client.base_url), self.name)
        other.client, other.page, other.url = self.client, self.page, self.url
        return other

    def pdf(self, path: str) -> Visitor:
        """Download a PDF."""
        self.open(path)
        if not self.content.startswith(b"%PDF-"):
            raise Unexpected(f"{self.name}: {path} is no PDF: {self.content[:40]!r}")
        return self

    def follow(self, part: str, expect: int = 200) -> Visitor:
        """Follow the first link whose address holds ``part`` (a regular expression)."""
        return self.open(self.link(part), expect)

    def form(self, action: str = "", field: str = "") -> html.FormElement:
        """The post form of the page: by a part of its action, or by a field it has; else the first in the main part."""
        forms = [
            f
            for path in ("//main//form", "//form[not(ancestor::main)]")
            for f in self.page.xpath(path)
            if (f.get("method") or "get").lower() == "post"
        ]
        for form in forms:
            names = {str(n) for n in form.xpath(".//@name")}
            targets = [form.get("action") or "", *map(str, form.xpath(".//@formaction"))]
            if (not action or any(action in t for t in targets)) and (not field or field in names):
                return form
        raise Unexpected(f"{self.name}: {self.url} has no form {action or field!r}: {self.said()[:300]}")

    def submit(
        self,
        values: dict[str, Any] | None = None,
        *,
        action: str = "",
        field: str = "",
        files: Files | None = None,
        button: tuple[str, str] | None = None,
        expect: int = 200,
    ) -> Visitor:
        """Fill in a form of this page and send it. Fields not named keep what the page put into them."""
        form = self.form(action, field)
        data: dict[str, list[str]] = {}
        for name, value in form.form_values():
            data.setdefault(name, []).append(value)
        for name, value in (values or {}).items():
            outside = self.page.xpath("//*[@form=$form]/@name", form=form.get("id") or "-")
            if name not in {str(n) for n in [*form.xpath(".//@name"), *outside]}:
                raise Unexpected(f"{self.name}: the form at {self.url} has no field {name!r}")
            data[name] = [str(v) for v in value] if isinstance(value, list | tuple) else [str(value)]
        if button:
            data[button[0]] = [button[1]]
        for name in files or {}:
            data.pop(name, None)
        target = form.get("action") or self.url
        if action:
            target = next((t for t in map(str, form.xpath(".//@formaction")) if action in t), target)
        return self.post(urljoin(self.url, target), data, files=files, expect=expect)

    def press(self, path: str, values: dict[str, Any] | None = None, expect: int = 200) -> Visitor:
        """Send what a button of another, older page would: with this page's token, to ``path``."""
        tokens = self.page.xpath("//input[@name='csrfmiddlewaretoken']/@value")
        if not tokens:
            raise Unexpected(f"{self.name}: {self.url} has no form")
        return self.post(path, {"csrfmiddlewaretoken": str(tokens[0]), **(values or {})}, expect=expect)

    def post(
        self, path: str, data: dict[str, Any], *, files: Files | None = None, expect: int = 200
    ) -> Visitor:
        """Send data to an address as a form would."""
        headers = {"Origin": str(self.client.base_url).rstrip("/")}
        return self._take(self.client.post(path, data=data, files=files or None, headers=headers), expect)

    def code(self) -> str:
        """The six digits on the page: what a demonstration shows instead of sending it, or a teacher's screen."""
        shown = self.page.xpath("//*[@data-demo-code]/text()")
        places = "//*[contains(@class, 'z-message') or contains(@class, 'alert') or @id='lesson-code']"
        for element in self.page.xpath(places):
            shown += re.findall(r"(?<!\d)\d{6}(?!\d)", element.text_content())
        if not shown:
            raise Unexpected(
                f"{self.name}: no code is shown at {self.url}; is this a demonstration? {self.said()[:300]}"
            )
        return str(shown[0]).strip()

    def sign_in(self, login: str, password: str) -> Visitor:
        """Sign in by the page, with the second factor as a demonstration shows it."""
        self.client.cookies.clear()
        self.open("/account/sign-in/").submit({"login": login, "password": password}, field="password")
        if "second-factor" in self.url:
            self.submit({"code": self.code()}, field="code")
        if self.page.xpath("//input[@name='password' or @name='code']"):
            raise Unexpected(f"{self.name} is not signed in: {self.said()[:300]}")
        return self
