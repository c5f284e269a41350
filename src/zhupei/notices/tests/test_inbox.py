from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from tests.makers import make_user, sign_in

from zhupei.kernel.roles import Role
from zhupei.notices.api import notify, send_message
from zhupei.notices.models import Notice, OutboundMessage
from zhupei.notices.senders import Memory


@pytest.mark.django_db
@pytest.mark.req("I10")
def test_a_notice_reaches_its_person_only(client: Client) -> None:
    user, other = make_user(Role.REGISTRAR), make_user(Role.REGISTRAR)
    notify(user, kind="test", title="计划已退回", text="请修改", url="/training/")
    sign_in(client, user)
    page = client.get(reverse("notices:list"))
    assert "计划已退回" in page.content.decode()
    assert page.context["unread"] == 1
    client.post(reverse("notices:read_all"))
    assert client.get(reverse("notices:list")).context["unread"] == 0
    assert "计划已退回" not in sign_in(Client(), other).get(reverse("notices:list")).content.decode()
    assert Notice.objects.get().read_at is not None


@pytest.mark.django_db(transaction=True)
def test_a_message_is_sent_after_the_commit_and_a_code_is_not_kept(settings) -> None:
    send_message("13812345678", "code 123456", kept_text="code ******")
    assert Memory.sent == [("13812345678", "code 123456")]
    row = OutboundMessage.objects.get()
    assert (row.state, row.text) == ("sent", "code ******")


@pytest.mark.django_db(transaction=True)
def test_a_sender_that_fails_is_recorded(monkeypatch) -> None:
    def fail(self: Memory, phone: str, text: str) -> None:
        raise ConnectionError("no line")

    monkeypatch.setattr(Memory, "send", fail)
    send_message("13812345678", "hello")
    assert (OutboundMessage.objects.get().state, OutboundMessage.objects.get().error) == ("failed", "no line")
