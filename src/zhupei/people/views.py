from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.kernel import names
from zhupei.web.paging import page_by_key
from zhupei.web.views import file_response, perform, refusals, status_of

from . import access, actions, throttle
from .consents import TEXTS, ConsentText
from .forms import (
    CorrectForm,
    DocumentForm,
    EditForm,
    NameSearch,
    PhoneForm,
    PhoneStart,
    PhotoForm,
    ReasonForm,
    ResetForm,
    SignUpForm,
    SignUpStart,
)
from .models import Person
from .personal import kept
from .queries import consents_of, identity_warnings, named, photo_bytes

SEND = "send_code"  # the button that asks for a code; the other one finishes


def _asks_for_code(request: HttpRequest) -> bool:
    return request.method == "POST" and SEND in request.POST


def _warnings(data: dict[str, Any]) -> list[str]:
    """What should be looked at twice before going on; nothing here stops anybody."""
    found = []
    if identity_warnings(data["identity_kind"], data["identity_number"]):
        found.append(
            _(
                "The first six digits of the number are in no list of counties. If they stand so on the card, go on."
            )
        )
    if "name" in data and names.private_use(data["name"]):
        found.append(
            _(
                "The name holds a rare character that not every device shows. You can go on; show your card to the institution, "
                "so that it prints the character rightly."
            )
        )
    return found


# ── opening an account, forgotten password ──────────────────────────────────────────────────────────────


def sign_up(request: HttpRequest) -> HttpResponse:
    """Open a learner's account: document, name and mobile; then the code, a password and the consents."""
    if request.actor.is_signed_in:
        return redirect("/")
    context: dict[str, Any] = {"texts": list(TEXTS.values()), "second": False}
    if _asks_for_code(request):
        form = SignUpStart(request.POST)
        if form.is_valid():
            with refusals(form) as outcome:
                throttle.bound(throttle.CODES_PER_ADDRESS, request.actor.ip)
                code = actions.send_sign_up_code(**form.cleaned_data)
            if outcome.ok:
                context |= {
                    "second": True,
                    "warnings": _warnings(form.cleaned_data),
                    "demo_code": code if settings.DEMO else "",
                }
                form = SignUpForm(initial=form.cleaned_data)
    elif request.method == "POST":
        form = SignUpForm(request.POST)
        context["second"] = True
        if form.is_valid():
            data = {k: v for k, v in form.cleaned_data.items() if k != "again"}
            with refusals(form) as outcome:
                actions.sign_up(**data, by=request.actor)
            if outcome.ok:
                messages.success(
                    request, _("Your account is open. Sign in with your document number and password.")
                )
                return redirect("accounts:sign_in")
    else:
        form = SignUpStart()
    return render(request, "people/sign_up.html", {**context, "form": form}, status=status_of(form))


def reset_password(request: HttpRequest) -> HttpResponse:
    """A learner's forgotten password: a code to the mobile on record, then a new password."""
    context: dict[str, Any] = {"second": False}
    if _asks_for_code(request):
        form = DocumentForm(request.POST)
        if form.is_valid():
            with refusals(form) as outcome:
                throttle.bound(throttle.CODES_PER_ADDRESS, request.actor.ip)
                code = actions.send_reset_code(**form.cleaned_data)
            if outcome.ok:
                context |= {"second": True, "demo_code": code if settings.DEMO else ""}
                form = ResetForm(initial=form.cleaned_data)
    elif request.method == "POST":
        form = ResetForm(request.POST)
        context["second"] = True
        if form.is_valid():
            data = {k: v for k, v in form.cleaned_data.items() if k != "again"}
            with refusals(form) as outcome:
                actions.reset_password(**data, by=request.actor)
            if outcome.ok:
                messages.success(request, _("The new password is set. Sign in with it."))
                return redirect("accounts:sign_in")
    else:
        form = DocumentForm()
    return render(request, "people/reset_password.html", {**context, "form": form}, status=status_of(form))


def _text(purpose: str) -> ConsentText:
    if purpose not in TEXTS:
        raise Http404
    return TEXTS[purpose]


def consent_text(request: HttpRequest, purpose: str) -> HttpResponse:
    """The text of one consent, for everybody to read."""
    return render(request, "people/consent_text.html", {"text": _text(purpose)})


# ── one's own data ──────────────────────────────────────────────────────────────────────────────────────


def _own(request: HttpRequest) -> Person:
    return get_object_or_404(access.own(request.actor))


def _me(request: HttpRequest, person: Person, number: str = "") -> HttpResponse:
    context = {"person": person, "number": number, "consents": consents_of(person), "kept": kept()}
    return render(request, "people/me.html", context)


def me(request: HttpRequest) -> HttpResponse:
    """My data: what is on record, consents, and what is kept for how long."""
    return _me(request, _own(request))


@require_POST
def show_own(request: HttpRequest) -> HttpResponse:
    person = _own(request)
    return _me(request, person, actions.show_own_number(person, by=request.actor))


def edit(request: HttpRequest) -> HttpResponse:
    person = _own(request)
    values = {"education": person.education, "employer": person.employer}
    form = EditForm(request.POST or None, instance_values=values)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.edit_own(person, **form.cleaned_data, by=request.actor)
        if outcome.ok:
            messages.success(request, _("Your data are saved."))
            return redirect("people:me")
    return render(request, "people/edit.html", {"form": form}, status=status_of(form))


