from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from zhupei.kernel.transitions import Transitions


class RunKind(models.TextChoices):
    BATCH = "batch", _("One batch")
    CALIBRATION = "calibration", _("All batches of a post and subject")


class RunState(models.TextChoices):
    QUEUED = "queued", _("Waiting to begin")
    RUNNING = "running", _("Being reckoned")
    FINISHED = "finished", _("Finished")
    FAILED = "failed", _("Not finished")


OPEN = (RunState.QUEUED, RunState.RUNNING)
RUN = Transitions(
    {
        "begin": {RunState.QUEUED: RunState.RUNNING},
        "finish": {RunState.RUNNING: RunState.FINISHED},
        "fail": {RunState.QUEUED: RunState.FAILED, RunState.RUNNING: RunState.FAILED},
    }
)
RUN_TONES = {
    RunState.QUEUED: "waiting",
    RunState.RUNNING: "active",
    RunState.FINISHED: "done",
    RunState.FAILED: "problem",
}


class Flag(models.TextChoices):
    """What is noteworthy about an item. Those in ``ALARMS`` wait for the bank keeper."""

    FEW = "few", _("Too few answers to judge")
    KEY = "key", _("The key may be wrong")
    NEGATIVE = "negative", _("The weak get it right more often")
    DIF = "dif", _("Harder for one group of equal ability")
    DRIFT = "drift", _("Its difficulty has changed")
    EXPOSED = "exposed", _("Drawn much more often than its neighbours")
    MISFIT = "misfit", _("Does not fit the model")
    WEAK = "weak", _("Tells the strong from the weak poorly")
    HARD = "hard", _("Very hard")
    EASY = "easy", _("Very easy")
    IDLE = "idle", _("A wrong option that hardly anybody chooses")


ALARMS = frozenset({Flag.KEY, Flag.NEGATIVE, Flag.DIF, Flag.DRIFT, Flag.EXPOSED})
TONES = dict.fromkeys(ALARMS, "problem")
