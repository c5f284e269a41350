"""Item texts as HTML, as words and with their faults: safe for any text, exact for plain ones."""

from __future__ import annotations

import time
from html import escape
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhupei.kernel import richtext
from zhupei.kernel.richtext import faults, has_table, media_in, plain, to_html

A, B = "a" * 64, "0f" * 32
IMAGE = f'![梁的"断面"<1>](media:{A})'
TABLE = "| 项目 | 数 |\n|---|:-:|\n| 甲\\|乙 | \\(|x|\\) |\n| 丙 | <b> |"
TAGS = {"p", "br", "img", "div", "table", "thead", "tbody", "tr", "th", "td", "span", "code"} | richtext._TAGS
ATTRIBUTES = {"class", "src", "alt", "scope", "tabindex"} | richtext._ATTRIBUTES


def url(digest: str) -> str:
    return f"/m/{digest}?a=1&b=2"


class Checker(HTMLParser):
    """Refuses what the renderer must never write: other tags and attributes, other images, tags that do not close."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.words: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS, tag
        assert {name for name, _ in attrs} <= ATTRIBUTES, attrs
        values = dict(attrs)
        if tag == "img":
            assert values["src"] in (url(A), url(B))
        else:
            assert "src" not in values
        self.seen.append(tag)
        if tag not in ("br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def checked(html: str) -> Checker:
    checker = Checker()
    checker.feed(html)
    checker.close()
    assert checker.open == []
    return checker


# ── plain text ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "",
        "应取（　）。",
        "a  b（  ）  c",
        "3 < 5 & 6 > 4 \"x\" 'y'",
        "*a* _b_ # $5$ `c` [x](http://e) ~",
        "</p>",
    ],
)
def test_a_plain_text_is_only_escaped(text: str) -> None:
    assert to_html(text, url, inline=True) == escape(text)
    assert to_html(text, url) == (f"<p>{escape(text)}</p>" if text else "")
    assert plain(text) == text
    assert faults(text) == []


def test_lines_and_paragraphs() -> None:
    assert to_html("一\r\n二\n\n三", url) == "<p>一<br>二</p><p>三</p>"
    assert to_html("一\n二\n\n三", url, inline=True) == "一<br>二<br><br>三"
    assert to_html(f"一\n{IMAGE}\n\n三", url).count("<p>") == 2


@pytest.mark.parametrize(
    "text", ["C:\\dir\\(x", "a|b", "|x|", "\\*", "\\[x", "![x", "![a](b)", "![a][b]", "|-|", "\\)"]
)
def test_what_only_looks_like_markup_stays_text(text: str) -> None:
    for inline in (True, False):
        html = to_html(text, url, inline=inline)
        assert html.removeprefix("<p>").removesuffix("</p>") == escape(text)
    assert plain(text) == text


# ── images ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R036")
def test_an_image() -> None:
    html = to_html(f"看图{IMAGE}答", url)
    assert html == (
        f'<p>看图<img class="rich-image" src="/m/{A}?a=1&amp;b=2" alt="梁的&quot;断面&quot;&lt;1&gt;">答</p>'
    )
    assert plain(f"看图{IMAGE}答") == '看图梁的"断面"<1>答'
    assert media_in(f"{IMAGE}![](media:{B}) | {IMAGE}") == (A, B)
    assert faults(IMAGE) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("![x](http://evil.test/x.png)", "image_remote"),
        ("![x](//evil.test/x.png)", "image_remote"),
        ("![x]( HTTPS://evil.test/x.png)", "image_remote"),
        ("![x](data:image/png;base64,AAAA)", "image_remote"),
        ("![x](javascript:alert)", "image_remote"),
        ("![x](a.png)", "image_form"),
        ("![x](media:123)", "image_form"),
        (f"![x](media:{'A' * 64})", "image_form"),
        (f"![x](media:{A} )", "image_form"),
    ],
)
def test_other_images_stay_text_and_are_named(text: str, code: str) -> None:
    assert faults(text) == [code]
    assert "img" not in checked(to_html(text, url)).seen
    assert media_in(text) == ()


def test_more_than_six_images() -> None:
    assert faults(IMAGE * 6) == []
    assert faults(IMAGE * 7) == ["image_many"]


# ── tables ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R036")
def test_a_table() -> None:
    text = f"见表：\n{TABLE}\n求（　）。"
    html = to_html(text, url)
    seen = checked(html).seen
    assert (seen.count("th"), seen.count("td"), seen.count("p")) == (2, 4, 2)
    assert "<td>甲|乙</td>" in html
    assert "<td>&lt;b&gt;</td>" in html
    assert plain(text) == "见表：\n项目 数\n甲|乙 |x|\n丙 <b>\n求（　）。"
    assert faults(text) == []
    assert has_table(text)
    assert not has_table("a | b\n--- | ---")


def test_a_table_in_an_option_is_refused_and_shown_as_text() -> None:
    assert faults(TABLE, inline=True) == ["table_in_option"]
    html = to_html(TABLE, url, inline=True)
    assert html.startswith("| 项目 | 数 |<br>|---|:-:|<br>")
    assert "table" not in checked(html).seen


def rows(count: int, columns: int) -> str:
    return "\n".join("|" + "x|" * columns for _ in range(count))


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (f"{rows(1, 8)}\n{'|-' * 8}|\n{rows(20, 8)}", []),
        (f"{rows(1, 9)}\n{'|-' * 9}|\n{rows(1, 9)}", ["table_large"]),
        (f"{rows(1, 2)}\n|-|-|\n{rows(21, 2)}", ["table_large"]),
        ("|a|b|\n|-|-|\n|1|", ["table_ragged"]),
        ("|a|b|\n|-|-|\n|1|2|3|", ["table_ragged"]),
        ("|a|b|\n|-|", ["table_ragged"]),
    ],
)
def test_tables_too_large_or_ragged(text: str, codes: list[str]) -> None:
    assert faults(text) == codes
    checked(to_html(text, url))


def test_no_cell_of_a_ragged_table_is_lost() -> None:
    html = to_html("|a|b|\n|-|-|\n|1|\n|2|3|4|", url)
    for cell in ("<td>1</td><td></td>", "<td>2</td><td>3</td><td>4</td>"):
        assert cell in html


# ── formulas ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R036")
def test_a_formula() -> None:
    text = r"应取 \(f_{cu}\ge\frac{1}{2}\)。"
    html = to_html(text, url, inline=True)
    assert "<mfrac><mrow><mn>1</mn></mrow><mrow><mn>2</mn></mrow></mfrac>" in html
    assert (
        r'<code class="rich-source">f_{cu}\ge\frac{1}{2}</code>。</span>' in html
    )  # the stop stays on its line
    assert plain(text) == r"应取 f_{cu}\ge\frac{1}{2}。"
    assert faults(text) == []


def test_a_formula_on_its_own_line_brings_no_empty_lines() -> None:
    html = to_html("甲\n\\[\nx=1\n\\]\n乙", url)
    assert 'class="rich-formula rich-own"><math display="block">' in html
    assert "<br>" not in html


@pytest.mark.parametrize(
    "latex",
    [
        r"\sigma=\frac{N}{A}\leqslant f",
        r"\sqrt[3]{x}+\sqrt{2}",
        r"90^\circ \pm 2\%",
        r"400\times400",
        r"\sum_{i=1}^{n}\gamma_i h_i",
        r"\left(\frac{a}{b}\right)",
        r"\begin{cases}0&x\le 0\\1&x>0\end{cases}",
        r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
        r"\begin{aligned}a&=b\\&=c\end{aligned}",
        r"\text{混凝土 C30}",
        r"\mathrm{kN/m^2}",
        r"\bar{x}\approx\hat{y}",
        r"\int_0^l M\,\mathrm{d}x",
        r"\lim_{n\to\infty}",
        r"\mathbf{M}\cdot\overline{AB}",
        "混凝土<强度",
    ],
)
def test_what_items_need_is_shown(latex: str) -> None:
    for text in (rf"\({latex}\)", rf"\[{latex}\]"):
        assert faults(text) == []
        assert "math" in checked(to_html(text, url)).seen


def test_signs_of_relation_are_operators_and_per_cent_is_no_comment() -> None:
    html = to_html(r"\(5\pm 1\leqslant \infty 50% x\)", url)
    for piece in ("<mo>±</mo>", "<mo>⩽</mo>", "<mi>∞</mi>", "<mi>%</mi><mi>x</mi>"):
        assert piece in html


@pytest.mark.parametrize(
    ("latex", "code"),
    [
        (r"\foo{x}", "formula_invalid"),
        (r"\frac{1}", "formula_invalid"),
        ("{x", "formula_invalid"),
        ("x}", "formula_invalid"),
        ("", "formula_invalid"),
        (r"\left(x", "formula_invalid"),
        (r"x^2^3", "formula_invalid"),
        (r"\begin{foo}x\end{foo}", "formula_invalid"),
        (r"\begin{matrix}x", "formula_invalid"),
        (r"\href{javascript:alert(1)}{x}", "formula_invalid"),
        (r"\style{color:red}{x}", "formula_invalid"),
        (r"\class{x}{y}", "formula_invalid"),
        (r"\color{red}x", "formula_invalid"),
        (r"\textcolor{red}{x}", "formula_invalid"),
        (r"\rule{9999em}{9999em}", "formula_invalid"),
        (r"\hspace{9999em}", "formula_invalid"),
        (r"\unicode{x3c}", "formula_invalid"),
        (r"\verb|<b>|", "formula_invalid"),
        (r"\def\a{\a\a}\a", "formula_invalid"),
        (r"\newcommand{\a}{\a\a}\a", "formula_invalid"),
        (r"\sideset{}{}{x}", "formula_invalid"),
        ("{" * 17 + "}" * 17, "formula_deep"),
        (r"\displaystyle " * 70, "formula_deep"),
        ("x" * 1001, "formula_long"),
    ],
)
def test_a_formula_that_cannot_be_shown_is_shown_as_its_source(latex: str, code: str) -> None:
    text = rf"\({latex}\)"
    assert faults(text) == [code]
    html = to_html(text, url, inline=True)
    assert html == f'<code class="rich-source">{escape(latex.strip())}</code>'


def test_a_formula_without_end() -> None:
    assert faults(r"见 \(x+1") == ["formula_open"]
    assert faults(r"见 \[x+1\)") == ["formula_open"]


# ── hostile texts ───────────────────────────────────────────────────────────────────────────────────────

EVIL = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    r"\(\text{<script>alert(1)</script>}\)",
    r"\(\text{&lt;script&gt;}\)",
    r"\(\text{&#x3c;script&#x3e;}\)",
    r"\(&#x3c;b&#x3e;\)",
    r"\(\operatorname{a}\text{</math><script>}\)",
    r"\(x</code><script>alert(1)</script>\)",
    rf"\(\text{{![x](media:{A})}}\)",
    rf'![" onerror="alert(1)](media:{A})',
    rf"![</p><script>](media:{A})",
    rf"![\(x\)](media:{A})",
    "| <script> | b |\n|---|---|\n| <img onerror=x> | \\(<b>\\) |",
    f"\0{A}\0 | \0http://evil.test\0 ![x](media:{A})",
    "<!-- \\(x\\) -->",
    "\\(<![CDATA[x]]>\\)",
]


@pytest.mark.parametrize("text", EVIL)
@pytest.mark.parametrize("inline", [True, False])
def test_nothing_gets_through(text: str, inline: bool) -> None:
    checker = checked(to_html(text, url, inline=inline))
    assert not {"script", "svg"} & set(checker.seen)


PIECES = st.sampled_from(
    [*EVIL, IMAGE, f"![](media:{B})", TABLE, "|", "|-|\n", "\n", "\n\n", "\\(", "\\)", "\\[", "\\]", "\\", "{", "}", "$",
     "\\frac", "\\text{", "\\left(", "\\right)", "\\begin{cases}", "\\end{cases}", "&", "\\\\", "^", "_", "%", "'", "<",
     "&#x3c;", "\\sqrt", "\\hat", "\\not", "\\over", "\\limits", "x", "12.5", "　", "![", "](", ")"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES | st.text(max_size=8), max_size=25).map("".join), st.booleans())
def test_any_text_gives_safe_html_and_words(text: str, inline: bool) -> None:
    checker = checked(to_html(text, url, inline=inline))
    assert checker.seen.count("img") == len(
        [one for one in richtext._tokens(text) if isinstance(one, richtext._Image)]
    )
    assert isinstance(plain(text), str)
    assert all(code for code in faults(text))


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_a_text_without_a_single_sign_of_markup_is_all_shown(text: str) -> None:
    text = text.replace("\\", "").replace("|", "").replace("!", "").replace("\r", "")
    assert to_html(text, url, inline=True).replace("<br>", "\n") == escape(text)
    assert plain(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "\\(" * 20_000,
        "![" * 20_000,
        "![a](" * 10_000,
        "|" * 40_000,
        "|a|\n|-|\n" * 2_000,
        "\\(x\\)" * 5_000,
        "\\(\\[" * 10_000,
        "\\" * 40_000 + "|",
        "![x](" + " " * 40_000 + ")",
        "\\(" + "\\sqrt" * 190 + "\\)",
        "\\(" + "\\sideset{}{}{" * 70 + "}" * 70 + "\\)",
        "\\(\\operatorname{" + "a *" * 300 + "\\)",
        "\\(" + "-1" * 490 + "\\)",
    ],
)
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()
    checked(to_html(text, url))
    faults(text)
    plain(text)
    assert time.process_time() - started < 3  # measured: under 0.3 s
