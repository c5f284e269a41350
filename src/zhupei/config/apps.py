from django.apps import AppConfig
from django.conf import settings

from .drill import use_drill_clock


class ConfigConfig(AppConfig):
    name = "zhupei.config"

    def ready(self) -> None:
        use_drill_clock(demo=settings.DEMO)
