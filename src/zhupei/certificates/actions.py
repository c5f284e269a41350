"""Every write on certificates: issue on a confirmed pass, revoke on a voided result (I01, J22), or by the centre's decision on
one that no longer passes (I07)."""

from __future__ import annotations

import logging
import secrets
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from zhupei.audit.api import record
from zhupei.exams import api as exams
from zhupei.exams.api import ExamsEvent, Result, ResultState
from zhupei.hours.api import accepted_hours
from zhupei.institutions.api import require_may_train
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.digests import canonical_json
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.numbers import BadField, NumberFields, NumberPattern
from zhupei.kernel.roles import Role
from zhupei.notices.api import notify
from zhupei.people.api import freeze_photo
from zhupei.rulebook.api import Post, parameter

from . import events
from .models import (
    Certificate,
    CertificateCounter,
    CertificateEvent,
    CertificateState,
    ConsumedEvent,
    RevocationProposal,
    WaitingResult,
)

log = logging.getLogger(__name__)

SOURCE = "exams"
CONFIRMED, VOIDED, RESCORED = "result_confirmed", "result_voided", "result_rescored"
OVERLAP = 200  # read again: an event that was written earlier may have been committed later
CHUNK = 500


def content_of(certificate: Certificate) -> dict[str, Any]:
    """What the signature covers: everything that is printed and never changes."""
    return {
        "format": 1,
        "number": certificate.number,
        "name": certificate.holder_name,
        "id_last4": certificate.id_last4,
        "post": certificate.post_name,
        "institution": certificate.institution_name,
        "hours": certificate.hours,
        "issued_on": certificate.issued_on,
        "result": certificate.result_id,
        "photo": certificate.photo.digest if certificate.photo else "",
    }


def signed_bytes(certificate: Certificate) -> bytes:
    """The bytes under the signature."""
    return canonical_json(content_of(certificate))


def _next_number(post: Post, institution_id: int, issued_on: date) -> str:
    """The next number by the pattern of the day. National posts carry the national code, local ones the local series (J27)."""
    CertificateCounter.objects.get_or_create(year=issued_on.year)
    counter = CertificateCounter.objects.select_for_update().get(year=issued_on.year)
    CertificateCounter.objects.filter(pk=counter.pk).update(last=F("last") + 1)
    counter.refresh_from_db()
    fields = NumberFields(
        province=str(parameter("certificate_province", on=issued_on)),
        year=issued_on.year,
        post=post.national_code if post.is_national and post.national_code else post.code,
        institution=institution_id,
        seq=counter.last,
    )
    try:
        return NumberPattern(str(parameter("certificate_pattern", on=issued_on))).format(fields)
    except BadField as error:
        text = _(
            "The pattern of certificate numbers has no room left (%(field)s). Widen it under “Parameters”."
        ) % {"field": str(error)}
        raise Refusal("number_full", text, clause="I01", status=409) from None


def _add_event(certificate: Certificate, reason: str, by: Actor) -> None:
    CertificateEvent.objects.create(
        certificate=certificate,
        state=certificate.state,
        reason=reason,
        person=f"{by.organisation_name} {by.name}".strip(),
        at=clock.now(),
    )


def _tell(certificate: Certificate, *, kind: str, title: Any, text: Any = "") -> None:
    user = certificate.person.user
    if user is not None:
        notify(user, kind=kind, title=title, text=text, url=reverse("certificates:mine"))


