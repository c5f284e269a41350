"""Papers drawn, the bundle sealed, its key released by two persons, keys of halls (I08, R033, R037)."""

from __future__ import annotations

import base64
import secrets
from datetime import timedelta

import msgspec
from django.db import transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.delivery import api as delivery
from zhupei.evidence.api import Retention, read, store
from zhupei.exams import events, keys, telling
from zhupei.exams.carrying import settle_carried
from zhupei.exams.choices import BATCH, BatchState
from zhupei.exams.models import Batch, BundleOut, Candidate, HallKey
from zhupei.exams.queries import active_candidates, exam_rooms
from zhupei.institutions.api import Site
from zhupei.itembank import api as itembank
from zhupei.kernel import clock, crypto, identity
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.crypto import Signer, Sm2Verifier
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.identity import mask_id
from zhupei.kernel.roles import Role
from zhupei.papers import api as papers
from zhupei.people import api as people
from zhupei.rulebook.api import decimal_parameter, parameter
from zhupei.web.fields import purpose_key
from zhupei.web.templatetags.web import shanghai

from .applications import CENTRE_ROLES
from .batches import locked_batch, require_ready
from .scheduling import batch_step, require_filing

HALL_ROLES = (Role.HALL_TECHNICAL_HEAD, Role.ROOM_ADMINISTRATOR)
BUNDLE_TYPE = "application/octet-stream"


def candidate_key(candidate: Candidate) -> str:
    """The name of a candidate in papers, bundles and returns."""
    return str(candidate.pk)


def rules_of(batch: Batch) -> delivery.Rules:
    """The rule's numbers for a batch, from the rulebook of the day of its first session."""
    day = clock.local(batch.slots.all()[0].starts_at).date()
    return delivery.Rules(
        rule_set=str(batch.rule_set_id or ""),
        minutes=int(parameter("exam_minutes_total", on=day)),
        subjects=tuple(parameter("subjects", on=day)),
        order=parameter("subject_order", on=day),
        full_mark=decimal_parameter("subject_full_mark", on=day),
        pass_mark=decimal_parameter("subject_pass_mark", on=day),
        min_minutes_before_hand_in=int(parameter("min_minutes_before_hand_in", on=day)),
        late_entry_minutes=int(parameter("late_entry_minutes", on=day)),
        carry_over=bool(parameter("carry_over", on=day)),
    )


def _id_hash(id_key: bytes, candidate: Candidate) -> str:
    kind = identity.Kind(candidate.person.identity_kind)
    return delivery.id_hash_of(id_key, identity.mark(kind, candidate.person.identity_number))


def _build(
    batch: Batch,
    candidates: list[Candidate],
    drawn: dict[str, dict[str, delivery.Paper]],
    answers: dict[str, delivery.Key],
) -> delivery.Bundle:
    """Everything that the hall needs, checked by the engine's own rules."""
    photos: dict[str, bytes] = {}
    id_key = secrets.token_bytes(32)
    rows = []
    for candidate in candidates:
        key = candidate_key(candidate)
        photo = people.photo_bytes(candidate.person)
        if photo:
            photos[key] = photo
        rows.append(
            delivery.Candidate(
                candidate_id=key,
                slip_no=candidate.slip_no or "",
                name=candidate.person.name,
                id_masked=mask_id(candidate.person.identity_number),
                id_hash=_id_hash(id_key, candidate),
                post_code=candidate.post.code,
                post_name=candidate.post.name,
                room_id=str(candidate.room_id),
                seat_no=f"{candidate.seat:02d}",
                session_id=str(candidate.slot_id),
                papers=drawn[key],
                photo=key if photo else "",
                extra_seconds=candidate.extra_seconds,
            )
        )
    now = clock.now()
    bundle = delivery.Bundle(
        bundle_id=f"ZP-{batch.year}-{batch.sequence:03d}-{secrets.token_hex(4)}",
        batch_no=str(batch),
        institution=delivery.Party(id=str(batch.institution_id), name=batch.institution.full_name),
        hall=delivery.Party(id=str(batch.hall_id), name=batch.hall.name),
        sessions=tuple(
            delivery.Session(
                id=str(slot.pk),
                starts_at=int(slot.starts_at.timestamp() * 1000),
                ends_at=int(slot.ends_at.timestamp() * 1000),
                title=f"第{slot.number}场",
            )
            for slot in batch.slots.all()
        ),
        rooms=tuple(
            delivery.Room(id=str(room.pk), name=room.name, seats=room.seats)
            for room in exam_rooms(batch.hall)
        ),
        rules=rules_of(batch),
        candidates=tuple(rows),
        keys=answers,
        photos=photos,
        media=itembank.media_bytes(
            set().union(*(delivery.paper_media(paper) for both in drawn.values() for paper in both.values()))
        ),
        id_key=id_key,
        created_at=int(now.timestamp() * 1000),
    )
    return delivery.complete(_as_read(bundle))


