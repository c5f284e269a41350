"""Nobody of a hall becomes a colleague on the hall's own machine: first sign-in codes, and a new way in by two others."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from django.contrib.auth.hashers import make_password
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client
from django.urls import NoReverseMatch, reverse
from tests.makers import (
    as_actor,
    make_actor,
    make_batch,
    make_filed_staff,
    make_hall_batch,
    make_rulebook,
    make_user,
    sign_in,
)

from zhupei.accounts.api import User, issue_code
from zhupei.audit.models import AuditEvent
from zhupei.evidence.api import Retention, store
from zhupei.exams import api as exams
from zhupei.exams import passes
from zhupei.exams.protocol import protocol_of
from zhupei.hall import actions
from zhupei.hall.models import AccessReset, CentreLink, HallBatch
from zhupei.institutions.api import Site
from zhupei.kernel import clock, envelope
from zhupei.kernel.actor import SYSTEM, Actor
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role

from .passes import MARK, a_pass, install

pytestmark = pytest.mark.django_db

OWN = "Kran-und-Beton-2026"
SECRETS = {"keeper": "11112222333344445555", "watch": "66667777888899990000"}


def refused(code: str, act: Callable[[], Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        act()
    assert caught.value.code == code, str(caught.value)
    return caught.value


def pass_with(secrets: dict[str, str], **change: Any) -> bytes:
    roles = {"keeper": "hall_technical_head"}
    filing = passes.PassFiling(
        role=roles["keeper"],
        trained_on=clock.today(),
        training="考场岗位培训",
        filing_no="备1",
        filed_at=clock.now(),
    )
    people = tuple(
        passes.PassPerson(
            login=login,
            name=login,
            roles=(roles.get(login, "invigilator"),),
            first_secret=make_password(secret),
            filings=(filing,) if login in roles else (),
        )
        for login, secret in secrets.items()
    )
    return a_pass(people=people, **change)


def set_own(login: str, code: str, password: str = OWN) -> int:
    values = {"login": login, "code": code, "password": password, "again": password}
    return Client().post(reverse("accounts:new_password"), values).status_code


def bind(login: str, password: str = OWN) -> Client:
    """Sign in for the first time and bind a telephone."""
    client = Client()
    answer = client.post(reverse("accounts:sign_in"), {"login": login, "password": password})
    assert answer.headers["Location"] == reverse("accounts:second_factor_set_up")
    page = client.get(reverse("accounts:second_factor_set_up")).content.decode()
    found = re.search(r"data-totp-secret>([A-Z2-7]+)<", page)
    assert found is not None
    code = pyotp.TOTP(found[1]).at(clock.now())
    assert client.post(reverse("accounts:second_factor_set_up"), {"code": code}).status_code == 302
    return client


# ── first sign-in ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("I08")
def test_a_first_code_opens_its_owners_account_once() -> None:
    make_rulebook()
    install(pass_with(SECRETS))
    assert set_own("keeper", SECRETS["watch"]) == 422
    assert set_own("keeper", "123456") == 422
    assert set_own("keeper", " 1111 2222 3333 4444 5555 ") == 302
    assert set_own("keeper", SECRETS["keeper"], "Another-horse-8") == 422  # it serves once
    head = User.objects.get(login="keeper")
    assert head.check_password(OWN)
    assert bind("keeper").get(reverse("hall:centre")).status_code == 200
    said = str(list(AuditEvent.objects.values_list("after", "reason")))
    assert SECRETS["keeper"] not in said


def test_a_first_code_is_no_password() -> None:
    make_rulebook()
    install(pass_with(SECRETS))
    client = Client()
    answer = client.post(reverse("accounts:sign_in"), {"login": "watch", "password": SECRETS["watch"]})
    assert answer.headers["Location"] == reverse("accounts:new_password")
    answer = client.get(reverse("accounts:second_factor_set_up"))
    assert answer.headers["Location"] == reverse("accounts:sign_in")
    assert not User.objects.get(login="watch").totp_secret


def test_wrong_first_codes_lock_the_account_for_a_while() -> None:
    make_rulebook()
    install(pass_with(SECRETS))
    assert [set_own("watch", f"{n:020d}") for n in range(5)] == [422] * 5
    assert set_own("watch", SECRETS["watch"]) == 429
    assert not User.objects.get(login="watch").check_password(OWN)


@pytest.mark.req("I09")
def test_the_technical_head_cannot_become_his_colleague(capsys: Any) -> None:
    make_rulebook()
    install(pass_with(SECRETS))
    set_own("keeper", SECRETS["keeper"])
    head = bind("keeper")
    shown = head.get(reverse("hall:centre")).content.decode()
    assert "watch" in shown
    assert SECRETS["watch"] not in shown
    assert envelope.spoken(MARK) in shown
    with pytest.raises(NoReverseMatch):
        reverse("hall:code")
    with pytest.raises(CommandError):
        call_command("hall_setup", "--code", "watch")
    assert Client().post(reverse("accounts:send_code"), {"login": "watch"}).status_code == 302
    assert not re.search(r"\d{6}", capsys.readouterr().out)
    answer = head.post(reverse("hall:resets"), {"login": "watch", "reason": "忘了密码"})
    half = "".join(re.findall(r"\d", str(re.search(r'fs-2">([\d ]+)<', answer.content.decode())[1])))  # type: ignore[index]
    assert len(half) == 10
    row = AccessReset.objects.get()
    answer = head.post(reverse("hall:reset_decide", args=[row.pk]), {"verdict": "accept"})
    assert answer.status_code == 403  # not the same person twice
    for code in (half, half + half, half + "0" * 10):
        assert set_own("watch", code) == 422
    assert set_own("watch", SECRETS["watch"]) == 302  # the colleague is still nobody else


def test_a_renewed_pass_leaves_those_alone_who_have_a_password() -> None:
    make_rulebook()
    install(pass_with(SECRETS))
    assert set_own("keeper", SECRETS["keeper"]) == 302
    fresh = {"keeper": "1" * 20, "watch": "2" * 20}
    install(pass_with(fresh, serial=8))
    assert User.objects.get(login="keeper").check_password(OWN)
    assert set_own("keeper", "1" * 20) == 422
    assert set_own("watch", SECRETS["watch"]) == 422  # who has none yet uses the newest
    assert set_own("watch", "2" * 20) == 302
    bind("watch")
    install(pass_with(fresh, serial=9))
    assert User.objects.get(login="watch").check_password(OWN)


def test_a_pass_without_first_codes_opens_nothing() -> None:
    make_rulebook()
    install(a_pass(format=1))
    keeper = User.objects.get(login="keeper")
    assert not keeper.has_usable_password()
    assert [one.login for one in actions.waiting_for_password(4711)] == ["keeper", "watch"]
    bad = passes.PassPerson(login="keeper", name="周敏", roles=("invigilator",), first_secret="sm3$1")
    refused("bad_hash", lambda: install(a_pass(people=(bad,), serial=8)))


def test_a_first_code_may_be_typed_as_it_is_shown_and_with_wide_figures() -> None:
    make_rulebook()
    install(pass_with(SECRETS))
    data = {"login": "watch", "password": envelope.spoken(SECRETS["watch"])}
    answer = Client().post(reverse("accounts:sign_in"), data)
    assert answer.headers.get("Location") == reverse("accounts:new_password")
    wide = SECRETS["watch"].translate({ord("0") + n: ord("０") + n for n in range(10)})
    assert set_own("watch", wide) == 302


@pytest.mark.req("I09")
def test_no_answer_tells_whether_an_account_is_there_and_waits_for_its_code() -> None:
    make_rulebook()
    install(pass_with(SECRETS))
    assert set_own("keeper", SECRETS["keeper"]) == 302

    def answers(login: str) -> list[tuple[int, str]]:
        values = {"login": login, "password": OWN, "again": OWN}
        found = []
        for code in ("123456", *["9" * 20] * 6):
            page = Client().post(reverse("accounts:new_password"), {**values, "code": code})
            found.append((page.status_code, re.sub(r"\d\d:\d\d", "", str(page.context["form"].errors))))
        return found

    with clock.frozen(clock.now()):
        waits, has_one, unknown = map(answers, ("watch", "keeper", "nobody-of-this-name"))
    assert waits == has_one == unknown
    assert waits[-1][0] == 429


@pytest.mark.req("I09")
def test_six_digits_that_went_to_nobody_open_nothing() -> None:
    make_rulebook()
    install(a_pass(format=1))  # accounts without first codes, and without telephones as all of a pass
    guessed = issue_code("set_password", "watch")
    assert set_own("watch", guessed) == 422
    assert not User.objects.get(login="watch").has_usable_password()


# ── a new way in, by two others ─────────────────────────────────────────────────────────────────────────


@dataclass
class Crew:
    """The staff of a hall's own machine; ``lost`` has forgotten the password."""

    head: Actor
    keeper: Actor
    watch: Actor
    lost: User


