"""Divides text that is irregular somewhere into regular stretches and single records, in their order."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from importer.parse.delimited.blocks import RegularBlock
from importer.parse.delimited.file import DelimitedFile
from importer.parse.delimited.records import Records
from importer.records import Position, RecordError

# Records of one stretch; the next one is tried with so many times as many.
MOST, GROWTH = 10_000, 4


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
    def record(self) -> re.Pattern[bytes]:
        """The pattern of a record of the right width, with quotes at the borders of fields and a newline at its end."""
        delimiter, quote = re.escape(self.file.delimiter.encode()), re.escape(self.file.quote.encode())
        plain = b"[^%s%s\\r\\n]*+" % (delimiter, quote)
        field = (
            b"(?:%s(?:[^%s]++|%s%s)*+%s|%s)" % (quote, quote, quote, quote, quote, plain) if quote else plain
        )
        return re.compile(
            b"(?!\\r?\\n)%s(?:%s%s){%d}\\r?\\n" % (field, delimiter, field, self.file.width - 1)
        )

    def walk(self, data: bytes, start: Position, stop: int, *, most: int) -> Iterator[Stretch]:
        """Yield the stretches of `data`, which begins at `start`, with at most `most` records.

        `stop` is the end of the range. The last record may end behind the data. A dialect that is translated has only
        single records.
        """
        lines, position, step = self.file.lines(start), start, MOST
        end = min(stop, start.offset + len(data))
        while position.offset < end and most > 0:
            block = self._regular(data, position.offset - start.offset, min(most, step))
            if block is not None:
                # What was in the way may be in the way again, and each try costs its records.
                step = min(MOST, block.records * GROWTH)
                size, height = self.file.extent(block, block.data)
                behind = Position(position.offset + size, position.line + height)
                yield Stretch(position, behind, block)
                position, most = behind, most - block.records
                continue
            step = max(1, step // GROWTH)
            lines.go_to(position)
            lines.pass_blank(stop)
            if lines.position.offset >= stop:
                yield Stretch(position, lines.position)
                return
            line, fields, errors = self.records.next(lines)
            first = Position(position.offset, line)
            yield Stretch(first, lines.position, None, fields, errors, lines.tallest)
            position, most = lines.position, most - 1

    def _regular(self, data: bytes, start: int, most: int) -> RegularBlock | None:
        """Return the regular records from an offset on, at most so many; None if the first one is irregular."""
        if self.file.translation:
            return None
        while most:
            # Not one pattern for all: until Python 3.11.4, a possessive group that fails leaves its beginning matched.
            end, most = self._run(data, start, most)
            text = data[start:end]
            block = self.file.block(text, final=True) if text and self.file.decodes(text) else None
            if block is not None and self.file.is_plain(block, most_lines=self.records.most_lines):
                return block
            most //= 2
        return None

    def _run(self, data: bytes, start: int, most: int) -> tuple[int, int]:
        """Return where the last of so many regular records ends that follow one another, and their number."""
        match, end = self.record.match, start
        for number in range(most):
            found = match(data, end)
            if found is None:
                return end, number
            end = found.end()
        return end, most
