"""Items with their keys, written out in any format."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.evidence.api import read
from zhupei.itembank import events, formats
from zhupei.itembank.formats.common import Outgoing
from zhupei.itembank.models import Item, ItemVersion, Media
from zhupei.itembank.queries import text_of_version
from zhupei.itembank.rules import pictures_of
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.crypto import sm3
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role

MAX_EXPORT = 20_000


@dataclass(frozen=True)
class Export:
    """A file of items. ``left_out``: how many could not stand in its format."""

    data: bytes
    name: str
    content_type: str
    count: int
    left_out: int


def writable_formats() -> list[tuple[str, str]]:
    """The formats to write, as (name, title)."""
    return [
        (name, str(formats.module(name).TITLE))
        for name in formats.available()
        if name not in formats.READ_ONLY
    ]


@transaction.atomic
def export_items(items: QuerySet[Item], format: str, *, leave_out: bool = False, by: Actor) -> Export:
    """The newest versions of ``items`` with their keys, as a file; that the keys were read is recorded, with the file's digest.

    Raises ``Refusal`` for none or too many items, a format that is not there, and, unless ``leave_out``, for items that
    cannot stand in it.
    """
    by.require(Role.BANK_KEEPER)
    pks = list(items.order_by("uid").values_list("pk", flat=True)[: MAX_EXPORT + 1])
    if not pks:
        raise Refusal("export_empty", _("There is no item to write out. Widen the filters."))
    if len(pks) > MAX_EXPORT:
        raise Refusal(
            "export_large",
            _("These are more than %(n)d items. Narrow the filters and write them out in parts.")
            % {"n": MAX_EXPORT},
        )
    if format not in dict(writable_formats()):
        raise Refusal(
            "format_unknown", _("There is no format “%(name)s”.") % {"name": format[:40]}, field="format"
        )
    module = formats.module(format)
    rows = _outgoing(pks)
    reasons = [(row, module.unwritable(row)) for row in rows]
    wrong = [reason for _row, reason in reasons if reason]
    if wrong and not leave_out:
        raise Refusal(
            "export_unwritable",
            _(
                "%(n)d items cannot stand in this format (%(reason)s). Choose another, or tick that they shall be left out."
            )
            % {"n": len(wrong), "reason": wrong[0].rstrip("。.")},
            field="leave_out",
        )
    written = [row for row, reason in reasons if not reason]
    if not written:
        raise Refusal("export_empty", _("None of these items can stand in this format."), field="format")
    data: bytes = module.write(written)
    record(
        events.ITEMS_EXPORTED,
        by=by,
        after={
            "format": format,
            "items": len(written),
            "left_out": len(wrong),
            "first": written[0].uid,
            "last": written[-1].uid,
            "digest": sm3(data),
        },
    )
    extension = str(module.EXTENSIONS[0]).lstrip(".")
    name = f"题库-{clock.today():%Y%m%d}-{len(written)}题.{extension}"
    return Export(data, name, str(module.CONTENT_TYPE), len(written), len(wrong))


def _outgoing(pks: list[int]) -> list[Outgoing]:
    """The newest versions of these items, in their order, with their pictures."""
    found: dict[int, Outgoing] = {}
    media: dict[str, tuple[str, bytes]] = {}
    for start in range(0, len(pks), 500):
        some = pks[start : start + 500]
        newest: dict[int, ItemVersion] = {}
        for version in ItemVersion.objects.filter(item__in=some).select_related("item").order_by("number"):
            newest[version.item_id] = version
        texts = {pk: text_of_version(version) for pk, version in newest.items()}
        shown = {pk: pictures_of(text) for pk, text in texts.items()}
        wanted = set().union(*shown.values()) - media.keys()
        for row in Media.objects.filter(digest__in=wanted).select_related("file"):
            media[row.digest] = row.content_type, read(row.file)
        for pk, version in newest.items():
            found[pk] = Outgoing(
                uid=version.item.uid,
                subject=version.subject,
                chapter=version.chapter,
                post_codes=tuple(code for code in version.post_codes.split(",") if code),
                text=texts[pk],
                media={digest: media[digest] for digest in shown[pk] if digest in media},
            )
    return [found[pk] for pk in pks]