def _as_read(bundle: delivery.Bundle) -> delivery.Bundle:
    """The bundle as a hall will read it. A field at its default is left out of the digest, and "at its default" means the
    same object: words that came from the database ("sequence") must first become the format's own."""
    data = msgspec.msgpack.encode(bundle)
    return msgspec.msgpack.decode(data, type=delivery.Bundle)


def _items_seen(candidates: list[Candidate]) -> dict[str, set[str]]:
    """By candidate, the items that the same person has met in earlier sittings."""
    keys_of_person: dict[int, list[str]] = {}
    earlier = Candidate.objects.filter(
        person_id__in={one.person_id for one in candidates if one.attempt > 1}, result__isnull=False
    )
    for one in earlier:
        keys_of_person.setdefault(one.person_id, []).append(candidate_key(one))
    met = papers.items_met([key for keys_ in keys_of_person.values() for key in keys_])
    return {
        candidate_key(one): set().union(*(met.get(key, set()) for key in keys_of_person[one.person_id]))
        for one in candidates
        if one.person_id in keys_of_person
    }


@transaction.atomic
def draw_batch(batch: Batch, *, by: Actor) -> BundleOut:
    """Draw every candidate's papers from the latest release of the one bank and seal the bundle (R033, R037, I08).

    Whoever passed one subject before, where that counts (J03, ``carrying``), gets a paper in the other one only, and that
    subject's equal share of the time (``Rules.minutes_for``). The bundle's key is fresh, and kept encrypted. Raises
    ``Refusal`` when the filing has not been received (R047), when a candidate's hours no longer suffice (R022), when the
    bank was never released, or when it cannot fill a paper.
    """
    by.require(*CENTRE_ROLES)
    batch = locked_batch(batch)
    before = batch.state
    state = BATCH.after(batch.state, "draw")
    require_filing(batch, _("Papers cannot be drawn yet"))
    if itembank.latest_release() is None:
        text = _("The item bank has no release yet. The bank keeper makes one under “Item bank”.")
        raise Conflict("no_release", text, clause="三（二）")
    candidates = list(
        active_candidates(batch)
        .select_related("person__photo", "post", "slot", "room", "enrolment__person")
        .order_by("slip_no")
    )
    require_ready(
        one.enrolment for one in candidates
    )  # hours may have been taken back since the candidates were fixed
    settle_carried(batch, candidates)  # again: results may have been confirmed or voided since
    rows = [(candidate_key(one), one.post.code) for one in candidates]
    without = {candidate_key(one): one.carried_subject for one in candidates if one.carried_subject}
    seats = {
        candidate_key(one): papers.Seat(f"{one.slot_id}/{one.room_id}", one.seat)
        for one in candidates
        if one.seat is not None
    }
    draw = papers.draw_papers(
        str(batch), rows, by=by, avoid=_items_seen(candidates), seats=seats, without=without
    )
    bundle = _build(batch, candidates, papers.papers_of(draw), papers.keys_of(draw))
    key = secrets.token_bytes(crypto.KEY_BYTES)
    data = delivery.seal_bundle(bundle, bundle_key=key, signer=keys.centre_signer())
    file = store(
        data,
        name=f"{batch}.zpb",
        content_type=BUNDLE_TYPE,
        purpose="exams.bundle",
        retention=Retention.ARCHIVE,
        by=by,
    )
    sealed = crypto.encrypt(purpose_key("bundle-key"), key, bundle.bundle_id.encode())
    row = BundleOut.objects.create(
        batch=batch,
        bundle_id=bundle.bundle_id,
        file=file,
        digest=crypto.sm3(data),
        sealed_key=base64.b64encode(sealed).decode(),
        sealed_at=clock.now(),
    )
    batch.state = state
    batch.save(update_fields=["state"])
    batch_step(
        batch,
        "draw",
        by=by,
        note=_("%(n)d candidates; digest %(digest)s") % {"n": len(candidates), "digest": row.digest},
    )
    record(
        events.PAPERS_DRAWN,
        by=by,
        on=batch,
        organisation_id=batch.institution.organisation_id,
        before={"state": before},
        after={"state": state, "bundle": row.bundle_id, "digest": row.digest},
    )
    telling.tell_unit(
        batch.hall.institution.organisation_id,
        telling.HALL_STAFF,
        kind="exams.bundle",
        title=_("The bundle of batch %(batch)s is ready") % {"batch": batch},
        text=_("Take it to the hall now; its key is released shortly before the first session."),
        to="exams:batch",
        pk=batch.pk,
    )
    return row