def change_phone(request: HttpRequest) -> HttpResponse:
    person = _own(request)
    context: dict[str, Any] = {"person": person, "second": False}
    form: PhoneStart
    if _asks_for_code(request):
        form = PhoneStart(request.POST)
        if form.is_valid():
            with refusals(form) as outcome:
                throttle.bound(throttle.CODES_PER_ADDRESS, request.actor.ip)
                code = actions.send_phone_code(person, form.cleaned_data["phone"], by=request.actor)
            if outcome.ok:
                context |= {"second": True, "demo_code": code if settings.DEMO else ""}
                form = PhoneForm(initial=form.cleaned_data)
    elif request.method == "POST":
        form = PhoneForm(request.POST)
        context["second"] = True
        if form.is_valid():
            data = form.cleaned_data
            with refusals(form) as outcome:
                throttle.bound(throttle.PASSWORDS_PER_USER, request.actor.user_id)
                actions.change_phone(person, data["phone"], data["code"], data["password"], by=request.actor)
            if outcome.ok:
                messages.success(request, _("Your new mobile is on record."))
                return redirect("people:me")
    else:
        form = PhoneStart()
    return render(request, "people/change_phone.html", {**context, "form": form}, status=status_of(form))


def photo(request: HttpRequest) -> HttpResponse:
    person = _own(request)
    form = PhotoForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.set_photo(person, form.cleaned_data["photo"].read(), by=request.actor)
        if outcome.ok:
            messages.success(request, _("Your photo is saved."))
            return redirect("people:me")
    return render(request, "people/photo.html", {"form": form, "person": person}, status=status_of(form))


def _photo_response(person: Person) -> HttpResponse:
    data = photo_bytes(person)
    if data is None:
        raise Http404
    return file_response(data, "photo.jpg", "image/jpeg", inline=True)


def photo_image(request: HttpRequest) -> HttpResponse:
    return _photo_response(_own(request))


@require_POST
def give_consent(request: HttpRequest, purpose: str) -> HttpResponseBase:
    text, person = _text(purpose), _own(request)
    return perform(
        request,
        lambda: actions.give_consent(person, text.purpose, by=request.actor),
        success=_("Your consent is recorded."),
        to="people:me",
    )


def withdraw_consent(request: HttpRequest, purpose: str) -> HttpResponseBase:
    """What a withdrawal leads to, then the withdrawal."""
    text, person = _text(purpose), _own(request)
    if request.method == "POST":
        return perform(
            request,
            lambda: actions.withdraw_consent(person, text.purpose, by=request.actor),
            success=_("Your consent is withdrawn."),
            to="people:me",
        )
    return render(request, "people/withdraw_consent.html", {"text": text})


@require_POST
def export(request: HttpRequest) -> HttpResponse:
    """One's own data as a file (PIPL 45)."""
    data = actions.export_own(_own(request), by=request.actor)
    text = json.dumps(data, ensure_ascii=False, indent=2)
    return file_response(text.encode(), _("my-data.json"), "application/json")


# ── staff ───────────────────────────────────────────────────────────────────────────────────────────────


def find(request: HttpRequest) -> HttpResponse:
    """Find a person by the whole document number (posted, so that it stands in no log); the centre also by name."""
    actor = request.actor
    form = DocumentForm(request.POST or None)
    context: dict[str, Any] = {"form": form, "not_found": False}
    status = 200
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            throttle.bound(throttle.LOOKUPS_PER_USER, actor.user_id)
            person = actions.find_by_number(**form.cleaned_data, by=actor)
        if outcome.ok:
            if person is not None:
                return redirect("people:card", token=access.card_of(person, actor))
            context["not_found"], status = True, 404
    if access.may_search_names(actor):
        filters = NameSearch(request.GET or None)
        context["filters"] = filters
        if filters.is_valid() and filters.cleaned_data["name"]:
            page = page_by_key(named(filters.cleaned_data["name"]), request, order=("name_key", "pk"))
            context |= {
                "page": page,
                "rows": [(p, access.card_of(p, actor)) for p in page.items],
                "searched": True,
            }
    return render(request, "people/find.html", context, status=status if status != 200 else status_of(form))


def _carded(request: HttpRequest, token: str) -> Person:
    return get_object_or_404(access.by_card(request.actor, token))


def card(request: HttpRequest, token: str) -> HttpResponse:
    """A person's masked record; the full number after saying for what."""
    person = _carded(request, token)
    form = ReasonForm(request.POST or None)
    number = ""
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            throttle.bound(throttle.LOOKUPS_PER_USER, request.actor.user_id)
            number = actions.unmask(person, reason=form.cleaned_data["reason"], by=request.actor)
        if outcome.ok:
            form = ReasonForm()
    context = {
        "person": person,
        "token": token,
        "form": form,
        "number": number,
        "may_correct": access.may_search_names(request.actor),
    }
    return render(request, "people/card.html", context, status=status_of(form))


def card_photo(request: HttpRequest, token: str) -> HttpResponse:
    return _photo_response(_carded(request, token))


def correct(request: HttpRequest, token: str) -> HttpResponse:
    """Correct name or mobile of a person who was identified (the centre)."""
    person = _carded(request, token)
    form = CorrectForm(request.POST or None, instance_values={"name": person.name, "phone": person.phone})
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.correct_person(person, **form.cleaned_data, by=request.actor)
        if outcome.ok:
            messages.success(request, _("The record is corrected."))
            return redirect("people:card", token=token)
    context = {"form": form, "person": person, "token": token}
    return render(request, "people/correct.html", context, status=status_of(form))
