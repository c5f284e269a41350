"""Filters for item texts (see ``zhupei.kernel.richtext``): images, tables and formulas as HTML, or all as plain words."""

from __future__ import annotations

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString, mark_safe

from zhupei.kernel import richtext as rich

register = template.Library()


def _media_url(digest: str) -> str:
    try:
        return reverse("itembank:media", args=[digest])
    except NoReverseMatch:
        return "#"


@register.filter
def richtext(text: object) -> SafeString:
    """``text`` in paragraphs, with its tables."""
    return mark_safe(rich.to_html(str(text or ""), _media_url))  # noqa: S308 - escaped by kernel.richtext


@register.filter
def richtext_inline(text: object) -> SafeString:
    """``text`` without paragraphs and tables: for options, labels and cells."""
    return mark_safe(rich.to_html(str(text or ""), _media_url, inline=True))  # noqa: S308


@register.filter
def richplain(text: object) -> str:
    """``text`` as words only: for lists, titles and attributes."""
    return rich.plain(str(text or ""))
