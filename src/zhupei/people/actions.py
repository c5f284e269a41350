"""Every write on persons: registering, opening an account, one's own data, photo, consent, reading by staff."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from zhupei.accounts.api import (
    User,
    code_senders,
    issue_code,
    login_of_identity,
    open_account,
    set_password,
    use_code,
)
from zhupei.audit.api import record
from zhupei.evidence.api import Retention, store
from zhupei.kernel import clock, identity, names, phones
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.notices.api import notify, send_message

from . import events
from .choices import ConsentPurpose, IdentityKind
from .consents import TEXTS
from .models import Consent, Person
from .photos import normalise_photo
from .queries import find_person, identity_index, name_key

FINDERS = (Role.REGISTRAR, Role.CENTRE_OFFICER)


# ── what may be stored ──────────────────────────────────────────────────────────────────────────────────


def check_number(identity_kind: str, identity_number: str) -> str:
    """The number as it is stored; ``Refusal`` that says what is wrong with it. A warning does not refuse."""
    if identity_kind not in IdentityKind.values:
        raise Refusal("unknown_identity_kind", _("Choose the kind of document."), field="identity_kind")
    kind = identity.Kind(identity_kind)
    texts = {
        identity.Problem.BAD_LENGTH: _(
            "The number is too long or too short for this document. Compare it with the card."
        ),
        identity.Problem.BAD_PATTERN: _(
            "The number holds a character that this document never has. Compare it with the card."
        ),
        identity.Problem.BAD_PROVINCE: _(
            "The number begins with a region that does not exist. Compare the first two digits."
        ),
        identity.Problem.BAD_DATE: _("The birth date in the number does not exist. Compare digits 7 to 14."),
        identity.Problem.BAD_CHECKSUM: _(
            "A digit is wrong: the last character does not fit the others. Compare each with the card."
        ),
    }
    for problem in identity.check(kind, identity_number):
        if not problem.is_warning:
            raise Refusal(problem.code, texts[problem], field="identity_number")
    return identity.normalise(kind, identity_number)


def check_name(name: str) -> str:
    """The name as it is stored (trimmed, otherwise as given); ``Refusal`` that says what is wrong with it."""
    texts = {
        names.Problem.EMPTY: _("Write the name as it stands on the document."),
        names.Problem.TOO_LONG: _(
            "The name has more than 50 characters. Write it as it stands on the document."
        ),
        names.Problem.BAD_CHARACTER: _("The name holds an invisible or damaged character. Type it anew."),
        names.Problem.NO_LETTER: _("A name has at least one letter or Chinese character."),
    }
    for problem in names.check(name):
        raise Refusal(f"name_{problem.value}", texts[problem], field="name")
    return name.strip()


def _check_mobile(phone: str) -> str:
    if not phones.is_mobile(phone):
        raise Refusal(
            "bad_mobile", _("This is not a mobile number. It has 11 digits and begins with 1."), field="phone"
        )
    return phones.normalise(phone)


def _check_password(password: str) -> None:
    """The platform's password rules, looked at before a code is used up."""
    try:
        validate_password(password)
    except ValidationError as error:
        raise Refusal("weak_password", fields={"password": list(error.messages)}) from None


# ── registering ─────────────────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def register_person(
    *,
    identity_kind: str,
    identity_number: str,
    name: str,
    phone: str = "",
    education: str = "",
    employer: str = "",
    by: Actor,
) -> Person:
    """Register a person by document. Birth date and sex come from the number where it carries them.

    Raises ``Refusal`` for a bad number or name, and 409 ``person_exists`` if the document is registered already (look first
    with ``find_person``). A county that is not in the list is accepted (R020; see ``identity_warnings``).
    """
    if by != SYSTEM:
        by.require(Role.REGISTRAR, Role.CENTRE_OFFICER)
    return _register(
        identity_kind, identity_number, name=name, phone=phone, education=education, employer=employer, by=by
    )


def _register(
    identity_kind: str,
    identity_number: str,
    *,
    name: str,
    phone: str,
    education: str = "",
    employer: str = "",
    by: Actor,
) -> Person:
    number = check_number(identity_kind, identity_number)
    kind = identity.Kind(identity_kind)
    name = check_name(name)
    person = Person(
        name=name,
        name_key=name_key(name),
        identity_kind=identity_kind,
        identity_number=number,
        identity_index=identity_index(identity_kind, number),
        sex=identity.sex(kind, number) or "",
        birth_date=identity.birth_date(kind, number),
        phone=_check_mobile(phone) if phone else "",
        education=education,
        employer=employer.strip(),
        created_at=clock.now(),
    )
    try:
        with transaction.atomic():
            person.save(force_insert=True)
    except IntegrityError:
        raise Refusal(
            "person_exists",
            _("A person with this document number is registered already."),
            field="identity_number",
            status=409,
        ) from None
    record(events.REGISTERED, by=by, on=person, after={"identity_kind": identity_kind})
    return person


