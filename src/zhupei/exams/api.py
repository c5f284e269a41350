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
    Rescoring,
    Result,
    ReturnIn,
    Slot,
)
from .queries import candidacies_of, news_after, open_halls
from .responses import SatPaper, SlotAnswer, analysable, responses, results_digest_of
from .standing import last_rescoring, standing_faults

__all__ = [
    "ApplicationState",
    "BankApplication",
    "Batch",
    "BatchState",
    "BundleOut",
    "Candidate",
    "ExamsEvent",
    "HallKey",
    "Rescoring",
    "Result",
    "ResultState",
    "ReturnIn",
    "SatPaper",
    "Slot",
    "SlotAnswer",
    "analysable",
    "bundle_file",
    "bundle_key",
    "candidacies_of",
    "centre_public_key",
    "centre_signer",
    "centre_verifier",
    "confirm_batch",
    "decide_void",
    "end_hall_key",
    "last_rescoring",
    "local_hall_signer",
    "news_after",
    "open_halls",
    "propose_void",
    "receive_return",
    "recompute_deadlines",
    "register_hall_key",
    "release_bundle",
    "responses",
    "results_digest_of",
    "results_for",
    "standing_faults",
]
