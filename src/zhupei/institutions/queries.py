"""Reading institutions: which are published, which may train on a day, which sites and halls may be used."""

from __future__ import annotations

import datetime as dt
from datetime import date
from math import ceil

from django.db.models import Prefetch, Q, QuerySet
from django.utils.translation import gettext as _

from zhupei.accounts.api import User
from zhupei.kernel import clock, uscc
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role
from zhupei.organisations.api import Membership, in_force
from zhupei.rulebook.api import Post, active_posts, decimal_parameter, parameter

from .choices import (
    LICENCE_KINDS,
    USCC_TYPES,
    InstitutionType,
    QualificationGrade,
    RegistrationState,
    RoomKind,
    SiteKind,
    SiteState,
)
from .models import Institution, Licence, Qualification, Site, Teacher

SUFFICIENT_GRADES = (QualificationGrade.SPECIAL, QualificationGrade.FIRST)


def institution_of(actor: Actor) -> Institution | None:
    """The institution that the actor acts for, or None (other kinds of unit, learners, the public)."""
    if actor.organisation_id is None:
        return None
    return Institution.objects.filter(organisation_id=actor.organisation_id).first()


def holders(*roles: Role, organisation_id: int | None = None) -> list[User]:
    """The persons with open accounts who hold one of ``roles`` today, in one organisation or anywhere."""
    rows = Membership.objects.filter(in_force(clock.today()), role__in=roles, user__is_active=True)
    if organisation_id is not None:
        rows = rows.filter(organisation_id=organisation_id)
    return list(User.objects.filter(pk__in=rows.values("user_id")).order_by("pk"))


def published_institutions() -> QuerySet[Institution]:
    """The institutions that the public may choose from: registered and published, not hidden (R006, R084)."""
    return Institution.objects.filter(state=RegistrationState.PUBLISHED)


def with_active_posts(institutions: QuerySet[Institution]) -> QuerySet[Institution]:
    """The same rows with their posts of today fetched at once, as ``open_posts``."""
    return institutions.prefetch_related(Prefetch("posts", queryset=active_posts(), to_attr="open_posts"))


def state_on(institution: Institution, day: date) -> str:
    """The state of a registration at the end of ``day``; for today and later, the present one."""
    if day >= clock.today():
        return institution.state
    end = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), clock.SHANGHAI)
    step = institution.steps.filter(at__lt=end).order_by("-at", "-pk").first()
    return step.state if step is not None else RegistrationState.DRAFT


def has_sufficient_qualification(
    institution: Institution, on: date | None = None, *, checked: bool = True
) -> bool:
    """True if a construction qualification of grade one or special is in force on the day (R008).

    ``checked=False`` counts those that no reviewer has compared with the register yet.
    """
    day = on or clock.today()
    rows = Qualification.objects.filter(
        institution=institution, grade__in=SUFFICIENT_GRADES, issued_on__lte=day, valid_to__gte=day
    )
    return (rows.exclude(checked_at=None) if checked else rows).exists()


def has_licence(institution: Institution, on: date | None = None) -> bool:
    """True if a licence of the kind that R009 asks of this type is in force on the day. Contractors need none."""
    kinds = LICENCE_KINDS.get(InstitutionType(institution.type), ())
    if not kinds:
        return True
    day = on or clock.today()
    rows = Licence.objects.filter(
        Q(valid_to=None) | Q(valid_to__gte=day), institution=institution, kind__in=kinds
    )
    return rows.exists()


def require_may_train(institution: Institution, *, on: date | None = None) -> None:
    """The gate before a plan, a class day, an application for the bank and a certificate.

    Raises ``Refusal`` unless the institution is registered and published on the day (R005, R006), not hidden by a
    sanction (R084) and, if it is a contractor, qualified grade one or special on that day (R008).
    """
    day = on or clock.today()
    state = state_on(institution, day)
    name = {"name": institution.full_name}
    if state == RegistrationState.BLOCKED:
        text = _("The registration of %(name)s is hidden by decision of the city commission. Nothing can be applied for "
                 "until it is restored.") % name  # fmt: skip
        raise Refusal("institution_blocked", text, clause="四（三）", status=409)
    if state == RegistrationState.REGISTERED:
        text = _("%(name)s is registered but not yet published. Training can begin once the city commission has "
                 "published it.") % name  # fmt: skip
        raise Refusal("institution_not_published", text, clause="一", status=409)
    if state != RegistrationState.PUBLISHED:
        text = (
            _(
                "%(name)s is not registered with the city commission on that day. Finish the registration first."
            )
            % name
        )
        raise Refusal("institution_not_registered", text, clause="一", status=409)
    if institution.type == InstitutionType.CONTRACTOR and not has_sufficient_qualification(institution, day):
        text = _("%(name)s has no construction qualification of special grade or grade one in force and checked on %(day)s. "
                 "Enter the renewed certificate on the registration page.") % {**name, "day": day}  # fmt: skip
        raise Refusal("qualification_missing", text, clause="一", status=409)


