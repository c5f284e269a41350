"""The bank, applications, batches in any state, what halls return, certificates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.roles import Role

from .basics import make_actor, make_person, serial
from .institutions import make_institution, make_site
from .training import make_ready_enrolment

if TYPE_CHECKING:
    from zhupei.certificates.api import Certificate
    from zhupei.delivery import api as delivery
    from zhupei.exams.models import BankApplication, Batch
    from zhupei.institutions.models import Institution, Site
    from zhupei.itembank.models import BankRelease
    from zhupei.kernel.crypto import Signer
    from zhupei.people.models import Person


def make_bank() -> BankRelease:
    """The demonstration bank of 土建施工员 (101) with the default blueprints, released: enough to draw papers for post 101.

    Needs the rulebook (``make_rulebook``). About a third of a second.
    """
    from zhupei.itembank.api import load_demo_bank, make_release
    from zhupei.papers.api import load_default_blueprints

    load_demo_bank(by=SYSTEM)
    release = make_release(note="test", by=SYSTEM)
    load_default_blueprints(by=SYSTEM)
    return release


def make_application(
    institution: Institution | None = None,
    *,
    hall: Site | None = None,
    rows: Sequence[tuple[str, int]] = (("101", 3),),
    sessions: Sequence[tuple[datetime, datetime]] = (),
    state: str = "submitted",
    clients: int = 100,
) -> BankApplication:
    """An application for the bank (annex 4), through the room's own actions; the first session is in six weeks at 9:00.

    ``state``: draft, submitted, scheduled, or filed (acknowledged by the education office as well).
    """
    from zhupei.exams import actions
    from zhupei.rulebook.models import Post

    institution = institution or make_institution()
    hall = hall or make_site(institution, "hall", rooms=(("第一考室", 50), ("第二考室", 50)))
    officer = make_actor(Role.EXAM_OFFICER, institution.organisation)
    if not sessions:
        start = datetime.combine(clock.today() + timedelta(days=42), time(9), clock.SHANGHAI)
        sessions = [(start, start + timedelta(hours=2))]
    picture = actions.Upload(b"\x89PNG\r\n\x1a\n" + b"0" * 32, "章.png", "image/png")
    data = actions.ApplicationData(
        hall=hall,
        clients_available=clients,
        lead="王强",
        lead_mobile="13812345678",
        contact="李敏",
        contact_mobile="13912345678",
        rows=[(Post.objects.get(code=code), count) for code, count in rows],
        sessions=sessions,
        signed_by="王强",
        signed_on=clock.today(),
        signature=picture,
        seal=picture,
    )
    application = actions.save_application(None, data, by=officer)
    if state == "draft":
        return application
    application = actions.submit_application(application, pledged=True, by=officer)
    if state == "submitted":
        return application
    actions.schedule(application, sessions, by=make_actor(Role.CENTRE_OFFICER))
    if state == "filed":
        filing = actions.file_with_office(application, by=make_actor(Role.CENTRE_OFFICER))
        actions.receive_filing(filing, f"宣教备{next(serial)}", by=make_actor(Role.CITY_EDUCATION_OFFICE))
    application.refresh_from_db()
    return application


BATCH_STATES = ("preparing", "locked", "ready", "released", "returned", "confirmed")


def make_batch(
    institution: Institution | None = None,
    candidates: int = 3,
    state: str = "preparing",
    *,
    persons: Sequence[Person] = (),
    wrong: int = 0,
    **application: object,
) -> Batch:
    """A batch of post 101 in any state up to ``confirmed``, through the room's own actions, filing received.

    From ``ready`` on it needs ``make_bank()``, which is called if the bank has no release. ``wrong``: how many of the first
    answers of every subject are left empty by the first candidate (0: everybody has 100 points).
    """
    from zhupei.exams import actions
    from zhupei.itembank.api import latest_release

    steps = BATCH_STATES.index(state)
    institution = institution or make_institution()
    count = len(persons) or candidates
    rows = [("101", count)]
    batch = make_application(institution, rows=rows, state="filed", **application).batch  # type: ignore[arg-type]
    officer = make_actor(Role.EXAM_OFFICER, institution.organisation)
    people = list(persons) or [make_person() for _ in range(count)]
    enrolments = [make_ready_enrolment(institution, person=one) for one in people]
    actions.add_candidates(batch, [one.pk for one in enrolments], by=officer)
    if steps >= 1:
        batch = actions.lock_batch(batch, by=officer)
    if steps >= 2:
        if latest_release() is None:
            make_bank()
        actions.draw_batch(batch, by=make_actor(Role.CENTRE_OFFICER))
    if steps >= 3:
        with clock.frozen(batch.slots.all()[0].starts_at - timedelta(minutes=30)):
            actions.release_bundle(batch, by=make_actor(Role.CENTRE_OFFICER))
            actions.release_bundle(batch, by=make_actor(Role.CENTRE_APPROVER))
    if steps >= 4:
        with clock.frozen(batch.slots.all()[0].ends_at + timedelta(minutes=30)):
            actions.receive_return(batch, make_hall_return(batch, wrong=wrong), by=SYSTEM)
            if steps >= 5:
                actions.confirm_batch(batch, by=make_actor(Role.CENTRE_APPROVER))
    batch.refresh_from_db()
    return batch


def make_hall_return(
    batch: Batch,
    *,
    wrong: int = 0,
    change: Callable[[delivery.Return], delivery.Return] | None = None,
    tamper: Callable[[delivery.Return], delivery.Return] | None = None,
    signer: Signer | None = None,
) -> bytes:
    """The return of a hall in which everybody knew everything but the first candidate, who left ``wrong`` answers of every
    subject empty. ``change`` alters what happened, before the journal is written; ``tamper`` alters the return afterwards."""
    from zhupei.delivery import api as delivery
    from zhupei.delivery.tests.honest import with_journal
    from zhupei.exams import actions, keys

    key = actions.bundle_key(batch)
    bundle = delivery.open_bundle(actions.bundle_file(batch), bundle_key=key, verifier=keys.centre_verifier())
    sittings = []
    for number, one in enumerate(bundle.candidates):
        answers = {
            subject: {
                slot.key: bundle.keys[slot.key].right
                for slot in list(paper.slots())[wrong if number == 0 else 0 :]
            }
            for subject, paper in one.papers.items()
        }
        start = bundle.sessions[0].starts_at
        sittings.append(
            delivery.SittingRecord(
                candidate_id=one.candidate_id,
                slip_no=one.slip_no,
                session_id=one.session_id,
                room_id=one.room_id,
                seat_no=one.seat_no,
                state="submitted",
                answers=answers,
                papers={subject: paper.digest for subject, paper in one.papers.items()},
                scores=delivery.score_sitting(one.papers, bundle.keys, answers, bundle.rules),
                started_at=start,
                submitted_at=start + 3_600_000,
                shown_at=start + 3_601_000,
                submit_kind="hand",
                used_ms=3_600_000,
            )
        )
    content = delivery.Return(
        return_id=f"R{next(serial)}",
        bundle_id=bundle.bundle_id,
        batch_no=bundle.batch_no,
        hall_id=bundle.hall.id,
        bundle_digests=bundle.digests,
        events=(),
        sittings=tuple(sittings),
        checkins=(),
        captures=(),
        incidents=(),
        created_at=bundle.sessions[0].ends_at,
        closed_by="王监考",
    )
    if change is not None:
        content = change(content)
    if not content.events:
        content = with_journal(bundle, content)
    if tamper is not None:
        content = tamper(content)
    content = delivery.complete_return(content)
    return delivery.seal_return(
        content, bundle_key=key, signer=signer or actions.local_hall_signer(batch.hall_id)
    )


def make_certificate(*, person: Person | None = None, institution: Institution | None = None) -> Certificate:
    """A valid certificate for post 101, from a batch whose result the centre has confirmed."""
    from zhupei.certificates.api import Certificate, consume_news

    batch = make_batch(institution, state="confirmed", persons=[person or make_person()])
    consume_news()
    return Certificate.objects.get(result__candidate__batch=batch)
