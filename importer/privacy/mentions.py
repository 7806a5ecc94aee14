"""Finds texts that name a person by user name or e-mail address, as the whole value or as whole words.

The importer and tracking each have this module, because neither imports the other; a test keeps both equal.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, unquote_plus

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

# Shorter names are words in some language: they count only as a whole value.
SHORTEST_WORD = 3
# Rows that one statement reads.
WINDOW = 20_000
# Borders of a name: not inside a longer one (jo.ann@example.com, ann@example.com.au, ann_2), but before a file ending.
BEFORE = r"(?<![\w@])(?<!\w[.+\-'])"
ENDINGS = "csv|docx?|eml|gz|jsonl?|log|ndjson|parquet|pdf|pq|tab|tsv|txt|vcf|xlsx?|zip|zst"
AFTER = rf"(?![\w@])(?![+\-]\w)(?!\.(?!(?:{ENDINGS})\b)\w)"
# Escaped line breaks and similar characters, as one-line messages write them.
ESCAPES = re.compile(r"\\(?:[nrtfv0]|x[0-9a-f]{2}|u[0-9a-f]{4})", re.IGNORECASE)
# Characters that are the same in every form of a text: JSON and URLs escape others, and databases fold only these.
PLAIN = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Person:
    """The names of a person to search for, folded by `_folded`."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, user: Any) -> "Person":
        address = getattr(user, type(user).get_email_field_name(), "")
        texts = (str(text or "").strip() for text in (user.get_username(), address))
        return cls(tuple(dict.fromkeys(_folded(text) for text in texts if text)))

    def is_named_in(self, text: str) -> bool:
        """Tell whether a text names the person. It may be a URL, or JSON as text."""
        return any(self._is_in(_folded(form)) for form in _forms(text))

    def is_quoted_in(self, value: Any) -> bool:
        """Tell whether a JSON value names the person, at any depth. In keys only an address counts."""
        if isinstance(value, str):
            return self.is_named_in(value)
        if isinstance(value, dict):
            keys = any("@" in key and self.is_named_in(key) for key in value)
            return keys or any(self.is_quoted_in(item) for item in value.values())
        return isinstance(value, list) and any(self.is_quoted_in(item) for item in value)

    def _is_in(self, folded: str) -> bool:
        return any(
            folded.strip() == name
            or (len(name) >= SHORTEST_WORD and re.search(f"{BEFORE}{re.escape(name)}{AFTER}", folded))
            for name in self.names
        )


def pages_that_may_name(rows: QuerySet[Any], person: Person, *columns: str, size: int) -> Iterator[list[Any]]:
    """Yield pages of rows that may name the person in these columns (text or JSON); `is_quoted_in` decides.

    Searches a name by its plain parts, which no encoding changes, so it works on any database. No index helps, so each
    statement reads a window of keys instead of the table, and ends before a statement timeout.
    """
    for window in _windows(rows):
        yield from in_pages(_that_may_name(window, person, columns), size)


def in_pages(rows: QuerySet[Any], size: int) -> Iterator[list[Any]]:
    """Yield the rows in pages, in the order of their keys. They may be changed meanwhile."""
    last = None
    while True:
        page = list(_after(rows, last).order_by("pk")[:size])
        if not page:
            return
        yield page
        last = page[-1].pk


def _windows(rows: QuerySet[Any]) -> Iterator[QuerySet[Any]]:
    last = None
    while True:
        later = _after(rows, last)
        end = list(later.order_by("pk").values_list("pk", flat=True)[WINDOW - 1 : WINDOW])
        if not end:
            yield later
            return
        last = end[0]
        yield later.filter(pk__lte=last)


def _after(rows: QuerySet[Any], key: Any) -> QuerySet[Any]:
    return rows.all() if key is None else rows.filter(pk__gt=key)


def _that_may_name(rows: QuerySet[Any], person: Person, columns: tuple[str, ...]) -> QuerySet[Any]:
    texts = {f"{column}_as_text": Cast(column, TextField()) for column in columns}
    condition = Q(pk__in=[])
    for name in person.names:
        parts = PLAIN.findall(name)
        if not parts:
            return rows  # a name without plain characters
        for text in texts:
            condition |= Q(*(Q(**{f"{text}__icontains": part}) for part in parts))
    return rows.alias(**texts).filter(condition)


def _forms(text: str) -> Iterator[str]:
    yield text
    if "\\" in text:
        yield ESCAPES.sub(" ", text)
    if "%40" in text:
        yield unquote(text)
        yield unquote_plus(text)
    if text[:1] in "[{" and "\\u" in text:
        yield from _unescaped(text)


def _unescaped(text: str) -> Iterator[str]:
    try:
        yield json.dumps(json.loads(text), ensure_ascii=False)
    except (ValueError, RecursionError):
        return


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).lower()
