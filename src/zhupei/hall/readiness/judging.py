"""What the server makes of a client's measurements (R115, R124–R126, R129, R134, I05).

The page sends figures, never a verdict. Each is bounded; what is no number, negative or beyond all reason counts as not measured.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from zhupei.hall.models.machines import Verdict

from .findings import Finding, Point

OK, WARN, FAIL, UNKNOWN = Verdict.OK.value, Verdict.WARN.value, Verdict.FAIL.value, Verdict.UNKNOWN.value

LINE_OK, LINE_FAIL = (
    80.0,
    50.0,
)  # Mbit/s of content: a line of 100 carries about 94; below 50 it is none (annex 3, one, 3)
TRIP_OK, TRIP_FAIL = 20.0, 100.0  # ms, median: a hall's own network answers within a few
JITTER_OK = 20.0
LOSS_OK, LOSS_FAIL = 0.0, 0.1  # share of the pings
CLOCK_OK, CLOCK_FAIL = 2.0, 60.0  # s; the countdown follows the server's clock, not the client's
SCREEN_WIDTH, SCREEN_HEIGHT = 1024, 700

FIGURES = {  # name of the field: least, greatest
    "trip_ms": (0.0, 60_000.0),
    "jitter_ms": (0.0, 60_000.0),
    "loss": (0.0, 1.0),
    "down_mbps": (0.01, 100_000.0),
    "up_mbps": (0.01, 100_000.0),
    "offset_s": (-10 * 366 * 86400.0, 10 * 366 * 86400.0),
    "width": (1.0, 20_000.0),
    "height": (1.0, 20_000.0),
}
WORDS = {  # name of the field: what it may say
    "script": {"yes"},
    "storage": {"yes", "no"},
    "camera": {"yes", "no", "insecure", "unsupported", "failed"},
    "camera_allowed": {"granted", "denied", "prompt"},
    "camera_above": {"yes"},
    "restore_card": {"yes"},
}


def measured(fields: Mapping[str, str], *, agent: str, cookies: bool) -> dict[str, Any]:
    """The figures of a posted form, bounded; unknown names and impossible values fall away."""
    found: dict[str, Any] = {"agent": agent[:300], "cookies": cookies}
    for name, (least, greatest) in FIGURES.items():
        text = fields.get(name, "")[:40]
        if re.fullmatch(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", text, re.A):
            value = float(text)
            if math.isfinite(value) and least <= value <= greatest:
                found[name] = round(value, 3)
    for name, allowed in WORDS.items():
        if fields.get(name) in allowed:
            found[name] = fields[name]
    return found


def browser_of(agent: str) -> tuple[str, int]:
    """Family and main version of a browser by its own word: ("IE", 8), ("360", 0) …; ("", 0) if it is none of the known."""
    for family, pattern in (
        ("360", r"360SE|360EE|QIHU|QihooBrowser"),
        ("Edge", r"\bEdge?/(\d+)"),
        ("Firefox", r"\bFirefox/(\d+)"),
        ("Chrome", r"\bChrome/(\d+)"),
    ):
        found = re.search(pattern, agent)
        if found:
            return family, int(found[1][:4]) if found.groups() else 0
    trident = re.search(r"\bTrident/(\d+)", agent)
    if trident:  # in compatibility view it calls itself 7
        return "IE", int(trident[1][:4]) + 4
    old = re.search(r"\bMSIE (\d+)", agent)
    return ("IE", int(old[1][:4])) if old else ("", 0)


def windows_of(agent: str) -> tuple[int, int] | None:
    """The version of Windows NT that a browser names; (6, 1) is Windows 7."""
    found = re.search(r"\bWindows NT (\d{1,3})\.(\d{1,3})", agent)
    return (int(found[1]), int(found[2])) if found else None


def _browser(agent: str) -> list[Finding]:
    family, version = browser_of(agent)
    text = f"{family} {version or ''}".strip()
    if not family:
        browser = Finding("browser", WARN, reason="unknown")
    else:
        browser = Finding("browser", FAIL if family == "IE" and version < 8 else OK, text)
    windows = windows_of(agent)
    if windows is None:
        system = Finding("client_system", WARN if agent else UNKNOWN, reason="other" if agent else "")
    else:
        system = Finding(
            "client_system", OK if windows >= (6, 1) else FAIL, "Windows NT {}.{}".format(*windows)
        )
    return [browser, system]


def _line(name: str, given: Mapping[str, Any]) -> Finding:
    value = given.get(name)
    if value is None:
        return Finding(name, WARN, reason="not_measured")
    return Finding(
        name, OK if value >= LINE_OK else WARN if value >= LINE_FAIL else FAIL, f"{value:.0f} Mbit/s"
    )


def _network(given: Mapping[str, Any]) -> list[Finding]:
    trip, jitter, loss = given.get("trip_ms"), given.get("jitter_ms"), given.get("loss")
    found = []
    if trip is None:
        found.append(Finding("trip", WARN, reason="not_measured"))
    else:
        text = f"{trip:.1f} ms" + (f" ± {jitter:.1f} ms" if jitter is not None else "")
        verdict = (
            OK if trip <= TRIP_OK and (jitter or 0) <= JITTER_OK else WARN if trip <= TRIP_FAIL else FAIL
        )
        found.append(Finding("trip", verdict, text))
    if loss is None:
        found.append(Finding("loss", WARN, reason="not_measured"))
    else:
        verdict = OK if loss <= LOSS_OK else WARN if loss <= LOSS_FAIL else FAIL
        found.append(Finding("loss", verdict, f"{loss:.0%}"))
    return [*found, _line("down_mbps", given), _line("up_mbps", given)]


def _clock(given: Mapping[str, Any]) -> Finding:
    offset = given.get("offset_s")
    if offset is None:
        return Finding("client_clock", UNKNOWN)
    verdict = OK if abs(offset) <= CLOCK_OK else WARN if abs(offset) <= CLOCK_FAIL else FAIL
    return Finding("client_clock", verdict, f"{round(offset, 1) + 0.0:+.1f} s")


def _camera(given: Mapping[str, Any]) -> Finding:
    seen, above = given.get("camera"), given.get("camera_above") == "yes"
    if seen == "no":
        return Finding("camera", FAIL, reason="none")
    if seen == "yes" and given.get("camera_allowed") == "denied":
        return Finding("camera", FAIL, reason="denied")
    if seen == "yes":
        return Finding("camera", OK if above else WARN, reason="seen" if above else "not_placed")
    if above:
        return Finding("camera", OK, reason="by_word")
    return Finding("camera", WARN, reason="insecure" if seen == "insecure" else "untold")


def _screen(given: Mapping[str, Any]) -> Finding:
    width, height = given.get("width"), given.get("height")
    if width is None or height is None:
        return Finding("screen", UNKNOWN)
    verdict = OK if width >= SCREEN_WIDTH and height >= SCREEN_HEIGHT else WARN
    return Finding("screen", verdict, f"{width:.0f} × {height:.0f}")


def judge(given: Mapping[str, Any]) -> list[Finding]:
    """A finding for every point, from what ``measured`` let through."""
    script = given.get("script") == "yes"
    card = given.get("restore_card") == "yes"
    found = [
        *_browser(str(given.get("agent", ""))),
        Finding("script", OK if script else WARN),
        Finding("cookies", OK if given.get("cookies") else FAIL),
        _camera(given),
        Finding("restore_card", OK, reason="there" if card else "none"),
    ]
    if script:
        found += [*_network(given), _clock(given), _screen(given)]
    return found


POINTS: dict[str, Point] = {
    "browser": Point(
        _("Browser"),
        _("IE 8 or later, Chrome, Firefox or 360"),
        "附件3三",
        {
            "fail": _("This browser is too old for the test. Install Chrome, Firefox or the 360 browser."),
            "unknown": _("This is none of the browsers that the rule names. Try a practice test on it, or use another."),
        },
    ),
    "client_system": Point(
        _("Windows of the client"),
        _("Windows 7 or later"),
        "附件3三",
        {
            "fail": _("This Windows is older than the rule allows."),
            "other": _("The rule names Windows 7 or later; the browser names another system. Agree on it with the centre."),
        },
    ),
    "script": Point(
        _("Script"),
        _("switched on"),
        "附件3三",
        {"warn": _("Script is off: line, clock and camera could not be measured. A test can be sat without it, but answers are "
                   "kept only when the page is turned.")},
    ),
    "cookies": Point(
        _("Cookies"),
        _("accepted"),
        "附件3四（二）",
        {"fail": _("The browser refuses cookies; nobody could sign in to a test on it. Allow them for this server.")},
    ),
    "camera": Point(
        _("Camera above the middle of the screen"),
        _("one USB camera"),
        "附件3三",
        {
            "none": _("The browser sees no camera. Plug one in above the middle of the screen."),
            "denied": _("There is a camera, but the browser is told not to use it. Allow it for this server."),
            "not_placed": _("The browser sees a camera. Look that it is fixed above the middle of the screen, and tick the box "
                            "on the measuring page."),
            "seen": _("Seen by the browser, and placed by the word of whoever measured."),
            "by_word": _("By the word of whoever measured: on this connection the browser cannot tell."),
            "insecure": _("Over plain http the browser does not tell whether there is a camera. Look, and tick the box on the "
                          "measuring page."),
            "untold": _("The browser cannot tell. Look, and tick the box on the measuring page."),
        },
    ),
    "restore_card": Point(
        _("Restore card or the like"),
        _("recommended"),
        "附件3四（三）",
        {"there": "", "none": _("None reported; it is recommended, not required.")},
    ),
    "trip": Point(
        _("Round trip to the server"),
        _("within 20 ms, steady"),
        "附件3一（三）",
        {
            "warn": _("Slower than a hall's own network should be. Check cable and switch; stop downloads."),
            "fail": _("Far too slow for a hall's own network. Check cable, port and switch."),
            "not_measured": _("Not measured. Open the page again and measure."),
        },
    ),
    "loss": Point(
        _("Lost on the way"),
        _("none lost"),
        "附件3一（三）",
        {
            "warn": _("Something was lost. Change the cable or the port and measure again."),
            "fail": _("Much was lost. Change the cable or the port; use a spare computer until then."),
            "not_measured": _("Not measured. Open the page again and measure."),
        },
    ),
    "down_mbps": Point(
        _("Line from the server"),
        _("a line of 100 Mbit/s (80 or more measured)"),
        "附件3一（三）、四（一）",
        {
            "warn": _("Less than a line of 100 Mbit/s gives. Measure again when nothing else uses the line."),
            "fail": _("This is no line of 100 Mbit/s. Change the cable, the port or the network card; no wireless."),
            "not_measured": _("Not measured. Open the page again and measure."),
        },
    ),
    "up_mbps": Point(
        _("Line to the server"),
        _("a line of 100 Mbit/s (80 or more measured)"),
        "附件3一（三）、四（一）",
        {
            "warn": _("Less than a line of 100 Mbit/s gives. Measure again when nothing else uses the line."),
            "fail": _("This is no line of 100 Mbit/s. Change the cable, the port or the network card; no wireless."),
            "not_measured": _("Not measured. Open the page again and measure."),
        },
    ),
    "client_clock": Point(
        _("Clock of the client"),
        _("within 2 seconds of the server"),
        "",
        {
            "warn": _("Set the clock right. The countdown of a test follows the server's clock all the same."),
            "fail": _("Set date and time right: browsers refuse secure connections when they are far off."),
        },
    ),
    "screen": Point(
        _("Screen"),
        _("1024 × 700 or more"),
        "附件3三",
        {"warn": _("The window is small: questions will need scrolling. Set a higher resolution.")},
    ),
}  # fmt: skip
