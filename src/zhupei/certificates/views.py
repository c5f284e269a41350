from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from zhupei.documents.api import render_pdf
from zhupei.kernel.actor import Actor
from zhupei.people.api import named
from zhupei.web.access import may_open
from zhupei.web.paging import page_by_key
from zhupei.web.views import file_response, refusals, status_of

from . import access, actions, queries, throttle
from .forms import CertificateFilter, CheckForm, RevocationForm
from .models import Certificate, CertificateState
from .prints import document_of


def actor_of(request: HttpRequest) -> Actor:
    """The actor that the middleware put on the request."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


# ── the public ──────────────────────────────────────────────────────────────────────────────────────────


def _too_often(request: HttpRequest, form: CheckForm) -> HttpResponse | None:
    wait = throttle.wait_for(actor_of(request).ip)
    if not wait:
        return None
    minutes = -(-wait // 60)
    response = render(
        request, "certificates/check.html", {"form": form, "too_often": True, "minutes": minutes}, status=429
    )
    response["Retry-After"] = str(wait)
    return response


def check(request: HttpRequest) -> HttpResponse:
    """Check a certificate by its number. Open to everybody; says no more than an employer needs."""
    asked = "number" in request.GET
    form = CheckForm(request.GET if asked else None)
    if not asked or not form.is_valid():
        return render(request, "certificates/check.html", {"form": form}, status=422 if asked else 200)
    refused = _too_often(request, form)
    if refused is not None:
        return refused
    actions.catch_up()
    number = queries.clean_number(form.cleaned_data["number"])
    found = queries.check(number)
    context = {"form": form, "found": found, "asked": number}
    return render(request, "certificates/check.html", context, status=200 if found else 404)


def check_token(request: HttpRequest, token: str) -> HttpResponse:
    """Where the QR code of a certificate leads."""
    form = CheckForm()
    refused = _too_often(request, form)
    if refused is not None:
        return refused
    actions.catch_up()
    found = queries.check_by_token(token[:60])
    context = {"form": form, "found": found, "by_code": True}
    return render(request, "certificates/check.html", context, status=200 if found else 404)


# ── staff ───────────────────────────────────────────────────────────────────────────────────────────────


def certificate_list(request: HttpRequest) -> HttpResponse:
    """Certificates, newest first, with search."""
    actions.catch_up()
    actor = actor_of(request)
    filters = CertificateFilter(request.GET)
    rows = access.certificates_for(actor)
    data: dict[str, Any] = filters.cleaned_data if filters.is_valid() else {}
    if data.get("q"):
        number = queries.clean_number(data["q"])
        if not any(letter.isdigit() for letter in number):  # a name: no name has a digit
            rows = rows.filter(Q(number__startswith=number) | Q(person__in=named(data["q"])))
        elif rows.filter(number=number).exists():
            rows = rows.filter(number=number)
        else:
            rows = rows.filter(number__startswith=number)
    if data.get("post"):
        rows = rows.filter(post=data["post"])
    if data.get("state"):
        rows = rows.filter(state=data["state"])
    context = {
        "page": page_by_key(rows, request, order=("-issued_on", "-pk")),
        "filters": filters,
        "filtered": any(data.values()),
        "held": access.held_for(actor),
        "may_decide": may_open(actor, "certificates:revocations"),
    }
    return render(request, "certificates/list.html", context)


def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One certificate with its time line."""
    actions.catch_up()
    certificate = get_object_or_404(access.certificates_for(actor_of(request)).select_related("photo"), pk=pk)
    entries = [
        {
            "at": event.at,
            "who": _("Zhupei") if event.person == "system" else event.person,
            "what": _("Issued") if event.state == CertificateState.VALID else _("Revoked"),
            "why": event.reason,
            "tone": event.state,
        }
        for event in certificate.events.order_by("at", "pk")
    ]
    context = {
        "certificate": certificate,
        "entries": entries,
        "intact": queries.is_intact(certificate),
        "check_url": _check_url(request, certificate),
    }
    return render(request, "certificates/detail.html", context)


def _check_url(request: HttpRequest, certificate: Certificate) -> str:
    return request.build_absolute_uri(reverse("certificates:check_token", args=[certificate.check_token]))


def pdf(request: HttpRequest, pk: int) -> HttpResponse:
    """The certificate as PDF."""
    certificate = get_object_or_404(access.certificates_for(actor_of(request)).select_related("photo"), pk=pk)
    data = render_pdf(document_of(certificate, _check_url(request, certificate)))
    actions.note_download(certificate, by=actor_of(request))
    return file_response(data, f"{_('Training certificate')} {certificate.number}.pdf", "application/pdf")


def revocations(request: HttpRequest) -> HttpResponse:
    """Certificates whose result no longer passes, open ones first shown alone; ``?done=1`` shows the decided."""
    actions.catch_up()
    actor = actor_of(request)
    done = request.GET.get("done") == "1"
    rows = access.revocations_for(actor).filter(decided_at__isnull=not done)
    context = {
        "page": page_by_key(rows, request),
        "done": done,
        "may_decide": may_open(actor, "certificates:revocation_decide"),
        "me": actor.user_id,
    }
    return render(request, "certificates/revocations.html", context)


def revocation_decide(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Revoke a certificate whose result no longer passes, or let it stand."""
    actor = actor_of(request)
    proposal = get_object_or_404(access.revocations_for(actor), pk=pk)
    form = RevocationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as outcome:
            actions.decide_revocation(
                proposal,
                accept=form.cleaned_data["accept"],
                reason=form.cleaned_data["reason"],
                by=actor,
            )
        if outcome.ok:
            messages.success(request, _("Decided."))
            return redirect("certificates:detail", pk=proposal.certificate_id)
    context = {"form": form, "proposal": proposal, "certificate": proposal.certificate}
    return render(request, "certificates/revocation_decide.html", context, status=status_of(form))


# ── the learner ─────────────────────────────────────────────────────────────────────────────────────────


def mine(request: HttpRequest) -> HttpResponse:
    """My certificates."""
    actions.catch_up()
    rows = list(access.certificates_for(actor_of(request)).order_by("-issued_on", "-pk"))
    return render(request, "certificates/mine.html", {"certificates": rows})