def _open_key(row: BundleOut) -> bytes:
    return crypto.decrypt(purpose_key("bundle-key"), base64.b64decode(row.sealed_key), row.bundle_id.encode())


@transaction.atomic
def release_bundle(batch: Batch, *, by: Actor) -> BundleOut:
    """One of the two acts that release the bundle's key (I08): an officer and an approver of the centre, in any order.

    Not earlier than ``key_release_minutes`` before the first session, and not before the filing is received (R047). The
    second act, by another person, opens it.
    """
    by.require(*CENTRE_ROLES)
    if by.user_id is None:
        raise Refusal("person_needed", _("Two persons release a key, never the program."), status=403)
    batch = locked_batch(batch)
    state = BATCH.after(batch.state, "release")
    require_filing(batch, _("The key cannot be released yet"))
    row = BundleOut.objects.select_for_update().get(batch=batch)
    first = batch.slots.all()[0].starts_at
    opens = first - timedelta(minutes=int(parameter("key_release_minutes")))
    if clock.now() < opens:
        text = _(
            "The key of batch %(batch)s can be released from %(opens)s on; its first session begins at %(first)s."
        ) % {
            "batch": batch,
            "opens": shanghai(opens),
            "first": shanghai(first, "time"),
        }
        raise Conflict("too_early", text, clause="I08")
    who = f"{by.organisation_name} {by.name}".strip()
    mine = sorted(str(role) for role in by.roles if role in CENTRE_ROLES)
    if row.released_by_1_id is None:
        row.released_by_1, row.released_by_1_id, row.released_by_1_roles = who, by.user_id, ",".join(mine)
        row.save(update_fields=["released_by_1", "released_by_1_id", "released_by_1_roles"])
        batch_step(batch, "release_first", by=by)
        record(
            events.KEY_RELEASED,
            by=by,
            on=batch,
            organisation_id=batch.institution.organisation_id,
            after={"person": 1},
        )
        return row
    if row.released_by_1_id == by.user_id:
        text = _("You are the first of the two persons. Another one has to release it too.")
        raise Refusal("same_person", text, clause="I08", status=403)
    if set(mine) | set(row.released_by_1_roles.split(",")) != {str(role) for role in CENTRE_ROLES}:
        text = _("The two persons must be an officer and an approver of the centre.")
        raise Refusal("same_role", text, clause="I08", status=403)
    row.released_by_2, row.released_by_2_id, row.released_at = who, by.user_id, clock.now()
    row.save(update_fields=["released_by_2", "released_by_2_id", "released_at"])
    batch.state = state
    batch.save(update_fields=["state"])
    batch_step(batch, "release", by=by)
    record(
        events.KEY_RELEASED,
        by=by,
        on=batch,
        organisation_id=batch.institution.organisation_id,
        after={"person": 2, "state": state},
    )
    telling.tell_unit(
        batch.hall.institution.organisation_id,
        telling.HALL_STAFF,
        kind="exams.key",
        title=_("The key of batch %(batch)s is released") % {"batch": batch},
        to="exams:batch",
        pk=batch.pk,
    )
    return row


