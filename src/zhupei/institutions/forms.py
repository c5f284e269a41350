from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from zhupei.accounts.api import User
from zhupei.kernel.roles import Role
from zhupei.rulebook.api import Post, active_divisions, active_posts
from zhupei.web.forms import DateField, FileField, ManyField, MobileField, PhoneField, ZForm

from .choices import (
    Employment,
    InstitutionType,
    LicenceKind,
    QualificationCategory,
    QualificationGrade,
    RegistrationState,
    RoomKind,
    SiteKind,
    SiteState,
)
from .models import Institution
from .queries import holders

ALL = [("", _("All"))]


def division_choices() -> list[tuple[str, str]]:
    return [(row.code, row.name) for row in active_divisions()]


class DivisionField(forms.ChoiceField):
    """A division of today."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=lambda: [("", _("Choose")), *division_choices()], **kwargs)


class ProfileForm(ZForm):
    """What is registered about an institution."""

    type = forms.ChoiceField(label=_("Type"), choices=InstitutionType.choices, widget=forms.RadioSelect)
    full_name = forms.CharField(label=_("Full name"), max_length=200, help_text=_("As on the certificates"))
    legal_representative = forms.CharField(label=_("Legal representative"), max_length=50)
    division_code = DivisionField(
        label=_("Division"), help_text=_("Its district commission vets the registration.")
    )
    address = forms.CharField(label=_("Registered address"), max_length=300)
    contact = forms.CharField(label=_("Contact person"), max_length=50)
    contact_phone = PhoneField(
        label=_("Contact telephone"), help_text=_("Shown to the public once published")
    )


class RegistrationForm(ProfileForm):
    """The registration before it is handed in."""

    introduction = forms.CharField(
        label=_("Introduction"), required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 4})
    )
    posts = ManyField(
        label=_("Posts trained"), queryset=Post.objects.none(), widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["posts"].queryset = active_posts()  # type: ignore[attr-defined]


class ApplyForm(ProfileForm):
    """The public start of a registration: the unit, the applicant, and a code sent to the applicant's mobile."""

    uscc = forms.CharField(
        label=_("Unified social credit code"), max_length=30, help_text=_("18 digits and letters")
    )
    applicant = forms.CharField(
        label=_("Your name"), max_length=50, help_text=_("You become the head of this institution's account.")
    )
    login = forms.RegexField(
        label=_("Account name"),
        regex=r"^[A-Za-z][A-Za-z0-9._-]{3,29}$",
        error_messages={"invalid": _("4 to 30 letters, digits, dots or hyphens; the first is a letter.")},
        help_text=_("4 to 30 letters, digits, dots or hyphens; the first is a letter."),
    )
    mobile = MobileField(label=_("Your mobile number"))
    code = forms.CharField(
        label=_("Code from the message"), max_length=6, required=False,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )  # fmt: skip
    password = forms.CharField(
        label=_("Password"), max_length=128, required=False, strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 10 characters, three of: capital letters, small letters, digits, symbols."),
    )  # fmt: skip

    sections = (
        (
            _("The institution"),
            ["type", "uscc", "full_name", "legal_representative", "division_code", "address", "contact", "contact_phone"],
        ),
        (_("You"), ["applicant", "login", "mobile"]),
        (_("After the code has arrived"), ["code", "password"]),
    )  # fmt: skip

    def __init__(self, *args: Any, sending: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not sending:
            self.fields["code"].required = self.fields["password"].required = True


class ContactForm(ZForm):
    """What the public reads of a registered institution."""

    contact = forms.CharField(label=_("Contact person"), max_length=50)
    contact_phone = PhoneField(label=_("Contact telephone"))
    introduction = forms.CharField(
        label=_("Introduction"), required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 4})
    )


class QualificationForm(ZForm):
    certificate_no = forms.CharField(label=_("Certificate number"), max_length=60)
    category = forms.ChoiceField(
        label=_("Category"), choices=QualificationCategory.choices, widget=forms.RadioSelect
    )
    specialty = forms.CharField(label=_("Specialty"), max_length=100)
    grade = forms.ChoiceField(label=_("Grade"), choices=QualificationGrade.choices, widget=forms.RadioSelect)
    issuer = forms.CharField(label=_("Issuer"), max_length=100)
    issued_on = DateField(label=_("Issued on"))
    valid_to = DateField(label=_("Valid to"))
    scan = FileField(label=_("Scan of the certificate"))


class LicenceForm(ZForm):
    kind = forms.ChoiceField(label=_("Kind"), choices=LicenceKind.choices)
    number = forms.CharField(label=_("Number"), max_length=60)
    issuer = forms.CharField(label=_("Issuer"), max_length=100)
    valid_to = DateField(label=_("Valid to"), required=False, help_text=_("Leave empty if it has no end."))
    scan = FileField(label=_("Scan of the licence"))


