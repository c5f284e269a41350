"""Every write of papers: blueprints, and the draw."""

from .blueprints import clean_sections, clean_targets, load_default_blueprints, save_blueprint, try_out
from .draws import draw_papers, keys_of, recheck_draw

__all__ = [
    "clean_sections",
    "clean_targets",
    "draw_papers",
    "keys_of",
    "load_default_blueprints",
    "recheck_draw",
    "save_blueprint",
    "try_out",
]
