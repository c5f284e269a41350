"""What travels survives the trip, contradicts itself never, and a sealed file that was touched does not open."""

from __future__ import annotations

import struct
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from zhupei.delivery import api
from zhupei.delivery.formats import events as f
from zhupei.delivery.formats.base import encoder
from zhupei.delivery.formats.bundles import bundle_decoder
from zhupei.delivery.tests.makers import PICTURE, Desk, make_bundle, make_paper, with_texts
from zhupei.kernel.crypto import Sm2Signer, Sm2Verifier, generate_sm2_key, sm3

KEY = b"k" * 16
SIGNER = Sm2Signer(generate_sm2_key())
VERIFIER = Sm2Verifier(SIGNER.public_key)


def replaced(thing: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(thing, **changes)


def test_a_bundle_survives_the_trip() -> None:
    bundle = make_bundle()
    assert bundle_decoder.decode(encoder.encode(bundle)) == bundle
    assert bundle.counts == {"candidates": 3, "papers": 6, "keys": 26, "photos": 3, "rooms": 2, "sessions": 1}


IMAGE = f"![梁](media:{sm3(PICTURE)})"


@pytest.mark.req("R036")
def test_images_travel_with_the_bundle() -> None:
    bundle = api.complete(with_texts(make_bundle(), stem=f"见图{IMAGE}", media={sm3(PICTURE): PICTURE}))
    data = api.seal_bundle(bundle, bundle_key=KEY, signer=SIGNER)
    again = api.open_bundle(data, bundle_key=KEY, verifier=VERIFIER)
    assert again == bundle
    assert again.media == {sm3(PICTURE): PICTURE}
    assert api.read_bundle_header(data).counts["media"] == 1
    assert again.candidates[0].papers["general"].units[0].stem == f"见图{IMAGE}"


def test_a_bundle_without_images_is_as_it_was_before_there_were_any() -> None:
    bundle = make_bundle()
    assert "media" not in bundle.counts.keys() | bundle.digests.keys()
    assert b"media" not in encoder.encode(bundle)


LARGE = PICTURE + bytes((1 << 20) - len(PICTURE))
GIF = b"GIF89a" + bytes(20)


@pytest.mark.parametrize(
    ("media", "code"),
    [
        ({}, "media_missing"),
        ({sm3(LARGE): LARGE}, "media_missing"),
        ({sm3(PICTURE): PICTURE + b"x"}, "media_differs"),
        ({sm3(PICTURE): PICTURE, "x.png": PICTURE}, "media_differs"),
        ({sm3(PICTURE): PICTURE, sm3(GIF): GIF}, "media_kind"),
        ({sm3(PICTURE): PICTURE, sm3(LARGE + b"x"): LARGE + b"x"}, "media_large"),
        ({sm3(PICTURE): PICTURE} | {str(n): LARGE for n in range(65)}, "media_large"),
    ],
)
@pytest.mark.parametrize("place", ["stem", "option"])
def test_images_that_do_not_fit_are_refused(media: dict[str, bytes], code: str, place: str) -> None:
    texts = {"stem": "见图", "option": ""} | {place: f"见图{IMAGE}"}
    with pytest.raises(api.FormatError) as caught:
        api.complete(with_texts(make_bundle(), media=media, **texts))
    assert caught.value.code == code


def test_the_image_of_a_case_and_of_its_children_is_missed_too() -> None:
    bundle = make_bundle()
    one, *others = bundle.candidates
    case = one.papers["general"].units[-1]
    child = replaced(case.children[0], stem=IMAGE)
    for changed in (replaced(case, stem=IMAGE), replaced(case, children=(child, *case.children[1:]))):
        paper = replaced(one.papers["general"], units=(*one.papers["general"].units[:-1], changed))
        people = (replaced(one, papers=one.papers | {"general": paper}), *others)
        with pytest.raises(api.FormatError) as caught:
            api.complete(replaced(bundle, candidates=people))
        assert caught.value.code == "media_missing"


def test_no_key_in_a_paper() -> None:
    text = msgspec.json.encode(make_bundle().candidates[0].papers).decode()
    assert "right" not in text


@pytest.mark.req("R036", "R041")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda p: replaced(p, full_mark=Decimal(99)), "paper_full_mark"),
        (
            lambda p: replaced(p, units=(replaced(p.units[0], marks=Decimal("5.5")), *p.units[1:])),
            "paper_sum",
        ),
        (lambda p: replaced(p, units=p.units[1:]), "paper_sections"),
        (lambda p: replaced(p, units=(p.units[1], *p.units[1:])), "paper_repeats"),
        (lambda p: replaced(p, units=(replaced(p.units[0], item_uid="other"), *p.units[1:])), "key_missing"),
        (
            lambda p: replaced(p, units=(replaced(p.units[0], options=p.units[0].options[:1]), *p.units[1:])),
            "paper_options",
        ),
        (
            lambda p: replaced(
                p,
                units=(
                    replaced(
                        p.units[0], options=tuple(api.Option(id=f"o{n}", text="x") for n in range(1, 28))
                    ),
                    *p.units[1:],
                ),
            ),
            "paper_options",  # there is no letter for the last one
        ),
        (
            lambda p: replaced(
                p, units=(*p.units[:-1], replaced(p.units[-1], children=p.units[-1].children[:1]))
            ),
            "paper_case",
        ),
    ],
)
def test_a_paper_that_cannot_be_sat_is_refused(change: Any, code: str) -> None:
    keys: dict[str, api.Key] = {}
    paper = make_paper("C001", "general", keys=keys)
    api.check_paper(paper, keys, full_mark=Decimal(100))
    with pytest.raises(api.FormatError) as caught:
        api.check_paper(change(paper), keys, full_mark=Decimal(100))
    assert caught.value.code == code


