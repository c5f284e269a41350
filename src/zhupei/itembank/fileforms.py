"""Forms of files of items: handing one in, taking it in, writing one out."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from zhupei.rulebook.api import Subject, active_posts
from zhupei.web.forms import ZForm

from . import formats
from .actions.exporting import writable_formats
from .checking import Defaults
from .choices import Level
from .formats.common import MAX_BYTES
from .queries import all_chapters

IN_FILE = gettext_lazy("As the file says")


def place_choices() -> list[Any]:
    """Subjects with their chapters, as (subject/chapter, title)."""
    return [
        (
            str(Subject(subject).label),
            [(f"{subject}/", _("Only the subject"))]
            + [(f"{subject}/{no}", f"{no} {title}") for no, title in chapters.items()],
        )
        for subject, chapters in all_chapters().items()
    ]


class ItemFileField(forms.FileField):
    """A file of any format; what it holds decides, so that only its size is looked at here."""

    def to_python(self, data: Any) -> UploadedFile[Any] | None:
        file: UploadedFile[Any] | None = super().to_python(data)  # type: ignore[assignment]
        if file is not None and (file.size or 0) > MAX_BYTES:
            raise ValidationError(_("The file is larger than 50 MB. Split it."), code="size")
        return file

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        endings = {e.lstrip(".") for name in formats.available() for e in formats.module(name).EXTENSIONS}
        accept = ",".join(f".{ending}" for ending in sorted(endings))
        return {**super().widget_attrs(widget), "accept": accept, "data-max-bytes": MAX_BYTES}


class UploadForm(ZForm):
    """A file, and where those of its items go that do not say it themselves."""

    file = ItemFileField(
        label=gettext_lazy("File of items"),
        help_text=gettext_lazy(
            "The Excel template, Word, GIFT, Aiken, Moodle XML or a QTI package; at most 50 MB."
        ),
    )
    format = forms.ChoiceField(label=gettext_lazy("Format"), required=False)
    post = forms.ChoiceField(label=gettext_lazy("Post"), required=False)
    place = forms.ChoiceField(label=gettext_lazy("Subject and chapter"), required=False)
    level = forms.ChoiceField(label=gettext_lazy("Level"), required=False)
    sections = (
        ("", ("file", "format")),
        (gettext_lazy("For items that do not say it themselves"), ("post", "place", "level")),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        titles = [(name, str(formats.module(name).TITLE)) for name in formats.available()]
        choices: dict[str, list[Any]] = {
            "format": [("", _("Find out by itself")), *titles],
            "post": [("", IN_FILE), *((post.code, f"{post.code} {post.name}") for post in active_posts())],
            "place": [("", IN_FILE), *place_choices()],
            "level": [("", IN_FILE), *Level.choices],
        }
        for name, rows in choices.items():
            self.fields[name].choices = rows  # type: ignore[attr-defined]

    def defaults(self) -> Defaults:
        data = self.cleaned_data
        subject, _sep, chapter = data["place"].partition("/")
        return Defaults(subject, chapter, data["level"], (data["post"],) if data["post"] else ())


class TakeForm(ZForm):
    """Whether what is refused may be left out."""

    partial = forms.BooleanField(required=False)

    def __init__(self, *args: Any, label: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["partial"].label = label


class ExportForm(ZForm):
    """The format to write."""

    format = forms.ChoiceField(label=gettext_lazy("Format"))
    leave_out = forms.BooleanField(
        label=gettext_lazy("Leave out items that cannot stand in the format"),
        help_text=gettext_lazy(
            "GIFT, Aiken and Moodle have no cases; Aiken keeps only questions with their answers."
        ),
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["format"].choices = writable_formats()  # type: ignore[attr-defined]
