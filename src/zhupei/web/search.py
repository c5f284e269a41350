"""Full-text search of Chinese and mixed text, the same on SQLite and PostgreSQL.

Neither database can tell Chinese words apart, so the index holds overlapping pairs of characters: 混凝土 is kept as 混凝,
凝土 and the last character 土. Letters and digits are kept as whole runs, split where one becomes the other, so that
``GB50204`` finds ``GB 50204-2015`` and ``HRB400`` finds ``HRB400E``. A query is cut up in the same way, and its pieces must
stand side by side in the text.
Why so, and how fast: ``docs/decisions/0009-text-search.md``.

A room declares its indexes in its ``search.py``; their tables are made after every ``migrate``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, Model, QuerySet
from django.db.models.expressions import RawSQL

MAX_TEXT = 16_000  # characters of a text, and its tokens: PostgreSQL knows positions up to 16,383
MAX_QUERY, MAX_PARTS, MAX_TOKENS = 200, 8, 48  # what a query says beyond these is ignored
MAX_WORD = 40  # characters of a run of letters or digits that count
BATCH = 1000
COMMON = 2000  # rows found from which PostgreSQL's planner is left to itself
ANALYZE_FROM = 1000  # rows put at once from which PostgreSQL's planner is told

_PAIRED = "\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"  # no spaces between words
_RUN = re.compile(rf"(?P<paired>[{_PAIRED}]+)|\d+|[^\W\d_{_PAIRED}]+")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,50}")

M = TypeVar("M", bound=Model)


def normalised(text: str, limit: int) -> str:
    """``text`` with half and full width, compatibility forms and case folded; at most ``limit`` characters of it."""
    folded = unicodedata.normalize("NFKC", text[:limit]).casefold()
    return unicodedata.normalize("NFKC", folded)[:limit]


def _cut(run: re.Match[str]) -> list[str]:
    word = run.group()
    if run["paired"]:
        return [word[n : n + 2] for n in range(len(word))]  # the last is the last character alone
    return [word[:MAX_WORD]]


def tokens(text: str) -> list[str]:
    """What the index keeps of a text, in order: letters and digits alone, so that none can be read as syntax."""
    runs = _RUN.finditer(normalised(text, MAX_TEXT))
    return list(islice((token for run in runs for token in _cut(run)), MAX_TEXT))


@dataclass(frozen=True)
class Phrase:
    """Tokens that stand side by side in the text; ``begins``: of the last only the beginning is given."""

    tokens: tuple[str, ...]
    begins: bool


def phrases(query: str) -> list[Phrase]:
    """The parts of a query, which white space separates; empty if it holds neither letter nor digit."""
    found: dict[Phrase, None] = {}
    left = MAX_TOKENS
    for part in normalised(query, MAX_QUERY).split():
        runs = list(_RUN.finditer(part))
        pieces = [token for run in runs for token in _cut(run)]
        begins = False
        if runs and runs[-1]["paired"]:
            begins = len(runs[-1].group()) == 1
            if not begins:
                pieces.pop()  # in the text more characters may follow
        if pieces:
            found[Phrase(tuple(pieces[:left]), begins and len(pieces) <= left)] = None
            left -= len(pieces)
        if left <= 0 or len(found) == MAX_PARTS:
            break
    return list(found)


class TextIndex:
    """The index of one kind of text, by primary key: table ``name`` of its own, without foreign keys.

    Index rows whose live row is gone are harmless: ``filter`` narrows a queryset of live rows.
    """

    known: ClassVar[dict[str, TextIndex]] = {}

    def __init__(self, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a table name: {name!r}")
        self.name = name
        self.known[name] = self

    def ensure(self, using: str = DEFAULT_DB_ALIAS) -> None:
        """Make the table if it is not there."""
        connection = connections[using]
        if connection.vendor == "postgresql":
            statements = [
                f"CREATE TABLE IF NOT EXISTS {self.name} (id bigint PRIMARY KEY, vector tsvector NOT NULL)",
                f"CREATE INDEX IF NOT EXISTS {self.name}_vector ON {self.name} USING gin (vector)",
            ]
        else:  # "ascii" leaves every other character of a token alone; the prefix index serves single characters
            statements = [
                f"CREATE VIRTUAL TABLE IF NOT EXISTS {self.name} USING fts5(tokens, tokenize='ascii', prefix='1')"
            ]
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def put(self, rows: Iterable[tuple[int, str]], using: str = DEFAULT_DB_ALIAS) -> None:
        """Index ``rows`` of (primary key, text) in place of what was there, within the caller's transaction.

        Of each text the first ``MAX_TEXT`` characters count. Rows are taken in batches, so an iterator may be long.
        """
        connection = connections[using]
        count, source = 0, iter(rows)
        with connection.cursor() as cursor:
            while batch := dict(islice(source, BATCH)):
                count += len(batch)
                if connection.vendor == "postgresql":
                    vectors = [
                        " ".join(f"'{token}':{place}" for place, token in enumerate(tokens(text), 1))
                        for text in batch.values()
                    ]
                    cursor.execute(
                        f"INSERT INTO {self.name} SELECT id, vector::tsvector"  # noqa: S608 - our own name
                        " FROM unnest(%s::bigint[], %s::text[]) AS new (id, vector)"
                        " ON CONFLICT (id) DO UPDATE SET vector = excluded.vector",
                        [list(batch), vectors],
                    )
                else:
                    cursor.executemany(
                        f"INSERT OR REPLACE INTO {self.name} (rowid, tokens) VALUES (%s, %s)",  # noqa: S608 - our own name
                        [(pk, " ".join(tokens(text))) for pk, text in batch.items()],
                    )
            if connection.vendor == "postgresql" and count >= ANALYZE_FROM:
                cursor.execute(f"ANALYZE {self.name}")

    def remove(self, pks: Iterable[int], using: str = DEFAULT_DB_ALIAS) -> None:
        """Forget these rows; unknown ones are passed over."""
        connection = connections[using]
        key = self._key(connection)
        with connection.cursor() as cursor:
            cursor.executemany(f"DELETE FROM {self.name} WHERE {key} = %s", [(pk,) for pk in pks])  # noqa: S608 - our own name

    def filter(self, queryset: QuerySet[M], query: str) -> QuerySet[M]:
        """The rows of ``queryset`` whose text holds every part of ``query``; a query without letter or digit filters nothing.

        A part is found anywhere in a run of Chinese characters; letters and digits are found as whole runs. Signs between
        them do not matter. The result is a queryset like any other: ordered, paged and filtered further by the database. On
        PostgreSQL rare words are looked up at once, by a query of their own; common ones when the result is read.
        Never raises for what ``query`` says; what goes beyond the bounds above is ignored.
        """
        wanted = phrases(query)
        if not wanted:
            return queryset
        connection = connections[queryset.db]
        if connection.vendor == "postgresql":
            sql = f"SELECT id FROM {self.name} WHERE vector @@ %s::tsquery"  # noqa: S608 - our own name
            expression = " & ".join(_tsquery(phrase) for phrase in wanted)
            with connection.cursor() as cursor:
                cursor.execute(f"{sql} LIMIT {COMMON}", [expression])
                few = [pk for (pk,) in cursor.fetchall()]
            if (
                len(few) < COMMON
            ):  # the planner, which cannot know how rare they are, might walk all live rows for them
                return queryset.filter(pk__in=few)
        else:
            sql = f"SELECT rowid FROM {self.name} WHERE {self.name} MATCH %s"  # noqa: S608 - our own name
            expression = " AND ".join(_fts5(phrase) for phrase in wanted)
        return queryset.filter(pk__in=RawSQL(sql, [expression]))  # noqa: S611 - parameterised

    def missing(self, queryset: QuerySet[M]) -> QuerySet[M]:
        """The rows of ``queryset`` that were never indexed: what a new or restored index still needs."""
        connection, meta = connections[queryset.db], queryset.model._meta
        quote = connection.ops.quote_name
        live = f"{quote(meta.db_table)}.{quote(str(meta.pk.column))}"
        sql = f"NOT EXISTS (SELECT 1 FROM {self.name} WHERE {self.name}.{self._key(connection)} = {live})"  # noqa: S608 - our own names
        return queryset.filter(RawSQL(sql, [], BooleanField()))  # noqa: S611 - no parameters

    @staticmethod
    def _key(connection: BaseDatabaseWrapper) -> str:
        return "id" if connection.vendor == "postgresql" else "rowid"


def _tsquery(phrase: Phrase) -> str:
    return "(" + " <-> ".join(f"'{token}'" for token in phrase.tokens) + (":*)" if phrase.begins else ")")


def _fts5(phrase: Phrase) -> str:
    return " + ".join(f'"{token}"' for token in phrase.tokens) + (" *" if phrase.begins else "")


def ensure_all(using: str = DEFAULT_DB_ALIAS) -> None:
    """Make the tables of all indexes declared so far."""
    for index in TextIndex.known.values():
        index.ensure(using)