# ── one-time codes ──────────────────────────────────────────────────────────────────────────────────────


def _send(phone: str, code: str) -> None:
    for send in code_senders:
        send(phone, code)


def _wrong_code() -> Refusal:
    return Refusal("wrong_code", _("The code is wrong or has run out. Ask for a new one."), field="code")


def _sign_up_phone(person: Person | None, name: str, given: str) -> str | None:
    """Where the code of a sign-up goes: to the phone on record, else to the given one; None if these details open nothing."""
    if person is None:
        return given
    if person.user_id is not None or not names.same(person.name, name):
        return None
    return person.phone or given


@transaction.atomic
def send_sign_up_code(*, identity_kind: str, identity_number: str, name: str, phone: str) -> str:
    """First step of opening an account: send a code. Returns it for the demonstration, "" if nothing was sent.

    The answer is the same whether the number is known, known under another name, or has an account: who holds such an
    account is told by a message to the phone on record. Codes are bounded for the number and for the phone (429).
    """
    number, name, phone = check_number(identity_kind, identity_number), check_name(name), _check_mobile(phone)
    index = identity_index(identity_kind, number)
    issue_code("sign_up_attempt", index)
    code = issue_code(f"sign_up:{index[:24]}", phone)
    person = find_person(identity_kind, number)
    target = _sign_up_phone(person, name, phone)
    if target is None:
        if person is not None and person.user_id is not None and person.phone:
            send_message(
                person.phone,
                _(
                    "Zhupei: somebody asked to open an account with your document number. You have one already: "
                    "sign in, or set a new password. If it was not you, do nothing."
                ),
            )
        return ""
    if target != phone:
        try:
            code = issue_code(f"sign_up:{index[:24]}", target)
        except Refusal:  # a complaint about a phone that was not given would tell that there is one on record
            return ""
    _send(target, code)
    return code


def sign_up(
    *,
    identity_kind: str,
    identity_number: str,
    name: str,
    phone: str,
    code: str,
    password: str,
    consent_account: bool,
    consent_face: bool = False,
    by: Actor,
) -> Person:
    """Open a learner's account; a person without account who was registered by an institution claims those records.

    The name must be the one on record and the code the one sent to the phone on record (or, if there is none, to the given
    phone). Consent to the account is needed, consent to face comparison is free.
    """
    number, name, phone = check_number(identity_kind, identity_number), check_name(name), _check_mobile(phone)
    if not consent_account:
        raise Refusal(
            "consent_missing",
            _("Without this consent no account can be opened."),
            field="consent_account",
            clause="个人信息保护法第二十九条",
        )
    _check_password(password)
    index = identity_index(identity_kind, number)
    target = _sign_up_phone(find_person(identity_kind, number), name, phone)
    # a code is used up before the account is opened, and stays used if opening is refused
    use_code(f"sign_up:{index[:24]}", target or f"none:{index}", code)
    with transaction.atomic():
        person = Person.objects.select_for_update().filter(identity_index=index).first()
        if person is not None and _sign_up_phone(person, name, phone) != target:
            raise _wrong_code()
        claimed = person is not None
        if person is None:
            person = _register(identity_kind, number, name=name, phone=phone, by=by)
        elif not person.phone:
            person.phone = phone
        user = open_account(
            login_of_identity(number), display_name=person.name, phone=person.phone, is_learner=True, by=by
        )
        own = Actor(user.pk, user.display_name, frozenset({Role.LEARNER}), ip=by.ip, agent=by.agent)
        set_password(user, password, by=own)
        person.user = user
        person.save(update_fields=["user", "phone"])
        _give(person, ConsentPurpose.ACCOUNT, by=own)
        if consent_face:
            _give(person, ConsentPurpose.FACE, by=own)
        record(events.CLAIMED if claimed else events.SIGNED_UP, by=own, on=person)
    return person


def send_reset_code(*, identity_kind: str, identity_number: str) -> str:
    """Send a code for a new password to the phone on record. The answer never tells whether there is an account."""
    number = check_number(identity_kind, identity_number)
    index = identity_index(identity_kind, number)
    code = issue_code("learner_password", index)
    person = find_person(identity_kind, number)
    if person is None or person.user is None or not person.user.is_active or not person.phone:
        return ""
    _send(person.phone, code)
    return code


