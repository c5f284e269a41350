from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from zhupei.kernel.names import MAX_LENGTH
from zhupei.web.forms import IMAGES, FileField, MobileField, ZForm

from .choices import Education, IdentityKind
from .photos import MAX_BYTES

_NUMBER = forms.TextInput(attrs={"autocapitalize": "characters", "spellcheck": "false", "data-private": ""})
_CODE = forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code", "maxlength": 6})
_REASON = forms.Textarea(attrs={"rows": 2})


def _password(label: Any, autocomplete: str, **kwargs: Any) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
    return forms.CharField(label=label, max_length=128, strip=False, widget=widget, **kwargs)


def _code() -> forms.RegexField:
    return forms.RegexField(
        r"^\s*[0-9]{6}\s*$",
        label=_("Code from the message"),
        widget=_CODE,
        error_messages={"invalid": _("The code has six digits.")},
    )


class DocumentForm(ZForm):
    """Kind and number of an identity document; the action checks the number."""

    identity_kind = forms.ChoiceField(
        label=_("Document"), choices=IdentityKind.choices, initial=IdentityKind.RESIDENT_ID
    )
    identity_number = forms.CharField(label=_("Identity document number"), max_length=40, widget=_NUMBER)


class SignUpStart(DocumentForm):
    name = forms.CharField(
        label=pgettext_lazy("person", "Name"),
        max_length=MAX_LENGTH,
        help_text=_("As it stands on the document; with · between the parts of a name that has one."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    phone = MobileField(label=_("Mobile"), help_text=_("A code is sent to it."))


class _NewPassword(ZForm):
    """A new password, typed twice."""

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean()
        if data.get("password") and data.get("again") and data["password"] != data["again"]:
            self.add_error("again", _("The two passwords differ."))
        return data


_RULES = _("At least 10 characters, three of: capital letters, small letters, digits, symbols.")


class SignUpForm(SignUpStart, _NewPassword):
    code = _code()
    password = _password(_("Password"), "new-password", help_text=_RULES)
    again = _password(_("Password once more"), "new-password")
    consent_account = forms.BooleanField(
        label=_("I agree that my data are used for my account and my training records."),
        error_messages={"required": _("Without this consent no account can be opened.")},
    )
    consent_face = forms.BooleanField(
        label=_("I agree to face comparison (you are free to leave this out)."), required=False
    )


class ResetForm(DocumentForm, _NewPassword):
    code = _code()
    password = _password(_("New password"), "new-password", help_text=_RULES)
    again = _password(_("New password once more"), "new-password")


class EditForm(ZForm):
    education = forms.ChoiceField(
        label=_("Education"), choices=[("", _("Not given")), *Education.choices], required=False
    )
    employer = forms.CharField(label=_("Employer"), max_length=200, required=False)


class PhoneStart(ZForm):
    phone = MobileField(label=_("New mobile"))


class PhoneForm(PhoneStart):
    code = _code()
    password = _password(_("Password of your account"), "current-password")


class PhotoForm(ZForm):
    photo = FileField(
        label=_("Photo"),
        extensions=IMAGES,
        max_bytes=MAX_BYTES,
    )


class NameSearch(ZForm):
    name = forms.CharField(label=_("Name or part of it"), max_length=MAX_LENGTH, required=False)


class ReasonForm(ZForm):
    reason = forms.CharField(label=_("For what is the full number needed?"), max_length=300, widget=_REASON)


class CorrectForm(ZForm):
    name = forms.CharField(label=pgettext_lazy("person", "Name"), max_length=MAX_LENGTH)
    phone = MobileField(label=_("Mobile"), required=False)
    reason = forms.CharField(
        label=_("Why, and by which document the person was identified"), max_length=300, widget=_REASON
    )
