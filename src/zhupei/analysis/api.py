"""The analysis room's door."""

from .actions import calibrate_all, carry_out, catch_up, request_batch, request_calibration
from .matrix import Answers
from .models import AnalysisRun, Calibration, ItemStatistics, Report
from .queries import calibrations
from .simulate import Asked, choose, difficulty_of, simulate, sit

__all__ = [
    "AnalysisRun",
    "Answers",
    "Asked",
    "Calibration",
    "ItemStatistics",
    "Report",
    "calibrate_all",
    "calibrations",
    "carry_out",
    "catch_up",
    "choose",
    "difficulty_of",
    "request_batch",
    "request_calibration",
    "simulate",
    "sit",
]
