"""``zhupei hall``: a hall's pages and the exam engine alone; nothing else of the installation can be reached."""

from __future__ import annotations

import os
from typing import Any

from .serve import Command as Serve


class Command(Serve):
    help = "Serve a hall's pages and the exam engine alone, for the machines of the hall's network."

    def handle(self, *args: Any, **options: Any) -> None:
        os.environ["ZHUPEI_HALL_ONLY"] = "1"
        options["no_worker"] = True
        super().handle(*args, **options)
