"""What waits in registration and site review."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import reverse
from django.utils.translation import gettext as _

from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import Role
from zhupei.web.todo import Task

from .access import institutions_for, sites_for
from .choices import RegistrationState, SiteState


def tasks_for(actor: Actor) -> Iterable[Task]:
    """Registrations to vet, register or publish; sites to review; one's own to complete."""
    institutions = institutions_for(actor)
    registrations = reverse("institutions:list")
    if actor.has(Role.DISTRICT_OFFICER):
        state = RegistrationState.DISTRICT_REVIEW
        yield Task(
            _("Registrations to vet"),
            institutions.filter(state=state).count(),
            f"{registrations}?state={state}",
        )
    if actor.has(Role.CITY_EDUCATION_OFFICE):
        for state, label in (
            (RegistrationState.CITY_REVIEW, _("Registrations to decide")),
            (RegistrationState.REGISTERED, _("Institutions to publish")),
        ):
            yield Task(label, institutions.filter(state=state).count(), f"{registrations}?state={state}")
    if actor.has(Role.CENTRE_OFFICER):
        state = SiteState.SUBMITTED
        yield Task(
            _("Sites and halls to review"),
            sites_for(actor).filter(state=state).count(),
            f"{reverse('institutions:sites')}?state={state}",
        )
    if actor.has(Role.INSTITUTION_HEAD):
        own = institutions.filter(
            organisation_id=actor.organisation_id,
            state__in=[RegistrationState.DRAFT, RegistrationState.RETURNED],
        )
        for institution in own:
            yield Task(
                _("Complete your registration"), 1, reverse("institutions:detail", args=[institution.pk])
            )
        returned = sites_for(actor).filter(
            institution__organisation_id=actor.organisation_id, state=SiteState.RETURNED
        )
        yield Task(_("Sites to put right"), returned.count(), reverse("institutions:sites"))
