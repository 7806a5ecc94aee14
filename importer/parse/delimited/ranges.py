"""Cuts a file into ranges between two records."""

from collections.abc import Iterator

from importer.budget import Deadline
from importer.parse.delimited.file import DelimitedFile
from importer.parse.delimited.frames import Frames
from importer.parse.delimited.records import Records
from importer.parse.reader import Range, bytes_of_range
from importer.records import Position

# Records that no range has.
MANY = 1 << 62


class Ranges:
    """Cuts a file by the same rules as it is read, so that every range begins where a reader would continue."""

    def __init__(
        self, file: DelimitedFile, records: Records, frames: Frames, deadline: Deadline | None
    ) -> None:
        self.file = file
        self.records = records
        self.frames = frames
        self.deadline = deadline
        # Whether a range had to be walked through: then the next ones probably have to be, too.
        self.are_irregular = False

    def cut(self, start: Position) -> Iterator[Range]:
        while start.offset < self.file.size:
            end = self._end(start)
            yield Range(start.offset, end.offset, start.line, end_line=end.line)
            start = end

    def _end(self, start: Position) -> Position:
        data = self.file.read(start.offset, bytes_of_range(start.offset, self.file.size))
        if not self.are_irregular and not self.file.is_quoted(data):
            block = self.file.block(data, final=start.offset + len(data) >= self.file.size)
            if block is not None and (found := self.frames.size_of(block, data)):
                size, lines = found
                return Position(start.offset + size, start.line + lines)
        end = start
        for stretch in self.frames.stretches.walk(data, start, self.file.size, most=MANY):
            if self.deadline is not None:
                self.deadline.check()
            end = stretch.end
            self.are_irregular |= stretch.block is None and not self.file.translation
        return end
