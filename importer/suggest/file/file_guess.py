"""Defines what is guessed about a file: how it is written, and its first records."""

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from importer.models import DataImportJob
from importer.specs.dialect import Dialect
from importer.suggest.guess import Guess

SHOWN_RECORDS = 10
Format = DataImportJob.Format


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody has said of the file; empty: guess it."""

    format: str = ""
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""


@dataclass(frozen=True, slots=True)
class FileGuess:
    """How a file is written, each part with its reason.

    parts     the guesses by name: "encoding", "delimiter", "quote", "skip_lines" …; only those that the format has
    columns   the names of the columns
    texts     the records of the sample, as text
    records   about how many records the file has; None: unknown
    faulty    records of the sample that do not fit
    """

    name: str
    format: Guess[str]
    parts: dict[str, Guess[Any]]
    columns: tuple[str, ...]
    texts: pl.DataFrame = field(repr=False)
    records: int | None
    faulty: int = 0

    @property
    def first_records(self) -> list[dict[str, str | None]]:
        """The first ten records."""
        return self.texts.head(SHOWN_RECORDS).to_dicts()

    @property
    def encoding(self) -> str:
        """The encoding for the job; UTF-8 where the format says it itself."""
        return str(self.parts["encoding"].value) if "encoding" in self.parts else "utf-8"

    @property
    def sheet(self) -> str:
        return str(self.parts["sheet"].value) if "sheet" in self.parts else ""

    def dialect_options(self) -> dict[str, Any]:
        """Return the parts of the dialect that differ from the importer's own, by name."""
        plain = Dialect()
        default = {"delimiter": "\t" if self.format.value == Format.TSV else ","}
        names = [name for name in plain.as_dict() if name in self.parts]
        options = {
            name: self.parts[name].value
            for name in names
            if self.parts[name].value != default.get(name, getattr(plain, name))
        }
        if options.get("header") is False:
            options["columns"] = list(self.columns)
        return options
