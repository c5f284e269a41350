from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from zhupei.web.forms import MobileField, ZForm

from .choices import ROLES_BY_KIND, RoleName
from .models import Organisation


class InviteForm(ZForm):
    """A person and a role. An account that exists is given the role; otherwise one is opened."""

    login = forms.RegexField(
        r"^[A-Za-z0-9._-]{4,40}$",
        label=_("Account name"),
        help_text=_("4 to 40 letters, digits, dots or dashes. A person who already has an account keeps it."),
    )
    display_name = forms.CharField(label=pgettext_lazy("person", "Name"), max_length=50)
    phone = MobileField(label=_("Mobile"), help_text=_("The code for the first sign-in goes there."))
    role = forms.ChoiceField(label=_("Role"))

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        held_here = ROLES_BY_KIND[organisation.kind]
        self.fields["role"].choices = [(r.value, r.label) for r in RoleName if r.value in held_here]


class OrganisationFilter(ZForm):
    q = forms.CharField(label=_("Name"), max_length=80, required=False)
