from importlib import import_module
from importlib.util import find_spec

from django.apps import AppConfig, apps


class AuditConfig(AppConfig):
    name = "zhupei.audit"

    def ready(self) -> None:
        """Load every room's codes, so that the register is whole before the first request."""
        for config in apps.get_app_configs():
            if config.name.startswith("zhupei.") and find_spec(f"{config.name}.events"):
                import_module(f"{config.name}.events")
