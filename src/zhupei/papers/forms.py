"""The form of a blueprint: a row of fields for each of the four kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from zhupei.itembank.api import ItemKind
from zhupei.rulebook.api import Post, Subject, active_posts
from zhupei.web.forms import ZForm

RULES = [
    ("all_or_nothing", _("All right options and no others, or nothing")),
    ("half_per_right", _("0.5 for each right option when some are missing")),
    ("proportional", _("In proportion when some are missing")),
]


class BlueprintForm(ZForm):
    """``sections()`` gives what was typed; kinds whose number is empty or 0 are left out."""

    post = forms.ModelChoiceField(
        Post.objects.none(),
        label=_("Post"),
        required=False,
        empty_label=_("All posts without a blueprint of their own"),
    )
    subject = forms.ChoiceField(label=_("Subject"), choices=Subject.choices)
    name = forms.CharField(label=_("Name"), max_length=100)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["post"].queryset = active_posts()  # type: ignore[attr-defined]
        self.sections = []
        for kind in ItemKind:
            names = [f"{kind}_count", f"{kind}_marks"]
            count = _("Number of cases") if kind == ItemKind.CASE else _("Number of items")
            marks = _("Marks of each sub-question") if kind == ItemKind.CASE else _("Marks of each item")
            self.fields[names[0]] = forms.IntegerField(
                label=count, min_value=0, max_value=200, required=False
            )
            if kind == ItemKind.CASE:
                names.insert(1, "case_children")
                self.fields["case_children"] = forms.IntegerField(
                    label=_("Sub-questions in all"), min_value=0, max_value=200, required=False
                )
            self.fields[f"{kind}_marks"] = forms.DecimalField(
                label=marks, min_value=0, max_digits=5, decimal_places=2, required=False
            )
            if kind in (ItemKind.MULTIPLE, ItemKind.CASE):
                names.append(f"{kind}_rule")
                self.fields[f"{kind}_rule"] = forms.ChoiceField(
                    label=_("Marks of multiple choice"), choices=RULES, required=False
                )
            self.sections.append((kind.label, names))
        self.sections.insert(0, (_("Paper"), ["post", "subject", "name"]))

    def typed_sections(self) -> list[dict[str, Any]]:
        """The sections as typed, for ``actions.save_blueprint``."""
        data = self.cleaned_data
        return [
            {
                "kind": kind.value,
                "count": data[f"{kind}_count"],
                "marks": data[f"{kind}_marks"],
                "rule": data.get(f"{kind}_rule") or "all_or_nothing",
                "children": data["case_children"] if kind == ItemKind.CASE else 0,
            }
            for kind in ItemKind
            if data[f"{kind}_count"]
        ]


def values_of(sections: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Initial values from a blueprint's sections."""
    values: dict[str, Any] = {}
    for section in sections:
        kind = section["kind"]
        values |= {
            f"{kind}_count": section["count"],
            f"{kind}_marks": section["marks"],
            f"{kind}_rule": section["rule"],
        }
        if "children" in section:
            values["case_children"] = section["children"]
    return values
