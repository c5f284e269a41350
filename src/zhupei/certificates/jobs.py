"""Work that runs by itself."""

from __future__ import annotations

from django_tasks import task

from . import actions


@task()
def consume_news() -> int:
    """Issue and revoke certificates by the news of results; returns how many changed."""
    return actions.consume_news()
