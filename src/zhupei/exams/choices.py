from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from zhupei.kernel.transitions import Transitions


class ApplicationState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    SUBMITTED = "submitted", _("Waiting for a slot")
    LATE = "late", _("Late, waiting for the centre's decision")
    RETURNED = "returned", _("Returned")
    SCHEDULED = "scheduled", _("Slot given")
    FILED = "filed", _("Filed with the education office")
    WITHDRAWN = "withdrawn", _("Withdrawn")


A = ApplicationState
APPLICATION = Transitions(
    {
        "submit": {A.DRAFT: A.SUBMITTED, A.RETURNED: A.SUBMITTED},
        "submit_late": {A.DRAFT: A.LATE, A.RETURNED: A.LATE},
        "schedule": {A.SUBMITTED: A.SCHEDULED, A.LATE: A.SCHEDULED},
        "reschedule": {A.SCHEDULED: A.SCHEDULED},
        "return": {A.SUBMITTED: A.RETURNED, A.LATE: A.RETURNED, A.SCHEDULED: A.RETURNED},
        "file": {A.SCHEDULED: A.FILED},
        "withdraw": {
            A.DRAFT: A.WITHDRAWN,
            A.SUBMITTED: A.WITHDRAWN,
            A.LATE: A.WITHDRAWN,
            A.RETURNED: A.WITHDRAWN,
        },
    }
)


APPLICATION_TONES = {A.SCHEDULED: "active", A.LATE: "problem"}


class BatchState(models.TextChoices):
    PREPARING = "preparing", _("Collecting candidates")
    LOCKED = "locked", _("Candidates and seats fixed")
    READY = "ready", _("Papers drawn, bundle sealed")
    RELEASED = "released", _("Released to the hall")
    RETURNED = "returned", _("Return received, scores provisional")
    CONFIRMED = "confirmed", _("Results confirmed")
    CANCELLED = "cancelled", _("Test cancelled")


B = BatchState
BATCH = Transitions(
    {
        "lock": {B.PREPARING: B.LOCKED},
        "unlock": {B.LOCKED: B.PREPARING},
        "draw": {B.LOCKED: B.READY},
        "release": {B.READY: B.RELEASED},
        "receive": {B.RELEASED: B.RETURNED},
        "confirm": {B.RETURNED: B.CONFIRMED},
        "cancel": {B.PREPARING: B.CANCELLED, B.LOCKED: B.CANCELLED, B.READY: B.CANCELLED},
        "reopen": {B.CANCELLED: B.PREPARING},  # the same application is given a slot again, under its number
    }
)
BATCH_TONES = {B.PREPARING: "draft", B.LOCKED: "waiting", B.READY: "waiting", B.RETURNED: "waiting"}


class ResultState(models.TextChoices):
    PROVISIONAL = "provisional", _("To be confirmed")
    DOUBTFUL = "doubtful", _("In doubt")
    CONFIRMED = "confirmed", _("Confirmed")
    VOID = "void", _("Void")


R = ResultState
RESULT = Transitions(
    {
        "confirm": {R.PROVISIONAL: R.CONFIRMED, R.DOUBTFUL: R.CONFIRMED},
        "doubt": {R.PROVISIONAL: R.DOUBTFUL, R.CONFIRMED: R.DOUBTFUL},
        "void": {R.PROVISIONAL: R.VOID, R.DOUBTFUL: R.VOID, R.CONFIRMED: R.VOID},
        # a pass that a re-scoring brings is confirmed as a fresh one is
        "pass_anew": {R.PROVISIONAL: R.PROVISIONAL, R.DOUBTFUL: R.DOUBTFUL, R.CONFIRMED: R.PROVISIONAL},
    }
)


RESULT_TONES = {R.PROVISIONAL: "waiting"}


class FilingKind(models.TextChoices):
    BANK_USE = "bank_use", _("Use of the item bank")


# Annex 4, word for word (R194). Its digest is stored with every application; a changed text is another pledge.
PLEDGE = (
    "我单位承诺：我单位将严格按照专业人员信息化考试相关规定及市住房城乡建委有关要求组织专业人员培训测试，"
    "维护测试安全稳定，严肃测试工作纪律，坚决杜绝各类违规违纪现象，确保公平公正。"
)

