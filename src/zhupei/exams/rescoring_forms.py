"""Forms of corrections and of reviews (I07)."""

from __future__ import annotations

import unicodedata
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from zhupei.itembank.api import ItemText
from zhupei.kernel.richtext import plain
from zhupei.web.forms import ZForm

from .choices import ChallengeKind, ChallengeState, ChangeKind, CorrectionState, Remedy

LETTERS = "ABCDEF"
SEPARATORS = frozenset(" ,，、;；.。\t\r")


class FindItemForm(ZForm):
    """An item by its number and version, to correct its key."""

    item = forms.CharField(label=_("Item number"), max_length=40)
    version = forms.IntegerField(label=_("Version drawn"), min_value=1, max_value=2**31 - 1)


class CorrectionForm(ZForm):
    """How the key of one question is put right. Answers are letters, as the page shows the options."""

    child_no = forms.TypedChoiceField(label=_("Which question"), coerce=int, widget=forms.RadioSelect)
    remedy = forms.ChoiceField(label=_("Remedy"), choices=Remedy.choices, widget=forms.RadioSelect)
    answers = forms.CharField(
        label=_("What is right"),
        required=False,
        max_length=100,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=_(
            "By the letters below, such as C or ABD. Where several answers count, each stands on a line of its own. "
            "Stays empty where everybody gets full marks."
        ),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_(
            "On what the correction rests: clause, standard, opinion. Only the centre and the bank read it."
        ),
    )
    notice = forms.CharField(
        label=_("Words to the candidates"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Candidates and institutions read this. Do not tell the question or its answer."),
    )

    def __init__(self, *args: Any, text: ItemText, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.text = text
        self.fields["notice"].initial = _("The answer of a question was wrong and has been corrected.")
        children = [(no, f"（{no}）{plain(one.stem)[:80]}") for no, one in enumerate(text.children, 1)]
        self.fields["child_no"].choices = children or [(0, "0")]  # type: ignore[attr-defined]
        if not children:
            self.fields["child_no"].widget = forms.HiddenInput()
            self.fields["child_no"].initial = 0

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "child_no" in data and "answers" in data:
            try:
                data["answers"] = self._ids(data["answers"], data["child_no"])
            except ValidationError as error:
                self.add_error("answers", error)
        return data

    def _ids(self, text: str, child_no: int) -> list[list[str]]:
        options = (self.text.children[child_no - 1] if child_no else self.text).options
        by_letter = {letter: id_ for letter, (id_, _text) in zip(LETTERS, options, strict=False)}
        found = []
        for line in unicodedata.normalize("NFKC", text).upper().splitlines():
            letters = [letter for letter in line if letter not in SEPARATORS]
            wrong = [letter for letter in letters if letter not in by_letter]
            if wrong:
                raise ValidationError(gettext("There is no option %(letter)s.") % {"letter": wrong[0]})
            if letters:
                found.append([by_letter[letter] for letter in letters])
        return found


class DecideCorrectionForm(ZForm):
    """Yes or no to a correction; ``shown`` names the dry run that was looked at."""

    accept = forms.TypedChoiceField(
        label=_("Decision"),
        choices=[("1", _("Approve and score everybody again")), ("0", _("Refuse the correction"))],
        coerce=lambda value: value == "1",
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Needed where you refuse."),
    )
    shown = forms.CharField(max_length=64, widget=forms.HiddenInput)


class CorrectionFilter(ZForm):
    q = forms.CharField(label=_("Item number"), required=False, max_length=40)
    state = forms.ChoiceField(
        label=_("State"), required=False, choices=[("", _("All")), *CorrectionState.choices]
    )


class LineFilter(ZForm):
    kind = forms.ChoiceField(
        label=_("Effect on the score"), required=False, choices=[("", _("All")), *ChangeKind.choices]
    )


class ChallengeForm(ZForm):
    """What is doubted, in words."""

    kind = forms.ChoiceField(
        label=_("What do you doubt?"), choices=ChallengeKind.choices, widget=forms.RadioSelect
    )
    text = forms.CharField(
        label=_("Description"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("For a question: the subject, what it was about, and what you hold to be right."),
    )


class AnswerForm(ZForm):
    """The centre's answer to a review."""

    uphold = forms.TypedChoiceField(
        label=_("Decision"),
        choices=[("1", _("Uphold")), ("0", _("Dismiss"))],
        coerce=lambda value: value == "1",
        widget=forms.RadioSelect,
    )
    answer = forms.CharField(
        label=_("Reason"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Whoever asked reads this. Do not tell the question or its answer."),
    )


class ChallengeFilter(ZForm):
    state = forms.ChoiceField(
        label=_("State"), required=False, choices=[("", _("All")), *ChallengeState.choices]
    )


class SearchPaperForm(ZForm):
    words = forms.CharField(label=_("Words of the question"), max_length=60)
