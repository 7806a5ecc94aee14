"""Guesses how a delimited text is written, and reads its sample."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import polars as pl

from importer.budget import refuse_columns
from importer.exceptions import SourceRefused
from importer.parse.delimited.reader import DelimitedReader
from importer.specs.dialect import Dialect
from importer.suggest.file.dialect import Marks, guess_marks, lines_of, split
from importer.suggest.file.encoding import guess_encoding
from importer.suggest.file.file_guess import Asked, FileGuess, Format
from importer.suggest.file.reading import read_records, spread_lines, temporary
from importer.suggest.file.sample import Sample
from importer.suggest.file.table import Table, find_table
from importer.suggest.guess import Guess

TABLE_PARTS = (
    "comment",
    "skip_lines",
    "header",
    "footer_lines",
    "trailing_delimiter",
    "blank_after_delimiter",
)


def guess_delimited(
    sample: Sample, name: str, file_format: Guess[str], asked: Asked, known: Collection[str]
) -> FileGuess:
    encoding = guess_encoding(sample, asked.encoding)
    head = decoded(sample.head, encoding.value, name)
    lines = lines_of(head)
    if sample.is_whole:
        last_lines = lines
    else:
        lines = lines[:-1] or lines
        last_lines = lines_of(decoded(sample.tail, encoding.value, name))[1:]
    is_tsv = file_format.value == Format.TSV
    delimiter, quote, escape = guess_marks(lines, delimiter=asked.delimiter, is_tsv=is_tsv)
    marks = _marks(delimiter, quote, escape)
    refuse_columns(name, max((len(record.fields) for record in split(lines[:20], marks)), default=0))
    table = find_table(lines[:2_000], last_lines, marks, known)
    parts = {
        "encoding": encoding,
        "delimiter": delimiter,
        "quote": quote,
        "escape": escape,
        **{part: getattr(table, part) for part in TABLE_PARTS},
    }
    guess = FileGuess(name, file_format, parts, table.columns, pl.DataFrame(), None)
    return _with_records(guess, sample, lines, table)


def _marks(delimiter: Guess[str], quote: Guess[str | None], escape: Guess[str | None]) -> Marks:
    return Marks(delimiter.value, quote.value, escape.value)


def decoded(data: bytes, encoding: str, name: str) -> str:
    """Decode a piece of a sample, whose last character may be cut. Raises SourceRefused."""
    try:
        return data.decode(encoding, "replace").removeprefix("\ufeff")
    except (LookupError, UnicodeError, ValueError):
        raise SourceRefused(
            f'The source "{name}" cannot be decoded as "{encoding}"; try utf-8, cp1252, utf-16 …'
        ) from None


def _with_records(guess: FileGuess, sample: Sample, lines: Sequence[str], table: Table) -> FileGuess:
    """Read the sample with the importer's reader, as the job will."""
    options = guess.dialect_options()
    options.setdefault("delimiter", guess.parts["delimiter"].value)
    if not sample.is_whole:
        options.pop("footer_lines", None)
    dialect = Dialect(**options)
    kept = spread_lines(
        lines, [lines_of(decoded(piece, guess.encoding, guess.name))[1:-1] for piece in sample.stretches]
    )
    with temporary("\n".join(kept).encode("utf-8", "replace") + b"\n") as path:
        reader = DelimitedReader(path, name=guess.name, dialect=dialect, encoding="utf-8")
        columns, texts, faulty = read_records(reader)
    records: int | None = texts.height + faulty
    if not sample.is_whole or len(kept) < len(lines):
        per_line = (texts.height + faulty) / max(1, len(kept) - table.skip_lines.value)
        of_head = per_line * (len(lines) - table.skip_lines.value)
        records = int(of_head * sample.size / len(sample.head)) if sample.size else None
    return replace(guess, columns=tuple(columns), texts=texts, records=records, faulty=faulty)
