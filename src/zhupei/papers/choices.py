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

# What every paper keeps to besides its sections: shares of the marks by level, least and greatest (domain.md 1: 掌握 most).
DEFAULT_TARGETS: dict[str, Any] = {
    "levels": {"掌握": ["0.3", "0.75"], "熟悉": ["0.1", "0.6"], "了解": ["0", "0.4"]},
}

# The national bank's form as Hubei uses it (domain.md 1): one paper with cases of two single, one multiple and one true/false.
HUBEI_SECTIONS: list[dict[str, Any]] = [
    {"kind": "single", "count": 40, "marks": "1"},
    {"kind": "multiple", "count": 10, "marks": "2"},
    {"kind": "true_false", "count": 20, "marks": "1"},
    {
        "kind": "case",
        "count": 4,
        "marks": "1",
        "pattern": [
            {"kind": "single", "number": 2, "marks": "1"},
            {"kind": "multiple", "number": 1, "marks": "2"},
            {"kind": "true_false", "number": 1, "marks": "1"},
        ],
    },
]
