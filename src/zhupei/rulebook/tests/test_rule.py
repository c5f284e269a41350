"""The rule in force, its basis, posts and divisions; what happens before it is loaded."""

from datetime import date, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from tests.makers import make_actor, make_rulebook, make_user, sign_in

from zhupei.audit.api import events_on
from zhupei.kernel import clock
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role
from zhupei.rulebook import actions
from zhupei.rulebook.api import (
    NoRuleInForce,
    Post,
    RuleSet,
    active_divisions,
    active_posts,
    current_rule_set,
    division_names,
    load_rulebook,
    parameter,
)
from zhupei.rulebook.models import Division, RuleParameter

pytestmark = pytest.mark.django_db
NAMED = [
    "土建施工员",
    "装饰装修施工员",
    "市政工程施工员",
    "设备安装施工员",
    "土建质量员",
    "装饰装修质量员",
    "市政工程质量员",
    "设备安装质量员",
    "土建预算员",
    "安装预算员",
    "安全员",
    "材料员",
    "测量员",
    "劳务员",
    "机械员",
    "试验员",
    "资料员",
    "标准员",
    "构件工艺员",
    "信息管理员",
    "构件质量员",
]


@pytest.mark.req("R003")
def test_before_the_rule_is_loaded_everything_says_so(client):
    with pytest.raises(NoRuleInForce) as refused:
        current_rule_set()
    assert "load_rule" in str(refused.value)
    with pytest.raises(NoRuleInForce):
        parameter("plan_submit_workdays")
    response = client.get(reverse("rulebook:basis"))
    assert response.status_code == 409
    assert "zhupei load_rule" in response.content.decode()
    sign_in(client, make_user(Role.SYSTEM_ADMINISTRATOR))
    assert client.get(reverse("rulebook:parameters")).status_code == 409


@pytest.mark.req("R003")
def test_a_rule_of_the_future_is_not_in_force():
    load_rulebook(date(2030, 1, 1), by=SYSTEM)
    with clock.frozen(datetime(2026, 11, 22, tzinfo=clock.SHANGHAI)), pytest.raises(NoRuleInForce) as refused:
        current_rule_set()
    assert "2030" in str(refused.value)


def test_a_newer_program_brings_its_parameters_into_an_old_rulebook():
    rule_set = load_rulebook(date(2019, 1, 1), by=SYSTEM)
    RuleParameter.objects.filter(key="seats_in_row").delete()
    RuleParameter.objects.filter(key="subject_pass_mark").update(value="61")
    assert load_rulebook(date(2026, 1, 1), by=SYSTEM) == rule_set
    assert parameter("seats_in_row") == 10
    assert parameter("subject_pass_mark") == "61"  # what the city decided stays
    assert events_on(rule_set).last().after == {"parameters": ["seats_in_row"]}


@pytest.mark.req("R003")
def test_the_command_wants_the_day_once():
    for options in ([], ["--check"], ["--in-force-from", "soon"]):
        with pytest.raises(CommandError):
            call_command("load_rule", *options)
    assert not RuleSet.objects.exists()
    out = StringIO()
    call_command("load_rule", "--in-force-from", "2019-12-01", "--doc-no", "渝建人教〔2019〕1号", stdout=out)
    call_command("load_rule", "--check", stdout=out)
    call_command("load_rule", stdout=out)
    assert RuleSet.objects.get().effective_from == date(2019, 12, 1)
    assert out.getvalue().count("2019-12-01") == 3


@pytest.mark.req("R002", "R003")
def test_the_basis_is_public(client):
    make_rulebook()
    page = client.get(reverse("rulebook:basis")).content.decode()
    for text in ("建人〔2019〕9号", "建办人函〔2019〕384号", "2019年1月1日"):
        assert text in page


@pytest.mark.req("R003")
def test_the_document_number_is_entered_when_it_is_known(client):
    make_rulebook()
    rule_set = current_rule_set()
    with pytest.raises(Refusal):
        actions.set_rule_document(rule_set, doc_no="x", issued_on=None, by=make_actor(Role.CENTRE_APPROVER))
    sign_in(client, make_user(Role.SYSTEM_ADMINISTRATOR))
    url = reverse("rulebook:rule_document")
    assert client.get(url).status_code == 200
    assert client.post(url, {"doc_no": ""}).status_code == 422
    assert client.post(url, {"doc_no": "渝建〔2019〕2号", "issued_on": "2019-12-01"}).status_code == 302
    assert current_rule_set().doc_no == "渝建〔2019〕2号"


@pytest.mark.req("R004", "R018")
def test_the_catalogue_holds_the_21_named_posts(client):
    make_rulebook()
    assert list(active_posts().values_list("name", flat=True)) == NAMED
    national = set(Post.objects.filter(is_national=True).values_list("name", flat=True))
    assert len(national) == 13  # 4 施工员, 4 质量员, 材料员, 劳务员, 机械员, 资料员, 标准员
    page = client.get(reverse("rulebook:posts")).content.decode()
    assert all(name in page for name in NAMED)


@pytest.mark.req("R018")
def test_the_catalogue_is_open_ended(client):
    make_rulebook()
    Post.objects.create(
        code="209", name="装配式工程师", family="other", position=22, active_from=date(2027, 1, 1)
    )
    Post.objects.filter(code="208").update(active_to=date(2026, 12, 31))
    with clock.frozen(datetime(2026, 12, 31, 12, tzinfo=clock.SHANGHAI)):
        assert active_posts().count() == 21
    with clock.frozen(datetime(2027, 1, 1, 12, tzinfo=clock.SHANGHAI)):
        names = set(active_posts().values_list("name", flat=True))
        assert "装配式工程师" in names
        assert "构件质量员" not in names
        assert "未开放" in client.get(reverse("rulebook:posts")).content.decode()


@pytest.mark.req("R079")
def test_divisions_with_their_successors(client):
    make_rulebook()
    with clock.frozen(datetime(2026, 11, 22, tzinfo=clock.SHANGHAI)):
        assert active_divisions(zones=False).count() == 37
        assert active_divisions().count() == 40
        page = client.get(reverse("rulebook:divisions")).content.decode()
    for text in ("两江新区", "江北区", "渝北区", "西部科学城重庆高新区", "2026年1月24日"):
        assert text in page
    yubei = Division.objects.get(code="500112")
    assert set(yubei.successors.values_list("name", flat=True)) == {"两江新区", "北碚区"}
    assert active_divisions(date(2025, 12, 31), zones=False).count() == 38
    assert division_names()["500105"] == "江北区"
