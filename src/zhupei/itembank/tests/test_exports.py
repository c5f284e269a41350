"""Items written out with their keys, and the command that takes files in and out."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from tests.makers import as_actor, make_bank, make_rulebook, make_user, sign_in

from zhupei.audit.models import AuditEvent
from zhupei.itembank import actions, formats, media
from zhupei.itembank.actions import exporting
from zhupei.itembank.models import Item, ItemImport, Media
from zhupei.itembank.rules import ItemText, lettered
from zhupei.kernel.crypto import sm3
from zhupei.kernel.errors import Forbidden, Refusal
from zhupei.kernel.roles import BANK, Role
from zhupei.rulebook.api import Post

from . import wordsamples

pytestmark = pytest.mark.django_db


@pytest.fixture
def bank() -> None:
    make_rulebook()
    make_bank()


@pytest.mark.req("R033", "I08")
@pytest.mark.parametrize("name", ["xlsx", "docx"])
def test_the_keeper_writes_out_what_the_list_shows_and_it_is_recorded(bank: None, name: str) -> None:
    user = make_user(Role.BANK_KEEPER)
    client = sign_in(Client(), user)
    page = reverse("itembank:export") + "?subject=general&kind=single"
    shown = client.get(page)
    rows = Item.objects.filter(subject="general", kind="single")
    assert f"{rows.count()} 道" in shown.content.decode()
    response = client.post(page, {"format": name})
    assert response.status_code == 200
    assert "attachment" in response.headers["Content-Disposition"]
    reading = formats.read(response.content, f"x.{name}")
    assert {draft.uid for draft in reading.drafts} == set(rows.values_list("uid", flat=True))
    event = AuditEvent.objects.get(code="itembank.items_exported")
    assert event.actor_id == user.pk
    assert event.after["items"] == rows.count()
    assert event.after["digest"] == sm3(response.content)


@pytest.mark.req("R033")
def test_nobody_else_writes_items_out(bank: None) -> None:
    for role in [*BANK - {Role.BANK_KEEPER}, Role.REGISTRAR, Role.CENTRE_OFFICER]:
        user = make_user(role)
        assert sign_in(Client(), user).post(reverse("itembank:export"), {"format": "xlsx"}).status_code == 403
        with pytest.raises(Forbidden):
            actions.export_items(Item.objects.all(), "xlsx", by=as_actor(user))
    assert not AuditEvent.objects.filter(code="itembank.items_exported").exists()


def test_what_cannot_be_written_is_said(bank: None, monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_user(Role.BANK_KEEPER)
    by = as_actor(user)
    client = sign_in(Client(), user)
    cases = Item.objects.filter(kind="case").count()
    refused = client.post(reverse("itembank:export"), {"format": "gift"})
    assert refused.status_code == 422
    assert f"{cases} 道题" in refused.content.decode()
    made = actions.export_items(Item.objects.all(), "gift", leave_out=True, by=by)
    assert (made.left_out, made.count) == (cases, Item.objects.count() - cases)
    for rows, name, code in (
        (Item.objects.none(), "xlsx", "export_empty"),
        (Item.objects.filter(kind="case"), "gift", "export_unwritable"),
        (Item.objects.all(), "qti", "format_unknown"),
        (Item.objects.all(), "../x", "format_unknown"),
    ):
        with pytest.raises(Refusal, match=code):
            actions.export_items(rows, name, by=by)
    monkeypatch.setattr(exporting, "MAX_EXPORT", 10)
    with pytest.raises(Refusal, match="export_large"):
        actions.export_items(Item.objects.all(), "xlsx", by=by)


def test_a_picture_goes_out_and_comes_in_again_unchanged() -> None:
    make_rulebook()
    author, keeper = as_actor(make_user(Role.ITEM_AUTHOR)), as_actor(make_user(Role.BANK_KEEPER))
    from .test_office_round_trips import photograph

    picture = media.picture_of(photograph())
    media.keep([picture], by=author)
    text = ItemText(
        "single", f"看图 ![图](media:{picture.digest})（  ）", "掌握", lettered(["一", "二"]), ("a",)
    )
    post = Post.objects.get(code="101")
    item = actions.write_item(text, subject="general", posts=[post], uid="P1", by=author)
    for name in ("xlsx", "docx"):
        data = actions.export_items(Item.objects.filter(pk=item.pk), name, by=keeper).data
        checked = actions.check_file(data, name=f"x.{name}")
        assert [one.reason for one in checked.refused] == ["编号 P1 在题库中已存在。"]
        Item.objects.filter(pk=item.pk).update(uid=f"P1-{name}")
        staged = actions.stage_import(data, name=f"x.{name}", by=author)
        assert actions.confirm_import(staged, by=author) == 1
        assert Item.objects.get(uid="P1").versions.get().content["stem"] == text.stem
        Item.objects.filter(uid="P1").update(uid=f"P2-{name}")
        Item.objects.filter(pk=item.pk).update(uid="P1")
    assert Media.objects.count() == 1


def test_new_pictures_of_a_word_file_are_kept_with_its_items() -> None:
    make_rulebook()
    user = make_user(Role.ITEM_AUTHOR)
    client = sign_in(Client(), user)
    upload = io.BytesIO(wordsamples.saved(wordsamples.numbered()))
    upload.name = "题.docx"
    sent = {"file": upload, "post": "101", "place": "professional/", "level": "熟悉"}
    assert client.post(reverse("itembank:imports"), sent).status_code == 302
    staged = ItemImport.objects.get()
    assert (staged.format, staged.item_count, staged.error_count) == ("docx", 4, 1)
    assert not Media.objects.exists()
    page = client.get(reverse("itembank:import", args=[staged.pk])).content.decode()
    assert "第 25 段（第 4 题）" in page
    client.post(reverse("itembank:confirm_import", args=[staged.pk]), {"partial": "on"})
    assert sorted(Item.objects.values_list("uid", flat=True)) == [f"101-P-000{n}" for n in range(1, 5)]
    assert Media.objects.count() == 1


# ── the command ─────────────────────────────────────────────────────────────────────────────────────────────


def run(*arguments: Any) -> tuple[dict[str, Any], str]:
    out, errors = io.StringIO(), io.StringIO()
    call_command("items", *map(str, arguments), stdout=out, stderr=errors)
    return json.loads(out.getvalue()) if "--json" in arguments else {}, out.getvalue()


DEFAULTS = ("--post", "101", "--subject", "professional", "--level", "熟悉")


@pytest.mark.req("R036")
def test_a_dry_run_tells_everything_and_writes_nothing(
    tmp_path: Path, django_assert_num_queries: Any
) -> None:
    make_rulebook()
    path = tmp_path / "题.docx"
    path.write_bytes(wordsamples.saved(wordsamples.lines(wordsamples.INLINE)))
    before = AuditEvent.objects.count()
    facts, _text = run("import", path, *DEFAULTS, "--dry-run", "--json")
    assert facts["file"] == "题.docx"
    assert (facts["format"], facts["accepted"], len(facts["items"])) == ("docx", 11, 11)
    assert facts["refused"] == [{"where": "第 27 段（第 2 题）", "column": "答案", "reason": "没有答案。"}]
    assert facts["unsupported"] == {"填空题": 1, "简答题": 2, "连线题": 1}
    assert facts["items"][0] == {
        "where": "第 3 段（第 1 题）",
        "kind": "single",
        "stem": "我国安全生产的方针是（ ）。",
    }
    assert facts["notes"]
    assert facts["seconds_s"] >= 0
    assert facts["peak_mb"] > 0
    assert not Item.objects.exists()
    assert not ItemImport.objects.exists()
    assert AuditEvent.objects.count() == before
    assert "11 accepted" in run("import", path, *DEFAULTS, "--dry-run")[1]


def test_without_choices_for_the_file_every_item_says_what_it_lacks(tmp_path: Path) -> None:
    make_rulebook()
    path = tmp_path / "题.docx"
    path.write_bytes(wordsamples.saved(wordsamples.lines("1. 甲（A）\nA. 一 B. 二")))
    facts, _text = run("import", path, "--dry-run", "--json")
    assert facts["accepted"] == 0
    assert {one["column"] for one in facts["refused"]} == {"科目", "岗位", "程度"}


def test_a_file_that_cannot_be_read_ends_the_command_with_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_rulebook()
    path = tmp_path / "题.docx"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    errors = io.StringIO()
    with pytest.raises(SystemExit) as caught:
        call_command("items", "import", str(path), "--dry-run", stderr=errors)
    assert caught.value.code == 2
    assert ".docx" in errors.getvalue()
    with pytest.raises(CommandError) as missing:
        call_command("items", "import", str(tmp_path / "none.docx"), "--dry-run")
    assert missing.value.returncode == 2


def test_the_command_takes_in_and_writes_out_in_a_persons_name(tmp_path: Path) -> None:
    make_rulebook()
    author, keeper = make_user(Role.ITEM_AUTHOR), make_user(Role.BANK_KEEPER)
    path = tmp_path / "题.docx"
    path.write_bytes(wordsamples.saved(wordsamples.lines(wordsamples.ANSWERS_LAST)))
    with pytest.raises(CommandError, match="--by"):
        run("import", path, *DEFAULTS)
    for wrong in ("nobody", keeper.login):
        with pytest.raises(SystemExit):
            run("import", path, *DEFAULTS, "--by", wrong)
    facts, _text = run("import", path, *DEFAULTS, "--by", author.login, "--json")
    assert facts["taken"] == Item.objects.count() == 8
    assert AuditEvent.objects.get(code="itembank.import_confirmed").actor_id == author.pk
    target = tmp_path / "out.xlsx"
    with pytest.raises(SystemExit):
        run("export", target, "--format", "xlsx", "--by", author.login)
    assert not target.exists()
    run("export", target, "--format", "xlsx", "--post", "101", "--by", keeper.login)
    assert len(formats.read(target.read_bytes(), "out.xlsx").drafts) == 8


def test_what_is_refused_stays_out_of_a_run_only_when_told(tmp_path: Path) -> None:
    make_rulebook()
    author = make_user(Role.ITEM_AUTHOR)
    path = tmp_path / "题.docx"
    path.write_bytes(wordsamples.saved(wordsamples.lines(wordsamples.INLINE)))
    with pytest.raises(SystemExit):
        run("import", path, *DEFAULTS, "--by", author.login)
    assert not Item.objects.exists()
    assert not ItemImport.objects.exists()
    assert run("import", path, *DEFAULTS, "--partial", "--by", author.login, "--json")[0]["taken"] == 11