def reset_password(*, identity_kind: str, identity_number: str, code: str, password: str, by: Actor) -> None:
    """Set a learner's new password with the code sent to the phone on record."""
    number = check_number(identity_kind, identity_number)
    _check_password(password)
    use_code("learner_password", identity_index(identity_kind, number), code)
    person = find_person(identity_kind, number)
    if person is None or person.user is None or not person.user.is_active:
        raise _wrong_code()
    with transaction.atomic():
        own = Actor(person.user.pk, person.name, frozenset({Role.LEARNER}), ip=by.ip, agent=by.agent)
        set_password(person.user, password, by=own)
        record(events.PASSWORD_RESET, by=own, on=person)


# ── one's own data ──────────────────────────────────────────────────────────────────────────────────────


def _require_own(person: Person, by: Actor) -> None:
    if by.user_id is None or person.user_id != by.user_id:
        raise Forbidden("forbidden")


@transaction.atomic
def edit_own(person: Person, *, education: str, employer: str, by: Actor) -> Person:
    """Correct one's education and employer (PIPL 46)."""
    _require_own(person, by)
    person = Person.objects.select_for_update().get(pk=person.pk)
    before = {"education": person.education, "employer": person.employer}
    person.education, person.employer = education, employer.strip()
    person.save(update_fields=["education", "employer"])
    after = {"education": person.education, "employer": person.employer}
    if after != before:
        record(events.EDITED, by=by, on=person, before=before, after=after)
    return person


def send_phone_code(person: Person, phone: str, *, by: Actor) -> str:
    """Send a code to the new mobile, to show that it is in the learner's hands."""
    _require_own(person, by)
    phone = _check_mobile(phone)
    if phone == person.phone:
        raise Refusal("same_phone", _("This is the mobile on record already."), field="phone", status=409)
    with transaction.atomic():
        code = issue_code(f"new_phone:{person.pk}", phone)
        _send(phone, code)
    return code


def change_phone(person: Person, phone: str, code: str, password: str, *, by: Actor) -> Person:
    """Change one's mobile with the code sent to the new one and the password; the old one is told."""
    _require_own(person, by)
    phone = _check_mobile(phone)
    if person.user is None or not person.user.check_password(password):
        raise Refusal("wrong_password", _("The password is wrong."), field="password")
    use_code(f"new_phone:{person.pk}", phone, code)
    with transaction.atomic():
        person = Person.objects.select_for_update().get(pk=person.pk)
        old, person.phone = person.phone, phone
        person.save(update_fields=["phone"])
        User.objects.filter(person=person).update(phone=phone)
        record(events.PHONE_CHANGED, by=by, on=person)
        if old:
            send_message(
                old,
                _(
                    "Zhupei: the mobile of your account was changed to %(phone)s. If it was not you, tell your institution."
                )
                % {"phone": phones.mask(phone)},
            )
        if person.user is not None:
            notify(person.user, kind="people.phone_changed", title=_("Your mobile was changed."), url="/me/")
    return person


@transaction.atomic
def set_photo(person: Person, image_bytes: bytes, *, by: Actor) -> Person:
    """Set the photo (JPEG or PNG): normalised, without EXIF. The learner himself, a registrar or the centre.

    Raises ``Conflict`` once the photo is frozen (a test or certificate shows it).
    """
    if by != SYSTEM and (by.user_id is None or person.user_id != by.user_id):
        by.require(Role.REGISTRAR, Role.CENTRE_OFFICER)
    person = Person.objects.select_for_update().get(pk=person.pk)
    if person.photo_frozen:
        raise Conflict(
            "photo_frozen",
            _(
                "The photo is frozen: it was used for a test or a certificate. If it is wrong, ask the institution or the centre."
            ),
            clause="三（六）",
        )
    row = store(
        normalise_photo(image_bytes),
        name=f"photo-{person.pk}.jpg",
        content_type="image/jpeg",
        purpose="people.photo",
        retention=Retention.PERSONAL,
        by=by,
    )
    person.photo = row
    person.save(update_fields=["photo"])
    record(events.PHOTO_SET, by=by, on=person, after={"digest": row.digest})
    return person


@transaction.atomic
def freeze_photo(person: Person, *, by: Actor) -> Person:
    """From now on the photo cannot be exchanged. Called by rooms above when a test or certificate uses it; idempotent."""
    if by != SYSTEM:
        by.require(Role.REGISTRAR, Role.EXAM_OFFICER, Role.CENTRE_OFFICER, Role.CENTRE_APPROVER)
    person = Person.objects.select_for_update().get(pk=person.pk)
    if not person.photo_frozen:
        person.photo_frozen = True
        person.save(update_fields=["photo_frozen"])
        record(events.PHOTO_FROZEN, by=by, on=person)
    return person


