"""Reads delimited text with our reader, in either lane and in any ranges."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from importer.batches import Batch
from importer.parse.delimited.reader import DelimitedReader
from importer.parse.reader import Range
from importer.records import Position

PLENTY = 10**6


@dataclass
class Found:
    """What a reader read from a file: records and rejections, each with its line."""

    records: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    rejected: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)

    @property
    def rows(self) -> list[list[str]]:
        return [list(values) for _, values in self.records]

    def add(self, batch: Batch) -> None:
        self.records += zip(batch.lines.to_list(), batch.texts.iter_rows(), strict=True)
        self.rejected += [(r.line, r.errors[0].code, r.raw) for r in batch.rejections]


def opened(path: Path, data: bytes | str, columns: int | None = None, **options: Any) -> DelimitedReader:
    """Open a reader of these bytes. With a number of columns, the file has no header."""
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    names = None if columns is None else [f"c{number}" for number in range(columns)]
    return DelimitedReader(path, **({"delimiter": ",", "encoding": "utf-8", "columns": names} | options))


def ranges_of(reader: DelimitedReader) -> list[Range]:
    return list(reader.ranges())


def whole(reader: DelimitedReader) -> list[Range]:
    return [Range(0, reader.file.size, 1)]


def read(
    reader: DelimitedReader, ranges: list[Range], *, limit: int = PLENTY, one_by_one: bool = False
) -> Found:
    found = Found()
    for part in ranges:
        position = Position(part.start_offset, part.first_line)
        while position.offset < part.end_offset:
            if one_by_one:
                batch = reader.records.read(position, part.end_offset, limit)
            else:
                batch = reader.read(position, part, limit=limit)
            assert batch.end.offset > position.offset, (
                "a read that gets no further would be repeated for ever"
            )
            assert batch.size <= limit
            found.add(batch)
            position = batch.end
        assert position.offset == part.end_offset
    reader.close()
    return found


def read_text(path: Path, data: bytes | str, **options: Any) -> Found:
    reader = opened(path, data, **options)
    return read(reader, ranges_of(reader))