@pytest.mark.req("R036")
@pytest.mark.parametrize(
    ("uid", "right", "code"),
    [
        ("G-single-1", ("o1", "o2"), "key_kind"),
        ("G-multiple-1", ("o1",), "key_kind"),
        ("G-multiple-1", ("o1", "o2", "o3", "o4", "o5"), "key_kind"),
        ("G-true_false-1", ("o9",), "key_options"),
        ("G-case-1#2", (), "key_options"),
    ],
)
def test_a_key_that_does_not_fit_its_kind_is_refused(uid: str, right: tuple[str, ...], code: str) -> None:
    keys: dict[str, api.Key] = {}
    paper = make_paper("C001", "general", keys=keys)
    keys[uid] = api.Key(right=right)
    with pytest.raises(api.FormatError) as caught:
        api.check_paper(paper, keys, full_mark=Decimal(100))
    assert caught.value.code == code


@pytest.mark.req("R034", "R043")
def test_every_candidate_has_both_subjects() -> None:
    bundle = make_bundle()
    one = bundle.candidates[0]
    short = replaced(one, papers={"general": one.papers["general"]})
    with pytest.raises(api.FormatError) as caught:
        api.complete(replaced(bundle, candidates=(short, *bundle.candidates[1:])))
    assert caught.value.code == "candidate_papers"
    rules = replaced(bundle.rules, carry_over=True)
    api.complete(replaced(bundle, rules=rules, candidates=(short, *bundle.candidates[1:])))


def test_a_bundle_that_contradicts_itself_is_refused() -> None:
    bundle = make_bundle()
    one, two = bundle.candidates[:2]
    cases = {
        "counts_differ": replaced(bundle, keys={}),
        "digests_differ": replaced(bundle, rules=replaced(bundle.rules, minutes=121)),
        "version_unknown": replaced(bundle, format=99),
    }
    for code, wrong in cases.items():
        with pytest.raises(api.FormatError) as caught:
            api.check_bundle(wrong)
        assert caught.value.code == code
    for code, people in {
        "candidate_repeats": (one, replaced(two, slip_no=one.slip_no)),
        "candidate_place": (one, replaced(two, seat_no=one.seat_no)),
        "photo_missing": (replaced(one, photo="nowhere"), two),
        "candidate_papers": (one, replaced(two, papers=one.papers)),
    }.items():
        with pytest.raises(api.FormatError) as caught:
            api.complete(replaced(bundle, candidates=people))
        assert caught.value.code == code