def _issue(result: Result, *, by: Actor) -> Certificate | None:
    """The certificate of a confirmed pass; None when there is nothing to issue (now).

    Nothing is issued while the institution may not train on the day of issue (R005), or while the pattern has no number
    left: it is issued once that is mended, and holds up nobody else.
    """
    result = (
        Result.objects.select_for_update(of=("self",))
        .select_related(
            "candidate__person__user",
            "candidate__person__photo",
            "candidate__post",
            "candidate__batch__institution",
            "candidate__enrolment__training_class__institution",
        )
        .get(pk=result.pk)
    )
    if (
        not result.passed
        or result.state != ResultState.CONFIRMED
        or Certificate.objects.filter(result=result).exists()
    ):
        return None
    candidate, person = result.candidate, result.candidate.person
    training_class = candidate.enrolment.training_class
    institution = training_class.institution  # who trained issues (J22), also when another unit held the test
    issued_on = clock.local(result.confirmed_at or clock.now()).date()
    try:
        require_may_train(institution, on=issued_on)
        with transaction.atomic():  # a number that does not fit is not used up
            number = _next_number(candidate.post, institution.pk, issued_on)
    except Refusal as refusal:
        log.warning("certificate for result %d waits: %s", result.pk, refusal.code)
        WaitingResult.objects.get_or_create(result=result, defaults={"since": clock.now()})
        return None
    WaitingResult.objects.filter(result=result).delete()
    freeze_photo(person, by=SYSTEM)
    certificate = Certificate(
        number=number,
        person=person,
        photo=person.photo,
        post=candidate.post,
        institution=institution,
        result=result,
        holder_name=person.name,
        id_last4=person.identity_number[-4:].upper(),
        institution_name=institution.full_name,
        post_name=candidate.post.name,
        hours=accepted_hours(candidate.enrolment_id),
        trained_from=training_class.first_day,
        trained_to=training_class.last_day,
        issued_on=issued_on,
        check_token=secrets.token_urlsafe(24),
        created_at=clock.now(),
    )
    certificate.signature = exams.centre_signer().sign(signed_bytes(certificate))
    certificate.save()
    _add_event(certificate, _("Both subjects passed, result confirmed"), by)
    record(
        events.ISSUED,
        by=by,
        on=certificate,
        organisation_id=institution.organisation_id,
        after={"number": certificate.number, "post": certificate.post_name, "result": result.pk},
    )
    _tell(
        certificate,
        kind="certificates.issued",
        title=_("Your training certificate is issued: %(post)s") % {"post": certificate.post_name},
        text=_("Number %(number)s. You can download it as PDF.") % {"number": certificate.number},
    )
    return certificate


def _revoke(result: Result, *, by: Actor) -> Certificate | None:
    """Revoke the certificate of a voided result; None when there is none, or it is revoked."""
    certificate = (
        Certificate.objects.select_for_update(of=("self",))
        .select_related("person__user", "institution")
        .filter(result_id=result.pk)
        .first()
    )
    if certificate is None or certificate.state == CertificateState.REVOKED:
        return None
    if Result.objects.get(pk=result.pk).state != ResultState.VOID:
        return None
    _mark_revoked(certificate, _("The test result on which it rests was voided"), by)
    return certificate


def _mark_revoked(certificate: Certificate, reason: str, by: Actor) -> None:
    certificate.state = CertificateState.REVOKED
    certificate.save(update_fields=["state"])
    _add_event(certificate, reason, by)
    record(
        events.REVOKED,
        by=by,
        on=certificate,
        organisation_id=certificate.institution.organisation_id,
        before={"state": CertificateState.VALID},
        after={"state": certificate.state},
        reason=reason,
    )
    _tell(
        certificate,
        kind="certificates.revoked",
        title=_("Your training certificate was revoked: %(post)s") % {"post": certificate.post_name},
        text=reason,
    )


def _propose_revocation(event: ExamsEvent, *, by: Actor) -> None:
    """Put a valid certificate before the centre whose result, scored again, no longer passes (I07)."""
    if event.result.passed or RevocationProposal.objects.filter(event_id=event.pk).exists():
        return
    certificate = (
        Certificate.objects.select_related("institution")
        .filter(result_id=event.result_id, state=CertificateState.VALID)
        .first()
    )
    known = Q(decided_at=None) | Q(decided_at__gte=event.at)  # decided in the knowledge of this news
    if certificate is None or certificate.proposals.filter(known).exists():
        return
    rescoring = exams.last_rescoring(event.result)
    correction = rescoring.correction if rescoring else None
    proposal = RevocationProposal.objects.create(
        certificate=certificate,
        event_id=event.pk,
        reason=rescoring.notice if rescoring else "",
        proposed_by=correction.decided_by if correction else "",
        proposed_by_id=correction.decided_by_id if correction else None,
        proposed_at=clock.now(),
    )
    record(
        events.REVOCATION_PROPOSED,
        by=by,
        on=certificate,
        organisation_id=certificate.institution.organisation_id,
        after={"result": event.result_id},
        reason=proposal.reason,
    )


