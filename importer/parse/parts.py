"""Reads several files as one source: their records follow one another, and so do their offsets and lines."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import polars as pl

from importer.batches import Batch
from importer.exceptions import SourceRefused
from importer.parse.reader import Range, Reader
from importer.records import Position
from importer.sources.parts import Part
from importer.specs.columns import by_likeness

# Notes and names of files that the plan tells.
SHOWN = 5
# Opens the reader of a part, with the list that gets its notes; None if the part is empty.
OpenPart = Callable[[Part, list[str]], Reader | None]


class PartsReader:
    """Reads the parts one after the other. Has one of them open at a time.

    columns     the job's; None before the plan
    same_names  every part must have the first one's columns, in any order; else the columns are those of all parts
    notes       gets what a person should know about the parts
    """

    def __init__(
        self,
        parts: Sequence[Part],
        open_part: OpenPart,
        *,
        columns: list[str] | None,
        same_names: bool,
        notes: list[str],
    ) -> None:
        self.parts = list(parts)
        self.open_part = open_part
        self.same_names = same_names
        self.notes = notes
        self._part_notes: dict[str, str] = {}
        self._columns = columns
        self._starts = [part.first_offset for part in parts]
        self._opened: tuple[int, Reader | None] = (-1, None)
        self._names: dict[int, dict[str, str]] = {}

    def close(self) -> None:
        reader = self._opened[1]
        self._opened = (-1, None)
        if reader is not None:
            reader.close()

    def columns(self) -> list[str]:
        if self._columns is None:
            self._columns = self._found_columns()
        return self._columns

    def ranges(self) -> Iterator[Range]:
        """Cut each part into ranges. Afterwards `parts` tells where each of them begins."""
        without_records: list[str] = []
        offset, lines = 0, 0
        for number, part in enumerate(self.parts):
            reader = self._reader(number)
            if self.same_names and reader:
                called = self._names_of(number)
                self._refuse_other_columns(part, [called.get(name, name) for name in reader.columns()])
            self.parts[number] = replace(part, first_offset=offset, first_line=lines + 1)
            last = None
            for last in reader.ranges() if reader else ():
                yield _moved(last, offset, lines)
            if last is None:
                without_records.append(part.name)
            else:
                end = last.first_line + last.end_offset - last.start_offset
                offset += last.end_offset
                lines += (last.end_line or end) - 1
        self._starts = [part.first_offset for part in self.parts]
        self._tell(without_records)

    def read(self, start: Position, end: Range, *, limit: int) -> Batch:
        number = bisect_right(self._starts, end.start_offset) - 1
        part, reader = self.parts[number], self._reader(number)
        if reader is None:
            raise SourceRefused(f'The file "{part.name}" is empty now; put the old file back.')
        offset, lines = part.first_offset, part.first_line - 1
        batch = reader.read(
            Position(start.offset - offset, start.line - lines), _moved(end, -offset, -lines), limit=limit
        )
        names = self._names_of(number) if self.same_names else {}
        return self._joined(batch, part, names)

    def _reader(self, number: int) -> Reader | None:
        if self._opened[0] != number:
            self.close()
            part, notes = self.parts[number], list[str]()
            self._opened = (number, self.open_part(part, notes))
            for note in notes:
                self._part_notes.setdefault(part.name, note)
        return self._opened[1]

    def _names_of(self, number: int) -> dict[str, str]:
        """Return what the job calls those columns of a part whose names differ only in case, blanks or underscores."""
        if number not in self._names:
            reader = self._reader(number)
            job, own = self.columns(), reader.columns() if reader else []
            wanted, found = by_likeness(set(job) - set(own)), by_likeness(set(own) - set(job))
            self._names[number] = {
                found[likeness][0]: wanted[likeness][0]
                for likeness in wanted.keys() & found.keys()
                if len(wanted[likeness]) == len(found[likeness]) == 1
            }
        return self._names[number]

    def _found_columns(self) -> list[str]:
        """Return the columns of the first part that is not empty, or of all parts."""
        names: dict[str, None] = {}
        for number in range(len(self.parts)):
            if reader := self._reader(number):
                names |= dict.fromkeys(reader.columns())
                if self.same_names:
                    break
        if not names:
            raise SourceRefused(f"All {len(self.parts):,} files are empty.")
        return list(names)

    def _refuse_other_columns(self, part: Part, own: list[str]) -> None:
        missing, extra = (_differences(self.columns(), own), _differences(own, self.columns()))
        if missing or extra:
            told = [
                *([f"it lacks {_listed(missing)}"] if missing else []),
                *([f"it has also {_listed(extra)}"] if extra else []),
            ]
            raise SourceRefused(
                f'The file "{part.name}" has other columns than "{self.parts[0].name}": {" and ".join(told)}. '
                f"All files of one job need the same columns; make a job of its own for this file."
            )

    def _tell(self, without_records: list[str]) -> None:
        if without_records:
            what = "file has" if len(without_records) == 1 else "files have"
            self.notes.append(f"{len(without_records):,} {what} no records: {_listed(without_records)}.")
        told = list(self._part_notes.items())
        self.notes += [f"{name}: {note}" for name, note in told[:SHOWN]]
        if len(told) > SHOWN:
            self.notes.append(f"There are such notes on {len(told) - SHOWN:,} more files.")

    def _joined(self, batch: Batch, part: Part, names: dict[str, str]) -> Batch:
        """Return the part's batch as one of the job, whose columns are called as `names` says."""
        offset, lines = part.first_offset, part.first_line - 1
        return Batch(
            self._in_order(batch.texts.rename(names)),
            batch.lines + lines,
            Position(batch.start.offset + offset, batch.start.line + lines),
            Position(batch.end.offset + offset, batch.end.line + lines),
            [replace(rejection, line=rejection.line + lines) for rejection in batch.rejections],
            [(first + lines, last + lines) for first, last in batch.long_fields],
        )

    def _in_order(self, texts: pl.DataFrame) -> pl.DataFrame:
        """Return the job's columns first, in its order; records of JSON lines may have more."""
        columns = self.columns()
        if texts.columns[: len(columns)] == columns:
            return texts
        present = set(texts.columns)
        names = [name for name in columns if name in present]
        names += _differences(texts.columns, names)
        return pl.DataFrame([texts.get_column(name) for name in names])


def _moved(part: Range, offset: int, lines: int) -> Range:
    return replace(
        part,
        start_offset=part.start_offset + offset,
        end_offset=part.end_offset + offset,
        first_line=part.first_line + lines,
    )


def _differences(names: Sequence[str], others: Sequence[str]) -> list[str]:
    known = set(others)
    return [name for name in names if name not in known]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f'"{name[:100]}"' for name in names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN:,} more" if len(names) > SHOWN else shown
