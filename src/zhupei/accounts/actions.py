"""Every write on accounts. Signing in is in two steps: password, then (staff) the second factor."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyotp
from django.contrib.auth import login as django_login
from django.contrib.auth import logout as django_logout
from django.contrib.auth.hashers import identify_hasher
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.kernel import clock, envelope
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.web.fields import blind_index

from . import events, throttle
from .models import (
    AccountSession,
    Lockout,
    OneTimeCode,
    SignInEvent,
    SignInMethod,
    SignInResult,
    User,
    login_of_identity,
)

MAX_FAILURES = 5
LOCK = timedelta(minutes=20)
CODE_DIGITS = 6
CODE_LIFE = timedelta(minutes=10)
CODE_TRIES = 5
CODES_PER_HOUR = 5
code_senders: list[Callable[[str, str], object]] = []  # rooms above that can send a code: (phone, code)
TOTP_STEP = 30


def _as_actor(user: User, ip: str = "", agent: str = "") -> Actor:
    return Actor(user_id=user.pk, name=user.display_name, ip=ip, agent=agent)


@transaction.atomic
def open_account(
    login: str,
    *,
    display_name: str,
    phone: str = "",
    password: str | None = None,
    is_learner: bool = False,
    by: Actor,
) -> User:
    """Open an account. A staff account starts without password; its owner sets one with a one-time code."""
    if User.objects.filter(login=login).exists():
        raise Refusal(
            "login_taken", _("An account with this name already exists."), field="login", status=409
        )
    user = User.objects.create_user(
        login,
        password,
        display_name=display_name,
        phone=phone,
        is_learner=is_learner,
        password_changed_at=clock.now(),
    )
    record(events.ACCOUNT_OPENED, by=by, on=user, after={"is_learner": is_learner})
    return user


def check_strength(password: str, user: User | None = None) -> None:
    """``Refusal`` with what the platform's rules ask of a password."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Refusal("weak_password", fields={"password": list(error.messages)}) from None


@transaction.atomic
def set_password(user: User, password: str, *, by: Actor) -> None:
    """Set a new password after the platform's rules; ends every other session of the account."""
    check_strength(password, user)
    user.set_password(password)
    user.password_changed_at = clock.now()
    user.must_change_password = False
    user.save(update_fields=["password", "password_changed_at", "must_change_password"])
    AccountSession.objects.filter(user=user, ended_at=None).update(ended_at=clock.now())
    record(events.PASSWORD_SET, by=by, on=user)


@transaction.atomic
def set_account_open(user: User, is_open: bool, *, reason: str, by: Actor) -> None:
    """Close or reopen an account (system administrator). Closing ends its sessions."""
    by.require(Role.SYSTEM_ADMINISTRATOR)
    if user.pk == by.user_id:
        raise Refusal("own_account", _("You cannot close your own account."))
    if user.is_active == is_open:
        raise Conflict("wrong_state")
    user.is_active = is_open
    user.save(update_fields=["is_active"])
    if not is_open:
        AccountSession.objects.filter(user=user, ended_at=None).update(ended_at=clock.now())
    record(events.ACCOUNT_REOPENED if is_open else events.ACCOUNT_CLOSED, by=by, on=user, reason=reason)


def _login_index(login: str) -> str:
    return blind_index("login", login)


def _note(user: User | None, index: str, method: str, result: str, ip: str, agent: str) -> None:
    SignInEvent.objects.create(
        user=user, login_index=index, at=clock.now(), ip=ip, agent=agent[:300], method=method, result=result
    )


def find_user(text: str) -> User | None:
    """The account of a staff name or of a learner's ID number."""
    text = text.strip()
    return (
        User.objects.filter(login=text).first()
        or User.objects.filter(login=login_of_identity(text.upper().replace(" ", ""))).first()
    )


