from __future__ import annotations

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from zhupei.web.fields import EncryptedField, blind_index


def login_of_identity(id_number: str) -> str:
    """The login of a learner: the keyed index of the ID number, so that the account table holds no number."""
    return "id:" + blind_index("identity", id_number)


class UserManager(BaseUserManager["User"]):
    def create_user(self, login: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(login=login, **fields)
        if password is None:
            user.set_unusable_password()
        else:
            user.set_password(password)
        user.save()
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(login=username)


class User(AbstractBaseUser):
    """An account. Staff sign in with a name and a second factor; learners with their ID number.

    Personal data: ``phone`` is kept to send one-time codes and notices, for as long as the account is open.
    """

    login = models.CharField(_("account"), max_length=80, unique=True)
    display_name = models.CharField(pgettext_lazy("person", "name"), max_length=100)
    phone = EncryptedField(_("mobile"), blank=True, default="")
    is_active = models.BooleanField(pgettext_lazy("account", "open"), default=True)
    is_learner = models.BooleanField(default=False)
    totp_secret = EncryptedField(blank=True, default="")
    totp_last_step = models.BigIntegerField(default=0)
    must_change_password = models.BooleanField(default=False)
    password_changed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "login"
    REQUIRED_FIELDS = ["display_name"]
    objects = UserManager()

    class Meta:
        indexes = [models.Index(fields=["login"], condition=models.Q(is_learner=False), name="user_staff")]

    def __str__(self) -> str:
        return self.display_name

    @property
    def needs_second_factor(self) -> bool:
        return not self.is_learner


class SignInMethod(models.TextChoices):
    PASSWORD = "password", _("Password")
    SECOND_FACTOR = "second_factor", _("Second factor")
    CODE = "code", _("One-time code")
    SIGN_OUT = "sign_out", _("Sign out")


class SignInResult(models.TextChoices):
    OK = "ok", _("Succeeded")
    WRONG = "wrong", _("Refused")
    LOCKED = "locked", _("Locked")
    CLOSED = "closed", _("Account closed")


class SignInEvent(models.Model):
    """One attempt to sign in, or a sign-out (R023). Append-only. ``login_index`` also tells attempts on unknown names."""

    user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="sign_ins")
    login_index = models.CharField(max_length=64, db_index=True)
    at = models.DateTimeField(_("time"), db_index=True)
    ip = models.CharField(_("address"), max_length=45, blank=True)
    agent = models.CharField(_("device"), max_length=300, blank=True)
    method = models.CharField(max_length=20, choices=SignInMethod.choices)
    result = models.CharField(max_length=10, choices=SignInResult.choices)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.method} {self.result}"


class Lockout(models.Model):
    """Failures in a row for one login name (kept as an index), and until when it is locked."""

    login_index = models.CharField(max_length=64, unique=True)
    failures = models.PositiveIntegerField(default=0)
    last_failure_at = models.DateTimeField(null=True)
    locked_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.failures} failures"


class AccountSession(models.Model):
    """A signed-in browser, so that its owner can see it and end it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    session_key = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(_("signed in"))
    last_seen_at = models.DateTimeField(_("last used"))
    ip = models.CharField(_("address"), max_length=45, blank=True)
    agent = models.CharField(_("device"), max_length=300, blank=True)
    ended_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.user} {self.created_at:%Y-%m-%d %H:%M}"


class OneTimeCode(models.Model):
    """A six-digit code sent to a phone. Only its digest is kept; it serves once, for a few minutes, for five tries."""

    purpose = models.CharField(max_length=40)
    target_index = models.CharField(max_length=64, db_index=True)
    code_digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_index=True)
    expires_at = models.DateTimeField()
    tries = models.PositiveIntegerField(default=0)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.purpose} {self.created_at:%Y-%m-%d %H:%M}"
