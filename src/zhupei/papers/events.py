"""The audit codes of papers."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from zhupei.audit.api import register

BLUEPRINT_SAVED = register("papers.blueprint_saved", _("Blueprint saved"))
SEED_COMMITTED = register("papers.seed_committed", _("Seed of a draw committed"))
PAPERS_DRAWN = register("papers.papers_drawn", _("Papers drawn"))
KEYS_TAKEN = register("papers.keys_taken", _("Keys of a draw taken for sealing or scoring"))
DRAW_RECHECKED = register("papers.draw_rechecked", _("Draw computed again and compared"))
