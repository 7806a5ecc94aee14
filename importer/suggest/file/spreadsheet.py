"""Finds the table in a sheet of a workbook."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from importer.budget import Deadline, refuse_columns
from importer.suggest.file.file_guess import Asked, FileGuess
from importer.suggest.file.header import guess_header, numbered
from importer.suggest.file.table import is_total
from importer.suggest.file.workbook import choose_sheet, read_sheets
from importer.suggest.guess import Guess


def guess_workbook(
    path: Path, name: str, file_format: Guess[str], asked: Asked, known: Collection[str], deadline: Deadline
) -> FileGuess:
    sheet, choice = choose_sheet(
        read_sheets(path, name, file_format.value, deadline, asked.sheet), asked.sheet, known
    )
    rows = [row for _, row in sheet.rows]
    width = max(map(len, rows))
    refuse_columns(name, width)
    filled = [sum(map(bool, row)) for row in rows]
    # Titles and notes above a table fill a cell or two.
    first = next((n for n, cells in enumerate(filled[:50]) if cells * 2 > max(filled[:200])), 0)
    table = [[*row, *[""] * (width - len(row))] for row in rows[first:]]
    header = guess_header(table[:200], known)
    skip = sheet.rows[first][0] - 1
    names = (
        [cell.strip() for cell in table[0]] if header.value else [f"column_{n}" for n in range(1, width + 1)]
    )
    if len(set(filter(None, names))) < len(list(filter(None, names))):
        names = numbered(names)
        header, skip = (
            Guess(False, "doubtful", "the header names a column twice; the columns get numbers"),
            skip + 1,
        )
        table = table[1:]
    elif header.value:
        table = table[1:]
    names = [each or f"_column{number}" for number, each in enumerate(names, 1)]
    told = "the table begins in the first row" if not skip else f"the first {skip} rows have other cells"
    footer = _footer_rows(table) if sheet.is_whole else 0
    table = table[: len(table) - footer]
    parts: dict[str, Guess[Any]] = {
        "sheet": choice,
        "skip_lines": Guess(skip, "likely", told),
        "header": header,
        "footer_lines": Guess(
            footer, "likely", "the last rows hold totals" if footer else "the sheet ends with a record"
        ),
    }
    texts = pl.DataFrame(
        {each: [row[n] or None for row in table] for n, each in enumerate(names)},
        dict.fromkeys(names, pl.String),
    )
    return FileGuess(name, file_format, parts, tuple(names), texts, len(table) if sheet.is_whole else None)


def _footer_rows(table: Sequence[Sequence[str]]) -> int:
    number = 0
    while number < min(5, len(table) - 1) and is_total(table[-1 - number]):
        number += 1
    return number