@pytest.fixture
def crew() -> Crew:
    make_rulebook()
    row = make_hall_batch(make_batch(state="released"))
    site = Site.objects.select_related("institution__organisation").get(pk=row.site_id_ref)
    unit = site.institution.organisation
    CentreLink.objects.create(
        serial=1,
        issued_at=clock.now(),
        valid_to=clock.today(),
        site_id_ref=site.pk,
        organisation_id=unit.pk,
        centre_name="中心",
        centre_key=exams.centre_public_key(),
        centre_address="http://centre.test",
        file=store(b"x", name="x", content_type="x", purpose="x", retention=Retention.ARCHIVE, by=SYSTEM),
        installed_by="",
        installed_at=clock.now(),
    )
    staff = make_filed_staff(unit)
    lost = make_user(Role.INVIGILATOR, unit)
    lost.set_password(OWN)
    lost.totp_secret = "JBSWY3DPEHPK3PXP"
    lost.save()
    head, keeper = (as_actor(staff[r]) for r in (Role.HALL_TECHNICAL_HEAD, Role.ROOM_ADMINISTRATOR))
    return Crew(head, keeper, make_actor(Role.INVIGILATOR, unit), lost)


def propose(crew: Crew, by: Actor) -> tuple[AccessReset, str]:
    return actions.propose_reset(login=crew.lost.login, reason="忘了密码", by=by)


