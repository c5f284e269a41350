from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from zhupei.kernel.batchno import BatchNumber
from zhupei.rulebook.api import Subject
from zhupei.web.fields import EncryptedField

from .choices import (
    APPLICATION,
    APPLICATION_TONES,
    BATCH,
    BATCH_TONES,
    CHALLENGE_TONES,
    CORRECTION,
    CORRECTION_TONES,
    RESULT_TONES,
    ApplicationState,
    BatchState,
    ChallengeKind,
    ChallengeState,
    ChangeKind,
    CorrectionState,
    FilingKind,
    Policy,
    Remedy,
    ResultState,
)


def _mark(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class BankApplication(models.Model):
    """An application to use the item bank, annex 4 (R045, R182–R197). The pledge is kept by its digest.

    Personal data: the two mobiles are printed on the form so that the centre can reach the persons in charge of a test.
    """

    institution = models.ForeignKey("institutions.Institution", on_delete=models.PROTECT, related_name="+")
    institution_name = models.CharField(_("training unit (full name)"), max_length=200)
    hall = models.ForeignKey(
        "institutions.Site", on_delete=models.PROTECT, related_name="+", verbose_name=_("hall")
    )
    address = models.CharField(_("test place (detailed)"), max_length=300)
    state = models.CharField(
        _("state"),
        max_length=12,
        choices=ApplicationState.choices,
        default=ApplicationState.DRAFT,
        db_index=True,
    )
    draft_number = models.CharField(_("provisional batch number"), max_length=20, blank=True)
    clients_available = models.PositiveIntegerField(_("computers available"))
    total = models.PositiveIntegerField(_("persons in all"))
    lead = models.CharField(_("person in charge"), max_length=50)
    lead_mobile = EncryptedField(_("mobile"))
    contact = models.CharField(_("contact"), max_length=50)
    contact_mobile = EncryptedField(_("contact's mobile"))
    pledge_digest = models.CharField(max_length=64, blank=True)
    pledged_at = models.DateTimeField(null=True, blank=True)
    signed_by = models.CharField(_("signed by"), max_length=50, blank=True)
    signed_on = models.DateField(_("date of signature"), null=True, blank=True)
    signature = models.ForeignKey(
        "evidence.StoredFile", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    seal = models.ForeignKey(
        "evidence.StoredFile", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    first_day = models.DateField(_("first test day"))
    deadline = models.DateField(_("latest application day"), null=True, blank=True)
    deadline_is_provisional = models.BooleanField(default=False)
    calendar_version = models.CharField(max_length=60, blank=True)
    rule_set = models.ForeignKey("rulebook.RuleSet", null=True, on_delete=models.PROTECT, related_name="+")
    submitted_at = models.DateTimeField(_("submitted"), null=True, blank=True)
    lateness_days = models.PositiveSmallIntegerField(default=0)
    late_reason = models.TextField(blank=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.institution_name} {self.first_day}"

    @property
    def tone(self) -> str:
        """The tone of the state's badge where the state's name says another."""
        return APPLICATION_TONES.get(self.state, "")

    def can(self, verb: str) -> bool:
        """True if ``verb`` is possible in the present state."""
        return APPLICATION.allows(self.state, verb)


class ApplicationRow(models.Model):
    """How many persons of one post (R188, R189)."""

    application = models.ForeignKey(BankApplication, on_delete=models.CASCADE, related_name="rows")
    post = models.ForeignKey(
        "rulebook.Post", on_delete=models.PROTECT, related_name="+", verbose_name=_("post")
    )
    count = models.PositiveIntegerField(_("persons"))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["application", "post"], name="application_post_once")]

    def __str__(self) -> str:
        return f"{self.post} × {self.count}"


class ApplicationSession(models.Model):
    """A wished test session (R184): at least the 120 minutes of a test."""

    application = models.ForeignKey(BankApplication, on_delete=models.CASCADE, related_name="sessions")
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))

    class Meta:
        ordering = ["starts_at"]

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d %H:%M}"


class ApplicationStep(models.Model):
    """One step of an application. Append-only."""

    application = models.ForeignKey(BankApplication, on_delete=models.PROTECT, related_name="steps")
    verb = models.CharField(max_length=20)
    state = models.CharField(max_length=12, choices=ApplicationState.choices)
    unit = models.CharField(max_length=200)
    person = models.CharField(max_length=100)
    opinion = models.TextField(blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.application} {self.verb}"


