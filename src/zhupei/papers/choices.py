"""Fixed words and the default form of the papers."""

from __future__ import annotations

from typing import Any

from zhupei.itembank.api import ItemKind
from zhupei.rulebook.api import Subject

# What a candidate reads is Chinese, whatever language the drawing officer uses: a paper's digest must not depend on that.
SECTION_TITLES = {
    ItemKind.SINGLE: "单项选择题",
    ItemKind.MULTIPLE: "多项选择题",
    ItemKind.TRUE_FALSE: "判断题",
    ItemKind.CASE: "综合题",
}
SUBJECT_TITLES = {Subject.GENERAL: "通用知识", Subject.PROFESSIONAL: "专业知识"}

RULES = ("all_or_nothing", "half_per_right", "proportional")

# domain.md 1, "Recommended default": two subjects of 100 marks, all objective, the four kinds over both papers.
DEFAULT_SECTIONS: dict[str, list[dict[str, Any]]] = {
    Subject.GENERAL: [
        {"kind": "single", "count": 30, "marks": "2"},
        {"kind": "multiple", "count": 10, "marks": "4"},
    ],
    Subject.PROFESSIONAL: [
        {"kind": "single", "count": 20, "marks": "2"},
        {"kind": "multiple", "count": 5, "marks": "4"},
        {"kind": "true_false", "count": 10, "marks": "2"},
        {"kind": "case", "count": 2, "children": 5, "marks": "4"},
    ],
}
DEFAULT_NAMES = {Subject.GENERAL: "通用知识（默认）", Subject.PROFESSIONAL: "专业知识（默认）"}
