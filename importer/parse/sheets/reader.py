"""Reads the lines that `convert` has written, and rejects the rows with cells that have no value."""

from dataclasses import replace
from typing import Any

import polars as pl

from importer.batches import Batch
from importer.budget import too_long
from importer.models import DataImportJob
from importer.parse.delimited.reader import DelimitedReader
from importer.parse.reader import Range
from importer.parse.sheets.rows import NO_VALUE, TOO_LONG
from importer.records import RAW, Position, RecordError, Rejection, escaped, shown
from importer.specs.columns import SourceColumns
from importer.specs.compile import compile_mapping
from importer.specs.registry import get_spec


class SheetReader(DelimitedReader):
    """Reads one sheet. A record's line is its row in the sheet."""

    def __init__(self, *arguments: Any, job: DataImportJob, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.job = job
        self._taken: dict[str, frozenset[str]] | None = None

    def read(self, start: Position, end: Range, *, limit: int) -> Batch:
        batch = super().read(start, end, limit=limit)
        if not batch.texts.height:
            return batch
        has_mark = pl.any_horizontal(pl.all().str.starts_with(NO_VALUE))
        marked = batch.texts.select(has_mark.alias("")).to_series()
        return self._judged(batch, marked) if marked.any() else batch

    def _judged(self, batch: Batch, marked: pl.Series) -> Batch:
        """Reject the marked records, unless a null value says what the marked text means, or nothing takes it."""
        rejections, rejected = list(batch.rejections), []
        for number in marked.arg_true():
            values = batch.texts.row(number, named=True)
            if errors := self._errors_of(values):
                raw = {name: escaped((text or "").lstrip(NO_VALUE)) for name, text in values.items()}
                # The mark keeps a replay from importing the record before somebody has written a value.
                raw[RAW] = "\t".join(raw.values())
                rejections.append(Rejection(int(batch.lines[number]), raw, tuple(errors)))
                rejected.append(number)
        is_kept = ~pl.int_range(batch.texts.height, eager=True).is_in(rejected)
        texts = batch.texts.select(pl.all().str.strip_chars_start(NO_VALUE)).filter(is_kept)
        rejections.sort(key=lambda rejection: rejection.line)
        return replace(batch, texts=texts, lines=batch.lines.filter(is_kept), rejections=rejections)

    def _errors_of(self, values: dict[str, str | None]) -> list[RecordError]:
        errors = []
        for name, text in values.items():
            if text and text.startswith(TOO_LONG):
                return [RecordError("", "record_too_long", too_long(int(text.lstrip(NO_VALUE))))]
            if text and text.startswith(NO_VALUE):
                text = text[1:]
                if text not in self._nulls().get(name, {text}):
                    errors.append(RecordError(name, *_fault(text), shown(text)))
        return errors

    def _nulls(self) -> dict[str, frozenset[str]]:
        """Return the null values of the columns that fill something."""
        if self._taken is None:
            spec, columns = get_spec(self.job.spec), self.columns()
            ignored = compile_mapping(spec, columns, self.job.dialect).ignored
            nulls = SourceColumns.of(spec, columns).null_values()
            self._taken = {name: nulls[name] for name in columns if name not in ignored}
        return self._taken


def _fault(text: str) -> tuple[str, str]:
    if text.startswith("="):
        formula = f" {shown(text)}" if len(text) > 1 else ""  # a shared one stands in another cell
        return "no_value", (
            f"The formula{formula} has no stored value; open the workbook in a spreadsheet program and save it."
        )
    return "error_value", f"The cell has the error {shown(text)} instead of a value."
