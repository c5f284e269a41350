"""The scripts of candidates' pages keep to ES3 and to what old browsers know: always checked, by a parser in Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from zhupei.delivery import texts
from zhupei.delivery.pages import frame
from zhupei.delivery.tests.es3 import faults

STATIC = Path(texts.__file__).parent / "static"
SCRIPTS = sorted(STATIC.glob("*.js"))


@pytest.mark.req("J07", "R125")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_scripts_keep_to_es3(script: Path) -> None:
    assert faults(script.read_text()) == []


def test_there_are_scripts() -> None:
    assert {path.name for path in SCRIPTS} == {*frame.SCRIPTS, "rehearsal.js"}


NEWER = (
    "let a = 1;",
    "const a = 1;",
    "var f = a => a;",
    "var a = `x`;",
    "var a = {get b() { return 1; }};",
    "var a = {b() { return 1; }};",
    "var b = 1, a = {b};",
    "var b = 1, a = {[b]: 1};",
    "var a = {if: 1};",
    "window.if = 1;",
    "window.default = 1;",
    "var a = [1, ];",
    "var a = {b: 1, };",
    "parseInt(1, );",
    "class A {}",
    "var f = async function () {};",
    "function* f() {}",
    "try { parseInt(1); } catch { parseInt(2); }",
    "var a = 2 ** 2;",
    "var {a} = window;",
    "var [a] = window;",
    "function f(a = 1) { return a; }",
    "function f(...a) { return a; }",
    "parseInt(...window);",
    "for (var a of window) { parseInt(a); }",
    "var a = window?.b;",
    "var a = window ?? 1;",
    "var a = /a/y;",
    "var a = /(?<=a)b/;",
    "var a = 0b1;",
    "var a = '\\u{61}';",
    "var int = 1;",
    "fetch('/');",
    "new Promise(parseInt);",
    "forgotten = 1;",
    "[1].forEach(parseInt);",
    "Object.keys({});",
    "document.querySelector('p');",
    "window.addEventListener('load', parseInt);",
    "if (window) { function f() { return 1; } }",
    "history.replaceState(null, '', '/');",
    "var a = performance.now();",
    "var a = performance;",
    "import a from 'b';",
)


@pytest.mark.parametrize("source", NEWER)
def test_what_is_newer_is_found(source: str) -> None:
    assert faults(source)


OLD = """
(function (a, b) {
  "use strict";
  var c = [1, 2], d = {e: 1, "if": 2};
  for (var key in d) { if (d.hasOwnProperty(key)) { c.push(d[key], d["if"]); } }
  function inner(x) { return x ? /^a(?:b)$/gi.test(x) : inner(b); }
  try { inner(a); } catch (e) { window.onerror(e); } finally { c = null; }
  if (document.addEventListener) { document.addEventListener("click", inner, false); }
  again: do { switch (c) { case 1: continue again; default: break again; } } while (c);
  return window.performance && performance.now ? performance.now() : new Date().getTime();
}(1, 2));
"""


def test_what_is_old_passes() -> None:
    assert faults(OLD) == []
