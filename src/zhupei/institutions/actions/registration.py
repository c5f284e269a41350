"""The registration of an institution: begun by an applicant, vetted by the district, registered and published by the city."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.urls import reverse
from django.utils.translation import gettext as _

from zhupei.accounts.api import User, find_user, issue_code, open_account, set_password, use_code
from zhupei.audit.api import record
from zhupei.institutions import events
from zhupei.institutions.choices import REGISTRATION, InstitutionType, RegistrationState
from zhupei.institutions.models import Institution, RegistrationStep
from zhupei.institutions.queries import has_licence, has_sufficient_qualification, holders
from zhupei.kernel import clock, names, uscc
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role
from zhupei.notices.api import notify, send_message
from zhupei.organisations.api import (
    Organisation,
    OrganisationKind,
    add_organisation,
    grant_role,
    supervisor_of,
)
from zhupei.rulebook.api import active_divisions, division_names

CODE_PURPOSE = "institution_registration"
PROFILE = (
    "type",
    "full_name",
    "legal_representative",
    "address",
    "division_code",
    "contact",
    "contact_phone",
    "introduction",
)
CONTACT = ("contact", "contact_phone", "introduction")
EDITABLE = frozenset({RegistrationState.DRAFT, RegistrationState.RETURNED})
STANDING = frozenset({RegistrationState.REGISTERED, RegistrationState.PUBLISHED})

USCC_PROBLEMS = {
    uscc.Problem.BAD_LENGTH: lambda: _("A unified social credit code has 18 digits and letters."),
    uscc.Problem.BAD_CHARACTER: lambda: _(
        "The code holds a character that no credit code has (the letters I, O, S, V and Z never occur)."
    ),
    uscc.Problem.BAD_CHECKSUM: lambda: _(
        "The last character does not fit the rest: one character is mistyped. Compare with the certificate."
    ),
}


def _lock(institution: Institution) -> Institution:
    return Institution.objects.select_for_update().get(pk=institution.pk)


def check_uscc(text: str) -> str:
    """The code normalised; raises ``Refusal`` on ``uscc`` if it cannot be one (R007)."""
    problems = uscc.check(text)
    if problems:
        raise Refusal(problems[0].value, USCC_PROBLEMS[problems[0]](), clause="GB 32100", field="uscc")
    return uscc.normalise(text)


def _check_division(code: str) -> None:
    if not active_divisions().filter(code=code).exists():
        raise Refusal(
            "division_unknown",
            _("This division does not exist today. Choose another."),
            field="division_code",
        )


def _check_person(name: str, field: str) -> None:
    if names.check(name):
        raise Refusal("bad_name", _("Write the person's name as on the identity document."), field=field)


def _check_application(data: dict[str, Any], *, with_password: bool = True) -> dict[str, Any]:
    """Everything that can be refused before the one-time code is spent."""
    data = {**data, "uscc": check_uscc(data["uscc"]), "full_name": data["full_name"].strip()}
    _check_division(data["division_code"])
    for field in ("contact", "applicant", "legal_representative"):
        _check_person(data[field], field)
    if Institution.objects.filter(uscc=data["uscc"]).exists():
        text = _("This unit has begun its registration already. Ask its head for an account, or set a new password on the "
                 "sign-in page.")  # fmt: skip
        raise Refusal("uscc_taken", text, field="uscc", status=409)
    if Organisation.objects.filter(kind=OrganisationKind.INSTITUTION, name=data["full_name"]).exists():
        raise Refusal(
            "name_taken", _("An institution of this name exists already."), field="full_name", status=409
        )
    if find_user(data["login"]) is not None:
        raise Refusal(
            "login_taken",
            _("An account of this name exists already. Choose another."),
            field="login",
            status=409,
        )
    if not with_password:
        return data
    try:
        validate_password(data["password"], User(login=data["login"], display_name=data["applicant"]))
    except ValidationError as error:
        raise Refusal("weak_password", fields={"password": list(error.messages)}) from None
    return data


def send_application_code(data: dict[str, Any]) -> str:
    """Send the applicant's mobile a code, once what was typed could be accepted. At most five an hour a number.

    Returns the code, which only a demonstration shows.
    """
    data = _check_application(data, with_password=False)
    code = issue_code(CODE_PURPOSE, data["mobile"])
    text = _(
        "Your code for registering the institution on Zhupei is %(code)s. It is valid for 10 minutes; tell nobody."
    )
    send_message(data["mobile"], text % {"code": code}, kept_text=text % {"code": "******"})
    return code


def apply(data: dict[str, Any], code: str, *, by: Actor) -> Institution:
    """Begin a registration (public): the unit, the applicant's account as its head, and the institution in draft.

    ``data``: type, uscc, full_name, legal_representative, address, division_code, contact, contact_phone, applicant,
    login, mobile, password. Raises ``Refusal`` for a bad or taken credit code, name, account or code.
    """
    data = _check_application(data)
    use_code(CODE_PURPOSE, data["mobile"], code)  # in a transaction of its own: a wrong try is counted
    return _open(data, by=by)


@transaction.atomic
def _open(data: dict[str, Any], *, by: Actor) -> Institution:
    organisation = add_organisation(
        OrganisationKind.INSTITUTION, data["full_name"], division_code=data["division_code"], by=by
    )
    user = open_account(data["login"], display_name=data["applicant"].strip(), phone=data["mobile"], by=by)
    set_password(user, data["password"], by=by)
    grant_role(user, organisation, Role.INSTITUTION_HEAD, by=SYSTEM)
    institution = Institution.objects.create(
        organisation=organisation,
        type=data["type"],
        uscc=data["uscc"],
        full_name=data["full_name"],
        legal_representative=data["legal_representative"].strip(),
        address=data["address"],
        division_code=data["division_code"],
        contact=data["contact"].strip(),
        contact_phone=data["contact_phone"],
        created_at=clock.now(),
    )
    head = Actor(
        user.pk,
        user.display_name,
        frozenset({Role.INSTITUTION_HEAD}),
        organisation.pk,
        organisation.name,
        ip=by.ip,
    )
    _step(institution, "apply", "", by=head)
    record(
        events.APPLIED,
        by=head,
        on=institution,
        organisation_id=organisation.pk,
        after={"type": institution.type},
    )
    return institution


def _step(institution: Institution, verb: str, opinion: str, *, by: Actor) -> None:
    RegistrationStep.objects.create(
        institution=institution,
        verb=verb,
        state=institution.state,
        unit=by.organisation_name or by.name,
        person=by.name,
        opinion=opinion.strip(),
        at=clock.now(),
    )


def own(institution: Institution, by: Actor) -> Institution:
    """The row locked, after the check that the actor heads this institution."""
    by.require(Role.INSTITUTION_HEAD, organisation_id=institution.organisation_id)
    return _lock(institution)


def require_state(institution: Institution, states: frozenset[RegistrationState]) -> None:
    if institution.state not in states:
        raise Conflict("wrong_state")


@transaction.atomic
def edit_registration(institution: Institution, data: dict[str, Any], *, by: Actor) -> Institution:
    """Change the data to be registered, before handing in or after a return (head). ``data``: ``PROFILE`` and posts."""
    institution = own(institution, by)
    if institution.state not in EDITABLE:
        text = _(
            "The registration is under review or done; its data can no longer be changed here. Ask the reviewer to return it."
        )
        raise Conflict("wrong_state", text)
    _check_division(data["division_code"])
    for field in ("contact", "legal_representative"):
        _check_person(data[field], field)
    name = data["full_name"].strip()
    twins = Organisation.objects.filter(kind=OrganisationKind.INSTITUTION, name=name).exclude(
        pk=institution.organisation_id
    )
    if twins.exists():
        raise Refusal(
            "name_taken", _("An institution of this name exists already."), field="full_name", status=409
        )
    before = {key: getattr(institution, key) for key in PROFILE if key != "contact_phone"}
    for key in PROFILE:
        setattr(institution, key, data[key].strip())
    institution.save(update_fields=list(PROFILE))
    institution.posts.set(data["posts"])
    Organisation.objects.filter(pk=institution.organisation_id).update(
        name=name, division_code=institution.division_code
    )
    after = {key: getattr(institution, key) for key in before}
    after["posts"] = sorted(post.code for post in data["posts"])
    record(
        events.EDITED,
        by=by,
        on=institution,
        organisation_id=institution.organisation_id,
        before=before,
        after=after,
    )
    return institution


@transaction.atomic
def edit_contact(institution: Institution, data: dict[str, Any], *, by: Actor) -> Institution:
    """Change what the public reads of a registered institution: contact, telephone, introduction (head)."""
    institution = own(institution, by)
    require_state(institution, STANDING)
    _check_person(data["contact"], "contact")
    before = {"contact": institution.contact, "introduction": institution.introduction}
    for key in CONTACT:
        setattr(institution, key, data[key].strip())
    institution.save(update_fields=list(CONTACT))
    after = {"contact": institution.contact, "introduction": institution.introduction}
    record(
        events.EDITED,
        by=by,
        on=institution,
        organisation_id=institution.organisation_id,
        before=before,
        after=after,
    )
    return institution


def require_reviewer(institution: Institution, by: Actor) -> None:
    """District officers review what lies in their divisions, the education office everything."""
    if by.has(Role.CITY_EDUCATION_OFFICE):
        return
    by.require(Role.DISTRICT_OFFICER, divisions={institution.division_code})


def _move(
    institution: Institution, verb: str, code: str, opinion: str, *, by: Actor, **changes: Any
) -> Institution:
    """One step of the registration: state, step, audit event. ``institution`` is locked and checked."""
    before = institution.state
    institution.state = REGISTRATION.after(institution.state, verb)
    for name, value in changes.items():
        setattr(institution, name, value)
    institution.save(update_fields=["state", *changes])
    _step(institution, verb, opinion, by=by)
    record(
        code,
        by=by,
        on=institution,
        organisation_id=institution.organisation_id,
        before={"state": before},
        after={"state": institution.state, **changes},
        reason=opinion.strip(),
    )
    return institution


def _tell(users: list[User], institution: Institution, title: str, text: str = "") -> None:
    notify(
        users,
        kind="institutions",
        title=title % {"name": institution.full_name},
        text=text,
        url=reverse("institutions:detail", args=[institution.pk]),
    )


def _tell_heads(institution: Institution, title: str, text: str = "") -> None:
    _tell(
        holders(Role.INSTITUTION_HEAD, organisation_id=institution.organisation_id), institution, title, text
    )


def tell_supervisor(institution: Institution, title: str) -> None:
    unit = supervisor_of(institution.division_code)
    if unit is not None:
        _tell(holders(Role.DISTRICT_OFFICER, organisation_id=unit.pk), institution, title)


def _require_opinion(opinion: str) -> None:
    if len(opinion.strip()) < 2:
        raise Refusal(
            "opinion_missing", _("Say why: the institution reads it and it stays on record."), field="opinion"
        )


def submission_problems(institution: Institution) -> list[Refusal]:
    """What is still lacking before a registration can be handed in (R007–R009); empty if nothing is."""
    problems = []
    if not institution.posts.exists():
        problems.append(Refusal("no_posts", _("Choose the posts that you want to train."), clause="二（2）"))
    if institution.type == InstitutionType.CONTRACTOR:
        if not has_sufficient_qualification(institution, checked=False):
            text = _("A construction enterprise needs a qualification of special grade or grade one that is in force today. "
                     "Add the certificate with its scan.")  # fmt: skip
            problems.append(Refusal("qualification_missing", text, clause="一"))
    elif not has_licence(institution):
        text = _("The licence for this type of institution is missing or has run out. Add it with its scan.")
        problems.append(Refusal("licence_missing", text, clause="一"))
    if supervisor_of(institution.division_code) is None:
        where = division_names().get(institution.division_code, institution.division_code)
        text = _(
            "No district commission is set up for %(division)s yet. Ask the city's platform administrator."
        )
        problems.append(Refusal("no_supervisor", text % {"division": where}, clause="四（二）"))
    return problems


@transaction.atomic
def submit(institution: Institution, *, by: Actor) -> Institution:
    """Hand the registration in to the district commission (head). Raises ``Refusal`` while something is lacking."""
    institution = own(institution, by)
    REGISTRATION.after(institution.state, "submit")
    problems = submission_problems(institution)
    if problems:
        text = "\n".join(str(problem.message) for problem in problems)
        raise Refusal(problems[0].code, text, clause=problems[0].clause)
    institution = _move(institution, "submit", events.SUBMITTED, "", by=by)
    tell_supervisor(institution, _("%(name)s asks for registration: vet it"))
    return institution


@transaction.atomic
def vet(institution: Institution, opinion: str, *, by: Actor) -> Institution:
    """The district commission vouches for an institution of its divisions and passes it to the city (R079)."""
    by.require(Role.DISTRICT_OFFICER, divisions={institution.division_code})
    institution = _lock(institution)
    REGISTRATION.after(institution.state, "vet")
    _require_opinion(opinion)
    if institution.type == InstitutionType.CONTRACTOR and not has_sufficient_qualification(institution):
        text = _("First compare the qualification with the national register and mark it as checked.")
        raise Refusal("qualification_unchecked", text, clause="一", status=409)
    institution = _move(institution, "vet", events.VETTED, opinion, by=by)
    _tell(
        holders(Role.CITY_EDUCATION_OFFICE),
        institution,
        _("%(name)s was vetted by its district: register it"),
    )
    _tell_heads(institution, _("The district commission has vetted your registration"), opinion)
    return institution


@transaction.atomic
def return_registration(institution: Institution, opinion: str, *, by: Actor) -> Institution:
    """Give a registration back with an opinion: the district while it vets, the education office while it reviews."""
    if institution.state == RegistrationState.DISTRICT_REVIEW:
        by.require(Role.DISTRICT_OFFICER, divisions={institution.division_code})
    else:
        by.require(Role.CITY_EDUCATION_OFFICE)
    stated, institution = institution.state, _lock(institution)
    if institution.state != stated:  # moved on since: the other reviewer's turn
        raise Conflict("wrong_state")
    REGISTRATION.after(institution.state, "return")
    _require_opinion(opinion)
    institution = _move(institution, "return", events.RETURNED, opinion, by=by)
    _tell_heads(institution, _("Your registration was returned: put it right and hand it in again"), opinion)
    return institution


def _next_number() -> str:
    """The next registration number of the year: year and a running number of four digits."""
    year = clock.today().year
    last = Institution.objects.filter(registration_no__regex=rf"^{year}\d{{4}}$").aggregate(
        last=Max("registration_no")
    )["last"]
    return f"{year}{int(last[4:]) + 1 if last else 1:04d}"


@transaction.atomic
def register(institution: Institution, opinion: str = "", *, number: str = "", by: Actor) -> Institution:
    """The education office enters an institution under a registration number (R005); the next free one if none is given."""
    by.require(Role.CITY_EDUCATION_OFFICE)
    institution = _lock(institution)
    REGISTRATION.after(institution.state, "register")
    number = institution.registration_no or number.strip() or _next_number()
    if Institution.objects.filter(registration_no=number).exclude(pk=institution.pk).exists():
        raise Refusal(
            "number_taken", _("This registration number is given already."), field="number", status=409
        )
    if institution.type == InstitutionType.CONTRACTOR and not has_sufficient_qualification(institution):
        text = _(
            "No checked qualification of special grade or grade one is in force today. Return the registration."
        )
        raise Refusal("qualification_missing", text, clause="一", status=409)
    institution = _move(
        institution,
        "register",
        events.REGISTERED,
        opinion,
        by=by,
        registration_no=number,
        registered_on=clock.today(),
    )
    _tell_heads(
        institution,
        _("Your institution is registered"),
        _("Registration number: %(number)s") % {"number": number},
    )
    return institution


@transaction.atomic
def publish(institution: Institution, *, by: Actor) -> Institution:
    """Put a registered institution on the public list (R006); from now on it may train."""
    by.require(Role.CITY_EDUCATION_OFFICE)
    institution = _move(
        _lock(institution), "publish", events.PUBLISHED, "", by=by, published_on=clock.today()
    )
    _tell_heads(institution, _("Your institution is published: you may train now"))
    return institution


@transaction.atomic
def block(institution: Institution, opinion: str, *, by: Actor) -> Institution:
    """Hide the registration of an institution by sanction (R084): off the public list at once, no plan, no application."""
    by.require(Role.CITY_EDUCATION_OFFICE)
    institution = _lock(institution)
    REGISTRATION.after(institution.state, "block")
    _require_opinion(opinion)
    institution = _move(institution, "block", events.BLOCKED, opinion, by=by)
    _tell_heads(institution, _("Your registration was hidden by decision of the city commission"), opinion)
    tell_supervisor(institution, _("The registration of %(name)s was hidden"))
    return institution


@transaction.atomic
def restore(institution: Institution, opinion: str, *, by: Actor) -> Institution:
    """Lift a sanction (R084). The institution is registered again and may be published."""
    by.require(Role.CITY_EDUCATION_OFFICE)
    institution = _lock(institution)
    REGISTRATION.after(institution.state, "restore")
    _require_opinion(opinion)
    institution = _move(institution, "restore", events.RESTORED, opinion, by=by)
    _tell_heads(institution, _("Your registration was restored"), opinion)
    return institution


@transaction.atomic
def cancel(institution: Institution, opinion: str, *, by: Actor) -> Institution:
    """End a registration for good (education office)."""
    by.require(Role.CITY_EDUCATION_OFFICE)
    institution = _lock(institution)
    REGISTRATION.after(institution.state, "cancel")
    _require_opinion(opinion)
    institution = _move(institution, "cancel", events.CANCELLED, opinion, by=by)
    _tell_heads(institution, _("Your registration was cancelled"), opinion)
    return institution
