"""Physical lines of a text file between two offsets, and how far they have been taken."""

from collections.abc import Iterator
from typing import BinaryIO

from importer.conf import conf
from importer.records import Position

Line = str


class TooLong(Exception):
    """A line longer than a record may be. It has been passed over."""

    def __init__(self, size: int, beginning: str) -> None:
        super().__init__(f"The record is longer than {conf.MAX_RECORD_BYTES:,} bytes (it has {size:,}).")
        self.beginning = beginning


class Lines:
    """Gives lines to a parser that asks for as many as its record needs.

    `position` is behind the last line given; `give_up` takes all but the first line of the record back.
    """

    def __init__(self, file: BinaryIO, encoding: str, start: Position, stop: int) -> None:
        self.file = file
        self.encoding = encoding
        self.position = start
        self.stop = stop
        self.taken = 0
        self._first = ""
        self._behind_first = start
        file.seek(start.offset)

    @property
    def at_end(self) -> bool:
        return self.position.offset >= self.stop

    def record(self, most: int) -> Iterator[Line]:
        """The lines of one record, one by one; ends where a field has more than `most` of them. Raises TooLong."""
        self.taken = 0
        size = field_lines = 0
        while field_lines < most and not self.at_end:
            line = self._take()
            if line is None:
                return
            # From the second line on we are inside of a field, which a quote ends that is not doubled.
            field_lines = 1 if self.taken and '"' in line.replace('""', "") else field_lines + 1
            self.taken += 1
            size += len(line)
            if self.taken == 1:
                self._first, self._behind_first = line, self.position
            if size > conf.MAX_RECORD_BYTES:
                return
            yield line

    def give_up(self) -> Line:
        """Go on behind the record's first line, which is returned without its newline."""
        self.position = self._behind_first
        self.file.seek(self.position.offset)
        return self._first.rstrip("\r\n")

    def _take(self) -> Line | None:
        limit = conf.MAX_RECORD_BYTES
        data = self.file.readline(min(limit + 1, self.stop - self.position.offset))
        if len(data) <= limit or data.endswith(b"\n"):
            self._move(len(data))
            return data.decode(self.encoding, "surrogateescape")
        if self.taken:
            # Not this record's fault alone: it is given up, and the long line comes up again as a record of its own.
            return None
        size = len(data) + self._pass_over()
        self._move(size)
        raise TooLong(size, data[:200].decode(self.encoding, "backslashreplace"))

    def _pass_over(self) -> int:
        passed = 0
        while data := self.file.readline(1 << 20):
            passed += len(data)
            if data.endswith(b"\n"):
                break
        return passed

    def _move(self, size: int) -> None:
        self.position = Position(self.position.offset + size, self.position.line + 1)