def approved_sites(institution: Institution, kind: str, *, on: date | None = None) -> QuerySet[Site]:
    """The teaching sites or exam halls that the centre approved and whose approval holds on the day (R010, R112, R163)."""
    day = on or clock.today()
    return Site.objects.filter(
        Q(valid_to=None) | Q(valid_to__gte=day),
        institution=institution,
        kind=kind,
        state=SiteState.APPROVED,
        approved_on__lte=day,
    ).order_by("name")


def active_teachers(institution: Institution) -> QuerySet[Teacher]:
    """The teachers who teach here now (R014)."""
    return Teacher.objects.filter(institution=institution, is_active=True).order_by("name", "pk")


def uscc_warning(code: str, institution_type: str) -> str:
    """What a reviewer should look at when the code's kind is not one that R007 expects of the type; "" if it fits."""
    if uscc.is_expected(code, USCC_TYPES[InstitutionType(institution_type)]):
        return ""
    kinds = {
        uscc.Kind.PUBLIC_INSTITUTION: _("a public institution"),
        uscc.Kind.SOCIAL_ORGANISATION: _("a social organisation"),
        uscc.Kind.PRIVATE_NON_ENTERPRISE: _("a private non-enterprise unit"),
        uscc.Kind.FOUNDATION: _("a foundation"),
        uscc.Kind.TRADE_UNION: _("a trade union"),
        uscc.Kind.ENTERPRISE: _("an enterprise"),
    }
    kind = uscc.kind_of(code)
    words = kinds[kind] if kind is not None else _("another kind of unit")
    return _("The credit code begins with %(prefix)s, which stands for %(kind)s. That is unusual for the type “%(type)s”: "
             "compare it with the certificates.") % {
        "prefix": code[:2],
        "kind": words,
        "type": InstitutionType(institution_type).label,
    }  # fmt: skip


def spare_needed(exam_clients: int) -> int:
    """Spare computers that a hall with so many exam computers must hold ready (R136, J12)."""
    return ceil(decimal_parameter("spare_ratio") * exam_clients)


def site_problems(site: Site) -> list[Refusal]:
    """Why a site cannot be handed in for review as it stands; empty if it can (R010, R011, R135, R136)."""
    rooms = [room for room in site.rooms.all() if room.is_active]
    problems = []
    if site.kind == SiteKind.TEACHING:
        if not any(room.kind == RoomKind.CLASSROOM for room in rooms):
            text = _("There is no classroom yet. Add at least one with its seats.")
            problems.append(Refusal("no_classroom", text, clause="二（一）1"))
        return problems
    if not any(room.kind == RoomKind.EXAM_ROOM for room in rooms):
        problems.append(
            Refusal(
                "no_exam_room",
                _("There is no exam room yet. Add at least one with its seats."),
                clause="附件3",
            )
        )
    least = int(parameter("hall_min_clients"))
    if site.exam_clients < least:
        text = _("A hall needs at least %(least)d exam computers; this one has %(has)d.") % {
            "least": least,
            "has": site.exam_clients,
        }
        problems.append(Refusal("too_few_clients", text, clause="附件3四（四）", field="exam_clients"))
    needed = spare_needed(site.exam_clients)
    if site.spare_clients < needed:
        text = _("For %(clients)d exam computers, at least %(needed)d spare ones must stand ready; this hall has %(has)d. "
                 "Add %(more)d.") % {
            "clients": site.exam_clients,
            "needed": needed,
            "has": site.spare_clients,
            "more": needed - site.spare_clients,
        }  # fmt: skip
        problems.append(Refusal("too_few_spares", text, clause="附件3四（四）", field="spare_clients"))
    return problems


def trains(institution: Institution, post: Post) -> bool:
    """True if the institution registered for this post."""
    return institution.posts.filter(pk=post.pk).exists()