def check_password(text: str, password: str, *, ip: str = "", agent: str = "") -> User:
    """First step of signing in. Raises ``Refusal``; five failures in a row lock the name for 20 minutes.

    An unknown name costs the same time and gets the same answer as a wrong password; from an address that tries many of them
    nobody signs in for a while.
    """
    throttle.bound(ip)
    user = find_user(text)
    index = _login_index(user.login if user else text.strip())
    now = clock.now()
    refused: Refusal | None = None
    with transaction.atomic():  # the failure is kept even though the caller is refused
        lockout, _created = Lockout.objects.select_for_update().get_or_create(login_index=index)
        if lockout.locked_until and lockout.locked_until > now:
            _note(user, index, SignInMethod.PASSWORD, SignInResult.LOCKED, ip, agent)
            until = clock.local(lockout.locked_until).strftime("%H:%M")
            text_locked = _("Too many wrong tries. Try again after %(time)s, or set a new password.") % {
                "time": until
            }
            refused = Refusal("locked", text_locked, status=429)
        elif user is None:
            throttle.unknown(ip)
            User().set_password(password)
        elif user.must_change_password:
            password = envelope.heard(password)  # a first secret, typed in groups as it is shown
        if refused is None and (user is None or not user.check_password(password)):
            lockout.failures += 1
            lockout.last_failure_at = now
            if lockout.failures >= MAX_FAILURES:
                lockout.locked_until, lockout.failures = now + LOCK, 0
                if user is not None:
                    record(events.LOCKED, by=_as_actor(user, ip, agent), on=user)
            lockout.save()
            _note(user, index, SignInMethod.PASSWORD, SignInResult.WRONG, ip, agent)
            refused = Refusal("wrong_login", _("Account or password is wrong. Check both and try again."))
        elif refused is None and user is not None and not user.is_active:
            _note(user, index, SignInMethod.PASSWORD, SignInResult.CLOSED, ip, agent)
            refused = Refusal(
                "closed", _("This account is closed. Ask your unit's administrator."), status=403
            )
        elif refused is None and user is not None and not user.needs_second_factor:
            # of staff the right code ends the count: a known password must not buy endless guesses of the code
            Lockout.objects.filter(pk=lockout.pk).update(failures=0, locked_until=None)
    if refused is not None:
        raise refused
    assert user is not None
    return user


def start_second_factor(user: User) -> str:
    """A fresh secret for an account that has none yet; shown once as a QR code."""
    if user.totp_secret:
        raise Conflict("second_factor_exists")
    return pyotp.random_base32()


def _step_of(secret: str, code: str) -> int | None:
    """The 30-second step that ``code`` belongs to, one step of clock difference allowed; None if it fits none."""
    now = int(clock.now().timestamp()) // TOTP_STEP
    totp = pyotp.TOTP(secret)
    for step in (now, now - 1, now + 1):
        if secrets.compare_digest(totp.at(step * TOTP_STEP), code):
            return step
    return None


@transaction.atomic
def set_second_factor(user: User, secret: str, code: str, *, by: Actor) -> None:
    """Bind the authenticator that shows ``code`` to the account."""
    user = User.objects.select_for_update().get(pk=user.pk)
    if user.totp_secret:
        raise Conflict("second_factor_exists")
    step = _step_of(secret, code)
    if step is None:
        raise Refusal(
            "wrong_code", _("The code is wrong or too old. Enter the six digits shown now."), field="code"
        )
    user.totp_secret, user.totp_last_step = secret, step
    user.save(update_fields=["totp_secret", "totp_last_step"])
    Lockout.objects.filter(login_index=_login_index(user.login)).update(failures=0, locked_until=None)
    record(events.SECOND_FACTOR_SET, by=by, on=user)


@transaction.atomic
def reset_second_factor(user: User, *, reason: str, by: Actor) -> None:
    """Take the authenticator off an account, after its owner was identified in person (security officer)."""
    by.require(Role.SECURITY_OFFICER)
    user.totp_secret, user.totp_last_step = "", 0
    user.save(update_fields=["totp_secret", "totp_last_step"])
    AccountSession.objects.filter(user=user, ended_at=None).update(ended_at=clock.now())
    record(events.SECOND_FACTOR_RESET, by=by, on=user, reason=reason)


