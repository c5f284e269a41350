"""Saves and heartbeats of the script go a shorter way: it must refuse whatever the long way refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from zhupei.delivery.api import JournalError, SqliteJournal
from zhupei.delivery.app import application
from zhupei.delivery.app.quick import token_of
from zhupei.delivery.engine.sharing import Sharing
from zhupei.delivery.formats import events as f
from zhupei.delivery.formats.base import encoder
from zhupei.delivery.formats.bundles import bundle_decoder, check_bundle
from zhupei.delivery.html import fill
from zhupei.delivery.pages.frame import Look
from zhupei.delivery.pages.units import unit_html
from zhupei.delivery.tests.makers import Desk, make_bundle
from zhupei.delivery.tests.test_app import Browser, Play, script_start, wish
from zhupei.delivery.tests.test_app import desk as desk
from zhupei.delivery.tests.test_app import play as play

HOST = {"origin": "http://hall.test"}


@pytest.fixture
def general(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the requests that were read the general way."""
    paths: list[str] = []
    read = application.read_request

    def noted(scope: Any) -> Any:
        paths.append(scope["path"])
        return read(scope)

    monkeypatch.setattr(application, "read_request", noted)
    return paths


def test_plain_posts_of_the_script_take_the_short_way(desk: Desk, play: Play, general: list[str]) -> None:
    async def scene(browser: Browser) -> None:
        data = await script_start(browser)
        general.clear()
        saved = await browser.json("/save", wish(data, "G-single-1", ["o2"], 1))
        beat = await browser.json("/heartbeat", {"form": data["form"]})
        with_query = await browser.json("/save?n=3&n=4", wish(data, "G-single-2", ["o2"], 2))
        assert general == []
        assert [saved.status_code, beat.status_code, with_query.status_code] == [200, 200, 200]
        assert saved.json()["kept"]
        assert with_query.json()["kept"]
        page = await browser.get("/paper")
        for name in ("content-security-policy", "x-content-type-options", "cache-control"):
            assert saved.headers[name] == page.headers[name]
        assert saved.headers["content-type"] == "application/json"

    desk.admit_all()
    desk.open()
    play(scene)
    assert len(desk.engine.view("C001").answers) == 2


def test_what_the_short_way_refuses(desk: Desk, play: Play) -> None:
    async def scene(browser: Browser) -> None:
        data = await script_start(browser)
        save = wish(data, "G-single-1", ["o1"], 1)
        other = Browser(desk)
        async with other.client:
            theirs = await script_start(other, 1)
        for forged in ("", "x" * 32, theirs["form"], "　"):
            refused = await browser.json("/save", {**save, "form": forged})
            assert (refused.status_code, refused.json()["error"]) == (403, "bad_request")
            assert (await browser.json("/heartbeat", {"form": forged})).status_code == 403
        for path in ("/save", "/heartbeat"):
            large = await browser.json(path, {**save, "more": "x" * 200_000})
            assert (large.status_code, large.json()["error"]) == (413, "too_large")
            for broken in (b"", b"[", b"null", b'{"form": 7}', b"\xff\xfe"):
                answer = await browser.client.post(
                    "/exam" + path, content=broken, headers={**HOST, "content-type": "application/json"}
                )
                assert answer.status_code == 400
            assert (await browser.client.head("/exam" + path)).status_code == 405
        english = await browser.client.post(
            "/exam/save", json={**save, "form": "x"}, headers={**HOST, "cookie": cookie(browser, "en")}
        )
        assert english.json()["message"].isascii()
        assert english.headers["content-type"] == "application/json"

    desk.admit_all()
    desk.open()
    play(scene)
    assert desk.engine.view("C001").answers == {}


def cookie(browser: Browser, look: str = "zh") -> str:
    return f"zhupei_look={look}; zhupei_sitting={browser.client.cookies['zhupei_sitting']}"


