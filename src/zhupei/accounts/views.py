from __future__ import annotations

from typing import Any

import pyotp
import segno
from django.conf import settings
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import Role
from zhupei.web.paging import page_by_key
from zhupei.web.views import perform, refusals, safe_next, status_of

from . import actions
from .forms import (
    ChangePasswordForm,
    CodeForm,
    LoginOnlyForm,
    NewPasswordForm,
    ReasonForm,
    SignInForm,
    UserFilter,
)
from .models import AccountSession, SignInEvent, User

PENDING = "pending_sign_in"
PENDING_SECONDS = 600
RESET = "set_password"


def _where(request: HttpRequest) -> dict[str, str]:
    return {"ip": request.actor.ip, "agent": request.actor.agent}


def _after_sign_in(request: HttpRequest, user: User, target: str) -> HttpResponse:
    actions.sign_in(request, user, **_where(request))
    request.session.pop(PENDING, None)
    return redirect(target)


def sign_in(request: HttpRequest) -> HttpResponse:
    """First step: account and password. Learners are in; staff go on to the second factor."""
    if request.actor.is_signed_in:
        return redirect(safe_next(request))
    form = SignInForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            user = actions.check_password(
                form.cleaned_data["login"], form.cleaned_data["password"], **_where(request)
            )
        if outcome.ok and user.must_change_password:
            request.session["reset_login"] = user.login
            messages.info(request, _("This is your first sign-in code. Set a password of your own with it."))
            return redirect("accounts:new_password")
        if outcome.ok:
            if not user.needs_second_factor:
                return _after_sign_in(request, user, safe_next(request))
            request.session.cycle_key()
            request.session[PENDING] = {
                "user": user.pk,
                "password": user.get_session_auth_hash(),
                "at": clock.now().timestamp(),
                "next": safe_next(request),
            }
            step = "accounts:second_factor" if user.totp_secret else "accounts:second_factor_set_up"
            return redirect(step)
    return render(
        request,
        "accounts/sign_in.html",
        {"form": form, "next": request.POST.get("next") or request.GET.get("next", "")},
        status=status_of(form),
    )


def _pending(request: HttpRequest) -> tuple[User, str] | None:
    """The person who passed the first step in this browser within the last ten minutes, and where he wants to go.

    With a new password the first step counts no more.
    """
    state = request.session.get(PENDING)
    if not state or clock.now().timestamp() - state["at"] > PENDING_SECONDS:
        return None
    user = User.objects.filter(pk=state["user"], is_active=True).first()
    if user is None or user.get_session_auth_hash() != state.get("password"):
        return None
    return user, state["next"]


def second_factor(request: HttpRequest) -> HttpResponse:
    """Second step: the six digits of the authenticator."""
    pending = _pending(request)
    if pending is None:
        return redirect("accounts:sign_in")
    user, target = pending
    if not user.totp_secret:
        return redirect("accounts:second_factor_set_up")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.check_second_factor(user, form.cleaned_data["code"], **_where(request))
        if outcome.ok:
            return _after_sign_in(request, user, target)
    demo_code = pyotp.TOTP(user.totp_secret).at(clock.now()) if settings.DEMO else ""
    return render(
        request, "accounts/second_factor.html", {"form": form, "demo_code": demo_code}, status=status_of(form)
    )


def second_factor_set_up(request: HttpRequest) -> HttpResponse:
    """The first time: bind an authenticator by its QR code."""
    pending = _pending(request)
    if pending is None:
        return redirect("accounts:sign_in")
    user, target = pending
    if user.totp_secret:
        return redirect("accounts:second_factor")
    state = request.session[PENDING]
    secret = state.get("secret") or actions.start_second_factor(user)
    if "secret" not in state:
        request.session[PENDING] = {**state, "secret": secret}
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            by = Actor(user.pk, user.display_name, **_where(request))
            actions.set_second_factor(user, secret, form.cleaned_data["code"], by=by)
        if outcome.ok:
            return _after_sign_in(request, user, target)
    context = {
        "form": form,
        "secret": secret,
        "qr": segno.make(actions.qr_address(user, secret), error="m").svg_data_uri(scale=5, border=2),
        "demo_code": pyotp.TOTP(secret).at(clock.now()) if settings.DEMO else "",
    }
    return render(request, "accounts/second_factor_set_up.html", context, status=status_of(form))


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    actions.sign_out(request, by=request.actor)
    messages.success(request, _("You are signed out."))
    return redirect("/")


