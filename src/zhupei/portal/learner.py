"""A learner's next step: the one thing to do now, on the way from enrolment to certificate."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from zhupei.certificates.api import certificates_of
from zhupei.exams.api import BatchState, Candidate, Result, ResultState, candidacies_of
from zhupei.hours.api import accepted_hours, needed_hours
from zhupei.kernel import clock
from zhupei.people.api import Person
from zhupei.rulebook.api import parameter
from zhupei.training.api import ClassState, Enrolment, EnrolmentState

STAGES = ("enrol", "learn", "test", "certificate")


@dataclass
class NextStep:
    """What to show: a title, why, and one button; ``stage`` is where this stands on the way."""

    stage: str
    title: str
    text: str = ""
    url: str = ""
    label: str = ""
    icon: str = "flag"
    facts: list[tuple[str, Any]] = field(default_factory=list)

    def as_card(self) -> dict[str, Any]:
        """For ``web/_steps.html``."""
        return {
            "title": self.title,
            "text": self.text,
            "action_url": self.url,
            "action_label": self.label,
            "icon": self.icon,
            "facts": self.facts,
        }


def path_of(stage: str) -> list[dict[str, str]]:
    """The four stages with their states, for ``web/_steps.html``."""
    labels = {
        "enrol": _("Enrol"),
        "learn": _("Class"),
        "test": _("Test"),
        "certificate": _("Certificate"),
    }
    here = STAGES.index(stage)
    states = ["done" if n < here else "active" if n == here else "draft" for n in range(len(STAGES))]
    return [{"label": labels[name], "state": state} for name, state in zip(STAGES, states, strict=True)]


def _when(moment: datetime) -> str:
    local = clock.local(moment)
    return f"{date_format(local, 'DATE_FORMAT')} {local:%H:%M}"


def _sitting(candidate: Candidate) -> NextStep | None:
    """The step of a candidate whose test is fixed and not yet scored."""
    if candidate.slot is None or candidate.batch.state in (BatchState.PREPARING, BatchState.RETURNED):
        return None
    facts = [
        (_("Post"), candidate.post.name),
        (_("When"), _when(candidate.slot.starts_at)),
        (_("Where"), f"{candidate.batch.hall.address} {candidate.room.name if candidate.room else ''}"),
        (_("Slip number"), candidate.slip_no),
    ]
    now = clock.now()
    if candidate.batch.state == BatchState.RELEASED and now < candidate.slot.ends_at:
        opens = candidate.slot.starts_at.date() == now.date() or now >= candidate.slot.starts_at
        if opens:
            return NextStep(
                "test",
                _("Your test is today"),
                _("Bring your identity card. At your seat, sign in with your slip number and ID number."),
                "/exam/",
                _("Go to the test"),
                "display",
                facts,
            )
    if now >= candidate.slot.ends_at:
        return NextStep(
            "test",
            _("Your test is over"),
            _("The centre checks the answers and confirms the scores."),
            facts=facts,
        )
    return NextStep(
        "test",
        _("Print your admission slip"),
        _("Bring it with your identity card, and come early."),
        reverse("exams:my_test"),
        _("See the slip"),
        "printer",
        facts,
    )


def _scored(result: Result) -> NextStep:
    """The step after a test: scores, and what they mean."""
    facts = [(_("General knowledge"), result.general), (_("Professional knowledge"), result.professional)]
    url, label = reverse("exams:my_results"), _("See the scores")
    if result.state == ResultState.VOID:
        text = _("The decision and its reason stand with the scores. You may be tested again.")
        return NextStep("test", _("The result was voided"), text, url, label, "slash-circle", facts)
    if not result.passed:
        text = _(
            "Each subject needs %(mark)s points. Your hours stay valid; your institution can put you into a later test."
        )
        text %= {"mark": parameter("subject_pass_mark")}
        return NextStep("test", _("Not passed this time"), text, url, label, "arrow-repeat", facts)
    text = _("The centre confirms the results; then your certificate is issued.")
    return NextStep("certificate", _("Passed in both subjects"), text, url, label, "check-circle", facts)


def _learning(enrolment: Enrolment) -> NextStep:
    """The step of an accepted enrolment: the next lesson, or the hours that lack."""
    training_class = enrolment.training_class
    url = reverse("training:my_class", args=[enrolment.pk])
    done, needed = accepted_hours(enrolment.pk), needed_hours()
    facts = [
        (_("Class"), training_class.name),
        (_("Class hours"), f"{done.normalize():f} / {Decimal(needed).normalize():f}"),
    ]
    upcoming = training_class.lessons.filter(ends_at__gte=clock.now()).select_related("room__site").first()
    if training_class.state in (ClassState.ENROLLING, ClassState.RUNNING) and upcoming is not None:
        facts += [
            (_("Next lesson"), _when(upcoming.starts_at)),
            (pgettext("training", "Room"), str(upcoming.room)),
        ]
        return NextStep(
            "learn",
            _("Go to class"),
            _("Sign in and out at every lesson."),
            url,
            _("My class"),
            "mortarboard",
            facts,
        )
    if done < needed:
        text = _("Ask your institution how to make up the hours that lack.")
        return NextStep(
            "learn", _("Hours are missing"), text, url, _("See my hours"), "exclamation-triangle", facts
        )
    text = _("Your hours are complete. Your institution applies for the test and puts you on the list.")
    return NextStep("test", _("Waiting for the test"), text, url, _("My class"), "hourglass-split", facts)


def next_step(person: Person | None) -> NextStep:
    """The one thing that this learner does next."""
    if person is None:
        return NextStep("enrol", _("Complete your data"), "", reverse("people:me"), _("My data"), "person")
    enrolments = list(
        Enrolment.objects.filter(person=person)
        .exclude(state=EnrolmentState.CANCELLED)
        .select_related("training_class", "post")
        .order_by("-pk")
    )
    candidates = list(candidacies_of(person))
    latest = enrolments[0] if enrolments else None
    candidate = next((c for c in candidates if latest is None or c.enrolment_id == latest.pk), None)
    certificates = list(certificates_of(person))
    if latest is not None and any(c.result.candidate.enrolment_id == latest.pk for c in certificates):
        newest = next(c for c in certificates if c.result.candidate.enrolment_id == latest.pk)
        facts = [(_("Post"), newest.post_name), (_("Number"), newest.number)]
        url = reverse("certificates:mine")
        return NextStep(
            "certificate", _("Your certificate is issued"), "", url, _("My certificates"), "award", facts
        )
    if latest is None:
        text = _("Choose a class near you. You need %(hours)s class hours before the test.") % {
            "hours": f"{Decimal(needed_hours()).normalize():f}"
        }
        return NextStep(
            "enrol",
            _("Enrol in a class"),
            text,
            reverse("training:open_classes"),
            _("Find a class"),
            "search",
        )
    if candidate is not None:
        result = getattr(candidate, "result", None)
        if result is not None:
            return _scored(result)
        sitting = _sitting(candidate)
        if sitting is not None:
            return sitting
    if latest.state == EnrolmentState.APPLIED:
        text = _("The institution checks your data. You get a notice.")
        url = reverse("training:my_class", args=[latest.pk])
        facts = [(_("Class"), latest.training_class.name)]
        return NextStep(
            "enrol", _("Your enrolment is being reviewed"), text, url, _("See it"), "hourglass-split", facts
        )
    if latest.state == EnrolmentState.RETURNED:
        url = reverse("training:my_class", args=[latest.pk])
        return NextStep(
            "enrol",
            _("Your enrolment was returned"),
            latest.reason,
            url,
            _("See what to change"),
            "pencil-square",
        )
    return _learning(latest)
