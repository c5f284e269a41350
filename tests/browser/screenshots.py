"""The README's screenshots, taken of a running demo city: ``python -m tests.browser.screenshots [FOLDER]``.

Pictures are PNG of at most 256 colours (``docs/images`` unless another folder is named), each below 150 KB.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.served import DESK, PHONE, Person, Served, launch, served_city

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images"
MOST = 150 * 1024
SHARP = 1.5  # device pixels for a CSS pixel, on a phone


class Camera:
    """Takes pictures in one city and keeps them in one folder."""

    def __init__(self, browser: Browser, city: Served, folder: Path) -> None:
        self.browser, self.city, self.folder = browser, city, folder

    def person(self, size: dict[str, int], login: str = "") -> Person:
        sharp = SHARP if size is PHONE else 1
        return Person(self.browser, self.city, size, login=login, device_scale_factor=sharp)

    def shoot(self, person: Person, name: str) -> None:
        """Keep the window's content as ``name``.png, with as many colours as fit."""
        person.page.wait_for_load_state("networkidle")
        person.page.evaluate("document.fonts.ready")
        picture = Image.open(io.BytesIO(person.page.screenshot(animations="disabled"))).convert("RGB")
        for colours in (256, 128, 64, 32):
            out = io.BytesIO()
            picture.quantize(colours, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
            if out.tell() <= MOST:
                break
        path = self.folder / f"{name}.png"
        path.write_bytes(out.getvalue())
        print(f"{path}  {picture.width}×{picture.height}  {out.tell() // 1024} KB")


def take(camera: Camera) -> None:
    """All pictures, in the order in which they change the city."""
    city = camera.city
    test = city.demo["open_test"]

    learner = camera.person(PHONE, test["id_number"])
    learner.open("/")
    camera.shoot(learner, "learner-phone")

    for size, name in ((PHONE, "exam-phone"), (DESK, "exam-desk")):
        candidate = camera.person(size)
        page = candidate.open("/exam/")
        if size is PHONE:
            candidate.fill_in(slip_no=test["slip_no"], id_number=test["id_number"])
            candidate.press("登录")
            page.locator("form[action$='/start'] button").click()
            expect(page.locator("#link-word")).to_have_text("正常")
            for unit in range(1, 10):
                expect(page.locator(f"#item[data-unit='{unit}']")).to_be_attached()
                for question in page.locator("#item .question").all():
                    question.locator("input").nth(unit % 2).check()
                if unit < 9:
                    page.locator("#go-next").click()
            page.locator("#go-mark").click()
            expect(page.locator("#unsaved")).to_have_text("全部已保存")
            page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
            cookies = candidate.context.cookies()
        else:  # the same sitting, in a wide window
            candidate.context.add_cookies(cookies)  # type: ignore[arg-type]
            candidate.open("/exam/paper?subject=general&n=9")
            expect(page.locator("#link-word")).to_have_text("正常")
        camera.shoot(candidate, name)

    registrar = camera.person(DESK, city.login_of("registrar"))
    registrar.open("/training/plans/")
    camera.shoot(registrar, "plans-desk")

    head = camera.person(DESK, city.login_of("hall_technical_head"))
    head.open("/hall/")
    head.main.get_by_role("link", name=test["batch"].partition("—")[2]).first.click()
    head.main.locator("a[href*='/sessions/'][href*='/rooms/']").first.click()
    head.main.locator("#hall-map").wait_for()
    camera.shoot(head, "hall-console-desk")

    holder = camera.person(PHONE, city.demo["learners"][1]["id_number"])
    holder.open("/certificates/mine/")
    check = holder.main.locator("a[href*='/certificates/check/']").first.get_attribute("href")
    visitor = camera.person(PHONE)
    visitor.open(str(check))
    camera.shoot(visitor, "certificate-check-phone")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as data,
        served_city(Path(data)) as city,
        sync_playwright() as playwright,
    ):
        browser = launch(playwright)
        take(Camera(browser, city, folder))
        browser.close()


if __name__ == "__main__":
    main()
