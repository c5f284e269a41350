"""Files of items in any format: handed in, read, looked at, taken in whole or thrown away."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from zhupei.audit.api import record
from zhupei.evidence.api import Retention, read, store
from zhupei.itembank import events, formats, media
from zhupei.itembank.checking import Checked, Defaults, NewItem, check_drafts, is_kept
from zhupei.itembank.choices import IMPORT, ImportState, ItemState
from zhupei.itembank.formats.common import MAX_BYTES, FileRefused, Reading, listing, surroundings
from zhupei.itembank.models import Item, ItemImport
from zhupei.kernel import clock
from zhupei.kernel.actor import Actor
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role

from .loading import create_items

LONG_BYTES, LONG_UNPACKED, LONG_ITEMS = 2 * 1024 * 1024, 4 * 1024 * 1024, 2000
"""From these on a file is read, or its items are taken in, by a job: bytes, bytes of text unpacked (about 2,000 items),
items."""
TICK_SECONDS = 0.5
Progress = Callable[[int, int], None]


def read_file(
    data: bytes, *, name: str, format: str = formats.AUTO, progress: Progress | None = None
) -> Reading:
    """What a file holds; nothing is written. Raises ``FileRefused``."""
    with surroundings(progress, is_kept):
        return formats.read(data, name, format)


def check_file(
    data: bytes,
    *,
    name: str,
    format: str = formats.AUTO,
    defaults: Defaults | None = None,
    progress: Progress | None = None,
) -> Checked:
    """A dry run: what of a file may come in, against the bank as it is now. Nothing is written. Raises ``FileRefused``."""
    reading = read_file(data, name=name, format=format, progress=progress)
    with surroundings(progress):
        return check_drafts(reading, defaults or Defaults())


def is_long(data: bytes) -> bool:
    """Reading takes so long that no page waits for it."""
    texts = (m for m in listing(data) if not m.filename.lower().endswith((".png", ".jpeg", ".jpg")))
    return len(data) > LONG_BYTES or sum(member.file_size for member in texts) > LONG_UNPACKED


@transaction.atomic
def stage_import(
    data: bytes,
    *,
    name: str,
    format: str = formats.AUTO,
    defaults: Defaults | None = None,
    by: Actor,
    wait: bool = False,
) -> ItemImport:
    """Keep a file and say what it holds; nothing enters the bank yet.

    A long file is only noted as ``reading``: the job ``jobs.read_import`` reads it (``wait`` reads it here and now). Raises
    ``FileRefused`` for a file that cannot be read at all; faults of single items are counted and shown.
    """
    by.require(Role.ITEM_AUTHOR)
    if len(data) > MAX_BYTES:
        raise FileRefused("file_large", _("The file is larger than 50 MB. Split it."), 413)
    chosen = formats.detect(data, name) if format == formats.AUTO else format
    content_type = formats.module(chosen).CONTENT_TYPE
    later = is_long(data) and not wait
    defaults = defaults or Defaults()
    checked = None if later else check_file(data, name=name, format=chosen, defaults=defaults)
    row = ItemImport(
        file=store(
            data,
            name=name,
            content_type=content_type,
            purpose="item_import",
            retention=Retention.ARCHIVE,
            by=by,
        ),
        format=chosen,
        defaults=defaults.as_json(),
        state=ImportState.READING,
        row_count=0,
        error_count=0,
        item_count=0,
        created_by_id=by.user_id or 0,
        created_by=by.name[:100],
        created_at=clock.now(),
    )
    if checked is not None:
        _note(row, checked)
    row.save(force_insert=True)
    record(
        events.IMPORT_STAGED,
        by=by,
        on=row,
        after={
            "format": chosen,
            "items": row.item_count,
            "errors": row.error_count,
            "digest": row.file.digest,
        },
    )
    return row


def _note(row: ItemImport, checked: Checked) -> None:
    row.state = IMPORT.after(ImportState.READING, "read")
    row.item_count, row.error_count = len(checked.items), len(checked.refused)
    row.row_count = row.item_count + checked.places_refused + sum(checked.unsupported.values())
    row.report = checked.report()


def _progress(row: ItemImport) -> Progress:
    """Writes on the row how far it is, not too often."""
    last = 0.0
    report = dict(row.report)

    def told(done: int, of: int) -> None:
        nonlocal last
        if time.monotonic() - last >= TICK_SECONDS:
            last = time.monotonic()
            ItemImport.objects.filter(pk=row.pk, state=row.state).update(
                report={**report, "done": done, "of": of}
            )

    return told


def read_import(pk: int) -> int:
    """Read a long file that waits for it; returns how many items it may bring in. Its progress stands on the row."""
    row = ItemImport.objects.select_related("file").get(pk=pk)
    if row.state != ImportState.READING:
        return row.item_count
    try:
        checked = check_file(
            read(row.file),
            name=row.file.name,
            format=row.format,
            defaults=Defaults.of(row.defaults),
            progress=_progress(row),
        )
        _note(row, checked)
    except Exception as error:
        is_ours = isinstance(error, Refusal)
        row.state = IMPORT.after(row.state, "fail")
        row.report = {
            "error": str(error.message) if isinstance(error, Refusal) else _("The file could not be read."),
        }
        _save_if(row, ImportState.READING)
        if not is_ours:
            raise
        return 0
    _save_if(row, ImportState.READING)
    return row.item_count


def _save_if(row: ItemImport, before: str) -> None:
    """Save unless the file was thrown away meanwhile."""
    ItemImport.objects.filter(pk=row.pk, state=before).update(
        state=row.state,
        report=row.report,
        row_count=row.row_count,
        error_count=row.error_count,
        item_count=row.item_count,
    )


def begin_import(row: ItemImport, *, partial: bool = False, by: Actor) -> bool:
    """Note that a staged file is being taken in; the job ``jobs.take_import`` does it. True if it is long enough for one.

    Raises as ``confirm_import`` does.
    """
    row = _mine(row, by)
    if row.item_count <= LONG_ITEMS:
        return False
    _require_clean(row.error_count, row.item_count, row.row_count - row.item_count, partial)
    with transaction.atomic():
        row = ItemImport.objects.select_for_update().get(pk=row.pk)
        row.state = IMPORT.after(row.state, "begin", message=_("This file was decided already."))
        row.report = {**row.report, "done": 0, "of": row.item_count}
        row.report.pop("error", None)
        row.save(update_fields=["state", "report"])
    return True


def take_import(pk: int, *, partial: bool, by: Actor) -> int:
    """Take in a long file that ``begin_import`` noted; returns how many items. A refusal gives the file back with why."""
    row = ItemImport.objects.get(pk=pk)
    if row.state != ImportState.TAKING:
        return 0
    try:
        return confirm_import(row, partial=partial, by=by)
    except Exception as error:
        row.state = IMPORT.after(row.state, "give_back")
        message = (
            str(error.message)
            if isinstance(error, Refusal)
            else _("Taking it in broke off. Nothing was taken in.")
        )
        row.report = {**row.report, "error": message}
        _save_if(row, ImportState.TAKING)
        if not isinstance(error, Refusal):
            raise
        return 0


def confirm_import(row: ItemImport, *, partial: bool = False, by: Actor) -> int:
    """Take a staged file into the bank as drafts, all or nothing; returns how many items.

    With ``partial`` what is refused is left out; without, one refusal keeps everything out. Raises ``Conflict`` unless it is
    still staged, ``Refusal`` if nothing may come in or it is another person's.
    """
    row = _mine(row, by)
    IMPORT.after(row.state, "confirm", message=_("This file was decided already."))
    checked = check_file(
        read(row.file),
        name=row.file.name,
        format=row.format,
        defaults=Defaults.of(row.defaults),
        progress=_progress(row) if row.state == ImportState.TAKING else None,
    )
    _require_clean(len(checked.refused), len(checked.items), checked.places_refused, partial)
    return _take(row, checked, by)


def _require_clean(errors: int, items: int, places: int, partial: bool) -> None:
    if errors and not partial:
        raise Refusal(
            "import_has_errors",
            _(
                "%(n)d items of the file are refused; nothing was taken in. Correct the file and hand it in again, or tick that "
                "they shall be left out."
            )
            % {"n": places},
        )
    if not items:
        raise Refusal("import_empty", _("The file holds no item that may come in."))


@transaction.atomic
def _take(row: ItemImport, checked: Checked, by: Actor) -> int:
    row = ItemImport.objects.select_for_update().get(pk=row.pk)
    before = row.state
    state = IMPORT.after(row.state, "confirm", message=_("This file was decided already."))
    media.keep(checked.pictures.values(), by=by)
    new = numbered([one.new for one in checked.items])
    try:
        with transaction.atomic():
            create_items(new, author=by.name, author_id=by.user_id, state=ItemState.DRAFT)
    except IntegrityError:
        raise Conflict(
            "item_uid", _("A number of the file was taken meanwhile. Nothing was taken in.")
        ) from None
    row.state, row.decided_at, row.item_count = state, clock.now(), len(new)
    row.save(update_fields=["state", "decided_at", "item_count"])
    record(
        events.IMPORT_CONFIRMED,
        by=by,
        on=row,
        before={"state": before},
        after={
            "state": state,
            "items": len(new),
            "left_out": checked.places_refused,
            "first": new[0].uid,
            "last": new[-1].uid,
        },
    )
    return len(new)


def numbered(rows: Sequence[NewItem]) -> list[NewItem]:
    """``rows`` with the next free numbers (``101-G-0001``) where the file gave none."""
    used = {row.uid for row in rows if row.uid}
    last: dict[str, int] = {}
    done: list[NewItem] = []
    for row in rows:
        uid = row.uid
        if not uid:
            prefix = f"{row.posts[0].code}-{row.subject[:1].upper()}-"
            if prefix not in last:
                last[prefix] = _last_number(prefix)
            while not uid or uid in used:
                last[prefix] += 1
                uid = f"{prefix}{last[prefix]:04d}"
            used.add(uid)
        done.append(row if row.uid else replace(row, uid=uid))
    return done


def _last_number(prefix: str) -> int:
    tails = (
        uid[len(prefix) :]
        for uid in Item.objects.filter(uid__startswith=prefix).values_list("uid", flat=True)
    )
    return max(
        (int(tail) for tail in tails if tail.isascii() and tail.isdigit() and len(tail) < 10), default=0
    )


@transaction.atomic
def discard_import(row: ItemImport, *, by: Actor) -> ItemImport:
    """Decide that a file is not taken in."""
    row = _mine(row, by)
    row = ItemImport.objects.select_for_update().get(pk=row.pk)
    before = row.state
    row.state = IMPORT.after(row.state, "discard", message=_("This file was decided already."))
    row.decided_at = clock.now()
    row.save(update_fields=["state", "decided_at"])
    record(events.IMPORT_DISCARDED, by=by, on=row, before={"state": before}, after={"state": row.state})
    return row


def _mine(row: ItemImport, by: Actor) -> ItemImport:
    """The row as it is now. Raises ``Refusal`` unless it is the actor's own."""
    by.require(Role.ITEM_AUTHOR)
    row = ItemImport.objects.select_related("file").get(pk=row.pk)
    if row.created_by_id != by.user_id:
        raise Refusal(
            "import_of_another",
            _("Another author staged this file; only that person decides on it."),
            status=403,
        )
    return row


def facts_of(checked: Checked) -> dict[str, Any]:
    """The outcome of a dry run as plain data, as the command prints it."""
    return {
        "accepted": len(checked.items),
        "refused": [
            {"where": one.where, "column": one.column, "reason": one.reason} for one in checked.refused
        ],
        "unsupported": dict(checked.unsupported.most_common()),
        "notes": [{"where": one.where, "reason": one.reason} for one in checked.notes],
    }