def test_what_is_not_plain_goes_the_general_way(desk: Desk, play: Play, general: list[str]) -> None:
    async def scene(browser: Browser) -> None:
        data = await script_start(browser)
        save = json.dumps(wish(data, "G-single-1", ["o1"], 1)).encode()
        own = cookie(browser)
        json_type = {"content-type": "application/json"}
        cases: list[tuple[dict[str, str], int]] = [
            ({"origin": "http://evil.test", **json_type}, 403),
            ({"origin": "null", **json_type}, 403),
            ({"origin": "http://hall.test.evil.test", **json_type}, 403),
            ({"origin": "//hall.test", **json_type, "cookie": own + "; zhupei_sitting=x"}, 403),
            ({**HOST, **json_type, "cookie": "zhupei_sitting=" + "x" * 43}, 403),
            ({**HOST, **json_type, "cookie": "zhupei_sitting=" + "x" * 5000}, 403),
            ({**HOST, **json_type, "cookie": "a=b"}, 403),
            ({**HOST, "content-type": "text/plain"}, 403),  # a form then, without a form token
            ({**HOST, "content-type": "application/x-www-form-urlencoded"}, 403),
            (json_type, 200),  # an old browser names no origin
            ({"referer": "http://hall.test/exam/paper", **json_type}, 200),
        ]
        client = browser.client
        for headers, status in cases:
            general.clear()
            assert desk.engine.view("C001").answers == {}
            answer = await client.post(
                "/exam/save", content=save, headers={"cookie": own, **headers}, follow_redirects=False
            )
            assert answer.status_code == status, headers
            assert general == ["/exam/save"]
            if status == 200:
                break
        assert desk.engine.view("C001").answers == {("general", "G-single-1"): ("o1",)}
        (headers, status) = cases[-1]
        assert (
            await client.post("/exam/save", content=save, headers={"cookie": own, **headers})
        ).status_code == 200

    desk.admit_all()
    desk.open()
    play(scene)


def test_a_token_that_ended_saves_nothing_more(desk: Desk, play: Play) -> None:
    async def scene(browser: Browser) -> None:
        data = await script_start(browser)
        assert (await browser.json("/save", wish(data, "G-single-1", ["o1"], 1))).status_code == 200
        desk.engine.move_seat("C001", "R2", "09", reason="机器故障", by="王监考")
        refused = await browser.json("/save", wish(data, "G-single-2", ["o1"], 2))
        assert (refused.status_code, refused.json()["error"]) == (403, "not_signed_in")
        assert (await browser.json("/heartbeat", {"form": data["form"]})).status_code == 403
        again = Browser(desk)
        async with again.client:
            await again.enter()
            form = again.hidden("form")
            fresh = {**data, "form": form}
            assert (await again.json("/save", wish(fresh, "G-single-2", ["o2"], 3))).status_code == 200
            assert (await browser.json("/save", wish(data, "G-single-2", ["o1"], 4))).status_code == 403
            desk.engine.void("C001", "携带手机", by="王", by2="李")
            voided = await again.json("/save", wish(fresh, "G-single-2", ["o3"], 5))
            assert (voided.status_code, voided.json()["error"]) == (409, "wrong_state")

    desk.admit_all()
    desk.open()
    play(scene)
    assert desk.engine.view("C001").answers == {
        ("general", "G-single-1"): ("o1",),
        ("general", "G-single-2"): ("o2",),
    }


def test_a_carry_token_ends_with_the_seat(desk: Desk) -> None:
    desk.start()
    desk.engine.allow_entry("C001", reason="重启", by="王")
    sign = desk.engine.enter("202611001", desk.bundle.candidates[0].id_hash).wait()
    across = desk.engine.cross(sign.carry).wait()
    assert across.candidate_id == "C001"
    for dead in (sign.carry, "", "x"):
        with pytest.raises(Exception, match="sign in first"):
            desk.engine.cross(dead)
    desk.engine.move_seat("C001", "R2", "09", reason="机器故障", by="王")
    with pytest.raises(Exception, match="sign in first"):
        desk.engine.cross(across.carry)


def test_the_token_of_plain_posts_only() -> None:
    plain = [
        (b"host", b"hall.test:8000"),
        (b"origin", b"http://hall.test:8000"),
        (b"content-type", b"application/json"),
        (b"cookie", b"a=b; zhupei_sitting=abc-_9; c=d"),
    ]
    assert token_of(plain) == "abc-_9"
    assert token_of([*plain[:3], (b"cookie", b"zhupei_sitting=abc")]) == "abc"

    def but(name: bytes, *values: bytes) -> str | None:
        return token_of([one for one in plain if one[0] != name] + [(name, value) for value in values])

    assert but(b"cookie") is None
    assert but(b"cookie", b"xzhupei_sitting=abc") is None
    assert but(b"cookie", b"zhupei_sitting=abc; zhupei_sitting=def") is None
    assert but(b"cookie", b"zhupei_sitting=abc", b"zhupei_sitting=def") is None
    assert but(b"cookie", b"zhupei_sitting=a%20b") is None
    assert but(b"cookie", b"zhupei_sitting=" + b"a" * 65) is None
    assert but(b"origin") is None
    assert but(b"origin", b"http://hall.test") is None
    assert but(b"origin", b"//hall.test:8000") is None
    assert but(b"host") is None
    assert but(b"host", b"") is None
    assert but(b"content-type", b"text/plain") is None


