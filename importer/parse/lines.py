"""Reads physical lines of a text file between two offsets, and keeps track of the position."""

import re
from collections.abc import Iterator
from io import BufferedReader

from importer.budget import too_long
from importer.conf import conf
from importer.parse.stray import Shape
from importer.records import Position

PIECE = 1 << 20
# Bytes searched for blank lines at once.
BLANK_PIECE = 1 << 16
BLANK_LINES = re.compile(rb"(?:\r?\n)+")


class TooLong(Exception):
    """A line is longer than a record may be. It has been skipped."""

    def __init__(self, size: int, beginning: str) -> None:
        super().__init__(too_long(size))
        self.beginning = beginning


class TooWide(Exception):
    """A line has more fields than a source may have columns. It has not been split."""

    def __init__(self, fields: int) -> None:
        super().__init__(fields)
        self.fields = fields


class Lines:
    """Gives lines to a parser that takes as many as its record needs.

    position  after the last line given
    taken     the lines of the current record
    tallest   the most lines in one quoted field of it
    """

    def __init__(self, file: BufferedReader, encoding: str, start: Position, stop: int, shape: Shape) -> None:
        self.file = file
        self.encoding = encoding
        self.shape = shape
        self.longest, self.widest = conf.MAX_RECORD_BYTES, conf.MAX_COLUMNS
        self.position = start
        self.stop = stop
        self.taken: list[str] = []
        self.tallest = 0
        self._size = 0
        self._ends: list[Position] = []
        file.seek(start.offset)

    @property
    def at_end(self) -> bool:
        return self.position.offset >= self.stop

    def record(self, *, most: int | None = None) -> Iterator[str]:
        """Yield the lines of one record.

        Ends if a field has more than `most` lines, if more fields have ended than a record has, or if the record is too
        long. Raises TooLong, and TooWide before the parser splits a line with too many fields.
        """
        self.taken, self._ends, self._size = [], [], 0
        quote, width = self.shape.quote, self.shape.width or self.widest
        field_lines = ended = self.tallest = 0
        # After a stray quote each line may end a field and begin the next one. Without a bound, each of these records
        # would be searched to the end of the file.
        while ended <= width and field_lines != most and (line := self.more()) is not None:
            # From the second line on we are inside a field; a quote that is not doubled ends it.
            ends_field = len(self.taken) > 1 and quote in line.replace(quote + quote, "")
            self.tallest = max(self.tallest, field_lines + 1)
            field_lines, ended = (1, ended + 1) if ends_field else (field_lines + 1, ended)
            if self._size > self.longest:
                return
            if len(line) > self.widest and (fields := self._fields(line)) > self.widest:
                raise TooWide(fields)
            yield line

    def more(self) -> str | None:
        """Take one more line. None at the end, before a line that is too long, and behind a record that is too long."""
        if self.at_end or self._size > self.longest or (line := self._take()) is None:
            return None
        self.taken.append(line)
        self._ends.append(self.position)
        self._size += len(line)
        return line

    def first(self, number: int) -> Iterator[str]:
        """Yield the first lines from the record's beginning on, also those behind the record."""
        for index in range(number):
            if index >= len(self.taken) and self.more() is None:
                return
            yield self.taken[index]

    def give_up(self, lines: int = 1) -> str:
        """Return to the end of the record's first lines, and return their text without the last newline."""
        self.position = self._ends[lines - 1]
        self.file.seek(self.position.offset)
        return "".join(self.taken[:lines]).rstrip("\r\n")

    def pass_blank(self, stop: int) -> None:
        """Skip blank lines before `stop`; there may be a billion."""
        while self.position.offset < stop and self.file.peek(1)[:1] in (b"\n", b"\r"):
            size, lines = _blank(self.file.read(min(BLANK_PIECE, stop - self.position.offset)))
            self.position = Position(self.position.offset + size, self.position.line + lines)
            self.file.seek(self.position.offset)
            if not size:
                return

    def _fields(self, line: str) -> int:
        """Count the line's fields without splitting it."""
        if line.count(self.shape.delimiter) < self.widest:
            return 0
        # From the second line on, the line begins inside a field.
        return self.shape.fields(self.shape.quote + line if len(self.taken) > 1 else line)

    def _take(self) -> str | None:
        limit = self.longest
        data = self.file.readline(min(limit + 1, self.stop - self.position.offset))
        if len(data) <= limit or data.endswith(b"\n"):
            self._move(len(data))
            return data.decode(self.encoding, "surrogateescape")
        if self.taken:
            # End this record here; the long line is read again as a record of its own.
            return None
        size = len(data) + pass_over(self.file)
        self._move(size)
        raise TooLong(size, data[:200].decode(self.encoding, "backslashreplace"))

    def _move(self, size: int) -> None:
        self.position = Position(self.position.offset + size, self.position.line + 1)


def _blank(data: bytes) -> tuple[int, int]:
    """Return how many bytes of blank lines the data begins with, and how many lines they are."""
    size = len(data) - len(data.lstrip(b"\r\n"))
    size = data.rfind(b"\n", 0, size) + 1
    lines = data.count(b"\n", 0, size)
    if data.count(b"\r", 0, size) not in (0, data.count(b"\r\n", 0, size)):
        match = BLANK_LINES.match(data)  # a lone carriage return is not a blank line
        return (match.end(), match[0].count(b"\n")) if match else (0, 0)
    return size, lines


def pass_over(file: BufferedReader) -> int:
    """Skip to the end of the line, and return how many bytes that were."""
    passed = 0
    while data := file.readline(PIECE):
        passed += len(data)
        if data.endswith(b"\n"):
            break
    return passed
