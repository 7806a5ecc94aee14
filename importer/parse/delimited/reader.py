"""Reads a delimited file in ranges and batches."""

from collections.abc import Iterator
from pathlib import Path

from importer.batches import Batch
from importer.budget import Deadline, records_within
from importer.conf import conf
from importer.parse.delimited.file import DelimitedFile
from importer.parse.delimited.frames import Frames
from importer.parse.delimited.header import read_header
from importer.parse.delimited.ranges import Ranges
from importer.parse.delimited.records import Records
from importer.parse.delimited.regular import RegularText
from importer.parse.reader import ASSUMED_RECORD_BYTES, SAMPLE_BYTES, Range
from importer.records import Position
from importer.specs.dialect import Dialect


class DelimitedReader:
    """Reads a delimited file.

    delimiter  of plain CSV; a dialect has its own
    name       the file's name in messages (default: the path's)
    deadline   the plan's
    notes      gets what a person should know about the file
    """

    def __init__(
        self,
        path: Path,
        *,
        encoding: str,
        delimiter: str = ",",
        dialect: Dialect | None = None,
        columns: list[str] | None = None,
        name: str = "",
        deadline: Deadline | None = None,
        notes: list[str] | None = None,
    ) -> None:
        self.file = DelimitedFile(
            path,
            name=name or path.name,
            encoding=encoding,
            dialect=dialect or Dialect(delimiter=delimiter),
            columns=columns,
        )
        self.deadline = deadline
        self.notes = [] if notes is None else notes
        self.records = Records(self.file)
        self.frames = Frames(self.file, self.records)
        self.bytes_per_record = float(ASSUMED_RECORD_BYTES)

    def close(self) -> None:
        self.file.close()

    def columns(self) -> list[str]:
        if not self.file.columns:
            self.file.columns, _ = read_header(self.file)
        return self.file.columns

    def ranges(self) -> Iterator[Range]:
        self.file.columns, start = read_header(self.file)
        self._note_quotes(start)
        if self.file.has_end_mark:
            self.notes.append(
                "The file ends with Ctrl-Z, as texts of DOS do; it does not belong to a record."
            )
        yield from Ranges(self.file, self.records, self.frames, self.deadline).cut(start)

    def read(self, start: Position, end: Range, *, limit: int) -> Batch:
        limit = records_within(self.columns(), limit)
        size = min(int(limit * self.bytes_per_record * 1.02) + 256, conf.BATCH_MAX_BYTES)
        batch = self.frames.read(start, end.end_offset, size=size, limit=limit)
        if batch is None:
            batch = self.records.read(start, end.end_offset, limit)
        if batch.size:
            self.bytes_per_record = (batch.end.offset - start.offset) / batch.size
        return batch

    def _note_quotes(self, start: Position) -> None:
        """Note that the first megabyte looks like a file that quotes nothing."""
        file = self.file
        data = file.read(start.offset, min(SAMPLE_BYTES, file.size - start.offset))
        if not file.quote or file.quote.encode() not in data:
            return
        data = file.translation.line(data) if file.translation else data
        lines = data.decode(file.encoding, "surrogateescape").split("\n")
        text = RegularText(data, self.frames.stretches.pattern)
        if number := file.shape().odd_quotes(lines, text.odd, opening=text.lines_with_opening_quote()):
            self.notes.append(
                f"In {number:,} of {len(lines):,} lines a quote begins a field and does not end it. If quotes "
                f"are ordinary characters in this file, create the job with --quote none."
            )