def send_code(request: HttpRequest) -> HttpResponse:
    """Ask for a code to set a new password. The answer does not tell whether the account exists."""
    form = LoginOnlyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            login = form.cleaned_data["login"].strip()
            shown = actions.send_password_code(login)
        if outcome.ok:
            messages.success(
                request, _("If the account exists, a code was sent to its mobile. It serves for 10 minutes.")
            )
            if shown and settings.DEMO:
                messages.info(request, _("Demonstration: the code is %(code)s.") % {"code": shown})
            request.session["reset_login"] = login
            return redirect("accounts:new_password")
    return render(request, "accounts/send_code.html", {"form": form}, status=status_of(form))


def new_password(request: HttpRequest) -> HttpResponse:
    """Set a password with the code that was sent, or with a first sign-in code."""
    form = NewPasswordForm(
        request.POST or None, instance_values={"login": request.session.get("reset_login", "")}
    )
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        with refusals(form) as outcome:
            actions.reset_password(data["login"].strip(), data["code"], data["password"], **_where(request))
        if outcome.ok:
            request.session.pop("reset_login", None)
            messages.success(request, _("The new password is set. Sign in with it."))
            return redirect("accounts:sign_in")
    return render(request, "accounts/new_password.html", {"form": form}, status=status_of(form))


def change_password(request: HttpRequest) -> HttpResponse:
    form = ChangePasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.change_password(
                request.user, form.cleaned_data["old"], form.cleaned_data["password"], by=request.actor
            )
        if outcome.ok:
            messages.success(request, _("The new password is set. Sign in with it."))
            return redirect("accounts:sign_in")
    return render(request, "accounts/change_password.html", {"form": form}, status=status_of(form))


def mine(request: HttpRequest) -> HttpResponse:
    """My account: where I am signed in, and the last sign-ins (R023)."""
    context = {
        "sessions": AccountSession.objects.filter(user=request.user, ended_at=None).order_by("-last_seen_at"),
        "current_key": request.session.session_key,
        "events": SignInEvent.objects.filter(user=request.user).order_by("-pk")[:20],
    }
    return render(request, "accounts/mine.html", context)


@require_POST
def end_session(request: HttpRequest, pk: int) -> HttpResponseBase:
    session = get_object_or_404(AccountSession.objects.filter(user=request.user), pk=pk)
    return perform(
        request,
        lambda: actions.end_session(session, by=request.actor),
        success=_("That browser is signed out."),
        to="accounts:mine",
    )


def users(request: HttpRequest) -> HttpResponse:
    """Staff accounts, for the system administrator and the security officer."""
    filters = UserFilter(request.GET)
    rows = User.objects.filter(is_learner=False)
    if filters.is_valid() and filters.cleaned_data["q"]:
        q = filters.cleaned_data["q"]
        rows = rows.filter(Q(login__icontains=q) | Q(display_name__icontains=q))
    page = page_by_key(rows, request, order=("login", "pk"))
    return render(
        request,
        "accounts/users.html",
        {"page": page, "filters": filters, "filtered": bool(request.GET.get("q"))},
    )


def user(request: HttpRequest, pk: int) -> HttpResponse:
    account = get_object_or_404(User.objects.filter(is_learner=False), pk=pk)
    context: dict[str, Any] = {
        "account": account,
        "form": ReasonForm(),
        "events": SignInEvent.objects.filter(user=account).order_by("-pk")[:20],
        "may_close": request.actor.has(Role.SYSTEM_ADMINISTRATOR),
        "may_reset": request.actor.has(Role.SECURITY_OFFICER) and bool(account.totp_secret),
    }
    return render(request, "accounts/user.html", context)


def _with_reason(request: HttpRequest, pk: int, act: Any, success: Any) -> HttpResponseBase:
    account = get_object_or_404(User.objects.filter(is_learner=False), pk=pk)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Say why, then press the button again."))
        return redirect("accounts:user", pk=pk)
    return perform(
        request, lambda: act(account, form.cleaned_data["reason"]), success=success, to="accounts:user", pk=pk
    )


@require_POST
def close(request: HttpRequest, pk: int) -> HttpResponseBase:
    def act(account: User, reason: str) -> None:
        actions.set_account_open(account, False, reason=reason, by=request.actor)

    return _with_reason(request, pk, act, _("The account is closed."))


@require_POST
def reopen(request: HttpRequest, pk: int) -> HttpResponseBase:
    def act(account: User, reason: str) -> None:
        actions.set_account_open(account, True, reason=reason, by=request.actor)

    return _with_reason(request, pk, act, _("The account is open again."))


@require_POST
def reset_second_factor(request: HttpRequest, pk: int) -> HttpResponseBase:
    def act(account: User, reason: str) -> None:
        actions.reset_second_factor(account, reason=reason, by=request.actor)

    return _with_reason(
        request, pk, act, _("The second factor is reset; it is set up again at the next sign-in.")
    )