def check_second_factor(user: User, code: str, *, ip: str = "", agent: str = "") -> None:
    """Second step of signing in. A code serves once; failures count towards the same lock as wrong passwords."""
    now = clock.now()
    index = _login_index(user.login)
    refused: Refusal | None = None
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        lockout, _created = Lockout.objects.select_for_update().get_or_create(login_index=index)
        step = _step_of(user.totp_secret, code) if user.totp_secret else None
        if lockout.locked_until and lockout.locked_until > now:
            refused = Refusal("locked", _("Too many wrong tries. Wait 20 minutes."), status=429)
        elif step is None or step <= user.totp_last_step:
            lockout.failures += 1
            lockout.last_failure_at = now
            if lockout.failures >= MAX_FAILURES:
                lockout.locked_until, lockout.failures = now + LOCK, 0
                record(events.LOCKED, by=_as_actor(user, ip, agent), on=user)
            lockout.save()
            _note(user, index, SignInMethod.SECOND_FACTOR, SignInResult.WRONG, ip, agent)
            refused = Refusal(
                "wrong_code",
                _("The code is wrong or was used already. Wait for the next six digits."),
                field="code",
            )
        else:
            User.objects.filter(pk=user.pk).update(totp_last_step=step)
            Lockout.objects.filter(pk=lockout.pk).update(failures=0, locked_until=None)
    if refused is not None:
        raise refused


def sign_in(request: HttpRequest, user: User, *, ip: str, agent: str) -> None:
    """Open the session, after every step was passed; the session key is new."""
    django_login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.session.cycle_key()
    now = clock.now()
    with transaction.atomic():
        AccountSession.objects.create(
            user=user,
            session_key=request.session.session_key or "",
            created_at=now,
            last_seen_at=now,
            ip=ip,
            agent=agent[:300],
        )
        method = SignInMethod.SECOND_FACTOR if user.needs_second_factor else SignInMethod.PASSWORD
        _note(user, _login_index(user.login), method, SignInResult.OK, ip, agent)
        record(events.SIGNED_IN, by=_as_actor(user, ip, agent), on=user)


def sign_out(request: HttpRequest, *, by: Actor) -> None:
    """Close the session of this browser."""
    if request.user.is_authenticated:
        user = request.user
        AccountSession.objects.filter(session_key=request.session.session_key).update(ended_at=clock.now())
        _note(user, _login_index(user.login), SignInMethod.SIGN_OUT, SignInResult.OK, by.ip, by.agent)
        record(events.SIGNED_OUT, by=by, on=user)
    django_logout(request)


@transaction.atomic
def end_session(session: AccountSession, *, by: Actor) -> None:
    """End one of one's own sessions from another browser."""
    if session.user_id != by.user_id:
        raise Forbidden("forbidden")
    if session.ended_at is None:
        session.ended_at = clock.now()
        session.save(update_fields=["ended_at"])
        record(events.SESSION_ENDED, by=by, on=session.user)


@transaction.atomic
def issue_code(purpose: str, target: str) -> str:
    """A fresh six-digit code for ``target`` (a phone or login). The caller sends it; only a digest is kept.

    At most five an hour for one target (``Refusal`` 429).
    """
    now = clock.now()
    index = blind_index("one-time-code", target)
    if (
        OneTimeCode.objects.filter(target_index=index, created_at__gt=now - timedelta(hours=1)).count()
        >= CODES_PER_HOUR
    ):
        raise Refusal(
            "too_many_codes", _("Too many codes were sent to this number. Try again in an hour."), status=429
        )
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
    OneTimeCode.objects.create(
        purpose=purpose,
        target_index=index,
        code_digest=blind_index("code", f"{purpose}:{target}:{code}"),
        created_at=now,
        expires_at=now + CODE_LIFE,
    )
    return code


def use_code(purpose: str, target: str, code: str) -> None:
    """Accept the latest code of this purpose and target once; ``Refusal`` if it is wrong, used, old or tried too often."""
    index = blind_index("one-time-code", target)
    ok = False
    with transaction.atomic():  # a wrong try is counted even though the caller is refused
        row = (
            OneTimeCode.objects.select_for_update()
            .filter(purpose=purpose, target_index=index, used_at=None, expires_at__gt=clock.now())
            .order_by("-pk")
            .first()
        )
        if row is not None and row.tries < CODE_TRIES:
            row.tries += 1
            digest = blind_index("code", f"{purpose}:{target}:{code.strip()}")
            ok = secrets.compare_digest(row.code_digest, digest)
            if ok:
                row.used_at = clock.now()
            row.save(update_fields=["tries", "used_at"])
    if not ok:
        raise Refusal("wrong_code", _("The code is wrong or has run out. Ask for a new one."), field="code")


