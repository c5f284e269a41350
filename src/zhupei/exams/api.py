"""The exams room's door."""

from .access import results_for
from .actions import (
    bundle_file,
    bundle_key,
    confirm_batch,
    decide_void,
    end_hall_key,
    local_hall_signer,
    propose_void,
    receive_return,
    recompute_deadlines,
    register_hall_key,
    release_bundle,
)
from .choices import ApplicationState, BatchState, ResultState
from .keys import centre_public_key, centre_signer, centre_verifier
from .models import (
    BankApplication,
    Batch,
    BundleOut,
    Candidate,
    ExamsEvent,
    HallKey,
    Result,
    ReturnIn,
    Slot,
)
from .queries import candidacies_of, news_after, open_halls

__all__ = [
    "ApplicationState",
    "BankApplication",
    "Batch",
    "BatchState",
    "BundleOut",
    "Candidate",
    "ExamsEvent",
    "HallKey",
    "Result",
    "ResultState",
    "ReturnIn",
    "Slot",
    "bundle_file",
    "bundle_key",
    "candidacies_of",
    "centre_public_key",
    "centre_signer",
    "centre_verifier",
    "confirm_batch",
    "decide_void",
    "end_hall_key",
    "local_hall_signer",
    "news_after",
    "open_halls",
    "propose_void",
    "receive_return",
    "recompute_deadlines",
    "register_hall_key",
    "release_bundle",
    "results_for",
]