def bundle_file(batch: Batch) -> bytes:
    """The sealed bundle of a batch, checked against its digest. Raises ``Refusal`` before the draw."""
    row = BundleOut.objects.select_related("file").filter(batch=batch).first()
    if row is None or batch.state == BatchState.CANCELLED:
        raise Conflict("no_bundle", _("The papers of this batch are not drawn yet."))
    return read(row.file)


def bundle_key(batch: Batch) -> bytes:
    """The key of a batch's bundle, 16 bytes, once two persons have released it; ``Refusal`` before (I08)."""
    row = BundleOut.objects.filter(batch=batch).first()
    if row is None or row.released_at is None:
        raise Conflict("key_not_released", _("The key of this batch is not released yet."), clause="I08")
    return _open_key(row)


def _for_the_hall(batch: Batch, by: Actor) -> None:
    if by is SYSTEM or by.has(*CENTRE_ROLES):
        return
    by.require(*HALL_ROLES, organisation_id=batch.hall.institution.organisation_id)


@transaction.atomic
def take_bundle(batch: Batch, *, by: Actor) -> bytes:
    """Download the bundle for its hall; kept in the record."""
    _for_the_hall(batch, by)
    data = bundle_file(batch)
    record(events.BUNDLE_TAKEN, by=by, on=batch, organisation_id=batch.institution.organisation_id)
    return data


@transaction.atomic
def take_key(batch: Batch, *, by: Actor) -> bytes:
    """Hand the released key to the hall's staff, for a hall server that has no line; kept in the record."""
    _for_the_hall(batch, by)
    key = bundle_key(batch)
    record(events.KEY_TAKEN, by=by, on=batch, organisation_id=batch.institution.organisation_id)
    return key


@transaction.atomic
def register_hall_key(hall: Site, public_key: str, *, by: Actor) -> HallKey:
    """Make the public key of a hall's server known, by the centre. The same key again changes nothing."""
    if by is not SYSTEM:
        by.require(*CENTRE_ROLES)
    public_key = "".join(public_key.split()).lower()
    try:
        Sm2Verifier(public_key)
    except crypto.BadKey:
        text = _(
            "This is no public key: it has 130 hexadecimal digits and begins with 04. Copy it from the hall's server."
        )
        raise Refusal("bad_key", text, field="public_key") from None
    row, created = HallKey.objects.get_or_create(
        hall=hall,
        public_key=public_key,
        defaults={
            "registered_by": f"{by.organisation_name} {by.name}".strip(),
            "registered_at": clock.now(),
        },
    )
    if row.ended_at is not None:
        raise Conflict("key_ended", _("This key was ended. Make a new one on the hall's server."))
    if created:
        record(events.HALL_KEY_REGISTERED, by=by, on=row, after={"public_key": public_key})
    return row


@transaction.atomic
def end_hall_key(row: HallKey, *, reason: str, by: Actor) -> HallKey:
    """End a hall's key: returns signed with it are refused from now on."""
    by.require(*CENTRE_ROLES)
    row = HallKey.objects.select_for_update().get(pk=row.pk)
    if row.ended_at is not None:
        raise Conflict("wrong_state")
    if not reason.strip():
        raise Refusal("no_reason", _("Give the reason."), field="reason")
    row.ended_at = clock.now()
    row.save(update_fields=["ended_at"])
    record(events.HALL_KEY_ENDED, by=by, on=row, reason=reason)
    return row


def local_hall_signer(hall_id: int) -> Signer:
    """The signer of a hall that runs in this installation; its key is made and registered at first use."""
    signer = keys.hall_signer(hall_id)
    if not HallKey.objects.filter(hall_id=hall_id, public_key=signer.public_key).exists():
        register_hall_key(Site.objects.get(pk=hall_id), signer.public_key, by=SYSTEM)
    return signer
