"""Every write on tests."""

from .applications import (
    ApplicationData,
    Upload,
    recompute_deadlines,
    save_application,
    submit_application,
    too_late_text,
    withdraw_application,
)
from .batches import add_candidates, cancel_batch, lock_batch, remove_candidate, unlock_batch
from .bundles import (
    bundle_file,
    bundle_key,
    candidate_key,
    draw_batch,
    end_hall_key,
    local_hall_signer,
    register_hall_key,
    release_bundle,
    rules_of,
    take_bundle,
    take_key,
)
from .results import confirm_batch, confirm_result, decide_void, doubt_result, propose_void
from .returns import accept_differences, receive_return
from .scheduling import file_with_office, receive_filing, return_application, schedule

__all__ = [
    "ApplicationData",
    "Upload",
    "accept_differences",
    "add_candidates",
    "bundle_file",
    "bundle_key",
    "cancel_batch",
    "candidate_key",
    "confirm_batch",
    "confirm_result",
    "decide_void",
    "doubt_result",
    "draw_batch",
    "end_hall_key",
    "file_with_office",
    "local_hall_signer",
    "lock_batch",
    "propose_void",
    "receive_filing",
    "receive_return",
    "recompute_deadlines",
    "register_hall_key",
    "release_bundle",
    "remove_candidate",
    "return_application",
    "rules_of",
    "save_application",
    "schedule",
    "submit_application",
    "take_bundle",
    "take_key",
    "too_late_text",
    "unlock_batch",
    "withdraw_application",
]
