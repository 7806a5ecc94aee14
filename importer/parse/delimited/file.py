"""Opens a delimited file and knows how it is written."""

import codecs
from pathlib import Path

from importer.parse.delimited.blocks import RegularBlock, regular_block
from importer.parse.delimited.fixed_width import FixedWidth
from importer.parse.delimited.lines import Lines, offset_of_footer, pass_over
from importer.parse.delimited.stray import Shape
from importer.parse.delimited.translate import Translation
from importer.records import Position
from importer.sources.local import open_file
from importer.specs.dialect import Dialect

# DOS fills the last block of a text with it.
END_MARK, END_BYTES = b"\x1a", 4_096


class DelimitedFile:
    """An open file.

    name       in messages
    delimiter  and quote: after the translation, if the dialect needs one
    size       offset of the end, of the footer, or of the Ctrl-Z with which DOS ends texts
    columns    names of the columns; none before the header is read
    """

    def __init__(
        self, path: Path, *, name: str, encoding: str, dialect: Dialect, columns: list[str] | None
    ) -> None:
        self.name = name
        # "utf-8-sig" would strip a byte order mark from every line; the header skips the file's own.
        self.encoding = codecs.lookup(encoding or "utf-8").name.replace("utf-8-sig", "utf-8")
        self.dialect = dialect
        self.translation = _translation_of(dialect, self.encoding)
        self.delimiter = self.translation.delimiter if self.translation else dialect.delimiter
        self.quote = self.translation.quote if self.translation else dialect.quote or ""
        self.columns = columns or []
        self._file = open_file(path)
        whole = self._file.seek(0, 2)
        self.size = self._size_without_end_mark(whole)
        self.has_end_mark = self.size < whole
        if dialect.footer_lines:
            self.size = offset_of_footer(self._file, self.size, dialect.footer_lines)

    def _size_without_end_mark(self, size: int) -> int:
        if END_MARK.decode(self.encoding, "replace") != END_MARK.decode():
            return size
        start = max(0, size - END_BYTES)
        end = self.read(start, END_BYTES).rstrip(b"\r\n")
        return start + len(end.rstrip(END_MARK)) if end.endswith(END_MARK) else size

    def close(self) -> None:
        self._file.close()

    @property
    def width(self) -> int:
        """The number of fields in a line; a trailing delimiter makes one more, which is empty."""
        return len(self.columns) + self.dialect.trailing_delimiter

    def shape(self, width: int | None = None) -> Shape:
        return Shape(self.delimiter, self.quote, self.width if width is None else width)

    def lines(self, start: Position, *, width: int | None = None) -> Lines:
        """Return the lines from a position on; `width` is 0 while the header is read."""
        return Lines(self._file, self.encoding, start, self.size, self.shape(width), self.translation)

    def position_behind(self, lines: int, *, offset: int) -> Position:
        """Return the position behind the first lines, or the end of the file."""
        skipped = 0
        self._file.seek(offset)
        while skipped < lines and offset < self.size:
            offset, skipped = offset + pass_over(self._file), skipped + 1
        return Position(offset, 1 + skipped)

    def read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)

    def block(self, data: bytes, *, final: bool) -> RegularBlock | None:
        """Return the records at the beginning of the data, translated, if its quotes are regular."""
        if self.translation:
            translated = self.translation.block(data, self.width)
            if translated is None:
                return None
            data = translated
        return regular_block(data, delimiter=self.delimiter.encode(), quote=self.quote.encode(), final=final)


def _translation_of(dialect: Dialect, encoding: str) -> Translation | FixedWidth | None:
    if dialect.widths:
        return FixedWidth(dialect, encoding)
    return None if dialect.is_plain else Translation(dialect, encoding)
