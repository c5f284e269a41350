"""The list of items; an item with its versions, what it rests on and what it resembles."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_POST

from zhupei.audit.api import events_on, label_of
from zhupei.itembank import access, actions, alike, compare
from zhupei.itembank.actions.releases import MEASURED_FROM
from zhupei.itembank.choices import ITEM, ItemKind
from zhupei.itembank.forms import ItemFilter
from zhupei.itembank.models import Item, ItemVersion
from zhupei.itembank.queries import (
    all_chapters,
    enemies_of,
    expiring,
    newest_version,
    outdated,
    with_pictures,
)
from zhupei.itembank.search import find_items
from zhupei.kernel import clock
from zhupei.kernel.roles import Role
from zhupei.rulebook.api import active_posts
from zhupei.web.access import may_open
from zhupei.web.forms import row_numbers
from zhupei.web.paging import page_by_key

ONLY = {"outdated": outdated, "expiring": expiring, "picture": with_pictures}
CORRECTION = "exams:correct_key"  # a page of a room above this one: linked where it is served


def narrowed(rows: QuerySet[Item], filters: ItemFilter) -> QuerySet[Item]:
    """The items that the list's filters leave; all of them if the filters make no sense."""
    if not filters.is_valid():
        return rows
    data = filters.cleaned_data
    names = ("subject", "kind", "state", "chapter", "level")
    rows = rows.filter(**{name: data[name] for name in names if data[name]})
    if data["post"]:
        rows = rows.filter(posts__code=data["post"])
    if data["only"]:
        rows = ONLY[data["only"]](rows)
    return find_items(rows, data["q"]) if data["q"] else rows


def items(request: HttpRequest) -> HttpResponse:
    """The items of the bank, by number."""
    filters = ItemFilter(request.GET)
    rows = narrowed(access.items_for(request.actor), filters)
    page = page_by_key(rows, request, order=("uid",))
    flagged = set(
        outdated(access.items_for(request.actor).filter(pk__in=[row.pk for row in page.items])).values_list(
            "pk", flat=True
        )
    )
    context = {
        "page": page,
        "filters": filters,
        "filtered": any(request.GET.get(name) for name in filters.fields),
        "flagged": flagged,
        "may_write": may_open(request.actor, "itembank:kinds"),
        "may_export": may_open(request.actor, "itembank:export"),
        "query": request.GET.urlencode(),
        "empty_bank": not page and not access.items_for(request.actor).exists(),
    }
    return render(request, "itembank/items.html", context)


def item_of(request: HttpRequest, pk: int) -> Item:
    """The item of the address, if the person may see it."""
    return get_object_or_404(access.items_for(request.actor), pk=pk)


def version_named(found: Item, text: str) -> ItemVersion | None:
    """The version of this number, None if there is none."""
    numbers = row_numbers([text])
    return found.versions.filter(number=numbers[0]).first() if numbers else None


def _item_page(request: HttpRequest, found: Item, shown: ItemVersion | None = None) -> HttpResponse:
    """An item with its versions; the key of ``shown`` only."""
    versions = list(found.versions.order_by("-number"))
    version = shown or versions[0]
    actor = request.actor
    own = version.author_id is not None and version.author_id == actor.user_id
    codes = [code for code in version.post_codes.split(",") if code]
    names = {post.code: post.name for post in active_posts()}
    context = {
        "item": found,
        "chapter_title": all_chapters().get(version.subject, {}).get(version.chapter, ""),
        "posts": [names.get(code, code) for code in codes],
        "version": version,
        "versions": [(row, older) for row, older in zip(versions, [*versions[1:], None], strict=True)],
        "questions": questions_of(version.content, version.key if shown else None),
        "shown": shown is not None,
        "entries": _entries(found),
        "own": own,
        "newest": version.pk == versions[0].pk,
        "standards": [
            {"row": row, "since": row.out_since(clock.today())} for row in found.standards.order_by("code")
        ],
        "expired": version.valid_to is not None and version.valid_to < clock.today(),
        "measured": version.calibrations.order_by("-pk").first(),
        "measured_from": MEASURED_FROM,
        "enemies": enemies_of(found),
        "correct_url": _correct_url(request, version),
        "may": {
            "edit": actor.has(Role.ITEM_AUTHOR) and ITEM.allows(found.state, "edit"),
            "review": actor.has(Role.ITEM_REVIEWER) and ITEM.allows(found.state, "review") and not own,
            "return_item": actor.has(Role.ITEM_REVIEWER, Role.BANK_KEEPER)
            and ITEM.allows(found.state, "reject"),
            "publish": actor.has(Role.BANK_KEEPER) and ITEM.allows(found.state, "publish"),
            "retire": actor.has(Role.BANK_KEEPER) and ITEM.allows(found.state, "retire"),
        },
    }
    return render(request, "itembank/item.html", context)