def qr_address(user: User, secret: str) -> Any:
    """The otpauth address that an authenticator reads."""
    return pyotp.TOTP(secret).provisioning_uri(name=user.login, issuer_name="Zhupei 筑培")


RESET = "set_password"


def send_password_code(login: str) -> str:
    """Issue a code to set a password and give it to the senders that rooms above have registered.

    Returns the code, or "" when there is no such open account or no phone; callers never show which.
    """
    user = User.objects.filter(login=login, is_active=True, is_learner=False).first()
    code = issue_code(RESET, login)
    if user is None or not user.phone:
        return ""
    for send in code_senders:
        send(user.phone, code)
    return code


@transaction.atomic
def set_first_secret(user: User, hashed: str, *, by: Actor) -> None:
    """Replace password and second factor by a secret that serves once, to set a new password; it never signs in.

    ``hashed`` comes of the platform's password hasher: whoever calls this need not know the secret. Sessions end, and the count
    of failures. Raises ``Refusal`` for any other kind of hash.
    """
    try:
        identify_hasher(hashed)
    except ValueError:
        raise Refusal("bad_hash", _("This is not the hash of a first sign-in code.")) from None
    user.password, user.must_change_password = hashed, True
    user.totp_secret, user.totp_last_step = "", 0
    user.save(update_fields=["password", "must_change_password", "totp_secret", "totp_last_step"])
    AccountSession.objects.filter(user=user, ended_at=None).update(ended_at=clock.now())
    Lockout.objects.filter(login_index=_login_index(user.login)).delete()
    record(events.FIRST_SECRET_SET, by=by, on=user)


def _first_secret_of(login: str, code: str, ip: str, agent: str) -> User:
    """The account that ``code`` is the first secret of. Any other is refused in one way, whether the account exists or not;
    wrong ones count towards the lock of the name."""
    try:
        user = check_password(login, code, ip=ip, agent=agent)
    except Refusal as refusal:
        if refusal.code != "wrong_login":
            raise
    else:
        if user.must_change_password:
            return user
    text = _(
        "The account or the first sign-in code is wrong, or the code was used already. Check both, figure by figure."
    )
    raise Refusal("wrong_code", text, field="code")


def _sent_to(login: str, code: str) -> User:
    """The account to whose phone ``code`` was sent. One that was sent to nobody opens nothing: it could only be guessed."""
    use_code(RESET, login, code)
    user = User.objects.filter(
        login=login, is_active=True, is_learner=False, must_change_password=False
    ).first()
    if user is None or not user.phone:
        raise Refusal("wrong_code", _("The code is wrong or has run out. Ask for a new one."), field="code")
    return user


def reset_password(login: str, code: str, password: str, *, ip: str = "", agent: str = "") -> None:
    """Set a staff account's password with the six digits that were sent to its phone, or with its first secret."""
    check_strength(password)  # first, so that a weak one does not use the code up
    code = envelope.heard(code)
    user = _sent_to(login, code) if len(code) == CODE_DIGITS else _first_secret_of(login, code, ip, agent)
    with transaction.atomic():
        now = User.objects.select_for_update().get(pk=user.pk)
        if now.password != user.password:
            raise Conflict("wrong_state", _("This code was used already."))
        set_password(now, password, by=_as_actor(now, ip, agent))
    Lockout.objects.filter(login_index=_login_index(user.login)).update(failures=0, locked_until=None)


def change_password(user: User, old: str, new: str, *, by: Actor) -> None:
    """Change one's own password; the present one proves who asks. Wrong ones count towards the lock of the account."""
    try:
        check_password(user.login, old, ip=by.ip, agent=by.agent)
    except Refusal as refusal:
        if refusal.code != "wrong_login":
            raise
        raise Refusal("wrong_password", _("The present password is wrong."), field="old") from None
    set_password(user, new, by=by)
