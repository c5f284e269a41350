from django.utils.translation import gettext_lazy as _

from zhupei.audit.api import register

ACCOUNT_OPENED = register("accounts.account_opened", _("Account opened"))
ACCOUNT_CLOSED = register("accounts.account_closed", _("Account closed"))
ACCOUNT_REOPENED = register("accounts.account_reopened", _("Account opened again"))
PASSWORD_SET = register("accounts.password_set", _("Password set"))
FIRST_SECRET_SET = register("accounts.first_secret_set", _("First sign-in code put in place of the password"))
SECOND_FACTOR_SET = register("accounts.second_factor_set", _("Second factor set up"))
SECOND_FACTOR_RESET = register("accounts.second_factor_reset", _("Second factor reset"))
SIGNED_IN = register("accounts.signed_in", _("Signed in"))
SIGNED_OUT = register("accounts.signed_out", _("Signed out"))
LOCKED = register("accounts.locked", _("Account locked after failures"))
SESSION_ENDED = register("accounts.session_ended", _("Session ended from elsewhere"))