def test_a_sealed_bundle_opens_and_shows_only_its_header() -> None:
    bundle = make_bundle()
    data = api.seal_bundle(bundle, bundle_key=KEY, signer=SIGNER)
    assert api.open_bundle(data, bundle_key=KEY, verifier=VERIFIER) == bundle
    header = api.read_bundle_header(data, verifier=VERIFIER)
    assert (header.id, header.batch_no, header.counts) == (bundle.bundle_id, bundle.batch_no, bundle.counts)
    for secret in ("张建国", "安全帽", "G-single-1"):
        assert secret.encode() not in data


def code_of(data: bytes, *, key: bytes = KEY, verifier: Any = VERIFIER) -> str:
    with pytest.raises((api.SealError, api.FormatError)) as caught:
        api.open_bundle(data, bundle_key=key, verifier=verifier)
    return str(caught.value.code)


def test_every_way_a_file_can_be_wrong_has_its_code() -> None:
    data = api.seal_bundle(make_bundle(), bundle_key=KEY, signer=SIGNER)
    other = Sm2Verifier(Sm2Signer(generate_sm2_key()).public_key)
    assert code_of(b"PK\x03\x04" + data) == "not_this_kind"
    assert code_of(b"") == "truncated"
    assert code_of(data[:8] + struct.pack(">H", 2) + data[10:]) == "version_unknown"
    assert code_of(data + b"\0") == "trailing"
    assert code_of(data, key=b"x" * 16) == "key_wrong"
    assert code_of(data, verifier=other) == "signature_invalid"
    assert code_of(data[:10] + b"\xff\xff\xff\xff" + data[14:]) == "too_large"
    for cut in (5, 9, 13, 200, len(data) // 2, len(data) - 1):
        assert code_of(data[:cut]) == "truncated"


@pytest.mark.parametrize("place", [20, 400, 0.3, 0.6, 0.95, -20])
def test_one_changed_bit_anywhere_is_found(place: float) -> None:
    data = bytearray(api.seal_bundle(make_bundle(), bundle_key=KEY, signer=SIGNER))
    at = int(place * len(data)) if isinstance(place, float) else int(place)
    data[at] ^= 1
    assert code_of(bytes(data)) in {"signature_invalid", "header_invalid"}


def test_a_return_travels_like_a_bundle(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.start()
    desk.answer_all("C001", "general")
    desk.engine.force_hand_in("C001", reason="收卷", by="王监考")
    desk.engine.record_incident("device", "键盘更换", by="王监考", candidate_id="C001")
    content = desk.engine.build_return(
        "B1",
        closed_by="王监考",
        checkins=[
            api.CheckIn(
                candidate_id="C001", at=1, method="id_card", decision="auto", by="李", score_chip=0.91
            )
        ],
    )
    desk.close()
    data = api.seal_return(content, bundle_key=KEY, signer=SIGNER)
    assert api.open_return(data, bundle_key=KEY, verifier=VERIFIER) == content
    assert api.read_return_header(data).counts == content.counts
    assert content.counts["submitted"] == 1
    assert content.counts["absent"] == 2
    assert content.counts["incidents"] == 1
    with pytest.raises(api.SealError) as caught:
        api.open_bundle(data, bundle_key=KEY, verifier=VERIFIER)
    assert caught.value.code == "not_this_kind"
    with pytest.raises(api.FormatError):
        api.check_return(replaced(content, sittings=content.sittings[1:]))


@pytest.mark.req("R032", "R038")
def test_the_centre_gets_the_same_scores_from_the_raw_answers(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.start()
    desk.answer_all("C001", "general", wrong=4)
    desk.engine.turn_to("C001", "professional").wait()
    desk.answer_all("C001", "professional", wrong=1)
    desk.engine.hand_in("C001").wait()
    content = desk.engine.build_return("B1", closed_by="王监考")
    desk.close()
    (record,) = [one for one in content.sittings if one.state == "submitted"]
    papers = desk.bundle.candidates[0].papers
    assert record.papers == {subject: paper.digest for subject, paper in papers.items()}
    again = api.score_sitting(papers, desk.bundle.keys, record.answers, desk.bundle.rules)
    assert again == record.scores
    saved = [entry for entry in content.events if isinstance(entry.event, f.Saved)]
    assert len(saved) == sum(len(given) for given in record.answers.values())