class Filing(models.Model):
    """A filing with the education office 宣教处 (R047), and its receipt."""

    kind = models.CharField(max_length=12, choices=FilingKind.choices)
    application = models.OneToOneField(BankApplication, on_delete=models.PROTECT, related_name="filing")
    filed_by = models.CharField(max_length=200)
    filed_at = models.DateTimeField(_("filed"))
    receipt_no = models.CharField(_("receipt number"), max_length=60, blank=True)
    received_by = models.CharField(max_length=200, blank=True)
    received_at = models.DateTimeField(_("received"), null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.application} {self.receipt_no}"


class Batch(models.Model):
    """A test batch (R030): city-wide number given with the slot (J14)."""

    application = models.OneToOneField(BankApplication, on_delete=models.PROTECT, related_name="batch")
    institution = models.ForeignKey("institutions.Institution", on_delete=models.PROTECT, related_name="+")
    hall = models.ForeignKey("institutions.Site", on_delete=models.PROTECT, related_name="+")
    year = models.PositiveSmallIntegerField()
    sequence = models.PositiveSmallIntegerField()
    state = models.CharField(
        _("state"), max_length=10, choices=BatchState.choices, default=BatchState.PREPARING, db_index=True
    )
    seat_seed = models.CharField(max_length=64, blank=True)
    rule_set = models.ForeignKey("rulebook.RuleSet", null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["year", "sequence"], name="batch_number_once")]

    def __str__(self) -> str:
        return str(BatchNumber(self.year, self.sequence))

    @property
    def tone(self) -> str:
        """The tone of the state's badge where the state's name says another."""
        return BATCH_TONES.get(self.state, "")

    def can(self, verb: str) -> bool:
        """True if ``verb`` is possible in the present state."""
        return BATCH.allows(self.state, verb)


class BatchCounter(models.Model):
    """The last batch number of a year. Its row is the lock under which slots are given and numbers counted."""

    year = models.PositiveSmallIntegerField(unique=True)
    last = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.year}: {self.last}"


