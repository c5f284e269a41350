"""Forms of the item bank. None of them ever shows a key: on an edit an empty answer keeps the one there is."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from zhupei.rulebook.api import Post, Subject, active_posts
from zhupei.web.forms import DateField, ManyField, ZForm, ZFormMixin

from .choices import ItemKind, ItemState, Level, Verdict
from .media import MAX_BYTES
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
        help_text=gettext_lazy(
            "The law or standard that the item rests on, with its number and clause, for instance GB 50204-2015 4.2.7."
        ),
        max_length=MAX_BASIS,
        required=False,
    )
    valid_to = DateField(
        label=gettext_lazy("Last day for drawing"),
        help_text=gettext_lazy("After this day it is not drawn any more. Usually empty."),
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
    sections = (
        (gettext_lazy("Where it belongs"), ("uid", "posts", "place", "level")),
        (gettext_lazy("The question"), ("stem", "options", "answer", "anchored")),
        (gettext_lazy("What stands behind it"), ("explanation", "basis", "difficulty", "valid_to")),
    )

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
        kept = self.old.explanation if self.old else ""
        return {
            "kind": self.kind,
            "stem": data["stem"],
            "level": data["level"],
            "explanation": data["explanation"] or kept,
            "basis": data["basis"],
            "difficulty": data["difficulty"],
            "valid_to": data["valid_to"],
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
    explanation = forms.CharField(
        label=gettext_lazy("Explanation"),
        widget=forms.Textarea(attrs={"rows": 2}),
        max_length=MAX_TEXT,
        required=False,
        help_text=gettext_lazy("On an edit, empty keeps what there is."),
    )

    def question(self, old: Question | None) -> Question:
        data = self.cleaned_data
        kind = data["kind"]
        if kind == ItemKind.TRUE_FALSE:
            options, answer = TRUE_FALSE_OPTIONS, truth(data["answer"])
        else:
            options, answer = _lines(data["options"]), ids_of(data["answer"])
        explanation = data["explanation"]
        if old is not None and (old.kind, old.options) == (kind, options):
            answer = answer if data["answer"] else old.answer
            explanation = explanation or old.explanation
        return Question(kind, data["stem"], tuple(options), answer, ids_of(data["anchored"]), explanation)


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


def values_of(text: ItemText, place: str, posts: Any) -> dict[str, Any]:
    """Initial values for an edit: everything but key and explanation."""
    return {
        "posts": posts,
        "place": place,
        "level": text.level,
        "stem": text.stem,
        "basis": text.basis,
        "difficulty": text.difficulty,
        "valid_to": text.valid_to,
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


def keys_typed(data: QueryDict, old: ItemText) -> QueryDict:
    """The posted ``data`` with the kept key and explanations where nothing was typed: for an author who asked to see them."""
    data = data.copy()

    def fill(name: str, value: str) -> None:
        if not data.get(name, "").strip():
            data[name] = value

    def letters(question: ItemText | Question) -> str:
        words = dict(TRUE_FALSE_OPTIONS)
        return "".join(words.get(id_, id_.upper()) for id_ in question.answer)

    fill("explanation", old.explanation)
    fill("answer", old.answer[0] if old.kind == ItemKind.TRUE_FALSE else letters(old))
    for number, child in enumerate(old.children):
        fill(f"children-{number}-answer", letters(child))
        fill(f"children-{number}-explanation", child.explanation)
    return data


class ItemFilter(ZFormMixin, forms.Form):
    """What the list of items is narrowed by."""

    q = forms.CharField(label=gettext_lazy("Words of the item, or number"), max_length=80, required=False)
    post = forms.ChoiceField(label=gettext_lazy("Post"), required=False)
    subject = forms.ChoiceField(label=gettext_lazy("Subject"), required=False)
    chapter = forms.CharField(label=gettext_lazy("Chapter"), max_length=20, required=False)
    kind = forms.ChoiceField(label=gettext_lazy("Item kind"), required=False)
    level = forms.ChoiceField(label=gettext_lazy("Level"), required=False)
    state = forms.ChoiceField(label=gettext_lazy("State"), required=False)
    only = forms.ChoiceField(label=gettext_lazy("Only those"), required=False)

    ONLY = (
        ("outdated", gettext_lazy("citing what is out of force")),
        ("expiring", gettext_lazy("whose last day is near or past")),
        ("picture", gettext_lazy("with a picture")),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        posts = [(post.code, post.name) for post in active_posts()]
        choices = {
            "post": posts,
            "subject": Subject.choices,
            "kind": ItemKind.choices,
            "level": Level.choices,
            "state": ItemState.choices,
            "only": self.ONLY,
        }
        for name, rows in choices.items():
            self.fields[name].choices = [("", _("All")), *rows]  # type: ignore[attr-defined]


class ReasonForm(ZForm):
    reason = forms.CharField(
        label=gettext_lazy("Reason"), widget=forms.Textarea(attrs={"rows": 3}), max_length=1000
    )


class ReleaseForm(ZForm):
    note = forms.CharField(
        label=gettext_lazy("Note"),
        help_text=gettext_lazy("What this release is for; people see it beside its number."),
        max_length=200,
        required=False,
    )


class EnemyForm(ZForm):
    """Another item that must not stand in one paper with this one."""

    other = forms.CharField(label=gettext_lazy("Number of the other item"), max_length=40)
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("For instance: one gives the answer of the other away."),
        max_length=200,
        required=False,
    )


class StandardForm(ZForm):
    """A law or standard with its validity."""

    code = forms.CharField(
        label=gettext_lazy("Code of the law or standard"),
        help_text=gettext_lazy(
            "As items cite it, for instance GB 50204-2015. Spaces and dashes do not matter."
        ),
        max_length=60,
    )
    title = forms.CharField(label=gettext_lazy("Title"), max_length=200)
    in_force_from = DateField(label=gettext_lazy("In force from"), required=False)
    in_force_to = DateField(
        label=gettext_lazy("In force until"),
        help_text=gettext_lazy("Its last day. Leave empty while it is in force."),
        required=False,
    )
    replaced_by = forms.CharField(
        label=gettext_lazy("Replaced by"),
        help_text=gettext_lazy("The code of what took its place."),
        max_length=60,
        required=False,
    )


class StandardFilter(ZFormMixin, forms.Form):
    q = forms.CharField(label=gettext_lazy("Code or title"), max_length=80, required=False)
    force = forms.ChoiceField(
        label=gettext_lazy("Validity"),
        choices=[
            ("", gettext_lazy("All")),
            ("in", gettext_lazy("In force")),
            ("out", gettext_lazy("Out of force")),
        ],
        required=False,
    )


class PairFilter(ZFormMixin, forms.Form):
    verdict = forms.ChoiceField(label=gettext_lazy("Show"), choices=Verdict.choices, required=False)


class PictureField(forms.FileField):
    """A picture to upload; what it holds is checked when it is decoded."""

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {
            **super().widget_attrs(widget),
            "accept": "image/png,image/jpeg,image/gif,image/bmp,image/webp",
            "data-max-bytes": MAX_BYTES,
        }


class PictureForm(ZForm):
    picture = PictureField(
        label=gettext_lazy("Picture"), help_text=gettext_lazy("PNG, JPG, GIF, BMP or WebP, at most 5 MB")
    )
    alt = forms.CharField(
        label=gettext_lazy("What it shows"),
        help_text=gettext_lazy(
            "In words, for those who cannot see it. Say what the question needs, not the answer."
        ),
        max_length=200,
    )
