"""The papers room's door."""

from .actions import draw_papers, keys_of, load_default_blueprints, recheck_draw, save_blueprint
from .drawing import Seat
from .models import Blueprint, Draw, PaperForm
from .queries import blueprint_for, check_fillable, items_met, papers_of
from .rehearsal import rehearse, released_form, synthetic_form

__all__ = [
    "Blueprint",
    "Draw",
    "PaperForm",
    "Seat",
    "blueprint_for",
    "check_fillable",
    "draw_papers",
    "items_met",
    "keys_of",
    "load_default_blueprints",
    "papers_of",
    "recheck_draw",
    "rehearse",
    "released_form",
    "save_blueprint",
    "synthetic_form",
]
