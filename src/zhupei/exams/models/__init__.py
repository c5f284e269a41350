"""The tables of the tests."""

from .applications import ApplicationRow, ApplicationSession, ApplicationStep, BankApplication, Filing
from .batches import Batch, BatchCounter, BatchStep, BundleOut, Candidate, HallKey, ReturnIn, Slot
from .corrections import Challenge, KeyCorrection, Rescoring, ScoreLine, ScoreMove
from .halls import FirstSecret, HallCall, HallMachine, HallPassOut, ReturnUpload
from .results import ExamsEvent, Result, ResultStep, VoidProposal

__all__ = [
    "ApplicationRow",
    "ApplicationSession",
    "ApplicationStep",
    "BankApplication",
    "Batch",
    "BatchCounter",
    "BatchStep",
    "BundleOut",
    "Candidate",
    "Challenge",
    "ExamsEvent",
    "Filing",
    "FirstSecret",
    "HallCall",
    "HallKey",
    "HallMachine",
    "HallPassOut",
    "KeyCorrection",
    "Rescoring",
    "Result",
    "ResultStep",
    "ReturnIn",
    "ReturnUpload",
    "ScoreLine",
    "ScoreMove",
    "Slot",
    "VoidProposal",
]
