"""What stands around the pages: words in both languages, a script for old browsers, HTML that holds."""

from __future__ import annotations

import re
import string
from pathlib import Path

from zhupei.delivery import texts
from zhupei.delivery.html import Html, esc, fill, join, paragraphs

PACKAGE = Path(texts.__file__).parent
STATIC = PACKAGE / "static"


def test_both_languages_have_the_same_words() -> None:
    assert list(texts.ZH) == list(texts.EN)
    fields = string.Formatter()
    for key, words in texts.ZH.items():
        names = [{name for _, name, _, _ in fields.parse(one) if name} for one in (words, texts.EN[key])]
        assert names[0] == names[1], key
        assert words
        assert texts.EN[key]


def test_every_key_used_is_there_and_every_refusal_has_words() -> None:
    source = "".join(
        file.read_text() for name in ("pages", "app", "practice") for file in (PACKAGE / name).glob("*.py")
    )
    used = set(re.findall(r'\bt\("([a-z_.]+)"', source)) | set(
        re.findall(r'say\(look\.lang, "([a-z_.]+)"', source)
    )
    assert used <= set(texts.ZH)
    candidate_door = (PACKAGE / "engine" / "candidate.py").read_text()
    codes = set(re.findall(r'\brefuse\("(\w+)"', candidate_door)) | set(
        re.findall(r'Refusal\("(\w+)"', source)
    )
    assert {"not_admitted", "time_over", "not_found"} <= codes
    for code in codes - {"value_missing", "two_persons"}:
        assert f"error.{code}" in texts.ZH, code
        assert f"error.{code}.do" in texts.ZH, code


def test_style_has_no_variables() -> None:
    assert "var(--" not in (STATIC / "exam.css").read_text()


def test_values_are_escaped() -> None:
    evil = '<b onclick="x">&'
    assert fill("<p>{v}</p>", v=evil) == "<p>&lt;b onclick=&quot;x&quot;&gt;&amp;</p>"
    assert fill("<p>{v}</p>", v=Html("<i>")) == "<p><i></p>"
    assert esc(3) == "3"
    assert join([esc("a"), Html("<br>")]) == "a<br>"
    assert paragraphs("一\n二\n\n<三>") == "<p>一<br>二</p><p>&lt;三&gt;</p>"
