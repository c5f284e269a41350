"""Forms of the item bank. None of them ever shows a key: on an edit an empty answer keeps the one there is."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from zhupei.rulebook.api import Post, Subject, active_posts
from zhupei.web.forms import MEGABYTE, FileField, ManyField, ZForm, ZFormMixin

from .choices import ItemKind, ItemState, Level
from .queries import all_chapters
from .rules import (
    MAX_BASIS,
    MAX_CHILDREN,
    MAX_STEM,
    MAX_TEXT,
    OPTION_LETTERS,
    TRUE_FALSE_OPTIONS,
    ItemText,
    Question,
    ids_of,
    truth,
)

CHILD_KINDS = [(k.value, k.label) for k in (ItemKind.SINGLE, ItemKind.MULTIPLE, ItemKind.TRUE_FALSE)]
KEEP = gettext_lazy("Leave empty to keep what there is; it is not shown here.")


def _options_field() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Options"),
        help_text=gettext_lazy("One a line, at most six; the first is A. They are shuffled on every paper."),
        widget=forms.Textarea(attrs={"rows": 5}),
        max_length=6 * 1001,
        required=False,
    )


def _anchored_field() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Options that keep their place"),
        help_text=gettext_lazy("Letters, for options such as “all of the above”. Usually none."),
        max_length=20,
        required=False,
    )


class ItemForm(ZForm):
    """What every kind has."""

    posts = ManyField(Post.objects.none(), label=gettext_lazy("Posts"), widget=forms.CheckboxSelectMultiple)
    place = forms.ChoiceField(label=gettext_lazy("Subject and chapter"))
    level = forms.ChoiceField(label=gettext_lazy("Level"), choices=Level.choices)
    stem = forms.CharField(
        label=gettext_lazy("Stem"), widget=forms.Textarea(attrs={"rows": 4}), max_length=MAX_STEM, strip=True
    )
    explanation = forms.CharField(
        label=gettext_lazy("Explanation"),
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=MAX_TEXT,
        required=False,
    )
    basis = forms.CharField(
        label=gettext_lazy("Basis of the item"),
        help_text=gettext_lazy("The law or standard that the item rests on, with its number."),
        max_length=MAX_BASIS,
        required=False,
    )
    difficulty = forms.DecimalField(
        label=gettext_lazy("Expected share of right answers"),
        help_text=gettext_lazy(
            "Your judgement, between 0 and 1: 0.70 means that 70 of 100 will answer rightly."
        ),
        min_value=Decimal("0.001"),
        max_value=Decimal("0.999"),
        max_digits=4,
        decimal_places=3,
        required=False,
    )
    uid = forms.CharField(
        label=gettext_lazy("Number"),
        help_text=gettext_lazy("Leave empty for the next free one."),
        max_length=40,
        required=False,
    )
    old: ItemText | None = None

    def __init__(self, *args: Any, kind: str, old: ItemText | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind, self.old = kind, old
        self.fields["posts"].queryset = active_posts()  # type: ignore[attr-defined]
        self.fields["place"].choices = [  # type: ignore[attr-defined]
            ("", _("Choose")),
            *(
                (
                    str(Subject(subject).label),
                    [(f"{subject}/{no}", f"{no} {title}") for no, title in chapters.items()]
                    or [(f"{subject}/", _("No chapter"))],
                )
                for subject, chapters in all_chapters().items()
            ),
        ]
        if old is not None:
            del self.fields["uid"]
            self.fields["explanation"].help_text = KEEP

    def place_of(self) -> tuple[str, str]:
        subject, _sep, chapter = self.cleaned_data["place"].partition("/")
        return subject, chapter

    def common(self) -> dict[str, Any]:
        data = self.cleaned_data
        kept = self.old.whole_explanation() if self.old else ""
        return {
            "kind": self.kind,
            "stem": data["stem"],
            "level": data["level"],
            "explanation": data["explanation"] or kept,
            "basis": data["basis"],
            "difficulty": data["difficulty"],
        }

    def text(self) -> ItemText:
        """The item as typed."""
        return ItemText(**self.common())


def _lines(text: str) -> tuple[tuple[str, str], ...]:
    texts = [line.strip() for line in text.splitlines() if line.strip()]
    # a seventh line must not vanish: it gets an id of its own and the rules refuse it
    return tuple((OPTION_LETTERS[n].lower() if n < 6 else f"x{n}", t) for n, t in enumerate(texts))


class ChoiceForm(ItemForm):
    """Single or multiple choice."""

    options = _options_field()
    answer = forms.CharField(
        label=gettext_lazy("Answer"),
        help_text=gettext_lazy("Letters, for instance A or ACD."),
        max_length=20,
        required=False,
    )
    anchored = _anchored_field()
    field_order = ["uid", "posts", "place", "level", "stem", "options", "answer", "anchored"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.old is not None:
            self.fields["answer"].help_text = KEEP

    def text(self) -> ItemText:
        data = self.cleaned_data
        options, answer = _lines(data["options"]), ids_of(data["answer"])
        if not answer and self.old is not None and self.old.options == options:
            answer = self.old.answer
        return ItemText(**self.common(), options=options, answer=answer, anchored=ids_of(data["anchored"]))


class TrueFalseForm(ItemForm):
    answer = forms.ChoiceField(
        label=gettext_lazy("Answer"), choices=TRUE_FALSE_OPTIONS, widget=forms.RadioSelect, required=False
    )
    field_order = ["uid", "posts", "place", "level", "stem", "answer"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.old is not None:
            self.fields["answer"].help_text = KEEP

    def text(self) -> ItemText:
        given = self.cleaned_data["answer"]
        answer = (given,) if given else (self.old.answer if self.old else ())
        return ItemText(**self.common(), options=TRUE_FALSE_OPTIONS, answer=answer)


class ChildForm(ZForm):
    """One sub-question of a case."""

    kind = forms.ChoiceField(label=gettext_lazy("Item kind"), choices=CHILD_KINDS, initial=ItemKind.SINGLE)
    stem = forms.CharField(
        label=gettext_lazy("Question"), widget=forms.Textarea(attrs={"rows": 2}), max_length=MAX_STEM
    )
    options = _options_field()
    answer = forms.CharField(
        label=gettext_lazy("Answer"),
        help_text=gettext_lazy(
            "Letters; for true/false write 正确 or 错误. On an edit, empty keeps what there is."
        ),
        max_length=20,
        required=False,
    )
    anchored = _anchored_field()

    def question(self, old: Question | None) -> Question:
        data = self.cleaned_data
        kind = data["kind"]
        if kind == ItemKind.TRUE_FALSE:
            options, answer = TRUE_FALSE_OPTIONS, truth(data["answer"])
        else:
            options, answer = _lines(data["options"]), ids_of(data["answer"])
        if not data["answer"] and old is not None and (old.kind, old.options) == (kind, options):
            answer = old.answer
        return Question(kind, data["stem"], tuple(options), answer, ids_of(data["anchored"]))


class _Children(forms.BaseFormSet):  # type: ignore[type-arg]
    """Rows that may be left empty from the third on, also those that were filled before."""

    def initial_form_count(self) -> int:
        return 0

    def total_form_count(self) -> int:
        if self.is_bound:
            return super().total_form_count()
        return max(2, len(self.initial or ()))


ChildFormSet = forms.formset_factory(
    ChildForm,
    formset=_Children,
    extra=0,
    min_num=2,
    max_num=MAX_CHILDREN,
    absolute_max=MAX_CHILDREN,
    validate_max=True,
)
FORMS: dict[str, type[ItemForm]] = {
    ItemKind.SINGLE: ChoiceForm,
    ItemKind.MULTIPLE: ChoiceForm,
    ItemKind.TRUE_FALSE: TrueFalseForm,
    ItemKind.CASE: ItemForm,
}


def with_children(text: ItemText, formset: Any, old: ItemText | None) -> ItemText:
    """``text`` with the sub-questions of the formset; rows left empty do not count."""
    before = old.children if old else ()
    rows = [(n, form) for n, form in enumerate(formset.forms) if form.cleaned_data]
    children = tuple(form.question(before[n] if n < len(before) else None) for n, form in rows)
    return replace(text, children=children)


def values_of(
    text: ItemText, place: str, posts: Any, basis: str, difficulty: Decimal | None
) -> dict[str, Any]:
    """Initial values for an edit: everything but key and explanation."""
    return {
        "posts": posts,
        "place": place,
        "level": text.level,
        "stem": text.stem,
        "basis": basis,
        "difficulty": difficulty,
        "options": "\n".join(t for _id, t in text.options),
        "anchored": "".join(text.anchored).upper(),
    }


def child_values(text: ItemText) -> list[dict[str, Any]]:
    return [
        {
            "kind": child.kind,
            "stem": child.stem,
            "options": "" if child.kind == ItemKind.TRUE_FALSE else "\n".join(t for _id, t in child.options),
            "anchored": "".join(child.anchored).upper(),
        }
        for child in text.children
    ]


class ItemFilter(ZFormMixin, forms.Form):
    q = forms.CharField(label=gettext_lazy("Words of the stem, or number"), max_length=80, required=False)
    subject = forms.ChoiceField(label=gettext_lazy("Subject"), required=False)
    kind = forms.ChoiceField(label=gettext_lazy("Item kind"), required=False)
    state = forms.ChoiceField(label=gettext_lazy("State"), required=False)
    chapter = forms.CharField(label=gettext_lazy("Chapter"), max_length=20, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in (("subject", Subject), ("kind", ItemKind), ("state", ItemState)):
            self.fields[name].choices = [("", _("All")), *choices.choices]  # type: ignore[attr-defined]


class ReasonForm(ZForm):
    reason = forms.CharField(
        label=gettext_lazy("Reason"), widget=forms.Textarea(attrs={"rows": 3}), max_length=1000
    )


class UploadForm(ZForm):
    file = FileField(label=gettext_lazy("Filled template"), extensions=("xlsx",), max_bytes=5 * MEGABYTE)


class ReleaseForm(ZForm):
    note = forms.CharField(
        label=gettext_lazy("Note"),
        help_text=gettext_lazy("What this release is for; people see it beside its number."),
        max_length=200,
        required=False,
    )
