"""Finds the table in a text: lines before it, its header, comments, and lines after it."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from importer.suggest.file.dialect import Marks, Record, split
from importer.suggest.file.header import COMPARED, guess_header, numbered
from importer.suggest.guess import Guess

COMMENTS = ("#", "//", "--", "%", "*")
# How a line of totals begins.
TOTAL = re.compile(
    r"(?:grand |sub|end|gesamt)?(?:totale?s?|summe|sum|gesamt|insgesamt|somme|suma|count|anzahl)\b.*",
    re.IGNORECASE,
)
MOST_BEFORE, MOST_AFTER = 50, 10


@dataclass(frozen=True, slots=True)
class Table:
    """Where a table begins and ends, and what its columns are called.

    skip_lines    before the header, or before the first record
    columns       all names; in the order of the file
    """

    comment: Guess[str | None]
    skip_lines: Guess[int]
    header: Guess[bool]
    columns: tuple[str, ...]
    footer_lines: Guess[int]
    trailing_delimiter: Guess[bool]
    blank_after_delimiter: Guess[bool]


def find_table(
    lines: Sequence[str], last_lines: Sequence[str], marks: Marks, known: Collection[str]
) -> Table:
    """Find the table. `last_lines` are those at the end of the file, `known` the names of fields."""
    comment = _comment(lines, marks)
    kept = [
        (n, line) for n, line in enumerate(lines) if not (comment.value and line.startswith(comment.value))
    ]
    records = [replace(r, line=kept[r.line][0]) for r in split([line for _, line in kept], marks)]
    width = _width(records)
    start = _start(records, width)
    table = records[start:]
    blank_after = _blank_after(table, marks)
    if blank_after.value:
        table = [replace(r, fields=[field.lstrip(" ") for field in r.fields]) for r in table]
    trailing = _trailing(table, width)
    if trailing.value:
        width -= 1
        table = [replace(r, fields=r.fields[:width]) for r in table]
    return _named(_Found(comment, table, width, trailing, blank_after), last_lines, marks, known)


@dataclass(frozen=True, slots=True)
class _Found:
    comment: Guess[str | None]
    records: Sequence[Record]
    width: int
    trailing: Guess[bool]
    blank_after: Guess[bool]


def _named(found: _Found, last_lines: Sequence[str], marks: Marks, known: Collection[str]) -> Table:
    records = found.records
    header = guess_header([record.fields for record in records], known)
    first = records[0].line if records else 0
    names = [name.strip() for name in records[0].fields] if records and header.value else []
    skip = _skip(first, found.comment)
    if repeated := sorted({name for name, times in Counter(filter(None, names)).items() if times > 1}):
        # The importer refuses such a header, so it is passed over and the columns get names.
        told = f'the header names "{repeated[0]}" twice; the columns get numbers'
        names = numbered(names)
        header = Guess(False, "doubtful", told)
        skip = Guess(first + 1, "sure", "the header is passed over, because it names a column twice")
    elif not header.value:
        names = [f"column_{number}" for number in range(1, found.width + 1)]
    names = [name or f"_column{number}" for number, name in enumerate(names, 1)]
    footer = _footer(last_lines, marks, found.width + found.trailing.value)
    return Table(found.comment, skip, header, tuple(names), footer, found.trailing, found.blank_after)


def _comment(lines: Sequence[str], marks: Marks) -> Guess[str | None]:
    filled = [(number, line) for number, line in enumerate(lines) if line.strip()]
    for mark in COMMENTS:
        if mark in (marks.delimiter, marks.quote, marks.escape) or any(c in mark for c in marks.delimiter):
            continue
        with_mark = [(number, line) for number, line in filled if line.startswith(mark)]
        others = [line for _, line in filled if not line.startswith(mark)]
        if not with_mark or not others or len(with_mark) > len(others):
            continue
        width = _width(list(split(others[:COMPARED], marks)))
        alike = [
            line for _, line in with_mark if any(len(r.fields) == width > 1 for r in split([line], marks))
        ]
        if (
            filled[0][1].startswith(mark)
            and not (len(with_mark) == 1 and alike)
            and (mark == "#" or not alike)
        ):
            return Guess(mark, "likely", f"{len(with_mark)} lines begin with {mark} and have other fields")
    return Guess(None, "likely", "no line looks like a comment")


def _width(records: Sequence[Record]) -> int:
    widths = Counter(len(record.fields) for record in records)
    return max(widths, key=lambda width: (widths[width] * (width > 1), widths[width], width)) if widths else 0


def _start(records: Sequence[Record], width: int) -> int:
    """Return the number of the first record of the table: it and the next one have its width."""
    for number, record in enumerate(records[:MOST_BEFORE]):
        following = records[number + 1 : number + 2]
        filled = sum(map(bool, record.fields))
        # A title above the table may be padded with delimiters. A header may have few names, but not one of many.
        is_filled = filled * 2 > width or (not number and (filled > 1 or width < 3))
        if len(record.fields) == width and is_filled and all(len(r.fields) == width for r in following):
            return number
    return 0


def _skip(first: int, comment: Guess[str | None]) -> Guess[int]:
    if not first or comment.value:
        told = "comments are passed over" if comment.value else "the table begins in the first line"
        return Guess(0, "likely", told)
    what = "the line before the table has" if first == 1 else f"the {first} lines before the table have"
    return Guess(first, "likely", f"{what} other fields")


def _blank_after(records: Sequence[Record], marks: Marks) -> Guess[bool]:
    behind = [field for record in records[:COMPARED] for field in record.fields[1:] if field]
    blanks = sum(field.startswith(" ") for field in behind)
    if behind and marks.delimiter.strip() and blanks > 0.9 * len(behind):
        return Guess(True, "likely", "a blank follows nearly every delimiter")
    return Guess(False, "likely", "no blanks follow the delimiters")


def _trailing(records: Sequence[Record], width: int) -> Guess[bool]:
    full = [record for record in records if len(record.fields) == width]
    if width > 1 and len(full) > 1 and all(not record.fields[-1].strip() for record in full):
        return Guess(True, "likely", "each line ends with a delimiter")
    return Guess(False, "likely", "the lines do not end with a delimiter")


def _footer(last_lines: Sequence[str], marks: Marks, width: int) -> Guess[int]:
    filled = [line for line in last_lines if line.strip()][-COMPARED:]
    records = list(split(filled, marks))
    number = 0
    for record in reversed(records[-MOST_AFTER:]):
        has_total = is_total(record.fields)
        if len(record.fields) == width and not has_total:
            break
        number = len(filled) - record.line
    if not number or number >= len(filled) // 2:
        return Guess(0, "likely", "the file ends with a record")
    if width == 1 and not TOTAL.match(filled[-number]):
        return Guess(0, "likely", "the file ends with a record")
    shown = filled[-number].strip()[:40]
    what = "the last line is no record" if number == 1 else f"the last {number} lines are no records"
    return Guess(number, "likely", f"{what}: “{shown}”")


def is_total(fields: Sequence[str]) -> bool:
    filled = [field.strip() for field in fields if field.strip()]
    return bool(filled) and len(filled) * 2 <= len(fields) and bool(TOTAL.fullmatch(filled[0]))