class HallKey(models.Model):
    """The public key with which a hall signs its returns. A key that is ended opens nothing sent after."""

    hall = models.ForeignKey("institutions.Site", on_delete=models.PROTECT, related_name="+")
    public_key = models.CharField(_("public key"), max_length=130)
    registered_by = models.CharField(_("registered by"), max_length=200)
    registered_at = models.DateTimeField(_("registered"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hall", "public_key"], name="hall_key_once")]

    def __str__(self) -> str:
        return f"{self.hall} {self.public_key[2:10]}"


class BatchStep(models.Model):
    """One step of a batch. Append-only."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="steps")
    verb = models.CharField(max_length=20)
    state = models.CharField(max_length=10, choices=BatchState.choices)
    unit = models.CharField(max_length=200)
    person = models.CharField(max_length=100)
    note = models.TextField(blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.batch} {self.verb}"


class Slot(models.Model):
    """The time in which a batch may use the bank (R046); one per test session."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="slots")
    number = models.PositiveSmallIntegerField()
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    planned = models.PositiveIntegerField(_("persons planned"), default=0)
    decided_by = models.CharField(max_length=200)
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ["starts_at", "number"]
        constraints = [models.UniqueConstraint(fields=["batch", "number"], name="slot_number_once")]

    def __str__(self) -> str:
        return f"{self.batch} {self.starts_at:%m-%d %H:%M}"


class Candidate(models.Model):
    """A person who is to sit a batch's test: post, session, room and seat, slip number."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="candidates")
    person = models.ForeignKey("people.Person", on_delete=models.PROTECT, related_name="candidacies")
    enrolment = models.ForeignKey("training.Enrolment", on_delete=models.PROTECT, related_name="candidacies")
    post = models.ForeignKey("rulebook.Post", on_delete=models.PROTECT, related_name="+")
    slot = models.ForeignKey(Slot, null=True, blank=True, on_delete=models.PROTECT, related_name="candidates")
    room = models.ForeignKey(
        "institutions.Room", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    seat = models.PositiveIntegerField(_("seat"), null=True, blank=True)
    slip_no = models.CharField(_("slip number"), max_length=20, unique=True, null=True, blank=True)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=1)
    previous = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    extra_seconds = models.PositiveIntegerField(default=0)
    removed_at = models.DateTimeField(null=True, blank=True)
    removed_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "post", "batch"], name="candidate_once"),
            models.UniqueConstraint(
                fields=["slot", "room", "seat"],
                condition=Q(seat__isnull=False, removed_at=None),
                name="seat_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.slip_no or '—'} {self.person}"


class BundleOut(models.Model):
    """The sealed bundle of a batch, and the two persons who released its key (I08)."""

    batch = models.OneToOneField(Batch, on_delete=models.PROTECT, related_name="bundle")
    bundle_id = models.CharField(max_length=60, unique=True)
    file = models.ForeignKey("evidence.StoredFile", on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=64)
    sealed_key = models.TextField(
        help_text="The bundle's key, encrypted with the platform's key for bundles."
    )
    sealed_at = models.DateTimeField()
    released_by_1 = models.CharField(max_length=200, blank=True)
    released_by_1_id = models.BigIntegerField(null=True)
    released_by_1_roles = models.CharField(max_length=200, blank=True)
    released_by_2 = models.CharField(max_length=200, blank=True)
    released_by_2_id = models.BigIntegerField(null=True)
    released_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.bundle_id


class ReturnIn(models.Model):
    """A hall's signed return, and what the comparison with the centre's own scoring found."""

    batch = models.OneToOneField(Batch, on_delete=models.PROTECT, related_name="hall_return")
    file = models.ForeignKey("evidence.StoredFile", on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=64)
    received_at = models.DateTimeField()
    received_by = models.CharField(max_length=200)
    sittings = models.PositiveIntegerField()
    differences = models.JSONField(default=list)
    accepted_by = models.CharField(max_length=200, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_reason = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.batch} return"

    @property
    def differences_stand(self) -> bool:
        """True while a difference is neither absent nor accepted: the batch cannot be confirmed."""
        return bool(self.differences) and self.accepted_at is None


class Result(models.Model):
    """A candidate's scores, computed at the centre from the raw answers of the return (R032, R038, R042).

    Never keyed in: a row exists only with the return that it comes from. The announced scores never change. State and
    standing scores are projections, so that lists can filter by them and no reader can miss a re-scoring: the state of the
    decisions in ``ResultStep``, ``general``, ``professional`` and ``passed`` of the announced scores and every ``Rescoring``.
    They are written in the transaction that appends the row, and compared with the rows each night (see ``standing``).
    """

    candidate = models.OneToOneField(Candidate, on_delete=models.PROTECT, related_name="result")
    hall_return = models.ForeignKey(ReturnIn, on_delete=models.PROTECT, related_name="results")
    organisation_id = models.BigIntegerField()  # whose batch it is, so that its list is read from one index
    general = models.DecimalField(_("General knowledge"), max_digits=6, decimal_places=2)
    professional = models.DecimalField(_("Professional knowledge"), max_digits=6, decimal_places=2)
    passed = models.BooleanField(_("passed"))
    # written with the row; null only in a row that older code wrote, which the nightly check finds
    announced_general = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    announced_professional = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    announced_passed = models.BooleanField(null=True)
    state = models.CharField(
        _("state"), max_length=12, choices=ResultState.choices, default=ResultState.PROVISIONAL, db_index=True
    )
    submitted_at = models.DateTimeField(_("handed in"), null=True)
    shown_at = models.DateTimeField(_("score shown"), null=True)
    answers_digest = models.CharField(max_length=64)
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["organisation_id", "id"], name="result_by_unit")]

    def __str__(self) -> str:
        return f"{self.candidate}: {self.general} / {self.professional}"

    @property
    def tone(self) -> str:
        """The tone of the state's badge where the state's name says another."""
        return RESULT_TONES.get(self.state, "")

    @property
    def general_text(self) -> str:
        """The mark as people write it: 88, 59.5."""
        return _mark(self.general)

    @property
    def professional_text(self) -> str:
        """The mark as people write it: 88, 59.5."""
        return _mark(self.professional)


class ResultStep(models.Model):
    """A decision on a result; voiding needs two persons (R160). Append-only."""

    result = models.ForeignKey(Result, on_delete=models.PROTECT, related_name="steps")
    verb = models.CharField(max_length=20)
    state = models.CharField(max_length=12, choices=ResultState.choices)
    person = models.CharField(max_length=200)
    person_id = models.BigIntegerField(null=True)
    second_person = models.CharField(max_length=200, blank=True)
    reason = models.TextField(blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.result} {self.verb}"


class VoidProposal(models.Model):
    """A proposal to void a result, until a second person decides (R160)."""

    result = models.ForeignKey(Result, on_delete=models.PROTECT, related_name="void_proposals")
    reason = models.TextField(_("reason"))
    evidence = models.ForeignKey(
        "evidence.StoredFile", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    proposed_by = models.CharField(max_length=200)
    proposed_by_id = models.BigIntegerField()
    proposed_at = models.DateTimeField()
    decided_by = models.CharField(max_length=200, blank=True)
    decided_by_id = models.BigIntegerField(null=True)
    decided_at = models.DateTimeField(null=True)
    accepted = models.BooleanField(null=True)
    decision_reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["result"], condition=Q(decided_at=None), name="void_one_open_proposal"
            )
        ]

    def __str__(self) -> str:
        return f"void {self.result}"


class ExamsEvent(models.Model):
    """News for the rooms above (result confirmed, voided, scored again); they consume it by number, once."""

    kind = models.CharField(max_length=30, db_index=True)
    result = models.ForeignKey(Result, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.kind} {self.result_id}"


class KeyCorrection(models.Model):
    """A wrong key, put right for everybody who had the question (I07): proposed by one person, approved by another.

    The question is that of ``version`` of an item, of its child ``child_no`` if it is a case (else 0). ``accepted``: the
    answers that count as right, each a list of option ids; empty if everybody gets full marks. ``policy`` is that of the day
    of the proposal. ``sequence`` is the order in which corrections were approved, in which they are applied again.
    ``lines_digest`` covers the dry run that was shown: only that is approved. ``reason`` may speak of the question and is for
    the centre and the bank; ``notice`` is what candidates and institutions read.
    """

    item_uid = models.CharField(_("item number"), max_length=40)
    version = models.PositiveIntegerField(_("version"))
    child_no = models.PositiveSmallIntegerField(_("question"), default=0)
    subject = models.CharField(_("subject"), max_length=20, choices=Subject.choices)
    remedy = models.CharField(_("remedy"), max_length=10, choices=Remedy.choices)
    accepted = models.JSONField(default=list)
    policy = models.CharField(max_length=15, choices=Policy.choices)
    reason = models.TextField(_("reason"))
    notice = models.CharField(_("words to the candidates"), max_length=300)
    state = models.CharField(
        _("state"), max_length=10, choices=CorrectionState.choices, default=CorrectionState.COMPUTING
    )
    sequence = models.PositiveIntegerField(null=True, unique=True)
    batches_done = models.PositiveIntegerField(default=0)
    batches_all = models.PositiveIntegerField(default=0)
    fault = models.TextField(blank=True)
    lines_digest = models.CharField(max_length=64, blank=True)
    affected = models.PositiveIntegerField(default=0)
    up = models.PositiveIntegerField(default=0)
    down = models.PositiveIntegerField(default=0)
    newly_passed = models.PositiveIntegerField(default=0)
    newly_failed = models.PositiveIntegerField(default=0)
    new_version = models.PositiveIntegerField(null=True)
    proposed_by = models.CharField(max_length=200)
    proposed_by_id = models.BigIntegerField()
    proposed_at = models.DateTimeField(_("proposed"))
    decided_by = models.CharField(max_length=200, blank=True)
    decided_by_id = models.BigIntegerField(null=True)
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["item_uid", "version", "child_no"],
                condition=Q(state__in=["computing", "proposed", "approving"]),
                name="correction_one_open",
            )
        ]
        indexes = [models.Index(fields=["item_uid", "version"], name="correction_by_item")]

    def __str__(self) -> str:
        return f"{self.item_uid} v{self.version}" + (f" #{self.child_no}" if self.child_no else "")

    @property
    def name(self) -> str:
        """Item, version and question of a case, in the reader's language."""
        words = {"item": self.item_uid, "n": self.version, "no": self.child_no}
        if self.child_no:
            return gettext("%(item)s, version %(n)d, question %(no)d") % words
        return gettext("%(item)s, version %(n)d") % words

    @property
    def tone(self) -> str:
        """The tone of the state's badge where the state's name says another."""
        return CORRECTION_TONES.get(self.state, "")

    @property
    def subject_label(self) -> str:
        """The subject of the question, in words."""
        return str(Subject(self.subject).label)

    def can(self, verb: str) -> bool:
        """True if ``verb`` is possible in the present state."""
        return CORRECTION.allows(self.state, verb)


class ScoreMove(models.Model):
    """What a re-scoring does to one result."""

    general_before = models.DecimalField(max_digits=6, decimal_places=2)
    general_after = models.DecimalField(max_digits=6, decimal_places=2)
    professional_before = models.DecimalField(max_digits=6, decimal_places=2)
    professional_after = models.DecimalField(max_digits=6, decimal_places=2)
    passed_before = models.BooleanField()
    passed_after = models.BooleanField()

    class Meta:
        abstract = True

    @property
    def subjects(self) -> list[tuple[str, str, str]]:
        """Subject, mark before and after as people write them, where the mark moved."""
        rows = [
            ("general", self.general_before, self.general_after),
            ("professional", self.professional_before, self.professional_after),
        ]
        return [(name, _mark(before), _mark(after)) for name, before, after in rows if before != after]

    @property
    def moved(self) -> bool:
        """True if a mark changed; the outcome never changes without one."""
        return bool(self.subjects)


class ScoreLine(ScoreMove):
    """A line of a dry run. The lines of a correction are written anew by each computation, and count for nothing else."""

    correction = models.ForeignKey(KeyCorrection, on_delete=models.CASCADE, related_name="lines")
    result = models.ForeignKey(Result, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=6, choices=ChangeKind.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["correction", "result"], name="score_line_once")]
        indexes = [models.Index(fields=["correction", "kind", "id"], name="score_line_by_kind")]

    def __str__(self) -> str:
        return f"{self.correction} {self.result_id}"


class Rescoring(ScoreMove):
    """A new score of a result, by an approved correction or by a recount (I07). Append-only; the last one stands.

    A correction makes one for every result whose paper holds the question, also where no mark changed. ``state_before`` and
    ``state_after``: a confirmed result that passes now waits to be confirmed as a fresh one does.
    """

    result = models.ForeignKey(Result, on_delete=models.PROTECT, related_name="rescorings")
    correction = models.ForeignKey(
        KeyCorrection, null=True, on_delete=models.PROTECT, related_name="rescorings"
    )
    challenge = models.OneToOneField(
        "Challenge", null=True, on_delete=models.PROTECT, related_name="rescoring"
    )
    notice = models.CharField(max_length=300)
    state_before = models.CharField(max_length=12, choices=ResultState.choices)
    state_after = models.CharField(max_length=12, choices=ResultState.choices)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["correction", "result"], name="rescoring_once"),
            models.CheckConstraint(
                condition=Q(correction=None, challenge__isnull=False)
                | Q(correction__isnull=False, challenge=None),
                name="rescoring_one_cause",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.result_id}: {self.general_after} / {self.professional_after}"


