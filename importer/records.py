"""Defines what is said of records: their positions, errors, rejections and counts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two records of a source.

    offset  bytes (text files), records (Parquet), or records of the chunk (tables)
    line    number of the next record's first line, from 1; in sources without lines, number of the next record
    key     the last key read (tables only)
    """

    offset: int
    line: int
    key: tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True)
class RecordError:
    """One reason why a record was rejected. An empty `field` means the whole record."""

    field: str
    code: str
    message: str
    value: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        return {"field": self.field, "code": self.code, "message": self.message, "value": self.value}


# Prefix for bytes that are not text. No field accepts it, because Django rejects NUL.
NOT_TEXT = "\0not text: "

LONE_SURROGATE = re.compile("[\ud800-\udfff]")

# Characters of a value that an error shows.
SHOWN_CHARACTERS = 200

# Key of raw text that could not be split into columns, or that cannot be stored unchanged.
RAW = "_raw"

# Columns that the export of rejected records adds to the source's. A source must not use these names.
LINE, REASONS = "_line", "_reasons"
RESERVED = (LINE, REASONS, RAW)
# When the record was last changed, so that a file does not undo what somebody did after it was downloaded. A source may
# have such a column; the export then leaves out its own.
CHANGED_AT = "_changed_at"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A rejected record: its line, its raw values (column → text), and the reasons."""

    line: int
    raw: dict[str, Any]
    errors: tuple[RecordError, ...]


def escaped(text: str) -> str:
    """Write what PostgreSQL cannot store (NUL, bytes that are not text) as backslash escapes."""
    if "\0" in text:
        text = text.replace("\0", "\\x00")
    return text if text.isascii() else LONE_SURROGATE.sub(_as_escape, text)


def _as_escape(match: re.Match[str]) -> str:
    number = ord(match[0])
    was_byte = 0xDC80 <= number <= 0xDCFF  # `surrogateescape` keeps undecodable bytes in this range
    return f"\\x{number & 0xFF:02x}" if was_byte else f"\\u{number:04x}"


def shown(text: str) -> str:
    """Return the beginning of a text, for a message."""
    return escaped(text[:SHOWN_CHARACTERS])


@dataclass(frozen=True, slots=True)
class Counts:
    """Fates of records. `read` is always the sum of the other five."""

    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    rejected: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Counts)))

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(Counts)))

    @property
    def accounted(self) -> int:
        return self.inserted + self.updated + self.unchanged + self.skipped + self.rejected


@dataclass(frozen=True, slots=True)
class Replayed(Counts):
    """Fates of the records that a replay tried.

    left         records that were not tried: they could not be split into columns, so a file must fix them first
    passed_over  records of the file that an earlier, interrupted replay has imported already
    stopped      the replay was asked to stop before its last record; the same command continues
    """

    left: int = 0
    passed_over: int = 0
    stopped: bool = False


FATES = tuple(f.name for f in fields(Counts))


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a batch.

    counts      fates of the records, without the contested ones
    rejections  the rejected records
    contested   records that are set aside until the end of the run
    searched    number of records that a search by halves found (the database rejects them one at a time)
    gathered    number of records that wait in a table of their own, and have no fate yet
    """

    counts: Counts
    rejections: Sequence[Rejection]
    contested: Sequence[Rejection] = ()
    searched: int = 0
    gathered: int = 0
