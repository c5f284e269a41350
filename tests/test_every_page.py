"""Meta-tests: no page without a permission, no permission without a page, no page without a row in the table."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec

import pytest
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

from zhupei.audit.api import all_codes
from zhupei.web.access import navigation, permission_table


def url_names(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLPattern):
            yield f"{prefix}{entry.name}"
        else:
            yield from url_names(entry, f"{entry.namespace}:" if entry.namespace else prefix)


def table_rows() -> list[object]:
    rows = []
    for room in settings.ROOMS:
        name = f"zhupei.{room}.tests.test_permissions"
        if find_spec(name):
            rows += import_module(name).ROWS
    return rows


def test_every_page_has_a_permission_and_every_permission_a_page() -> None:
    assert set(url_names(get_resolver())) == set(permission_table())


def test_every_page_stands_in_the_permission_table() -> None:
    missing = set(url_names(get_resolver())) - {row.name for row in table_rows()}
    assert not missing, f"pages without a row: {sorted(missing)}"


def test_the_navigation_leads_to_pages() -> None:
    assert {nav.url_name for nav in navigation()} <= set(permission_table())


@pytest.mark.parametrize("code", sorted(all_codes()))
def test_every_audit_code_is_used(code: str) -> None:
    """A code that no action records is a promise not kept."""
    room = code.partition(".")[0]
    module = import_module(f"zhupei.{room}.events")
    name = next(n for n, v in vars(module).items() if v == code)
    sources = [p.read_text() for p in (settings.PACKAGE / room).rglob("*.py") if "tests" not in p.parts]
    assert any(f"events.{name}" in text for text in sources), f"{code} is never recorded"