class Challenge(models.Model):
    """申请复核: a learner or institution doubts a score or an item; the centre answers with its reason (I07).

    ``recount_*`` is what the raw answers give when they are scored once more. Personal data: the text as it was written,
    kept as long as the result.
    """

    result = models.ForeignKey(Result, on_delete=models.PROTECT, related_name="challenges")
    kind = models.CharField(_("what is doubted"), max_length=6, choices=ChallengeKind.choices)
    text = models.TextField(_("description"))
    state = models.CharField(
        _("state"),
        max_length=10,
        choices=ChallengeState.choices,
        default=ChallengeState.OPEN,
        db_index=True,
    )
    filed_by = models.CharField(max_length=200)
    filed_by_id = models.BigIntegerField()
    organisation_id = models.BigIntegerField(
        null=True, db_index=True
    )  # of the unit that filed it, if one did
    filed_at = models.DateTimeField(_("filed"))
    due = models.DateField(_("answer by"))
    due_is_provisional = models.BooleanField(default=False)
    recount_general = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    recount_professional = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    recount_passed = models.BooleanField(null=True)
    recounted_by = models.CharField(max_length=200, blank=True)
    recounted_by_id = models.BigIntegerField(null=True)
    recounted_at = models.DateTimeField(null=True)
    correction = models.ForeignKey(
        KeyCorrection, null=True, on_delete=models.PROTECT, related_name="challenges"
    )
    answer = models.TextField(_("answer"), blank=True)
    answered_by = models.CharField(max_length=200, blank=True)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["result", "kind"], condition=Q(state="open"), name="challenge_one_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.result_id}"

    @property
    def tone(self) -> str:
        """The tone of the state's badge where the state's name says another."""
        return CHALLENGE_TONES.get(self.state, "")

    @property
    def recount_differs(self) -> bool:
        """True if the recount gives other marks than those that stand."""
        mine = self.recount_general, self.recount_professional
        return self.recounted_at is not None and mine != (self.result.general, self.result.professional)

    @property
    def recount_texts(self) -> tuple[str, str]:
        """Both marks of the recount as people write them."""
        return _mark(self.recount_general or Decimal(0)), _mark(self.recount_professional or Decimal(0))
