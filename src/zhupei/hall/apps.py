from django.apps import AppConfig


class HallConfig(AppConfig):
    name = "zhupei.hall"

    def ready(self) -> None:
        from zhupei.exams.api import filing_sources

        from .uplink.filings import filings_of

        filing_sources.append(filings_of)
