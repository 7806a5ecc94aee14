"""Divides text that may be irregular into regular stretches and single records, in their order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from importer.parse.delimited.blocks import RegularBlock
from importer.parse.delimited.file import DelimitedFile
from importer.parse.delimited.records import Records
from importer.parse.delimited.regular import RecordPattern, RegularText
from importer.records import Position, RecordError


@dataclass(frozen=True, slots=True)
class Stretch:
    """Whole records one after the other.

    start, end  their positions
    block       of regular records; None for a single record
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

    @cached_property
    def pattern(self) -> RecordPattern:
        file = self.file
        return RecordPattern(
            file.delimiter.encode(),
            file.quote.encode(),
            width=file.width,
            encoding=file.encoding,
            most_lines=self.records.most_lines,
        )

    def walk(self, data: bytes, start: Position, stop: int, *, most: int) -> Iterator[Stretch]:
        """Yield the stretches of `data`, which begins at `start`, with at most `most` records.

        `stop` is the end of the range. The last record may end behind the data. A dialect that is translated has only
        single records.
        """
        text = None if self.file.translation else RegularText(data, self.pattern)
        lines, position = self.file.lines(start), start
        end = min(stop, start.offset + len(data))
        while position.offset < end and most > 0:
            if text is not None:
                block = text.block(position.offset - start.offset, position.line - start.line, most)
                if block.records:
                    size, height = self.file.extent(block, block.data)
                    behind = Position(position.offset + size, position.line + height)
                    yield Stretch(position, behind, block)
                    position, most = behind, most - block.records
                    continue
            lines.go_to(position)
            lines.pass_blank(stop)
            if lines.position.offset >= stop:
                yield Stretch(position, lines.position)
                return
            line, fields, errors = self.records.next(lines)
            first = Position(position.offset, line)
            yield Stretch(first, lines.position, None, fields, errors, lines.tallest)
            position, most = lines.position, most - 1
