"""Who may open which page of institutions, and which rows they see."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from zhupei.kernel.actor import Actor
from zhupei.kernel.roles import CENTRE, CITY, DISTRICT, HALL, INSTITUTION, Role
from zhupei.web.access import Nav, public, roles

from .choices import RegistrationState
from .models import Institution, Site, Teacher

OWN = INSTITUTION | HALL
EVERYWHERE = CITY | CENTRE


def institutions_for(actor: Actor) -> QuerySet[Institution]:
    """City and centre see every institution that has handed in its registration, a district commission those of its
    divisions (R079), an institution itself."""
    seen = Q(pk__in=())
    handed_in = ~Q(state=RegistrationState.DRAFT)
    if actor.has(*EVERYWHERE):
        seen |= handed_in
    if actor.has(*DISTRICT):
        seen |= handed_in & Q(division_code__in=actor.divisions)
    if actor.has(*OWN) and actor.organisation_id is not None:
        seen |= Q(organisation_id=actor.organisation_id)
    return Institution.objects.filter(seen)


def sites_for(actor: Actor) -> QuerySet[Site]:
    """The sites and halls that the actor may see; a district commission also those of others that lie in its divisions."""
    seen = Q(pk__in=())
    if actor.has(*EVERYWHERE):
        return Site.objects.select_related("institution")
    if actor.has(*DISTRICT):
        seen |= Q(division_code__in=actor.divisions) | Q(institution__division_code__in=actor.divisions)
    if actor.has(*OWN) and actor.organisation_id is not None:
        seen |= Q(institution__organisation_id=actor.organisation_id)
    return Site.objects.filter(seen).select_related("institution")


def teachers_for(actor: Actor) -> QuerySet[Teacher]:
    """The teachers of the institutions that the actor may see."""
    return Teacher.objects.filter(institution__in=institutions_for(actor)).select_related("institution")


REVIEWERS = EVERYWHERE | DISTRICT
HEAD = roles(Role.INSTITUTION_HEAD)
SITE_EDITORS = roles(Role.INSTITUTION_HEAD, Role.TECHNICIAN)
TEACHER_EDITORS = roles(Role.INSTITUTION_HEAD, Role.TEACHING_HEAD)
EDUCATION_OFFICE = roles(Role.CITY_EDUCATION_OFFICE)
SITE_REVIEW = roles(Role.CENTRE_OFFICER, Role.CENTRE_APPROVER)

PAGES = {
    "institutions:public_list": public,
    "institutions:public_detail": public,
    "institutions:apply": public,
    "institutions:list": roles(*REVIEWERS),
    "institutions:mine": roles(*OWN),
    "institutions:detail": roles(*REVIEWERS, *OWN),
    "institutions:edit": HEAD,
    "institutions:contact": HEAD,
    "institutions:submit": HEAD,
    "institutions:qualification_add": HEAD,
    "institutions:qualification_remove": HEAD,
    "institutions:qualification_scan": roles(*REVIEWERS, Role.INSTITUTION_HEAD),
    "institutions:qualification_check": roles(Role.DISTRICT_OFFICER, Role.CITY_EDUCATION_OFFICE),
    "institutions:licence_add": HEAD,
    "institutions:licence_remove": HEAD,
    "institutions:licence_scan": roles(*REVIEWERS, Role.INSTITUTION_HEAD),
    "institutions:vet": roles(Role.DISTRICT_OFFICER),
    "institutions:return": roles(Role.DISTRICT_OFFICER, Role.CITY_EDUCATION_OFFICE),
    "institutions:register": EDUCATION_OFFICE,
    "institutions:publish": EDUCATION_OFFICE,
    "institutions:block": EDUCATION_OFFICE,
    "institutions:restore": EDUCATION_OFFICE,
    "institutions:cancel": EDUCATION_OFFICE,
    "institutions:sites": roles(*REVIEWERS, *OWN),
    "institutions:site": roles(*REVIEWERS, *OWN),
    "institutions:site_add": SITE_EDITORS,
    "institutions:site_edit": SITE_EDITORS,
    "institutions:site_submit": SITE_EDITORS,
    "institutions:site_revise": SITE_EDITORS,
    "institutions:site_close": SITE_EDITORS,
    "institutions:site_approve": SITE_REVIEW,
    "institutions:site_return": SITE_REVIEW,
    "institutions:room_add": SITE_EDITORS,
    "institutions:room_edit": SITE_EDITORS,
    "institutions:room_remove": SITE_EDITORS,
    "institutions:teachers": roles(*REVIEWERS, *OWN),
    "institutions:teacher_add": TEACHER_EDITORS,
    "institutions:teacher_edit": TEACHER_EDITORS,
    "institutions:teacher_set_active": TEACHER_EDITORS,
}

NAV = [
    Nav("institutions:mine", _("Our registration"), "building", 100),
    Nav("institutions:list", _("Institutions"), "buildings", 100),
    Nav("institutions:sites", _("Sites and halls"), "geo-alt", 110),
    Nav("institutions:teachers", _("Teachers"), "person-badge", 120, only=frozenset(INSTITUTION)),
]
