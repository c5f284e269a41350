"""Loading: bundles into memory and out of it."""

from __future__ import annotations

from zhupei.delivery.engine.checks import refuse
from zhupei.delivery.engine.core import Core
from zhupei.delivery.engine.people import Person
from zhupei.delivery.engine.sharing import Sharing
from zhupei.delivery.formats import events as ev
from zhupei.delivery.formats.base import digest
from zhupei.delivery.formats.bundles import Bundle, check_bundle


class Loading(Core):
    """Part of the staff door: which bundles the hall holds."""

    def load(self, bundle: Bundle, *, closed: bool = False) -> None:
        """Take a bundle into memory (checked first). The same bundle again is welcome.

        After a restart the clocks of its sittings stand until it is there: before, they cannot sit. ``closed``: nobody of it
        starts, as after ``close_bundle``; otherwise closed bundles are open again.

        ``JournalError``: it was not kept, and with the next act the bundle is not loaded.
        Refused with ``bundle_changed`` (other content than before), ``candidate_known``, ``session_known`` (a
        candidate or a session of another loaded bundle).
        """
        check_bundle(bundle)
        mark = digest(bundle.digests)
        sharing = Sharing()
        bundle = sharing.bundle(bundle)
        people = [Person(bundle, candidate, sharing) for candidate in bundle.candidates]
        with self._lock:
            self._ready()
            known = self._hall.bundles.get(bundle.bundle_id)
            if known is not None and known != mark:
                raise refuse(
                    "bundle_changed", f"bundle {bundle.bundle_id} was loaded before with other content"
                )
            for candidate in bundle.candidates:
                other = self._people.get(candidate.candidate_id)
                slip = self._slips.get(candidate.slip_no)
                if (other is not None and other.bundle.bundle_id != bundle.bundle_id) or (
                    slip is not None and slip != candidate.candidate_id
                ):
                    raise refuse(
                        "candidate_known", f"candidate {candidate.slip_no} is in another loaded bundle"
                    )
            taken = {
                session.id
                for other_bundle in self._bundles.values()
                if other_bundle.bundle_id != bundle.bundle_id
                for session in other_bundle.sessions
            }
            for session in bundle.sessions:
                if session.id in taken:
                    raise refuse("session_known", f"session {session.id} is in another loaded bundle")
            nobody = self._nobody_can_sit()
            for person in people:
                self._people[person.candidate.candidate_id] = person
                self._slips[person.candidate.slip_no] = person.candidate.candidate_id
            self._bundles[bundle.bundle_id] = bundle
            (self._shut.add if closed else self._shut.discard)(bundle.bundle_id)
            if nobody and not self._nobody_can_sit():
                self._stood_till_now()
            if not self._is_loaded(bundle.bundle_id):
                stamp = self._stamp()
                if known is not None:
                    self._seen |= dict.fromkeys(
                        (one.candidate.candidate_id for one in people), stamp["tick"]
                    )  # their pages could not be heard
                self._write(
                    ev.Loaded(**stamp, bundle_id=bundle.bundle_id, batch_no=bundle.batch_no, digest=mark)
                )
            ticket = self._behind(None)
        ticket.wait()

    def close_bundle(self, bundle_id: str) -> None:
        """From now on nobody of a bundle starts, until it is loaded again. Refused while one of its candidates is sitting."""
        with self._lock:
            self._ready()
            self._require_nobody_sits(bundle_id)
            self._shut.add(bundle_id)
            ticket = self._behind(None)
        try:
            ticket.wait()
        except BaseException:  # somebody whose hand-in was not kept may be sitting
            with self._lock:
                self._shut.discard(bundle_id)
            raise

    def unload(self, bundle_id: str) -> None:
        """Forget a bundle's papers and keys. Refused while one of its candidates is sitting."""
        with self._lock:
            self._require_nobody_sits(bundle_id)
            self._drop(bundle_id)

    def _require_nobody_sits(self, bundle_id: str) -> None:
        """Those too whose papers are not loaded again yet."""
        sittings = self._hall.sittings.values()
        if any(one.bundle_id == bundle_id and one.state in ("running", "paused") for one in sittings):
            raise refuse("sitting_running", "candidates of this bundle are still sitting")

    def forget(self, bundle_id: str) -> None:
        """Drop a bundle and all that is known of its candidates, also of those who sit.

        From memory alone, so only for a journal that keeps nothing: from any other they would come back.
        """
        with self._lock:
            bundle = self._bundles.get(bundle_id)
            if bundle is None:
                return
            self._drop(bundle_id)
            hall, ids = self._hall, {one.candidate_id for one in bundle.candidates}
            for candidate in bundle.candidates:
                one = candidate.candidate_id
                sitting = hall.sittings.pop(one, None)
                if sitting is not None:
                    self._tokens.pop(sitting.token_digest, None)
                    self._carries.pop(sitting.carry_digest, None)
                for store in (self._seen, self._loads):
                    store.pop(one, None)
                self._script.discard(one)
                hall.due.pop(one, None)
            for name in [name for name, fault in hall.proposals.items() if fault.candidate_id in ids]:
                del hall.proposals[name]
            sessions = {session.id for session in bundle.sessions}
            for at in [at for at in hall.opened if at[0] in sessions]:
                del hall.opened[at]
            hall.paused = {at for at in hall.paused if at[0] not in sessions}
            hall.bundles.pop(bundle_id, None)

    def bundles(self) -> list[Bundle]:
        """The loaded bundles."""
        with self._lock:
            return list(self._bundles.values())
