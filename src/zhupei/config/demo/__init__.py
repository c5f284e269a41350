"""The demonstration city: every actor and every stage, built by the rooms' own actions at past moments.

Nothing here writes a row of its own: a story (``clockwork``) calls the action that a person would have called, as that person,
at the moment at which it would have happened. So steps, deadlines, audit events and chains are those of a lived year.
"""

from .cast import PASSWORD
from .city import DemoRefused, Report, build_city, is_empty
from .scale import FULL, SCALES, SMALL, Scale

__all__ = ["FULL", "PASSWORD", "SCALES", "SMALL", "DemoRefused", "Report", "Scale", "build_city", "is_empty"]
