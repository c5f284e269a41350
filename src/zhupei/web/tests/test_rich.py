"""Item texts on our own pages."""

from __future__ import annotations

from django.template import Context, Template
from django.urls import NoReverseMatch

from zhupei.web.templatetags import rich

IMAGE = f"![梁](media:{'a' * 64})"


def show(name: str, text: object) -> str:
    return Template("{% load rich %}{{ text|" + name + " }}").render(Context({"text": text}))


def test_texts_are_shown_as_html_and_as_words(monkeypatch):
    def none(name, args):
        raise NoReverseMatch

    monkeypatch.setattr(rich, "reverse", none)
    text = f"<b>\n{IMAGE}\n| a |\n|---|\n| \\(x\\) |"
    html = show("richtext", text)
    assert html.startswith('<p>&lt;b&gt;<br><img class="rich-image" src="#" ')
    assert "<td><span" in html
    assert "<table" not in show("richtext_inline", text)
    assert show("richtext_inline", "甲\n<乙>") == "甲<br>&lt;乙&gt;"
    assert show("richplain", text) == "&lt;b&gt;\n梁\na\nx"
    assert show("richtext", None) == ""


def test_images_have_the_address_of_the_bank(monkeypatch):
    monkeypatch.setattr(rich, "reverse", lambda name, args: f"/{name}/{args[0][:4]}?a&b")
    assert 'src="/itembank:media/aaaa?a&amp;b"' in show("richtext", IMAGE)