@pytest.mark.req("I09")
def test_two_others_give_a_new_way_in_and_each_knows_half_of_the_code(crew: Crew) -> None:
    client = sign_in(Client(), crew.lost)
    row, first = propose(crew, crew.watch)
    assert row.first_half == first
    for by, code in (
        (crew.watch, "same_person"),
        (as_actor(crew.lost), "own_account"),
        (make_actor(Role.INVIGILATOR), "other_organisation"),
    ):
        refused(code, lambda by=by: actions.decide_reset(row, accept=True, by=by))
    assert User.objects.get(pk=crew.lost.pk).check_password(OWN)
    second = actions.decide_reset(row, accept=True, by=crew.head)
    refused("wrong_state", lambda: actions.decide_reset(row, accept=True, by=crew.keeper))
    row.refresh_from_db()
    assert (row.first_half, row.accepted) == ("", True)
    assert client.get(reverse("hall:batches")).status_code == 302  # the old session is over
    answer = Client().post(reverse("accounts:sign_in"), {"login": crew.lost.login, "password": OWN})
    assert answer.status_code == 422
    for half in (first, second, second + first):
        assert set_own(crew.lost.login, half) == 422
    assert set_own(crew.lost.login, first + second, "Another-horse-8") == 302
    bind(crew.lost.login, "Another-horse-8")
    told = AuditEvent.objects.filter(code__startswith="hall.reset_").order_by("pk")
    assert [one.actor_id for one in told] == [crew.watch.user_id, crew.head.user_id]
    assert first not in str(list(told.values_list("after", "before", "reason")))


@pytest.mark.req("I09")
def test_the_return_tells_the_centre_under_both_names(crew: Crew) -> None:
    row, _half = propose(crew, crew.keeper)
    actions.decide_reset(row, accept=True, by=crew.head)
    batch = exams.Batch.objects.get()
    exams.register_hall_key(batch.hall, exams.machine_signer().public_key, by=SYSTEM)
    with clock.frozen(batch.slots.all()[0].ends_at + timedelta(hours=1)):
        closed = actions.close_batch(HallBatch.objects.get(), by=crew.head)
        actions.make_return(closed, by=crew.head)
    assert exams.ReturnIn.objects.get().difference_count == 0
    lines = [one for one in protocol_of(batch).lines if crew.lost.login in one.why]
    assert len(lines) == 1
    assert crew.keeper.name in lines[0].who
    assert crew.head.name in lines[0].who


