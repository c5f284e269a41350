"""The bundle: everything a hall needs to hold the sessions of one batch with its uplink cut."""

from __future__ import annotations

from collections.abc import Sized
from decimal import Decimal
from typing import Literal

import msgspec

from zhupei.delivery.formats.base import FormatError, Frozen, digest
from zhupei.delivery.formats.papers import Key, Paper, check_paper, paper_digest, paper_media, signed_off
from zhupei.kernel.crypto import equal, hmac_sm3, sm3

BUNDLE_FORMAT = 1
MAX_IMAGE, MAX_MEDIA = 1 << 20, 64 << 20
"""Bytes of one image, and of all images of a bundle."""
_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


class Rules(Frozen, frozen=True, kw_only=True):
    """The rule's numbers for one batch (细则三), from the centre's rulebook. Marks are per subject."""

    rule_set: str = ""
    minutes: int = 120
    subjects: tuple[str, ...] = ("general", "professional")
    order: Literal["sequence", "free"] = "sequence"
    full_mark: Decimal = Decimal(100)
    pass_mark: Decimal = Decimal(60)
    min_minutes_before_hand_in: int = 0
    late_entry_minutes: int = 30
    grace_seconds: int = 30
    carry_over: bool = False
    """False: a pass counts for this sitting only (三(四)), so each candidate has a paper in every subject."""

    def minutes_for(self, papers: Sized) -> int:
        """Minutes for a candidate with these papers, before extra time: for each its equal share of ``minutes``, rounded up.

        The rule gives one time for both subjects and the same full mark to each (三(三), 三(四)).
        """
        return -(-self.minutes * len(papers) // len(self.subjects))


class Party(Frozen, frozen=True, kw_only=True):
    """An organisation or a hall, by id and name."""

    id: str
    name: str


class Room(Frozen, frozen=True, kw_only=True):
    id: str
    name: str
    seats: int = 0


class Session(Frozen, frozen=True, kw_only=True):
    """One sitting time of a batch (场次). ``starts_at`` and ``ends_at`` are milliseconds since 1970 UTC, as
    planned."""

    id: str
    starts_at: int
    ends_at: int
    title: str = ""


class Candidate(Frozen, frozen=True, kw_only=True):
    """Who sits where, with which papers. ``photo`` names a JPEG in ``Bundle.photos`` ("" if none)."""

    candidate_id: str
    slip_no: str
    name: str
    id_masked: str
    id_hash: str
    post_code: str
    post_name: str
    room_id: str
    seat_no: str
    session_id: str
    papers: dict[str, Paper]
    photo: str = ""
    extra_seconds: int = 0


class Bundle(Frozen, frozen=True, kw_only=True):
    """Everything a hall needs to hold the sessions of one batch with its uplink cut. Fill the last two by
    ``complete``. ``media``: the images that the papers name, PNG or JPEG, by the SM3 of their bytes."""

    bundle_id: str
    batch_no: str
    institution: Party
    hall: Party
    sessions: tuple[Session, ...]
    rooms: tuple[Room, ...]
    rules: Rules
    candidates: tuple[Candidate, ...]
    keys: dict[str, Key]
    created_at: int
    photos: dict[str, bytes] = {}
    media: dict[str, bytes] = {}
    notice: str = ""
    id_key: bytes = b""
    """Under which ``id_hash`` were made (``id_hash_of``), so that any machine that opens the bundle knows its
    people and no other's. Empty: they were made elsewhere, and are compared as they are."""
    format: int = BUNDLE_FORMAT
    counts: dict[str, int] = {}
    digests: dict[str, str] = {}


def id_hash_of(id_key: bytes, mark: str) -> str:
    """The ``id_hash`` of somebody by the mark of the ID number (``kernel.identity.mark``)."""
    return hmac_sm3(id_key, mark.encode())


def is_person(bundle: Bundle, candidate: Candidate, mark: str) -> bool:
    """True if ``mark`` is that of this candidate's ID number (or, in the program itself, the ``id_hash``)."""
    if bundle.id_key and equal(candidate.id_hash, id_hash_of(bundle.id_key, mark)):
        return True
    return equal(candidate.id_hash, mark)


def bundle_counts(bundle: Bundle) -> dict[str, int]:
    media = {"media": len(bundle.media)} if bundle.media else {}  # not there in older files
    return media | {
        "candidates": len(bundle.candidates),
        "papers": sum(len(candidate.papers) for candidate in bundle.candidates),
        "keys": len(bundle.keys),
        "photos": len(bundle.photos),
        "rooms": len(bundle.rooms),
        "sessions": len(bundle.sessions),
    }


def bundle_digests(bundle: Bundle) -> dict[str, str]:
    """One digest a part, so that a difference names its part. Papers and media are covered by their own
    digests."""
    people = [msgspec.structs.replace(candidate, papers={}) for candidate in bundle.candidates]
    papers = {
        f"{candidate.candidate_id}/{subject}": paper_digest(paper)
        for candidate in bundle.candidates
        for subject, paper in candidate.papers.items()
    }
    media = {"media": digest(sorted(bundle.media))} if bundle.media else {}
    return media | {
        "candidates": digest(people),
        "papers": digest(papers),
        "keys": digest(bundle.keys),
        "photos": digest(bundle.photos),
        "rules": digest(bundle.rules),
        "plan": digest([bundle.sessions, bundle.rooms, bundle.institution, bundle.hall]),
    }


def complete(bundle: Bundle) -> Bundle:
    """``bundle`` with papers signed off, counts and digests filled in, checked (raises ``FormatError``)."""
    people = tuple(
        msgspec.structs.replace(
            candidate, papers={subject: signed_off(paper) for subject, paper in candidate.papers.items()}
        )
        for candidate in bundle.candidates
    )
    bundle = msgspec.structs.replace(bundle, candidates=people)
    bundle = msgspec.structs.replace(bundle, counts=bundle_counts(bundle), digests=bundle_digests(bundle))
    check_bundle(bundle)
    return bundle


def check_bundle(bundle: Bundle) -> None:
    """Raise ``FormatError`` unless the bundle agrees with its own counts and digests and can be sat and
    scored."""
    if bundle.format != BUNDLE_FORMAT:
        raise FormatError(
            "version_unknown", f"bundle format {bundle.format}, this program reads {BUNDLE_FORMAT}"
        )
    if bundle.counts != bundle_counts(bundle):
        raise FormatError("counts_differ", "the bundle's counts are not those of its content")
    if bundle.digests != bundle_digests(bundle):
        raise FormatError("digests_differ", "the bundle's digests are not those of its content")
    rooms, sessions = {room.id for room in bundle.rooms}, {session.id for session in bundle.sessions}
    for name in ("candidate_id", "slip_no"):
        values = [getattr(candidate, name) for candidate in bundle.candidates]
        if len(set(values)) != len(values):
            raise FormatError("candidate_repeats", f"two candidates have the same {name}")
    _check_media(bundle.media)
    seats: set[tuple[str, str, str]] = set()
    for candidate in bundle.candidates:
        if candidate.room_id not in rooms or candidate.session_id not in sessions:
            raise FormatError("candidate_place", f"{candidate.slip_no}: unknown room or session")
        seat = (candidate.session_id, candidate.room_id, candidate.seat_no)
        if seat in seats:
            raise FormatError("candidate_place", f"{candidate.slip_no}: the seat is taken")
        seats.add(seat)
        if candidate.photo and candidate.photo not in bundle.photos:
            raise FormatError("photo_missing", f"{candidate.slip_no}: the photo is not in the bundle")
        allowed, got = set(bundle.rules.subjects), set(candidate.papers)
        if not got or not got <= allowed or (got != allowed and not bundle.rules.carry_over):
            raise FormatError(
                "candidate_papers", f"{candidate.slip_no}: papers {sorted(got)}, need {sorted(allowed)}"
            )
        for subject, paper in candidate.papers.items():
            if paper.subject != subject or paper.candidate_id != candidate.candidate_id:
                raise FormatError(
                    "candidate_papers", f"{candidate.slip_no}: a paper of another person or subject"
                )
            if paper.digest != paper_digest(paper):
                raise FormatError(
                    "digests_differ", f"{candidate.slip_no}: paper {subject} is not what it was"
                )
            check_paper(paper, bundle.keys, full_mark=bundle.rules.full_mark)
            if missing := paper_media(paper) - bundle.media.keys():
                raise FormatError("media_missing", f"{candidate.slip_no}: no image {min(missing)}")


def media_type(content: bytes) -> str:
    """``image/png`` or ``image/jpeg`` by the signature, "" if it is neither."""
    return next((kind for mark, kind in _SIGNATURES.items() if content.startswith(mark)), "")


def _check_media(media: dict[str, bytes]) -> None:
    if sum(map(len, media.values())) > MAX_MEDIA:
        raise FormatError("media_large", f"the images have more than {MAX_MEDIA} bytes in all")
    for name, content in media.items():
        if len(content) > MAX_IMAGE:
            raise FormatError("media_large", f"image {name} has more than {MAX_IMAGE} bytes")
        if not media_type(content):
            raise FormatError("media_kind", f"image {name} is neither PNG nor JPEG")
        if sm3(content) != name:
            raise FormatError("media_differs", f"image {name} is not what it was")


bundle_decoder = msgspec.msgpack.Decoder(Bundle)
