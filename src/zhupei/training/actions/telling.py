"""Notices of this room: to the people of an institution, to the centre, to a learner (I10)."""

from __future__ import annotations

from django.db.models import Model
from django.urls import reverse

from zhupei.accounts.api import User
from zhupei.institutions.api import Institution
from zhupei.kernel import clock
from zhupei.kernel.roles import Role
from zhupei.notices.api import notify
from zhupei.organisations.api import Membership, OrganisationKind, in_force
from zhupei.training.access import FILERS
from zhupei.training.models import Enrolment, TrainingPlan


def _holders(*roles: Role) -> list[User]:
    rows = Membership.objects.filter(
        in_force(clock.today()),
        role__in=roles,
        organisation__kind=OrganisationKind.CENTRE,
        user__is_active=True,
    ).select_related("user")
    return list({row.user_id: row.user for row in rows}.values())


def tell_centre(plan: TrainingPlan, title: str, *roles: Role) -> None:
    """Put a notice about a plan before those of the centre who decide it."""
    notify(
        _holders(*roles),
        kind="training.plan",
        title=title,
        text=str(plan),
        url=reverse("training:plan", kwargs={"pk": plan.pk}),
    )


def tell_institution(institution: Institution, title: str, text: str, on: Model) -> None:
    """Put a notice before those who file an institution's plans."""
    rows = Membership.objects.filter(
        in_force(clock.today()),
        role__in=FILERS,
        organisation_id=institution.organisation_id,
        user__is_active=True,
    ).select_related("user")
    people = list({row.user_id: row.user for row in rows}.values())
    url = reverse("training:plan", kwargs={"pk": on.pk}) if isinstance(on, TrainingPlan) else ""
    notify(people, kind="training.plan", title=title, text=text, url=url)


def tell_learner(enrolment: Enrolment, title: str, text: str = "") -> None:
    """Put a notice before the learner, if the person has an account."""
    user = enrolment.person.user
    if user is not None:
        url = reverse("training:my_class", kwargs={"pk": enrolment.pk})
        notify(
            user, kind="training.enrolment", title=title, text=text or str(enrolment.training_class), url=url
        )
