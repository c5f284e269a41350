from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from zhupei.web.forms import ZForm

CODE_INPUT = forms.TextInput(
    attrs={"inputmode": "numeric", "autocomplete": "one-time-code", "maxlength": 6, "pattern": "[0-9]{6}"}
)


class SignInForm(ZForm):
    login = forms.CharField(
        label=_("Account or ID number"),
        max_length=80,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "data-private": ""}
        ),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=128,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class CodeForm(ZForm):
    code = forms.RegexField(
        r"^\d{6}$",
        label=_("Six-digit code"),
        widget=CODE_INPUT,
        error_messages={"invalid": _("The code has six digits.")},
    )


class LoginOnlyForm(ZForm):
    login = forms.CharField(label=_("Account"), max_length=80)


class NewPasswordForm(ZForm):
    login = forms.CharField(label=_("Account"), max_length=80)
    code = forms.RegexField(
        r"^(\d{6}|(\d\s*){20})$",
        strip=True,
        label=_("Code or first sign-in code"),
        help_text=_("Six digits sent to the mobile, or your first sign-in code of twenty figures."),
        widget=forms.TextInput(
            attrs={"inputmode": "numeric", "autocomplete": "one-time-code", "maxlength": 40}
        ),
        error_messages={"invalid": _("The code has six digits, a first sign-in code twenty.")},
    )
    password = forms.CharField(
        label=_("New password"),
        max_length=128,
        strip=False,
        help_text=_("At least 10 characters, three of: capital letters, small letters, digits, symbols."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=_("New password once more"),
        max_length=128,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, object]:
        data = super().clean()
        if data.get("password") != data.get("again"):
            self.add_error("again", _("The two passwords differ."))
        return data


class ChangePasswordForm(NewPasswordForm):
    login = None  # type: ignore[assignment]
    code = None  # type: ignore[assignment]
    old = forms.CharField(
        label=_("Present password"),
        max_length=128,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ["old", "password", "again"]


class ReasonForm(ZForm):
    reason = forms.CharField(label=_("Reason"), max_length=300, widget=forms.Textarea(attrs={"rows": 2}))


class UserFilter(ZForm):
    q = forms.CharField(label=_("Name or account"), max_length=80, required=False)
