from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from zhupei.rulebook.api import Post
from zhupei.web.forms import ZForm

from .models import CertificateState


class CheckForm(ZForm):
    number = forms.CharField(
        label=_("Certificate number"),
        max_length=60,
        help_text=_("As printed on the certificate; or scan its QR code."),
        widget=forms.TextInput(attrs={"autocapitalize": "characters", "autocomplete": "off"}),
    )


class CertificateFilter(ZForm):
    q = forms.CharField(label=_("Name or number"), max_length=60, required=False)
    post = forms.ModelChoiceField(
        label=_("Post"), queryset=Post.objects.none(), required=False, empty_label=_("All")
    )
    state = forms.ChoiceField(
        label=_("State"), choices=[("", _("All")), *CertificateState.choices], required=False
    )

    field_order = ["q", "post", "state"]

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["post"].queryset = Post.objects.order_by("position", "pk")  # type: ignore[attr-defined]


class RevocationForm(ZForm):
    """Yes or no to a revocation."""

    accept = forms.TypedChoiceField(
        label=_("Decision"),
        choices=[("1", _("Revoke the certificate")), ("0", _("Let it stand"))],
        coerce=lambda value: value == "1",
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(label=_("Reason"), max_length=1000, widget=forms.Textarea(attrs={"rows": 3}))
