"""The form of a blueprint: a row of fields for each of the four kinds, then what every paper keeps to besides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from zhupei.itembank.api import ItemKind, Level, chapters_of
from zhupei.rulebook.api import Post, Subject, active_posts
from zhupei.web.forms import ZForm, row_numbers

from .assembly import Targets
from .showing import RULES, number, percent

PARTS = (ItemKind.SINGLE, ItemKind.MULTIPLE, ItemKind.TRUE_FALSE)
LEVELS = [(f"level{n}", level) for n, level in enumerate(Level)]
PLAIN = ("mean", "tolerance", "chapter_tolerance", "overlap", "exposure")
DEFAULTS = {
    "tolerance": number(Targets.tolerance),
    "chapter_tolerance": number(Targets.chapter_tolerance),
    "overlap": percent(Targets.overlap),
    "exposure": number(Targets.exposure),
}
"""What an empty field of the targets means, as typed."""


class PercentField(forms.DecimalField):
    """Typed in per cent, with the sign or without; cleaned to a share: "25" → ``Decimal("0.25")``, empty → None."""

    def to_python(self, value: Any) -> Any:
        return super().to_python(value.strip().rstrip("%％") if isinstance(value, str) else value)

    def clean(self, value: Any) -> Decimal | None:
        found = super().clean(value)
        return None if found is None else found / 100


def _percent(label: Any, least: int = 0, greatest: int = 100, *, help_text: Any = "") -> PercentField:
    return PercentField(
        label=label,
        min_value=least,
        max_value=greatest,
        max_digits=7,
        decimal_places=4,
        required=False,
        help_text=help_text,
    )


def _decimal(label: Any, least: str, greatest: str, *, help_text: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        min_value=Decimal(least),
        max_value=Decimal(greatest),
        decimal_places=2,
        required=False,
        help_text=help_text,
    )


class BlueprintForm(ZForm):
    """``typed_sections`` and ``typed_targets`` give what was typed; kinds whose number is empty or 0 are left out.

    A post of its own brings a field for each chapter of its syllabus; the page says in ``chapters_of`` for which post and
    subject it showed them, so that weights never pass from one post's chapters to another's.
    """

    post = forms.ModelChoiceField(
        Post.objects.none(),
        label=gettext_lazy("Post"),
        required=False,
        empty_label=gettext_lazy("All posts without a blueprint of their own"),
    )
    subject = forms.ChoiceField(label=gettext_lazy("Subject"), choices=Subject.choices)
    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    case_way = forms.ChoiceField(
        label=gettext_lazy("Sub-questions of the cases"),
        choices=[
            ("all", gettext_lazy("So many over all cases, each worth the same")),
            ("pattern", gettext_lazy("Every case has the same kinds")),
        ],
        initial="all",
        required=False,
        widget=forms.RadioSelect,
    )
    mean = _percent(
        gettext_lazy("Expected share of the marks (%)"),
        5,
        95,
        help_text=gettext_lazy(
            "What candidates are expected to get on average. Empty: the mean of the bank, so that no item is favoured."
        ),
    )
    tolerance = _decimal(
        gettext_lazy("How far a paper's expected score may lie off it (marks)"),
        "0.05",
        "5",
        help_text=gettext_lazy("The smaller, the more alike the papers."),
    )
    spread_low = _percent(
        gettext_lazy("Spread of difficulty, at least (points)"),
        help_text=gettext_lazy(
            "Standard deviation of the items' expected shares, in percentage points. Empty: no bound."
        ),
    )
    spread_high = _percent(
        gettext_lazy("Spread of difficulty, at most (points)"), help_text=gettext_lazy("Empty: no bound.")
    )
    chapter_tolerance = _decimal(
        gettext_lazy("How far a chapter may lie off its weight (marks)"),
        "1",
        "100",
        help_text=gettext_lazy("A case counts whole for its chapter, so leave room for one."),
    )
    overlap = _percent(
        gettext_lazy("Neighbours may have in common (% of the marks)"),
        help_text=gettext_lazy("With those beside, before and behind."),
    )
    exposure = _decimal(
        gettext_lazy("An item may be drawn so many times as often as the mean of its cell"),
        "1",
        "10",
        help_text=gettext_lazy("A cell: the items of one kind and chapter."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["post"].queryset = active_posts()  # type: ignore[attr-defined]
        for kind in ItemKind:
            self._add_section(kind)
        for name, value in DEFAULTS.items():
            field = self.fields[name]
            field.widget.attrs["placeholder"] = value
            field.help_text = _("%(help)s Empty: %(n)s.") % {"help": field.help_text, "n": value}
        for name, level in LEVELS:
            words = {"level": level.label}
            self.fields[f"{name}_low"] = _percent(_("%(level)s, at least (%%)") % words)
            self.fields[f"{name}_high"] = _percent(_("%(level)s, at most (%%)") % words)
        self._add_chapters()

    def _add_section(self, kind: ItemKind) -> None:
        is_case = kind == ItemKind.CASE
        marks = gettext_lazy("Marks of each sub-question") if is_case else gettext_lazy("Marks of each item")
        self.fields[f"{kind}_count"] = _count(
            gettext_lazy("Number of cases") if is_case else gettext_lazy("Number of items")
        )
        if is_case:
            self.fields["case_children"] = _count(gettext_lazy("Sub-questions in all"))
        self.fields[f"{kind}_marks"] = _marks(marks)
        if kind in (ItemKind.MULTIPLE, ItemKind.CASE):
            self.fields[f"{kind}_rule"] = forms.ChoiceField(
                label=gettext_lazy("Marks of multiple choice"), choices=RULES, required=False
            )
        if is_case:
            for part in PARTS:
                words = {"kind": part.label}
                self.fields[f"pattern_{part}_number"] = _count(_("%(kind)s: how many in each case") % words)
                self.fields[f"pattern_{part}_marks"] = _marks(_("%(kind)s: marks of each") % words)

    def _add_chapters(self) -> None:
        """A field for each chapter of the chosen post, with the syllabus's weight unless an own one is given."""

        def chosen(name: str) -> str:
            value = self.data.get(name) if self.is_bound else self.initial.get(name)
            return str(value if value is not None else "")

        numbers = row_numbers([chosen("post")])
        self.chosen_post = active_posts().filter(pk__in=numbers).first() if numbers else None
        subject = chosen("subject")
        self.chapters = (
            chapters_of(self.chosen_post, subject) if self.chosen_post and subject in Subject.values else []
        )
        self.chapters_key = f"{self.chosen_post.pk}-{subject}" if self.chosen_post and self.chapters else ""
        shown = chosen("chapters_of")
        self.chapters_moved = bool(self.chapters) and shown not in ("", self.chapters_key)
        own = self.initial.get("chapters") or {}
        data: Any = self.data.copy() if self.is_bound else None  # type: ignore[attr-defined]
        for entry in self.chapters:
            name = f"chapter-{entry.number}"
            self.fields[name] = _percent(f"{entry.number} {entry.title}")
            weight = percent(entry.weight)
            if own:
                self.initial[name] = percent(own.get(entry.number, 0))
            elif shown != self.chapters_key or name not in self.initial:
                self.initial[name] = weight
            if data is not None and shown != self.chapters_key:
                data[name] = weight
        if data is not None:
            self.data = data

    def chapter_table(self) -> list[dict[str, Any]]:
        """The chapters for a table: entry, the syllabus's weight in per cent, field."""
        return [
            {"entry": entry, "weight": percent(entry.weight), "field": self[f"chapter-{entry.number}"]}
            for entry in self.chapters
        ]

    def kinds(self) -> list[tuple[Any, list[forms.BoundField]]]:
        """The kinds without sub-questions, with their fields."""
        return [
            (
                kind.label,
                [
                    self[name]
                    for name in (f"{kind}_count", f"{kind}_marks", f"{kind}_rule")
                    if name in self.fields
                ],
            )
            for kind in PARTS
        ]

    def pattern_rows(self) -> list[list[forms.BoundField]]:
        return [[self[f"pattern_{part}_number"], self[f"pattern_{part}_marks"]] for part in PARTS]

    def level_rows(self) -> list[list[forms.BoundField]]:
        return [[self[f"{name}_low"], self[f"{name}_high"]] for name, _level in LEVELS]

    # ── checks ──────────────────────────────────────────────────────────────────────────────────────────

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        needed = []
        for kind in ItemKind:
            if not data.get(f"{kind}_count"):
                continue
            if kind != ItemKind.CASE:
                needed.append(f"{kind}_marks")
            elif data.get("case_way") != "pattern":
                needed += ["case_children", "case_marks"]
            else:
                parts = [part for part in PARTS if data.get(f"pattern_{part}_number")]
                needed += [f"pattern_{part}_marks" for part in parts]
                if not parts and not any(f"pattern_{part}_number" in self.errors for part in PARTS):
                    self.add_error("pattern_single_number", _("Say which sub-questions every case has."))
        for name in needed:
            if not data.get(name) and name not in self.errors:
                self.add_error(name, _("Fill this in."))
        self._check_bounds([("spread", None), *LEVELS])
        if self.chapters_moved:
            self.add_error(
                None,
                _(
                    "Post or subject has changed since: these are the chapters of the new one. Look at them and save again."
                ),
            )
        weights = self._weights()
        total = sum(weights.values(), Decimal(0)) * 100
        if weights and any(weights.values()) and abs(total - 100) > Decimal("0.5"):
            self.add_error(
                f"chapter-{self.chapters[0].number}",
                _("The weights of the chapters add up to %(total)s %%, not to 100 %%.")
                % {"total": number(total)},
            )
        return data

    def _check_bounds(self, names: Sequence[tuple[str, Any]]) -> None:
        data = self.cleaned_data
        for name, _level in names:
            low, high = data.get(f"{name}_low"), data.get(f"{name}_high")
            if low is not None and high is not None and low > high:
                self.add_error(f"{name}_low", _("The least share is greater than the greatest."))
        lows = [data.get(f"{name}_low") or 0 for name, _level in LEVELS]
        highs = [data.get(f"{name}_high") for name, _level in LEVELS]
        if sum(lows) > 1:
            self.add_error("level0_low", _("The least shares of the levels add up to more than all."))
        if None not in highs and sum(highs) < 1:  # type: ignore[arg-type]
            self.add_error("level0_high", _("The greatest shares of the levels add up to less than all."))

    def _weights(self) -> dict[str, Decimal]:
        """What was typed for the chapters; empty counts as 0."""
        data = self.cleaned_data
        return {entry.number: data.get(f"chapter-{entry.number}") or Decimal(0) for entry in self.chapters}

    # ── what was typed ──────────────────────────────────────────────────────────────────────────────────

    def typed_sections(self) -> list[dict[str, Any]]:
        """The sections as typed, for ``actions.save_blueprint``."""
        data = self.cleaned_data
        found = []
        for kind in ItemKind:
            if not data[f"{kind}_count"]:
                continue
            section: dict[str, Any] = {
                "kind": kind.value,
                "count": data[f"{kind}_count"],
                "marks": data[f"{kind}_marks"],
                "rule": data.get(f"{kind}_rule") or "all_or_nothing",
            }
            if kind == ItemKind.CASE and data["case_way"] == "pattern":
                section["pattern"] = [
                    {
                        "kind": part.value,
                        "number": data[f"pattern_{part}_number"],
                        "marks": data[f"pattern_{part}_marks"],
                    }
                    for part in PARTS
                    if data[f"pattern_{part}_number"]
                ]
                section["marks"] = section["pattern"][0]["marks"]
            elif kind == ItemKind.CASE:
                section["children"] = data["case_children"]
            found.append(section)
        return found

    def typed_targets(self) -> dict[str, Any]:
        """The targets as typed, for ``actions.save_blueprint``; weights that are the syllabus's own are left to it."""
        data = self.cleaned_data
        found: dict[str, Any] = {name: data[name] for name in PLAIN if data[name] is not None}

        def pair(name: str) -> list[Decimal] | None:
            low, high = data[f"{name}_low"], data[f"{name}_high"]
            if low is None and high is None:
                return None
            return [low or Decimal(0), Decimal(1) if high is None else high]

        if spread := pair("spread"):
            found["spread"] = spread
        found["levels"] = {level.value: bounds for name, level in LEVELS if (bounds := pair(name))}
        weights = self._weights()
        if any(weights.values()) and weights != {entry.number: entry.weight for entry in self.chapters}:
            found["chapters"] = {chapter: weight for chapter, weight in weights.items() if weight}
        return found


