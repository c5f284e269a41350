from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


def make_text_indexes(using: str, **kwargs: Any) -> None:
    """Make the table of every text index declared in a room's ``search.py``, where it is not there yet."""
    from .search import ensure_all

    for config in apps.get_app_configs():
        if config.name.startswith("zhupei.") and find_spec(f"{config.name}.search"):
            import_module(f"{config.name}.search")
    ensure_all(using)


class WebConfig(AppConfig):
    name = "zhupei.web"

    def ready(self) -> None:
        # sent for each app that has models, which this one has not: any single one will do
        post_migrate.connect(make_text_indexes, sender=apps.get_app_config("contenttypes"))