# What the steps of the time lines say.
VERBS = {
    "create": _("Filled in"),
    "edit": _("Changed"),
    "submit": _("Submitted"),
    "submit_late": _("Submitted late, with a reason"),
    "schedule": _("Slot given"),
    "reschedule": _("Slot moved"),
    "return": _("Returned"),
    "file": _("Filed with the education office"),
    "receive_filing": _("Filing received"),
    "withdraw": _("Withdrawn"),
    "deadline": _("Deadline counted anew on a newer calendar"),
    "lock": _("Candidates and seats fixed"),
    "unlock": _("Opened again for changes"),
    "draw": _("Papers drawn, bundle sealed"),
    "release_first": _("First of two persons released the key"),
    "release": _("Second person released the key"),
    "receive": _("Return received"),
    "accept_differences": _("Differences accepted"),
    "confirm": _("Confirmed"),
    "cancel": _("Test cancelled"),
    "reopen": _("Taken up again"),
    "compute": _("Scored from the raw answers"),
    "doubt": _("Put in doubt"),
    "propose_void": _("Voiding proposed"),
    "refuse_void": _("Voiding refused"),
    "void": _("Voided"),
    "rescore": _("Scored again"),
}


class Remedy(models.TextChoices):
    ANOTHER = "another", _("Another answer is right")
    SEVERAL = "several", _("Several answers count as right")
    VOID = "void", _("Full marks for everybody who had the question")


class Policy(models.TextChoices):
    """Whether a correction may take marks away (the rulebook's ``correction_policy``)."""

    NOBODY_LOSES = "nobody_loses", _("Nobody loses marks by a correction")
    STRICT = "strict", _("Marks go down as well as up")


class CorrectionState(models.TextChoices):
    COMPUTING = "computing", _("Being computed")
    PROPOSED = "proposed", _("Waits for approval")
    APPROVING = "approving", _("Being applied")
    APPROVED = "approved", _("Approved and applied")
    REFUSED = "refused", _("Refused")
    WITHDRAWN = "withdrawn", _("Withdrawn")


C = CorrectionState
CORRECTION = Transitions(
    {
        "compute": {C.COMPUTING: C.COMPUTING, C.PROPOSED: C.COMPUTING, C.APPROVING: C.COMPUTING},
        "computed": {C.COMPUTING: C.PROPOSED},
        "apply": {C.PROPOSED: C.APPROVING},
        "reopen": {C.APPROVING: C.PROPOSED},
        "approve": {C.PROPOSED: C.APPROVED, C.APPROVING: C.APPROVED},
        "refuse": {C.PROPOSED: C.REFUSED},
        "withdraw": {C.COMPUTING: C.WITHDRAWN, C.PROPOSED: C.WITHDRAWN},
    }
)
CORRECTION_TONES = {C.COMPUTING: "waiting", C.PROPOSED: "waiting", C.APPROVING: "waiting"}


class ChangeKind(models.TextChoices):
    """What a correction does to one result; the outcome goes before the marks."""

    PASSED = "passed", _("Passes now")
    FAILED = "failed", _("No longer passes")
    UP = "up", _("More marks")
    DOWN = "down", _("Fewer marks")
    SAME = "same", _("Unchanged")


class ChallengeKind(models.TextChoices):
    SCORE = "score", _("The score: count my answers again")
    ITEM = "item", _("A question: it or its answer is wrong")


class ChallengeState(models.TextChoices):
    OPEN = "open", _("Waits for an answer")
    UPHELD = "upheld", _("Upheld")
    DISMISSED = "dismissed", _("Dismissed")
    WITHDRAWN = "withdrawn", _("Withdrawn")


H = ChallengeState
CHALLENGE = Transitions(
    {
        "recount": {H.OPEN: H.OPEN},
        "uphold": {H.OPEN: H.UPHELD},
        "dismiss": {H.OPEN: H.DISMISSED},
        "withdraw": {H.OPEN: H.WITHDRAWN},
    }
)
CHALLENGE_TONES = {H.OPEN: "waiting", H.UPHELD: "done", H.DISMISSED: "neutral"}