def _count(label: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=0, max_value=200, required=False)


def _marks(label: Any) -> forms.DecimalField:
    return forms.DecimalField(label=label, min_value=0, max_digits=5, decimal_places=2, required=False)


def values_of(sections: Sequence[Mapping[str, Any]], targets: Mapping[str, Any]) -> dict[str, Any]:
    """Initial values from a blueprint's sections and targets."""
    values: dict[str, Any] = {}
    for section in sections:
        kind = section["kind"]
        values |= {f"{kind}_count": section["count"], f"{kind}_marks": section["marks"]}
        if "rule" in section:
            values[f"{kind}_rule"] = section["rule"]
        if section.get("pattern"):
            values |= {"case_way": "pattern", "case_marks": None}
            for part in section["pattern"]:
                values[f"pattern_{part['kind']}_number"] = part["number"]
                values[f"pattern_{part['kind']}_marks"] = part["marks"]
        elif "children" in section:
            values["case_children"] = section["children"]
    for name in PLAIN:
        if targets.get(name) is not None:
            share = name in ("mean", "overlap")
            values[name] = percent(targets[name]) if share else number(targets[name])
    pairs = {"spread": targets.get("spread"), **{n: targets.get("levels", {}).get(v) for n, v in LEVELS}}
    for name, bounds in pairs.items():
        if bounds:
            values |= {f"{name}_low": percent(bounds[0]), f"{name}_high": percent(bounds[1])}
    values["chapters"] = dict(targets.get("chapters", {}))
    return values


class TrialForm(ZForm):
    """For which post a blueprint is tried; a post of its own leaves nothing to choose."""

    post = forms.ChoiceField(label=gettext_lazy("Post"))

    def __init__(self, *args: Any, posts: Sequence[Post], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.posts = {str(post.pk): post for post in posts}
        self.fields["post"].choices = [(pk, post.name) for pk, post in self.posts.items()]  # type: ignore[attr-defined]
        self.only = posts[0] if len(posts) == 1 else None
        if self.only:
            self.fields["post"].required = False
            self.fields["post"].widget = forms.HiddenInput()

    def chosen(self) -> Post:
        """The post to try for."""
        return self.posts.get(self.cleaned_data["post"]) or next(iter(self.posts.values()))