def _entries(found: Item) -> list[dict[str, Any]]:
    return [
        {
            "at": e.at,
            "who": e.actor_name,
            "what": label_of(e.code),
            "why": e.reason,
            "tone": e.after.get("state", ""),
        }
        for e in events_on(found)
    ]


def _correct_url(request: HttpRequest, version: ItemVersion) -> str:
    """Where a wrong key of a published version is put right, if that page is served and open to the person."""
    if version.published_at is None or not may_open(request.actor, CORRECTION):
        return ""
    try:
        return reverse(CORRECTION, args=[version.item.uid, version.number])
    except NoReverseMatch:
        return ""


def questions_of(content: dict[str, Any], key: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The question or sub-questions of a version for the page; ``key`` marks the right options, None hides them."""

    def options(source: dict[str, Any], right: Any) -> list[dict[str, Any]]:
        return [
            {
                "letter": chr(65 + n) if option["id"] not in ("t", "f") else "",
                "text": option["text"],
                "anchored": option["id"] in source.get("anchored", ()),
                "right": option["id"] in right,
            }
            for n, option in enumerate(source["options"])
        ]

    key = key or {}
    children = content["children"]
    if not children:
        return [{"no": 0, "options": options(content, key.get("answer", ()))}]
    return [
        {
            "no": child["no"],
            "kind": ItemKind(child["kind"]).label,
            "stem": child["stem"],
            "options": options(child, key.get("children", {}).get(str(child["no"]), ())),
            "explanation": key.get("explanations", {}).get(str(child["no"]), ""),
        }
        for child in children
    ]


def item(request: HttpRequest, pk: int) -> HttpResponse:
    return _item_page(request, item_of(request, pk))


@require_POST
def show_key(request: HttpRequest, pk: int) -> HttpResponse:
    """The item with the key and explanation of one version; the reading is recorded."""
    found = item_of(request, pk)
    version = version_named(found, request.POST.get("version", "")) or newest_version(found)
    actions.read_key(version, by=request.actor)
    return _item_page(request, found, version)


def differences(request: HttpRequest, pk: int) -> HttpResponse:
    """What changed between two versions, field by field. Answers and explanations on request only, which is recorded."""
    found = item_of(request, pk)
    source = request.POST if request.method == "POST" else request.GET
    newer = version_named(found, source.get("to", "")) or newest_version(found)
    older = version_named(found, source.get("from", "")) or (
        found.versions.filter(number__lt=newer.number).order_by("-number").first() or newer
    )
    with_key = request.method == "POST"
    if with_key:
        for version in dict.fromkeys((older, newer)):
            actions.read_key(version, by=request.actor)
    context = {
        "item": found,
        "older": older,
        "newer": newer,
        "versions": found.versions.order_by("number"),
        "changes": compare.changes(older, newer, with_key=with_key),
        "with_key": with_key,
    }
    return render(request, "itembank/differences.html", context)


def similar(request: HttpRequest, pk: int) -> HttpResponse:
    """Items of the same subject that ask nearly the same."""
    found = item_of(request, pk)
    version = newest_version(found)
    context = {"item": found, "rows": alike.alike_to_version(version)}
    name = "itembank/_similar.html" if request.headers.get("HX-Request") else "itembank/similar.html"
    return render(request, name, context)
