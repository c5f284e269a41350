from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from zhupei.web.forms import DateField, FileField, ZForm

from .models import CreditState

_REASON = forms.Textarea(attrs={"rows": 3})


class ReasonForm(ZForm):
    reason = forms.CharField(label=_("Reason"), max_length=300, widget=_REASON)


class ProposeForm(ZForm):
    hours = forms.DecimalField(label=_("Class hours"), max_digits=6, decimal_places=2)
    occurred_on = DateField(label=_("Day"))
    reason = forms.CharField(
        label=_("Reason"),
        max_length=300,
        widget=_REASON,
        help_text=_("What took place, and why the attendance does not show it."),
    )
    evidence = FileField(label=_("Evidence"))


class DecideForm(ZForm):
    reason = forms.CharField(
        label=_("Reason of the decision"),
        max_length=300,
        required=False,
        widget=_REASON,
        help_text=_("Needed for a refusal."),
    )


class CreditFilter(ZForm):
    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[(CreditState.PROPOSED, _("To be decided")), ("all", _("All"))],
    )