def test_a_batch_of_many_rows_is_there_in_order_or_not_at_all(tmp_path: Path) -> None:
    def saves(first: int, count: int) -> list[f.Saved]:
        return [
            f.Saved(at=n, tick=n, candidate_id="C", subject="s", key=str(n), answer=("a",), seq=n)
            for n in range(first, first + count)
        ]

    journal = SqliteJournal(tmp_path / "j")
    first = 1
    for count in (200, 201, 450, 1, 600):
        assert journal.append(saves(first, count)).result(10) == first + count - 1
        first += count
    journal._connection.execute("pragma cache_size = 10")
    (pages,) = journal._connection.execute("pragma page_count").fetchone()
    journal._connection.execute(f"pragma max_page_count = {pages + 8}")
    with pytest.raises(JournalError):
        journal.append(saves(first, 2_000)).result(10)
    journal._connection.execute("pragma max_page_count = 1000000")
    journal.settle()
    assert journal.append(saves(first, 3)).result(10) == first + 2
    kept = [(entry.no, entry.event.tick) for entry in journal.replay()]
    assert kept == [(n, n) for n in range(1, first + 3)]
    journal.close()


def test_loaded_papers_share_what_is_alike_and_stay_what_they_were() -> None:
    bundle = bundle_decoder.decode(encoder.encode(make_bundle()))
    shared = Sharing().bundle(bundle)
    assert shared == bundle
    assert shared is not bundle
    check_bundle(shared)
    one, other = (candidate.papers["general"] for candidate in shared.candidates[:2])
    stems = {unit.item_uid: unit.stem for unit in one.units}
    options = {(unit.item_uid, option.id): option for unit in one.units for option in unit.options}
    for unit in other.units:
        assert stems[unit.item_uid] is unit.stem
        for option in unit.options:
            assert options[unit.item_uid, option.id] is option


def test_a_question_is_shown_with_its_own_number_order_and_answer() -> None:
    bundle = make_bundle()
    paper = bundle.candidates[0].papers["general"]
    slots = list(paper.slots())
    for no in (slots[0].no, 7, 41):
        slot = msgspec.structs.replace(slots[0], no=no)
        html = unit_html(Look(root="/exam"), paper, 1, [slot], {})
        assert f'id="q{no}"' in html
        assert f'data-no="{no}"' in html
        assert f'id="keep-{no}"' in html
        assert f'value="clear:{no}"' in html
        assert f'<span class="no">{no}</span>' in html
        assert " checked" not in html
        assert [html.index(f'value="{option}"') for option in slot.option_ids] == sorted(
            html.index(f'value="{option}"') for option in slot.option_ids
        )
    given = unit_html(Look(root="/exam"), paper, 1, [slots[0]], {slots[0].key: (slots[0].option_ids[1],)})
    assert given.count(" checked") == 1
    assert f'value="{slots[0].option_ids[1]}" checked' in given
    assert "keep-kept" in given
    turned = msgspec.structs.replace(
        paper,
        units=(
            msgspec.structs.replace(paper.units[0], options=paper.units[0].options[::-1]),
            *paper.units[1:],
        ),
    )
    other = unit_html(Look(root="/exam"), turned, 1, list(turned.slots())[:1], {})
    last = paper.units[0].options[-1]
    assert f'value="{last.id}"><span class="letter">A</span>' in other
    english = unit_html(Look(lang="en", root="/other"), paper, 1, slots[:1], {})
    assert english != unit_html(Look(root="/exam"), paper, 1, slots[:1], {})


def test_templates_escape_and_name_their_values_plainly() -> None:
    assert fill("<b>{a}</b>{{}}", a="<\"&'>") == "<b>&lt;&quot;&amp;&#x27;&gt;</b>{}"
    assert fill("{a}{a}", a=fill("<i>{n}</i>", n=3)) == "<i>3</i><i>3</i>"
    for template in ("{}", "{0}", "{a.b}", "{a[0]}", "{a!r}", "{a:>5}"):
        with pytest.raises((ValueError, KeyError)):
            fill(template, a="x")
    with pytest.raises(KeyError):
        fill("{b}", a="x")
