"""Guesses how a file is written, and reads its first records."""

from collections.abc import Collection
from pathlib import Path

from importer.budget import Deadline
from importer.exceptions import SourceRefused
from importer.records import escaped, shown
from importer.sources.names import WORKBOOKS, guess_format
from importer.suggest.file.delimited import guess_delimited
from importer.suggest.file.dialect import name_of
from importer.suggest.file.file_guess import Asked, FileGuess, Format
from importer.suggest.file.sample import local_copy, read_sample
from importer.suggest.file.spreadsheet import guess_workbook
from importer.suggest.file.structured import is_json, read_json, read_parquet
from importer.suggest.guess import Guess, given


def guess_file(source: str, known: Collection[str] = (), asked: Asked | None = None) -> FileGuess:
    """Guess how a source is written. `known`: names of fields, which a header may have. Raises SourceRefused."""
    asked = asked or Asked()
    name = Path(source).name
    deadline = Deadline(name)
    file_format = given(asked.format) if asked.format else _format_of(source)
    with local_copy(source, deadline) as path:
        guess = _guess(path, name, file_format, asked, known, deadline)
    _refuse_names(guess)
    return guess


def _guess(
    path: Path, name: str, file_format: Guess[str], asked: Asked, known: Collection[str], deadline: Deadline
) -> FileGuess:
    if file_format.value in WORKBOOKS:
        return guess_workbook(path, name, file_format, asked, known, deadline)
    if file_format.value == Format.PARQUET:
        return read_parquet(path, name, file_format, deadline)
    sample = read_sample(path, name, deadline)
    if file_format.value == Format.JSONL or is_json(sample):
        return read_json(sample, name, file_format, asked)
    return guess_delimited(sample, name, file_format, asked, known)


def _refuse_names(guess: FileGuess) -> None:
    for column in guess.columns:
        if escaped(column) != column:
            raise SourceRefused(
                f'The source "{guess.name}" has the column "{shown(column[:40])}", a name that PostgreSQL cannot '
                f"store; rename it."
            )


def _format_of(source: str) -> Guess[str]:
    try:
        return Guess(guess_format(source), "likely", "the name of the file says so")
    except SourceRefused:
        if Path(source).suffix.lower() not in (
            "",
            ".dat",
            ".data",
            ".asc",
            ".out",
            ".log",
            ".dump",
            ".psv",
            ".ssv",
            ".zip",
            ".gz",
        ):
            raise
        return Guess(str(Format.CSV), "likely", "it is a text, whatever its name")


def described(guess: FileGuess) -> str:
    """Describe a file in one line: "CSV with semicolon, cp1252, 11 columns, about 3,000 records"."""
    label = Format(guess.format.value).label
    words = [
        label + (f" with {name_of(guess.parts['delimiter'].value)}" if "delimiter" in guess.parts else "")
    ]
    words += [guess.encoding] if "encoding" in guess.parts else []
    words += [f"sheet “{guess.sheet}”"] if guess.sheet else []
    words.append(f"{len(guess.columns):,} columns" if len(guess.columns) != 1 else "1 column")
    if guess.records:
        exact = "" if guess.records == guess.texts.height + guess.faulty else "about "
        words.append(f"{exact}{guess.records:,} records")
    return ", ".join(words)