@transaction.atomic
def correct_person(person: Person, *, name: str, phone: str, reason: str, by: Actor) -> Person:
    """Correct the name or mobile on record after the person was identified by document (PIPL 46, I11).

    The centre alone: whoever sets the mobile could open the account. Old and new mobile are told.
    """
    by.require(Role.CENTRE_OFFICER)
    name, phone = check_name(name), _check_mobile(phone) if phone else ""
    if len(reason.strip()) < 4:
        raise Refusal("reason_missing", _("Say why the record is corrected, in a few words."), field="reason")
    person = Person.objects.select_for_update().get(pk=person.pk)
    if person.user_id is not None and not phone:
        raise Refusal("phone_missing", _("An account needs a mobile for its codes."), field="phone")
    before, old = {"name": person.name}, person.phone
    if (name, phone) == (person.name, old):
        raise Refusal(
            "nothing_changed", _("Nothing was changed: name and mobile stand so on record."), status=409
        )
    person.name, person.name_key, person.phone = name, name_key(name), phone
    person.save(update_fields=["name", "name_key", "phone"])
    User.objects.filter(person=person).update(phone=phone, display_name=name)
    record(
        events.CORRECTED,
        by=by,
        on=person,
        before=before,
        after={"name": name, "phone_changed": phone != old},
        reason=reason.strip(),
    )
    for number in {old, phone} - {""} if phone != old else ():
        send_message(
            number,
            _(
                "Zhupei: the training centre changed the mobile of your account to %(phone)s. If you did not ask for it, tell it."
            )
            % {"phone": phones.mask(phone)},
        )
    return person


# ── consent ─────────────────────────────────────────────────────────────────────────────────────────────


def _give(person: Person, purpose: str, *, by: Actor) -> Consent:
    version = TEXTS[purpose].version
    Consent.objects.filter(person=person, purpose=purpose, withdrawn_at=None).exclude(
        text_version=version
    ).update(withdrawn_at=clock.now())
    consent, created = Consent.objects.get_or_create(
        person=person,
        purpose=purpose,
        withdrawn_at=None,
        defaults={"text_version": version, "given_at": clock.now()},
    )
    if created:
        record(events.CONSENT_GIVEN, by=by, on=person, after={"purpose": purpose, "version": version})
    return consent


@transaction.atomic
def give_consent(person: Person, purpose: str, *, by: Actor) -> Consent:
    """Consent to one purpose in the text in force. A second time changes nothing."""
    _require_own(person, by)
    return _give(person, purpose, by=by)


@transaction.atomic
def withdraw_consent(person: Person, purpose: str, *, by: Actor) -> Consent:
    """Withdraw a consent; the row stays, with the moment."""
    _require_own(person, by)
    consent = (
        Consent.objects.select_for_update().filter(person=person, purpose=purpose, withdrawn_at=None).first()
    )
    if consent is None:
        raise Conflict("no_consent", _("There is no consent in force that could be withdrawn."))
    consent.withdrawn_at = clock.now()
    consent.save(update_fields=["withdrawn_at"])
    record(
        events.CONSENT_WITHDRAWN,
        by=by,
        on=person,
        before={"purpose": purpose, "version": consent.text_version},
    )
    return consent


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def show_own_number(person: Person, *, by: Actor) -> str:
    """One's own document number in full; recorded, since a stranger may hold the phone."""
    _require_own(person, by)
    record(events.OWN_UNMASKED, by=by, on=person)
    return str(person.identity_number)


@transaction.atomic
def export_own(person: Person, *, by: Actor) -> dict[str, Any]:
    """All of one's own data, from every room (PIPL 45)."""
    from .personal import personal_data

    _require_own(person, by)
    record(events.EXPORTED, by=by, on=person)
    return personal_data(person)


@transaction.atomic
def find_by_number(identity_kind: str, identity_number: str, *, by: Actor) -> Person | None:
    """Staff look a person up by the whole document number; a hit is recorded."""
    by.require(*FINDERS)
    number = check_number(identity_kind, identity_number)
    person = find_person(identity_kind, number)
    if person is not None:
        record(events.FOUND, by=by, on=person)
    return person


@transaction.atomic
def unmask(person: Person, *, reason: str, by: Actor) -> str:
    """The document number in full for a member of staff who says why; the person is told."""
    by.require(*FINDERS)
    if len(reason.strip()) < 4:
        raise Refusal(
            "reason_missing", _("Say for what you need the number, in a few words."), field="reason"
        )
    record(events.UNMASKED, by=by, on=person, reason=reason.strip())
    if person.user is not None:
        notify(
            person.user,
            kind="people.unmasked",
            title=_("Your document number was shown to %(unit)s.")
            % {"unit": by.organisation_name or by.name},
            text=_("Reason given: %(reason)s") % {"reason": reason.strip()},
            url="/me/",
        )
    return str(person.identity_number)
