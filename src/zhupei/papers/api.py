"""The papers room's door."""

from .actions import draw_papers, keys_of, load_default_blueprints, save_blueprint
from .models import Blueprint, Draw, PaperForm
from .queries import blueprint_for, check_fillable, draw_report, items_met, papers_of

__all__ = [
    "Blueprint",
    "Draw",
    "PaperForm",
    "blueprint_for",
    "check_fillable",
    "draw_papers",
    "draw_report",
    "items_met",
    "keys_of",
    "load_default_blueprints",
    "papers_of",
    "save_blueprint",
]
