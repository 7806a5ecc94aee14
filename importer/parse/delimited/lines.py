"""Reads physical lines of a text file between two offsets, and keeps track of the position."""

import re
from collections.abc import Iterator
from io import BufferedReader

from importer.budget import too_long
from importer.conf import conf
from importer.parse.delimited.fixed_width import FixedWidth
from importer.parse.delimited.stray import Shape
from importer.parse.delimited.translate import Translation
from importer.records import Position

PIECE = 1 << 20
# Bytes searched for blank lines at once.
BLANK_PIECE = 1 << 16
# Lines that one record may have: each takes some hundred bytes of memory while it is read.
MOST_LINES = 500_000
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
    is_cut    whether it is longer than a record may be, so that its end was not taken
    """

    def __init__(
        self,
        file: BufferedReader,
        encoding: str,
        start: Position,
        stop: int,
        shape: Shape,
        translation: Translation | FixedWidth | None = None,
    ) -> None:
        self.file = file
        self.encoding = encoding
        self.shape = shape
        self.translation = translation
        self.escape = translation.escape if translation else b""
        self.comment = translation.comment if translation else b""
        self.longest, self.widest = conf.MAX_RECORD_BYTES, conf.MAX_COLUMNS
        self.position = start
        self.stop = stop
        self.taken: list[str] = []
        self.tallest = 0
        self.is_cut = False
        self._size = 0
        self._ends: list[Position] = []
        self._begin = start
        file.seek(start.offset)

    def go_to(self, position: Position) -> None:
        self.position = position
        self.file.seek(position.offset)

    @property
    def at_end(self) -> bool:
        return self.position.offset >= self.stop

    def record(self, *, most: int | None = None) -> Iterator[str]:
        """Yield the lines of one record.

        Ends if a field has more than `most` lines, if more fields have ended than a record has, or if the record is too
        long. Raises TooLong, and TooWide before the parser splits a line with too many fields.
        """
        self.taken, self._ends, self._size, self._begin = [], [], 0, self.position
        quote, width = self.shape.quote, self.shape.width or self.widest
        field_lines = ended = self.tallest = 0
        self.is_cut = False
        # After a stray quote each line may end a field and begin the next one. Without a bound, each of these records
        # would be searched to the end of the file.
        while ended <= width and field_lines != most and (line := self.more()) is not None:
            # From the second line on we are inside a field; a quote that is not doubled ends it.
            ends_field = len(self.taken) > 1 and quote in line.replace(quote + quote, "")
            self.tallest = max(self.tallest, field_lines + 1)
            field_lines, ended = (1, ended + 1) if ends_field else (field_lines + 1, ended)
            if self._is_full():
                self.is_cut = True
                return
            if len(line) > self.widest and (fields := self._fields(line)) > self.widest:
                raise TooWide(fields)
            yield line

    def more(self) -> str | None:
        """Take one more line. None at the end, before a line that is too long, and behind a record that is too long."""
        if self.at_end or self._is_full() or (line := self._take()) is None:
            return None
        self.taken.append(line)
        self._ends.append(self.position)
        self._size += len(line)
        return line

    def _is_full(self) -> bool:
        return self._size > self.longest or len(self.taken) > MOST_LINES

    def first(self, number: int) -> Iterator[str]:
        """Yield the first lines from the record's beginning on, also those behind the record."""
        for index in range(number):
            if index >= len(self.taken) and self.more() is None:
                return
            yield self.taken[index]

    def give_up(self, lines: int = 1) -> str:
        """Return to the end of the record's first lines, and return their text without the last newline."""
        self.position = self._ends[lines - 1]
        if self.translation is None:
            text = "".join(self.taken[:lines])
        else:
            self.file.seek(self._begin.offset)
            text = self._decoded(self.file.read(self.position.offset - self._begin.offset))
        self.file.seek(self.position.offset)
        return text.rstrip("\r\n")

    def following(self, number: int) -> list[str]:
        """Return lines behind a line that was too long, and stay before them."""
        begin, found = self.position, []
        try:
            found = list(self.first(number))
        except TooLong:
            pass
        finally:
            self.taken, self._ends, self._size, self.position = [], [], 0, begin
            self.file.seek(begin.offset)
        return found

    def pass_cut_record(self) -> str:
        """Go to the end of a record that was cut within a quoted field. Returns why; empty if no quote closes it."""
        quote, begin, inside, ended, before = self.shape.quote.encode(), self._begin, False, False, ""
        position = begin
        self.file.seek(begin.offset)
        while not ended and position.offset < self.stop:
            data = self._piece(self.stop - position.offset)
            if quote in data:
                text = self._decoded(self.translation.line(data) if self.translation else data)
                inside = self.shape.is_inside_after(before + text.rstrip("\r\n"), inside=inside)
            ended = not inside and data.endswith(b"\n")
            # A piece that begins within a field has no quote at a border before its first character.
            before = "" if data.endswith(b"\n") else " "
            position = Position(position.offset + len(data), position.line + data.count(b"\n"))
        if inside:
            self.file.seek(self.position.offset)
            return ""
        self.position = position
        size, lines = position.offset - begin.offset, position.line - begin.line
        if size > self.longest:
            return too_long(size)
        return f"The record has {lines:,} lines, more than the {MOST_LINES:,} allowed."

    def _piece(self, most: int) -> bytes:
        """Return a line, or a part of a long one that ends with no quote and no delimiter: what follows tells more."""
        data = self.file.readline(min(PIECE, most))
        borders = (self.shape.quote.encode(), self.shape.delimiter.encode())
        while data.endswith(borders) and len(data) < most:
            data += self.file.read(1)
        return data

    def pass_blank(self, stop: int) -> None:
        """Skip blank lines and comments before `stop`; there may be a billion."""
        self._pass_blank(stop)
        while self.comment and self.position.offset < stop and self._begins_comment():
            self._move(pass_over(self.file), 1)
            self._pass_blank(stop)

    def _begins_comment(self) -> bool:
        beginning = self.file.read(len(self.comment))
        self.file.seek(self.position.offset)
        return beginning == self.comment

    def _pass_blank(self, stop: int) -> None:
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
        lines = 1
        while self.escape and len(data) <= limit and _ends_escaped(data, self.escape):
            more = self.file.readline(min(limit + 1, self.stop - self.position.offset - len(data)))
            if not more:
                break
            data, lines = data + more, lines + 1
        if len(data) <= limit or data.endswith(b"\n"):
            self._move(len(data), lines)
            return self._decoded(self.translation.line(data) if self.translation else data)
        if self.taken:
            # End this record here. The long line belongs to it, or is read again as a record of its own.
            self.is_cut = True
            return None
        size = len(data) + pass_over(self.file)
        self._move(size, lines)
        raise TooLong(size, data[:200].decode(self.encoding, "backslashreplace"))

    def _decoded(self, data: bytes) -> str:
        return data.decode(self.encoding, "surrogateescape")

    def _move(self, size: int, lines: int) -> None:
        self.position = Position(self.position.offset + size, self.position.line + lines)


def _ends_escaped(data: bytes, escape: bytes) -> bool:
    """Tell whether an escape takes the meaning from the newline at the end."""
    body = data.removesuffix(b"\n")
    return len(body) < len(data) and (len(body) - len(body.rstrip(escape))) % 2 == 1


def offset_of_footer(file: BufferedReader, size: int, lines: int) -> int:
    """Return where the last lines begin, without blank ones at the end."""
    data, start = b"", size
    while start and data.rstrip(b"\r\n").count(b"\n") < lines and len(data) <= conf.MAX_RECORD_BYTES:
        start = max(0, start - BLANK_PIECE)
        file.seek(start)
        data = file.read(min(size - start, len(data) + BLANK_PIECE))
    end = len(data.rstrip(b"\r\n"))
    for _ in range(lines):
        end = max(0, data.rfind(b"\n", 0, end))
    return start + end + (1 if end else 0)


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