class OpinionForm(ZForm):
    """A reviewer's opinion, a reason or a note."""

    opinion = forms.CharField(label=_("Opinion"), max_length=1000, widget=forms.Textarea(attrs={"rows": 4}))

    def __init__(self, *args: Any, label: Any = None, required: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if label:
            self.fields["opinion"].label = label
        self.fields["opinion"].required = required


class RegisterForm(OpinionForm):
    number = forms.CharField(
        label=_("Registration number"),
        max_length=40,
        required=False,
        help_text=_("Leave empty for the next number of the year."),
    )
    field_order = ("number", "opinion")


class InstitutionFilter(ZForm):
    q = forms.CharField(label=_("Name, credit code or number"), required=False, max_length=100)
    state = forms.ChoiceField(label=_("State"), required=False)
    type = forms.ChoiceField(label=_("Type"), choices=[*ALL, *InstitutionType.choices], required=False)
    division = forms.ChoiceField(label=_("Division"), required=False)

    def __init__(self, *args: Any, divisions: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shown = [choice for choice in RegistrationState.choices if choice[0] != RegistrationState.DRAFT]
        self.fields["state"].choices = [*ALL, *shown]  # type: ignore[attr-defined]
        self.fields["division"].choices = [*ALL, *divisions]  # type: ignore[attr-defined]


class PublicFilter(ZForm):
    q = forms.CharField(label=_("Name of the institution"), required=False, max_length=100)
    post = forms.ChoiceField(label=_("Post"), required=False)
    division = forms.ChoiceField(label=_("Division"), required=False)
    type = forms.ChoiceField(label=_("Type"), choices=[*ALL, *InstitutionType.choices], required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["post"].choices = [*ALL, *((post.code, post.name) for post in active_posts())]  # type: ignore[attr-defined]
        self.fields["division"].choices = [*ALL, *division_choices()]  # type: ignore[attr-defined]


class SiteForm(ZForm):
    name = forms.CharField(label=_("Name"), max_length=100)
    division_code = DivisionField(label=_("Division"))
    address = forms.CharField(label=_("Address"), max_length=300)
    exam_clients = forms.IntegerField(label=_("Exam computers"), min_value=0, max_value=20000)
    spare_clients = forms.IntegerField(
        label=_("Spare computers"),
        min_value=0,
        max_value=20000,
        help_text=_("Counted on top of the exam computers"),
    )

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if kind != SiteKind.HALL:
            del self.fields["exam_clients"], self.fields["spare_clients"]


class SiteFilter(ZForm):
    q = forms.CharField(label=_("Site or institution"), required=False, max_length=100)
    kind = forms.ChoiceField(label=_("Kind"), choices=[*ALL, *SiteKind.choices], required=False)
    state = forms.ChoiceField(label=_("State"), choices=[*ALL, *SiteState.choices], required=False)


class RoomForm(ZForm):
    name = forms.CharField(label=_("Room"), max_length=60)
    kind = forms.ChoiceField(label=_("Kind"), choices=RoomKind.choices)
    seats = forms.IntegerField(label=_("Seats"), min_value=1, max_value=5000)
    area = forms.DecimalField(
        label=_("Area (m²)"), min_value=0, max_digits=8, decimal_places=2, required=False
    )


class TeacherForm(ZForm):
    name = forms.CharField(label=_("Teacher's name"), max_length=50)
    phone = MobileField(label=_("Mobile"), required=False)
    title = forms.CharField(label=_("Professional title"), max_length=60, required=False)
    education = forms.CharField(label=_("Education"), max_length=60, required=False)
    specialty = forms.CharField(label=_("Specialty"), max_length=100, required=False)
    site_years = forms.IntegerField(
        label=_("Years on building sites"),
        min_value=0,
        max_value=70,
        help_text=_("The rule wants teachers with experience on site."),
    )
    employment = forms.ChoiceField(
        label=_("Employment"), choices=Employment.choices, widget=forms.RadioSelect
    )
    user = forms.ModelChoiceField(
        label=_("Account"), queryset=User.objects.none(), required=False,
        help_text=_("Only with an account can the teacher take attendance. Invite staff under “Staff and roles”."),
    )  # fmt: skip
    posts = ManyField(
        label=_("Posts taught"),
        queryset=Post.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, institution: Institution, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        teachers = holders(Role.TEACHER, organisation_id=institution.organisation_id)
        self.fields["user"].queryset = User.objects.filter(pk__in=[user.pk for user in teachers])  # type: ignore[attr-defined]
        self.fields["posts"].queryset = active_posts()  # type: ignore[attr-defined]


class TeacherFilter(ZForm):
    q = forms.CharField(label=_("Name or specialty"), required=False, max_length=50)
    active = forms.ChoiceField(
        label=_("List"), choices=[("", _("Teaching now")), ("no", _("No longer teaching"))], required=False
    )
