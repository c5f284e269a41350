"""Forms whose markup, keyboard and accessibility come right by themselves.

``ZForm`` is ``forms.Form`` with Bootstrap classes, error ids and input hints on every field; render it with
``{% include "web/_form.html" %}``. The fields below are Django's own with the right widget for phones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.functional import lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from zhupei.kernel import phones

MEGABYTE = 1024 * 1024


_REQUIRED = forms.Field.default_error_messages["required"]


_LIMIT_WORDS = {  # by the code of Django's validator, whose own words are a programmer's
    "max_length": gettext_lazy("At most %(limit_value)d characters; these are %(show_value)d."),
    "min_value": gettext_lazy("Not less than %(limit_value)s."),
    "max_value": gettext_lazy("Not more than %(limit_value)s."),
}


def _required_words(field: forms.Field) -> Any:
    if isinstance(field, forms.FileField):
        return gettext_lazy("Choose a file.")
    if isinstance(field, forms.BooleanField):
        return gettext_lazy("Tick this.")
    if isinstance(field, forms.ChoiceField | forms.ModelChoiceField):
        return gettext_lazy("Choose one.")
    return gettext_lazy("Fill this in.")


class ZBoundField(forms.BoundField):
    """Adds the class, the keyboard and ``autocomplete`` to a widget's attributes, and plain words for an empty field.

    Numbers are typed into a text box with the number keyboard: a number box drops what it cannot read, and a form
    shall show again what was typed.
    """

    def __init__(self, form: forms.BaseForm, field: forms.Field, name: str) -> None:
        super().__init__(form, field, name)
        if field.error_messages["required"] == _REQUIRED:
            field.error_messages["required"] = _required_words(field)
        for code, words in _LIMIT_WORDS.items():
            field.error_messages.setdefault(code, words)
        widget = field.widget
        if isinstance(widget, forms.NumberInput) and widget.input_type == "number":
            widget.input_type = "text"
            for name in ("min", "max", "step"):
                widget.attrs.pop(name, None)

    def build_widget_attrs(self, attrs: dict[str, Any], widget: forms.Widget | None = None) -> dict[str, Any]:
        widget = widget or self.field.widget
        attrs = super().build_widget_attrs(attrs, widget)
        if widget.is_hidden:
            return attrs
        if isinstance(widget, forms.CheckboxInput | forms.RadioSelect | forms.CheckboxSelectMultiple):
            name = "form-check-input"
        elif isinstance(widget, forms.Select):
            name = "form-select"
        else:
            name = "form-control"
        classes = [name, widget.attrs.get("class", ""), "is-invalid" if self.errors else ""]
        attrs["class"] = " ".join(c for c in classes if c)
        if isinstance(widget, forms.TextInput | forms.Textarea) and "autocomplete" not in widget.attrs:
            # Staff type other people's data on shared machines: the browser shall not offer it to the next one.
            attrs["autocomplete"] = "email" if isinstance(self.field, forms.EmailField) else "off"
        if isinstance(widget, forms.NumberInput) and "inputmode" not in widget.attrs:
            attrs["inputmode"] = "numeric" if type(self.field) is forms.IntegerField else "decimal"
        return attrs


class ZFormMixin:
    """For any form class: the bound field above, titled ``sections``, and ``instance_values`` as initial values.

    ``sections``: ``[(title, ["field", ...]), ...]``; fields that no section names come last, untitled.
    """

    bound_field_class: type[forms.BoundField] | None = ZBoundField
    template_name = "web/_fields.html"
    sections: Sequence[tuple[Any, Sequence[str]]] = ()

    def __init__(self, *args: Any, instance_values: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        if instance_values:
            kwargs["initial"] = {**instance_values, **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)

    def groups(self) -> list[tuple[Any, list[forms.BoundField]]]:
        """The visible fields by section."""
        fields: dict[str, forms.BoundField] = {field.name: field for field in self.visible_fields()}  # type: ignore[attr-defined]
        named = [(title, [fields.pop(n) for n in names if n in fields]) for title, names in self.sections]
        return [group for group in [*named, ("", list(fields.values()))] if group[1]]


class ZForm(ZFormMixin, forms.Form):
    """The form of every page."""


class DateField(forms.DateField):
    """A day, picked with the device's own picker."""

    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})


class ManyField(forms.ModelMultipleChoiceField):
    """Several rows; what can be no row number is an invalid choice, not a fault of the database."""

    def _check_values(self, value: Any) -> Any:
        texts = [str(one) for one in value] if isinstance(value, list | tuple) else []
        if len(row_numbers(texts)) != len(texts):
            raise ValidationError(self.error_messages["invalid_list"], code="invalid_list")
        return super()._check_values(value)  # type: ignore[misc]


class TimeField(forms.TimeField):
    """A time of day, hours and minutes."""

    widget = forms.TimeInput(format="%H:%M", attrs={"type": "time"})


class DateTimeField(forms.DateTimeField):
    """A moment, typed as Shanghai time (the site's time zone), cleaned to an aware one."""

    widget = forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"})


