"""What was measured of a hall, beside the points of the day's checklist that it concerns (R048)."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.translation import gettext as _

from zhupei.hall.choices import CheckItem
from zhupei.hall.models.machines import Machine
from zhupei.hall.readiness.doctor_words import POINTS as SERVER_POINTS
from zhupei.hall.readiness.findings import read, told
from zhupei.hall.readiness.queries import Readiness, readiness
from zhupei.institutions.api import Site

register = template.Library()

NETWORK = ("trip", "loss", "down_mbps", "up_mbps")
SERVER_OF = {
    CheckItem.NETWORK: ("link", "uplink_time", "uplink", "shares"),
    CheckItem.CLOCKS: ("time_service", "time_zone", "clock"),
}


def _lines(ready: Readiness) -> list[tuple[str, str, str]]:
    """(label, text, tone) for each point of the checklist that measurements say something about."""
    short = ready.standings["bad"] + ready.standings["doubtful"]
    unlike = sum(ready.points.get(code, 0) for code in NETWORK)
    texts: dict[str, tuple[str, bool]] = {
        CheckItem.COMPUTERS: (
            _("%(measured)d of %(all)d measured, %(short)d of them not in order, %(broken)d out of order")
            % {
                "measured": ready.measured,
                "all": ready.to_measure,
                "short": short,
                "broken": ready.standings["broken"],
            },
            ready.measured == ready.to_measure and not short and ready.enough_exam,
        ),
        CheckItem.SPARES: (
            _("%(n)d in order, %(needed)d needed") % {"n": ready.spare, "needed": ready.spare_needed},
            ready.enough_spare,
        ),
        CheckItem.NETWORK: (
            _("%(n)d points of the line not in order") % {"n": unlike},
            not unlike and ready.measured > 0,
        ),
        CheckItem.CLOCKS: (
            _("%(n)d computers off") % {"n": ready.points.get("client_clock", 0)},
            not ready.points.get("client_clock") and ready.measured > 0,
        ),
    }
    rows = []
    server = {one.code: one for one in read(ready.server.findings)} if ready.server else {}
    for item, (text, fine) in texts.items():
        parts, ok = [text], fine
        for code in SERVER_OF.get(CheckItem(item), ()):
            finding = server.get(code)
            if finding is not None and finding.verdict in ("warn", "fail"):
                words = told(finding, SERVER_POINTS)
                parts.append(f"{words['label']} {words['value']}".strip())
                ok = False
        rows.append((str(CheckItem(item).label), " · ".join(parts), "done" if ok else "waiting"))
    return rows


@register.inclusion_tag("hall/_measured.html")
def measured_of(site_id: int) -> dict[str, Any]:
    """The measurements of a hall for its batch's page; nothing where no machines were entered."""
    site = Site.objects.filter(pk=site_id).first()
    if site is None or not Machine.objects.filter(site_id_ref=site_id).exists():
        return {"site": site, "lines": []}
    return {"site": site, "lines": _lines(readiness(site))}
