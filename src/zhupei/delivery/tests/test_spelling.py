"""The key over the telephone: what is misheard is found, group by group."""

from __future__ import annotations

import random

import pytest

from zhupei.delivery.spelling import CHECKS, FIGURES, Misread, check_letter, read_key, spell_key

KEY = bytes.fromhex("3fa291c0e77d0b5a1122deadbeef0099")


def test_a_key_is_read_in_groups_and_bare() -> None:
    groups = spell_key(KEY)
    assert len(groups) == 8
    assert not set(CHECKS) & (set(FIGURES) | set("oil"))
    wide = "".join(chr(ord(c) + 0xFEE0) if c.isalnum() else "　" for c in KEY.hex().upper())
    for text in (
        " ".join(groups),
        "".join(groups).upper(),
        "-".join(groups),
        " ".join(f"{one[:4]}-{one[4]}" for one in groups),
        "、".join(groups),
        KEY.hex(),
        KEY.hex().upper(),
        " ".join(KEY.hex()[at : at + 4] for at in range(0, 32, 4)),
        f"  {KEY.hex()[:16]} － {KEY.hex()[16:]}\n",
        wide,
        KEY.hex().replace("0", "O").replace("1", "l"),
    ):
        assert read_key(text) == KEY, text


def groups_of(text: str) -> tuple[int, ...]:
    with pytest.raises(Misread) as caught:
        read_key(text)
    return caught.value.groups


def test_every_single_wrong_figure_and_every_exchange_is_found_in_its_group() -> None:
    groups = spell_key(KEY)
    for number in range(1, 9):
        right = groups[number - 1]
        for at in range(5):
            for other in FIGURES + CHECKS:
                if other == right[at]:
                    continue
                wrong = right[:at] + other + right[at + 1 :]
                assert groups_of(" ".join([*groups[: number - 1], wrong, *groups[number:]])) == (number,)
        for at in range(3):
            wrong = right[:at] + right[at + 1] + right[at] + right[at + 2 :]
            if wrong != right:
                assert groups_of(" ".join([*groups[: number - 1], wrong, *groups[number:]])) == (number,)


def test_groups_that_changed_places_or_lost_a_figure_are_named() -> None:
    groups = spell_key(KEY)
    assert groups_of("".join([groups[0], groups[2], groups[1], *groups[3:]])) == (2, 3)
    assert groups_of(" ".join([*groups[:4], groups[4][1:], *groups[5:]])) == (5,)
    assert groups_of("-".join([*groups[:4], groups[4] + "7", *groups[5:]])) == (5,)
    bare = [one[:4] for one in groups]
    assert groups_of(" ".join([*bare[:2], "9g00", *bare[3:]])) == (3,)
    assert groups_of(" ".join([*bare[:2], "900", *bare[3:]])) == (3,)


@pytest.mark.parametrize("text", ["", "3fa2", " ".join(["3fa2"] * 9), "x" * 10_000, "钥匙", "g" * 32])
def test_what_is_no_key_names_no_group(text: str) -> None:
    assert groups_of(text) == ()


def test_check_letters_spread_evenly() -> None:
    rng = random.Random(1)
    told = [check_letter("".join(rng.choices(FIGURES, k=4)), 1) for _ in range(17_000)]
    assert {letter for letter in CHECKS if not 800 < told.count(letter) < 1200} == set()