class PhoneField(forms.CharField):
    """A mobile number or a landline with its area code, cleaned by ``kernel.phones``."""

    widget = forms.TextInput(attrs={"type": "tel", "inputmode": "tel", "data-private": ""})
    default_error_messages = {
        "phone": gettext_lazy(
            "This is not a telephone number. Write a mobile number, or a landline with its area code such as 023-63672000."
        ),
    }

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        if not text:
            return text
        if not self.accepts(text):
            raise ValidationError(self.error_messages["phone"], code="phone")
        return phones.normalise(text)

    def accepts(self, text: str) -> bool:
        return phones.is_phone(text)


class MobileField(PhoneField):
    """A mobile number of the mainland."""

    default_error_messages = {
        "phone": gettext_lazy("This is not a mobile number. It has 11 digits and begins with 1."),
    }

    def accepts(self, text: str) -> bool:
        return phones.is_mobile(text)


# extension → (types a browser may claim, how such a file begins)
_ZIP = (b"PK\x03\x04",)
KINDS: dict[str, tuple[frozenset[str], tuple[bytes, ...]]] = {
    "pdf": (frozenset({"application/pdf"}), (b"%PDF-",)),
    "jpg": (frozenset({"image/jpeg"}), (b"\xff\xd8\xff",)),
    "jpeg": (frozenset({"image/jpeg"}), (b"\xff\xd8\xff",)),
    "png": (frozenset({"image/png"}), (b"\x89PNG\r\n\x1a\n",)),
    "xlsx": (frozenset({"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}), _ZIP),
    "docx": (frozenset({"application/vnd.openxmlformats-officedocument.wordprocessingml.document"}), _ZIP),
    "zip": (frozenset({"application/zip", "application/x-zip-compressed"}), _ZIP),
    "csv": (frozenset({"text/csv", "text/plain", "application/vnd.ms-excel"}), (b"",)),
    "mp4": (frozenset({"video/mp4"}), (b"",)),
}
_ANY_TYPE = {"", "application/octet-stream"}  # what browsers send when they do not know
IMAGES = ("jpg", "jpeg", "png")
DOCUMENTS = ("pdf", *IMAGES)


def _size(count: int) -> str:
    return f"{count // MEGABYTE} MB" if count >= MEGABYTE else f"{count // 1024} KB"


def _file_help(extensions: Sequence[str], max_bytes: int) -> str:
    names = _(", ").join(dict.fromkeys(e.upper().replace("JPEG", "JPG") for e in extensions))
    return _("%(kinds)s, at most %(size)s") % {"kinds": names, "size": _size(max_bytes)}


class FileField(forms.FileField):
    """An upload bounded in size, whose name, claimed type and first bytes agree with one of ``extensions``.

    This keeps honest mistakes out; ``evidence.api.store`` and the parsers still trust nothing.
    """

    default_error_messages = {
        "kind": gettext_lazy("This kind of file is not accepted. Choose one of: %(kinds)s."),
        "content": gettext_lazy(
            "The file's content does not fit its name. Save it again as %(kind)s and choose it anew."
        ),
        "size": gettext_lazy(
            "The file has %(has)s; at most %(size)s are accepted. Make it smaller or split it."
        ),
    }

    def __init__(
        self, *, extensions: Sequence[str] = DOCUMENTS, max_bytes: int = 10 * MEGABYTE, **kwargs: Any
    ) -> None:
        self.extensions, self.max_bytes = tuple(extensions), max_bytes
        kwargs.setdefault("help_text", lazy(_file_help, str)(self.extensions, max_bytes))
        super().__init__(**kwargs)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        accept = ",".join(f".{e}" for e in self.extensions)
        return {**super().widget_attrs(widget), "accept": accept, "data-max-bytes": self.max_bytes}

    def to_python(self, data: Any) -> UploadedFile[Any] | None:
        file: UploadedFile[Any] | None = super().to_python(data)  # type: ignore[assignment]
        if file is None:
            return None
        kinds = ", ".join(e.upper() for e in self.extensions)
        extension = PurePath(file.name or "").suffix.lower().lstrip(".")
        if extension not in self.extensions:
            raise ValidationError(self.error_messages["kind"], code="kind", params={"kinds": kinds})
        if (file.size or 0) > self.max_bytes:
            sizes = {"has": _size(file.size or 0), "size": _size(self.max_bytes)}
            raise ValidationError(self.error_messages["size"], code="size", params=sizes)
        types, starts = KINDS[extension]
        head = file.read(16)
        file.seek(0)
        claimed = (file.content_type or "").split(";")[0].strip().lower()
        if claimed not in types | _ANY_TYPE or not head.startswith(starts):
            raise ValidationError(
                self.error_messages["content"], code="content", params={"kind": extension.upper()}
            )
        return file


def with_added_row(data: QueryDict, prefix: str = "form") -> QueryDict:
    """The posted ``data`` of a formset with one more empty row, for its button ``add_row`` when no script runs.

    ``if "add_row" in request.POST: formset = PlanRows(with_added_row(request.POST, "rows"), prefix="rows")``, shown
    again.
    """
    data = data.copy()
    name = f"{prefix}-TOTAL_FORMS"
    data[name] = str(next(iter(row_numbers([data.get(name, "0")])), 0) + 1)
    return data


def row_numbers(texts: Iterable[str]) -> list[int]:
    """The posted texts that can be row numbers, as such; the others are left out ("²" and a hundred digits are none)."""
    return [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 19]