def test_only_a_filed_post_approves_and_anybody_may_refuse(crew: Crew) -> None:
    unit_watch = crew.watch
    row, _half = propose(crew, crew.head)
    refused("not_filed", lambda: actions.decide_reset(row, accept=True, by=unit_watch))
    refused("proposal_open", lambda: propose(crew, crew.keeper))
    assert actions.decide_reset(row, accept=False, by=as_actor(crew.lost)) == ""
    row.refresh_from_db()
    assert (row.accepted, row.first_half) == (False, "")
    assert User.objects.get(pk=crew.lost.pk).check_password(OWN)
    refused(
        "nobody",
        lambda: actions.propose_reset(login=make_user(Role.INVIGILATOR).login, reason="x", by=crew.head),
    )
    refused("nobody", lambda: propose(crew, as_actor(crew.lost)))
    refused("no_reason", lambda: actions.propose_reset(login=crew.lost.login, reason=" ", by=crew.head))


@pytest.mark.req("I09")
def test_a_first_code_that_was_used_serves_no_more_after_a_reset_and_a_renewed_pass() -> None:
    make_rulebook()
    secrets = {**SECRETS, "desk": "1" * 20}
    install(pass_with(secrets))
    assert set_own("watch", SECRETS["watch"]) == 302  # and has not signed in since
    keeper, desk = (as_actor(User.objects.get(login=login)) for login in ("keeper", "desk"))
    row, first = actions.propose_reset(login="watch", reason="忘了密码", by=desk)
    second = actions.decide_reset(row, accept=True, by=keeper)
    install(pass_with(secrets, serial=8))
    assert set_own("watch", SECRETS["watch"]) == 422
    assert set_own("watch", first + second, "Another-horse-8") == 302


def test_who_may_not_approve_is_shown_no_button(crew: Crew) -> None:
    propose(crew, crew.keeper)
    for one, may in (
        (crew.watch, False),
        (crew.keeper, False),
        (as_actor(crew.lost), False),
        (crew.head, True),
    ):
        page = sign_in(Client(), User.objects.get(pk=one.user_id)).get(reverse("hall:resets"))
        assert ('value="accept"' in page.content.decode()) is may
        assert 'value="refuse"' in page.content.decode()


def test_no_colleague_is_chosen_beforehand(crew: Crew) -> None:
    client = sign_in(Client(), User.objects.get(pk=crew.keeper.user_id))
    form = client.get(reverse("hall:resets")).context["form"]
    assert form.fields["login"].choices[0][0] == ""
    assert client.post(reverse("hall:resets"), {"login": "", "reason": "忘了密码"}).status_code == 422
    assert not AccessReset.objects.exists()


def test_the_pages_show_each_half_once(crew: Crew) -> None:
    one = sign_in(Client(), User.objects.get(pk=crew.keeper.user_id))
    answer = one.post(reverse("hall:resets"), {"login": crew.lost.login, "reason": "手机没带"})
    first = str(re.search(r'fs-2">([\d ]+)<', answer.content.decode())[1])  # type: ignore[index]
    assert answer.headers["Cache-Control"] == "no-store"
    assert first not in one.get(reverse("hall:resets")).content.decode()
    row = AccessReset.objects.get()
    url = reverse("hall:reset_decide", args=[row.pk])
    assert 'value="accept"' not in one.get(reverse("hall:resets")).content.decode()
    two = sign_in(Client(), User.objects.get(pk=crew.head.user_id))
    assert 'value="accept"' in two.get(reverse("hall:resets")).content.decode()
    answer = two.post(url, {"verdict": "accept"})
    second = str(re.search(r'fs-2">([\d ]+)<', answer.content.decode())[1])  # type: ignore[index]
    assert set_own(crew.lost.login, f"{first} {second}") == 302


def test_where_the_centre_runs_a_code_goes_to_the_telephone_instead() -> None:
    make_rulebook()
    by = make_actor(Role.HALL_TECHNICAL_HEAD)
    refused("not_a_hall_machine", lambda: actions.propose_reset(login="x", reason="x", by=by))
    page = sign_in(Client(), User.objects.get(pk=by.user_id)).get(reverse("hall:resets"))
    assert "<textarea" not in page.content.decode()
    assert 'name="login"' not in page.content.decode()


@pytest.mark.django_db(transaction=True)
def test_two_who_propose_at_once_get_one_proposal(crew: Crew) -> None:
    together = threading.Barrier(2)

    def act(by: Actor) -> str:
        try:
            together.wait(10)
            propose(crew, by)
        except Refusal as refusal:
            return refusal.code
        finally:
            connections.close_all()
        return "proposed"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(act, (crew.head, crew.keeper))) == ["proposal_open", "proposed"]
