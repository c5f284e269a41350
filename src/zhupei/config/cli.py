"""The ``zhupei`` command."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run a command of the platform, or one of Django's."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhupei.config.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
