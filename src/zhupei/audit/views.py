from __future__ import annotations

from datetime import date, datetime, time, timedelta

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from zhupei.kernel import clock
from zhupei.kernel.clock import SHANGHAI
from zhupei.web.forms import DateField, ZForm
from zhupei.web.paging import page_by_key

from .codes import all_codes, label_of
from .models import AuditEvent
from .queries import verify_chain

TEXT_DAYS = 14  # a text is looked for in these, unless a day is given: no index helps to find it


class AuditFilter(ZForm):
    q = forms.CharField(label=gettext_lazy("Person, organisation or object"), max_length=80, required=False)
    code = forms.ChoiceField(label=gettext_lazy("Act"), required=False)
    since = DateField(label=gettext_lazy("From day"), required=False)
    until = DateField(label=gettext_lazy("To day"), required=False)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].choices = [("", _("All")), *sorted((c, str(t)) for c, t in all_codes().items())]


def _label(event: AuditEvent) -> str:
    try:
        return str(label_of(event.code))
    except KeyError:  # an act of an older version of the program
        return event.code


def search(request: HttpRequest) -> HttpResponse:
    """The audit record, newest first, for the auditor and the security officer."""
    filters = AuditFilter(request.GET)
    rows = AuditEvent.objects.all()
    window: date | None = None
    if filters.is_valid():
        data = filters.cleaned_data
        if data["q"]:
            if data["since"] is None:
                window = (data["until"] or clock.today()) - timedelta(days=TEXT_DAYS)
                data["since"] = window
            text = data["q"]
            rows = rows.filter(
                Q(actor_name__contains=text)
                | Q(organisation_name__contains=text)
                | Q(object_label__contains=text)
            )
        if data["code"]:
            rows = rows.filter(code=data["code"])
        if data["since"]:
            rows = rows.filter(at__gte=datetime.combine(data["since"], time(), SHANGHAI))
        if data["until"]:
            rows = rows.filter(at__lt=datetime.combine(data["until"] + timedelta(days=1), time(), SHANGHAI))
    page = page_by_key(rows, request, order=("-at", "-pk"), size=50)
    for row in page.items:
        row.label = _label(row)
    filtered = any(request.GET.get(name) for name in filters.fields)
    context = {"page": page, "filters": filters, "filtered": filtered, "window": window}
    return render(request, "audit/search.html", context)


def event(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(AuditEvent.objects.all(), pk=pk)
    row.label = _label(row)
    names = sorted({*row.before, *row.after})
    changes = [(name, row.before.get(name, ""), row.after.get(name, "")) for name in names]
    return render(request, "audit/event.html", {"event": row, "changes": changes})


@require_POST
def verify(request: HttpRequest) -> HttpResponse:
    """Recompute the whole chain now and say what was found."""
    report = verify_chain()
    if report.whole:
        messages.success(
            request, _("The record is whole: %(count)d events checked.") % {"count": report.count}
        )
    else:
        messages.error(
            request,
            _(
                "The record is damaged (event %(event)s): %(reason)s. Keep the database as it is and call the security officer."
            )
            % {"event": report.broken_at or "–", "reason": report.reason},
        )
    return redirect("audit:search")
