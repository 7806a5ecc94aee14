"""Reads physical lines of a text file between two offsets, and keeps track of the position."""

import re
from collections.abc import Iterator
from io import BufferedReader

from importer.budget import too_long
from importer.conf import conf
from importer.records import Position

Line = str
PIECE = 1 << 20
# Bytes searched for blank lines at once.
BLANK_PIECE = 1 << 16
BLANK_LINES = re.compile(rb"(?:\r?\n)+")
QUOTED = re.compile(r'"[^"]*(?:"|$)')


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

    `position` is after the last line given. `give_up` returns to the end of the record's first line.
    """

    def __init__(
        self, file: BufferedReader, encoding: str, start: Position, stop: int, *, delimiter: str
    ) -> None:
        self.file = file
        self.encoding = encoding
        self.delimiter = delimiter
        self.longest, self.widest = conf.MAX_RECORD_BYTES, conf.MAX_COLUMNS
        self.position = start
        self.stop = stop
        self.taken = 0
        self._first = ""
        self._behind_first = start
        file.seek(start.offset)

    @property
    def at_end(self) -> bool:
        return self.position.offset >= self.stop

    def record(self, most: int, width: int = 0) -> Iterator[Line]:
        """Yield the lines of one record.

        Ends if a field has more than `most` lines, or if more fields have ended than a record has (`width`, or 0).
        Raises TooLong, and TooWide before the parser splits a line with too many fields.
        """
        self.taken = 0
        size = field_lines = ended = 0
        # After a stray quote each line may end a field and begin the next one. Without a bound, each of these records
        # would be searched to the end of the file.
        while field_lines < most and ended <= (width or self.widest) and not self.at_end:
            line = self._take()
            if line is None:
                return
            # From the second line on we are inside a field; a quote that is not doubled ends it.
            ends_field = bool(self.taken) and '"' in line.replace('""', "")
            field_lines, ended = (1, ended + 1) if ends_field else (field_lines + 1, ended)
            self.taken += 1
            size += len(line)
            if self.taken == 1:
                self._first, self._behind_first = line, self.position
            if size > self.longest:
                return
            if len(line) > self.widest and (fields := self._fields(line)) > self.widest:
                raise TooWide(fields)
            yield line

    def give_up(self) -> Line:
        """Return to the end of the record's first line, and return that line without its newline."""
        self.position = self._behind_first
        self.file.seek(self.position.offset)
        return self._first.rstrip("\r\n")

    def pass_blank(self, stop: int) -> None:
        """Skip blank lines before `stop`; there may be a billion."""
        while self.position.offset < stop and self.file.peek(1)[:1] in (b"\n", b"\r"):
            size, lines = _blank(self.file.read(min(BLANK_PIECE, stop - self.position.offset)))
            self.position = Position(self.position.offset + size, self.position.line + lines)
            self.file.seek(self.position.offset)
            if not size:
                return

    def _fields(self, line: Line) -> int:
        """Count the line's fields without splitting it."""
        if line.count(self.delimiter) < self.widest:
            return 0
        inside = '"' if self.taken > 1 else ""  # from the second line on, the line begins inside a field
        return QUOTED.sub("", inside + line).count(self.delimiter) + 1

    def _take(self) -> Line | None:
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
