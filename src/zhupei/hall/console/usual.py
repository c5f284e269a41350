"""Reasons and warnings as they are usually given: one tap on a seat's page."""

from __future__ import annotations

from django.utils.translation import gettext as _


def warnings() -> list[str]:
    """What an invigilator mostly has to say; the candidate's page shows it as it is."""
    return [
        _("Keep your eyes on your own screen."),
        _("Do not talk or make signs."),
        _("Put your telephone away; give it to the invigilator."),
        _("Put notes and papers away."),
        _("Do not leave the exam page."),
        _("Look into the camera; do not cover your face."),
    ]


def stops() -> list[str]:
    """Why an invigilator stops somebody."""
    return [
        _("Telephone or other device in use"),
        _("Notes or papers in use"),
        _("Answers passed on or copied"),
        _("Somebody sits for another person"),
        _("Disturbs the room in spite of a warning"),
    ]


def pauses() -> list[str]:
    """Why one person's time is stopped without a suspicion."""
    return [_("Computer fault"), _("Does not feel well"), _("Network or power fault at this seat")]


def entries() -> list[str]:
    """Why somebody signs in once more."""
    return [_("Browser closed"), _("Computer restarted"), _("The page does not answer")]


def moves() -> list[str]:
    """Why somebody gets another computer."""
    return [_("Computer fault"), _("Screen, keyboard or mouse broken"), _("Network fault at this seat")]


def faults() -> list[str]:
    """Why time is given back."""
    return [_("Network fault of the hall"), _("Power fault of the hall"), _("Computer fault")]


def ends() -> list[str]:
    """Why the hall hands in for somebody."""
    return [_("The time of the session is over"), _("The candidate has left the room")]
