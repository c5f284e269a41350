from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.web.paging import page_by_key
from zhupei.web.views import perform

from . import actions
from .models import Notice


def inbox(request: HttpRequest) -> HttpResponse:
    """One's own notices, newest first (I10)."""
    rows = Notice.objects.filter(user_id=request.actor.user_id)
    return render(request, "notices/list.html", {"page": page_by_key(rows, request)})


@require_POST
def read_all(request: HttpRequest) -> HttpResponseBase:
    return perform(
        request,
        lambda: actions.mark_read(request.user),
        success=_("All notices are marked as read."),
        to="notices:list",
    )
