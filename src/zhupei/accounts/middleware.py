"""Every request of a signed-in browser: idle time-out, and the list of sessions kept up to date."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse

from zhupei.kernel import clock

from .models import AccountSession

TOUCH_EVERY = timedelta(seconds=60)


class SessionWatch:
    """Signs out a browser whose session was ended elsewhere or left idle; touches the others once a minute."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if user.is_authenticated:
            now = clock.now()
            row = AccountSession.objects.filter(
                session_key=request.session.session_key, user_id=user.pk
            ).first()
            limit = settings.IDLE_SECONDS_LEARNER if user.is_learner else settings.IDLE_SECONDS_STAFF
            alive = row is not None and row.ended_at is None and user.is_active
            if not alive or now - row.last_seen_at > timedelta(seconds=limit):
                if row is not None and row.ended_at is None:
                    AccountSession.objects.filter(pk=row.pk).update(ended_at=now)
                logout(request)
            elif now - row.last_seen_at > TOUCH_EVERY:
                AccountSession.objects.filter(pk=row.pk).update(last_seen_at=now)
        return self.get_response(request)
