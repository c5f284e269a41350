from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from zhupei.kernel import clock
from zhupei.web.forms import MEGABYTE, DateField, FileField, ZForm

from .labels import CHOICES


class ParameterForm(ZForm):
    """Another value of one parameter, from a day on. The field of the value depends on the kind of the value in force."""

    value = forms.CharField(label=_("New value"), max_length=200)
    effective_from = DateField(
        label=_("In force from"), help_text=_("Today or later; the present value ends the day before.")
    )
    reason = forms.CharField(
        label=_("Reason and document"), widget=forms.Textarea(attrs={"rows": 3}), max_length=1000,
        help_text=_("Who decided it and by which document. It stays on record."),
    )  # fmt: skip

    def __init__(self, *args: Any, key: str, old: Any, unit: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        label = self.fields["value"].label
        if isinstance(old, bool):
            choices = [("true", _("yes")), ("false", _("no"))]
            self.fields["value"] = forms.ChoiceField(label=label, choices=choices, widget=forms.RadioSelect)
        elif isinstance(old, list):
            choices = list(CHOICES.get(key, {item: item for item in old}).items())
            self.fields["value"] = forms.MultipleChoiceField(
                label=label, choices=choices, widget=forms.CheckboxSelectMultiple
            )
        elif key in CHOICES:
            self.fields["value"] = forms.ChoiceField(
                label=label, choices=list(CHOICES[key].items()), widget=forms.RadioSelect
            )
        elif unit:
            self.fields["value"].help_text = unit

    def value_text(self) -> str:
        value = self.cleaned_data["value"]
        return ",".join(value) if isinstance(value, list) else str(value)


class RuleDocumentForm(ZForm):
    doc_no = forms.CharField(label=_("Document number"), max_length=100)
    issued_on = DateField(label=pgettext_lazy("document", "Issued on"), required=False)


class CalendarImportForm(ZForm):
    """A year's holidays as published, from a sheet."""

    year = forms.IntegerField(label=_("Year"), min_value=2004, max_value=2100)
    scope = forms.ChoiceField(
        label=_("What the document announces"),
        choices=[("whole", _("the whole year")), ("days", _("single days, as an amendment"))],
        initial="whole",
        widget=forms.RadioSelect,
        help_text=_("After the whole year is announced, its deadlines are no longer provisional."),
    )
    document = forms.CharField(
        label=_("Document and its number"),
        max_length=200,
        min_length=4,
        help_text=_("For example 国办发明电〔2025〕7号"),
    )
    file = FileField(label=_("Sheet"), extensions=("xlsx", "csv"), max_bytes=MEGABYTE)
    note = forms.CharField(
        label=_("Note"), max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["initial"] = {"year": clock.today().year + 1, **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)
