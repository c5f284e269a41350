from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from zhupei.rulebook.api import Subject
from zhupei.web.forms import ZForm

from . import queries
from .choices import Flag


def scope_choices() -> list[tuple[str, str]]:
    """Post and subject, as ``pk-subject``, of which a finished calibration exists."""
    return [
        (f"{post_id}-{subject}", f"{name} · {Subject(subject).label}")
        for post_id, subject, name in queries.calibrated_scopes()
    ]


class ScopeFilter(ZForm):
    """Which post and subject; the first one if none is chosen."""

    scope = forms.ChoiceField(label=gettext_lazy("Post and subject"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scope"].choices = scope_choices()  # type: ignore[attr-defined]

    @property
    def chosen(self) -> tuple[int, str] | None:
        """Post and subject, or None when nothing was calibrated yet."""
        choices = [value for value, _label in self.fields["scope"].choices]  # type: ignore[attr-defined]
        value = self.cleaned_data.get("scope") if self.is_bound and self.is_valid() else ""
        value = value or (choices[0] if choices else "")
        post, _dash, subject = value.partition("-")
        return (int(post), subject) if post else None


class ItemFilter(ZForm):
    q = forms.CharField(label=gettext_lazy("Item number begins with"), max_length=40, required=False)
    scope = forms.ChoiceField(label=gettext_lazy("Post and subject"), required=False)
    flag = forms.ChoiceField(label=gettext_lazy("Noteworthy"), required=False)
    waiting = forms.BooleanField(label=gettext_lazy("Only alarms not settled"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scope"].choices = [("", _("All")), *scope_choices()]  # type: ignore[attr-defined]
        self.fields["flag"].choices = [("", _("All")), *Flag.choices]  # type: ignore[attr-defined]


class CalibrationForm(ZForm):
    scope = forms.ChoiceField(label=gettext_lazy("Post and subject"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scopes = {f"{post.pk}-{subject}": (post, subject) for post, subject in queries.scopes()}
        self.fields["scope"].choices = [  # type: ignore[attr-defined]
            (value, f"{post.name} · {Subject(subject).label}")
            for value, (post, subject) in self.scopes.items()
        ]


class OpinionForm(ZForm):
    opinion = forms.CharField(
        label=gettext_lazy("What you found and decided"),
        help_text=gettext_lazy(
            "For instance: the key is right, the stem is misleading; a new version is being written."
        ),
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=1000,
    )
