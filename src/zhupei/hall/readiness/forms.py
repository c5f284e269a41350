from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from zhupei.hall.actions.machines import MAX_PLACE, MachineData
from zhupei.hall.models.machines import MachineRole
from zhupei.web.forms import ZForm


class RowsForm(ZForm):
    in_row = forms.IntegerField(label=_("Seats in a row"), min_value=1, max_value=MAX_PLACE)


class MachineForm(ZForm):
    """One computer. ``seat`` only when a new one is entered."""

    seat = forms.IntegerField(label=_("Seat number"), min_value=1, max_value=9999)
    role = forms.ChoiceField(label=_("Used as"), choices=MachineRole.choices, widget=forms.RadioSelect)
    in_order = forms.ChoiceField(
        label=_("State"),
        choices=[("yes", _("May be used")), ("no", _("Out of order: nobody is seated there"))],
        widget=forms.RadioSelect,
        initial="yes",
    )
    fault = forms.CharField(
        label=_("Fault"), max_length=200, required=False, help_text=_("Needed when it is out of order.")
    )
    row = forms.IntegerField(
        label=_("Row"),
        min_value=1,
        max_value=MAX_PLACE,
        help_text=_("Counted from the front of the room."),
    )
    place = forms.IntegerField(
        label=_("Place in the row"), min_value=1, max_value=MAX_PLACE, help_text=_("Counted from the left.")
    )
    address = forms.CharField(
        label=_("Network address"), max_length=60, required=False, help_text=_("If it has a fixed one.")
    )

    def __init__(self, *args: Any, new: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not new:
            del self.fields["seat"]

    def entered(self) -> MachineData:
        """What was entered, for the action."""
        data = self.cleaned_data
        return MachineData(
            row=data["row"],
            place=data["place"],
            role=data["role"],
            address=data["address"],
            in_order=data["in_order"] == "yes",
            fault=data["fault"],
        )


class ExamineForm(ZForm):
    code = forms.CharField(
        label=_("Code of the day on the centre's server"),
        max_length=20,
        required=False,
        help_text=_("To measure the line to the centre; it stands on this hall's page there. Leave it empty otherwise."),
    )  # fmt: skip
