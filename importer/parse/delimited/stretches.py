"""Divides text that is irregular somewhere into regular stretches and single records, in their order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from importer.parse.delimited.blocks import RegularBlock
from importer.parse.delimited.file import DelimitedFile
from importer.parse.delimited.records import Records
from importer.records import Position, RecordError

# Bytes that are tried at once. After an irregular record fewer, after a regular stretch more.
FIRST, LEAST, MOST = 1 << 14, 1 << 8, 1 << 17
FEWER, MORE = 4, 2


@dataclass(frozen=True, slots=True)
class Stretch:
    """Whole records one after the other.

    start, end  their positions
    block       of regular records, translated; None for a single record
    fields      of the single record; none behind the last one
    errors      of the single record
    lines       the most lines of one of its fields
    """

    start: Position
    end: Position
    block: RegularBlock | None = None
    fields: Sequence[str | None] = ()
    errors: Sequence[RecordError] = ()
    lines: int = 0


class Stretches:
    """Walks through the records from a position on. What is no record is walked over with the next one."""

    def __init__(self, file: DelimitedFile, records: Records) -> None:
        self.file = file
        self.records = records

    def walk(self, data: bytes, start: Position, stop: int, *, most: int) -> Iterator[Stretch]:
        """Yield the stretches of `data`, which begins at `start`, with at most so many records in a block.

        `stop` is the end of the range. The last record may end behind the data.
        """
        lines, position, step = self.file.lines(start), start, FIRST
        end = min(stop, start.offset + len(data))
        while position.offset < end:
            reached = position.offset - start.offset
            chunk = data[reached : reached + step]
            block = self.file.block(chunk, final=position.offset + len(chunk) >= stop)
            if block is not None and block.records <= most and self._is_regular(block):
                size, height = self.file.extent(block, chunk)
                most -= block.records
                behind = Position(position.offset + size, position.line + height)
                yield Stretch(position, behind, block)
                position, step = behind, min(step * MORE, MOST)
            elif step > LEAST:
                step //= FEWER
            elif most:
                most -= 1
                lines.go_to(position)
                lines.pass_blank(stop)
                if lines.position.offset >= stop:
                    yield Stretch(position, lines.position)
                    return
                line, fields, errors = self.records.next(lines)
                first = Position(position.offset, line)
                yield Stretch(first, lines.position, None, fields, errors, lines.tallest)
                position = lines.position
            else:
                return

    def _is_regular(self, block: RegularBlock) -> bool:
        """Tell whether each record is one that Polars reads as it is written."""
        if not self.file.is_plain(block, most_lines=self.records.most_lines) or not self.file.decodes(block):
            return False
        delimiter, between = self.file.delimiter.encode(), self.file.width - 1
        lines = block.skeleton.split(b"\n")
        return all(line.count(delimiter) == between for line in (lines if lines[-1] else lines[:-1]))
