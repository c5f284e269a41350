"""What stands around the pages: words in both languages, a script for old browsers, HTML that holds."""

from __future__ import annotations

import re
import shutil
import string
import subprocess
from pathlib import Path

import pytest

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
    source = "".join(file.read_text() for name in ("pages", "app") for file in (PACKAGE / name).glob("*.py"))
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


@pytest.mark.req("J07")
def test_the_script_stays_within_old_syntax() -> None:
    source = (STATIC / "exam.js").read_text()
    code = re.sub(r"/\*.*?\*/", "", source, flags=re.S)
    code = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', code)
    code = re.sub(r"//[^\n]*", "", code)
    for newer in (r"\b(let|const|class|async|await|of|import|export)\b\s", "=>", "`", r"\bfetch\b", r"\bPromise\b",
                  r"\.\.\.", r"\?\.", r"\?\?", r"\*\*", r",\s*[}\]]", r"\.(default|class|catch|delete|for|new|in|do)\b",
                  r"\.(forEach|map|filter|includes|startsWith|classList|querySelector|dataset|closest|assign)\b"):  # fmt: skip
        assert not re.search(newer, code), newer


@pytest.mark.req("J07")
def test_the_script_parses_as_es3(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed; the word list above still holds")
    check = tmp_path / "check.js"
    check.write_text(
        "require('internal/deps/acorn/acorn/dist/acorn').parse("
        "require('fs').readFileSync(process.argv[2],'utf8'),{ecmaVersion:3})"
    )
    done = subprocess.run(
        [node, "--expose-internals", str(check), str(STATIC / "exam.js")],
        capture_output=True,
        text=True,
        check=False,
    )
    if "Cannot find module" in done.stderr or "No such built-in" in done.stderr:
        pytest.skip("this node has no parser of its own")
    assert done.returncode == 0, done.stderr


def test_style_has_no_variables() -> None:
    assert "var(--" not in (STATIC / "exam.css").read_text()


def test_values_are_escaped() -> None:
    evil = '<b onclick="x">&'
    assert fill("<p>{v}</p>", v=evil) == "<p>&lt;b onclick=&quot;x&quot;&gt;&amp;</p>"
    assert fill("<p>{v}</p>", v=Html("<i>")) == "<p><i></p>"
    assert esc(3) == "3"
    assert join([esc("a"), Html("<br>")]) == "a<br>"
    assert paragraphs("一\n二\n\n<三>") == "<p>一<br>二</p><p>&lt;三&gt;</p>"