@transaction.atomic
def decide_revocation(
    proposal: RevocationProposal, *, accept: bool, reason: str, by: Actor
) -> RevocationProposal:
    """Revoke a certificate whose result no longer passes, or let it stand (the centre's approver, I07).

    Never by whoever approved the correction. ``Conflict`` when it was decided, or when the result passes again.
    """
    by.require(Role.CENTRE_APPROVER)
    proposal = RevocationProposal.objects.select_for_update().get(pk=proposal.pk)
    certificate = (
        Certificate.objects.select_for_update(of=("self",))
        .select_related("person__user", "institution", "result")
        .get(pk=proposal.certificate_id)
    )
    if proposal.decided_at is not None:
        raise Conflict("wrong_state", _("This proposal was decided already."))
    if proposal.proposed_by_id == by.user_id:
        text = _("You approved the correction yourself. Another person has to decide this.")
        raise Refusal("same_person", text, clause="I07", status=403)
    if not reason.strip():
        raise Refusal("no_reason", _("Give the reason."), field="reason")
    if accept and (certificate.result.passed or certificate.state != CertificateState.VALID):
        raise Conflict("wrong_state", _("The result passes, or the certificate is no longer valid."))
    proposal.decided_by = f"{by.organisation_name} {by.name}".strip()
    proposal.decided_by_id, proposal.decided_at = by.user_id, clock.now()
    proposal.accepted, proposal.decision_reason = accept, reason.strip()
    proposal.save()
    if accept:
        _mark_revoked(certificate, f"{proposal.reason}\n{proposal.decision_reason}", by)
    else:
        record(
            events.REVOCATION_REFUSED,
            by=by,
            on=certificate,
            organisation_id=certificate.institution.organisation_id,
            reason=proposal.decision_reason,
        )
    return proposal


@override("zh-hans")  # what is written down and told to holders does not depend on whose page came first
@transaction.atomic
def consume_news(*, by: Actor = SYSTEM) -> int:
    """Issue, revoke, propose to revoke by the news of results; returns how many certificates were issued or revoked.

    Safe to call at any time, by several processes at once: the cursor's row is the lock, and what was done is not done again.
    What had to wait (an institution that could not issue on that day) is looked at again each time.
    """
    ConsumedEvent.objects.get_or_create(source=SOURCE)
    cursor = ConsumedEvent.objects.select_for_update().get(source=SOURCE)
    done, last = 0, max(cursor.last_id - OVERLAP, 0)
    while True:
        news = exams.news_after(last, CHUNK)
        for event in news:
            changed = None
            if event.kind == CONFIRMED:
                changed = _issue(event.result, by=by)
            elif event.kind == VOIDED:
                changed = _revoke(event.result, by=by)
            elif event.kind == RESCORED:
                _propose_revocation(event, by=by)
            done += changed is not None
            last = event.pk
        if len(news) < CHUNK:
            break
    for result in waiting_results():
        done += _issue(result, by=by) is not None
    if last > cursor.last_id:
        cursor.last_id = last
        cursor.save(update_fields=["last_id"])
    return done


def waiting_results() -> Any:
    """Confirmed passes whose certificate could not be issued yet."""
    waiting = WaitingResult.objects.values("result_id")
    return Result.objects.filter(pk__in=waiting, state=ResultState.CONFIRMED, passed=True, certificate=None)


def catch_up() -> None:
    """Consume the news if some waits; one cheap query if not. A failure is logged: pages go on with what there is."""
    newest = ExamsEvent.objects.order_by("-pk").values_list("pk", flat=True).first()
    if newest is None:
        return
    if ConsumedEvent.objects.filter(source=SOURCE, last_id__gte=newest).exists():
        return
    try:
        consume_news()
    except Exception:
        log.exception("news of results could not be consumed")


@transaction.atomic
def note_download(certificate: Certificate, *, by: Actor) -> None:
    """Keep in the record who took a copy."""
    record(events.DOWNLOADED, by=by, on=certificate, organisation_id=certificate.institution.organisation_id)
