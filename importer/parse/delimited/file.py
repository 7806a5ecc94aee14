"""Opens a delimited file and knows how it is written."""

import codecs
from pathlib import Path

from importer.conf import conf
from importer.parse.delimited.blocks import RegularBlock, offset_after, regular_block
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

    def is_quoted(self, data: bytes) -> bool:
        """Tell whether the data has quotes, in a dialect that is not translated."""
        return bool(self.quote) and not self.translation and self.quote.encode() in data

    def is_plain(self, block: RegularBlock, *, most_lines: int) -> bool:
        """Tell whether Polars can parse the columns: right number of fields, no blank line, lone CR or long record."""
        skeleton = block.skeleton
        returns = skeleton.count(b"\r")
        return (
            skeleton.count(self.delimiter.encode()) == block.records * (self.width - 1)
            # With several columns a blank line costs a record, or another one has too many fields: Polars tells.
            and (self.width > 1 or b"\n\n" not in skeleton)
            and not skeleton.startswith((b"\n", b"\r\n", codecs.BOM_UTF8))
            and (not returns or (returns == skeleton.count(b"\r\n") and b"\n\r\n" not in skeleton))
            and block.newlines_in_a_field < most_lines
            and not may_hold_too_long_a_record(block)
        )

    def decodes(self, data: bytes) -> bool:
        try:
            data.decode(self.encoding)
        except UnicodeDecodeError:
            return False
        return True

    def has_escaped_newlines(self, block: RegularBlock) -> bool:
        newline = self.translation.newline if self.translation else ""
        return bool(newline) and newline.encode() in block.data

    def extent(self, block: RegularBlock, data: bytes) -> tuple[int, int]:
        """Return the bytes and lines of a block in the file. `data` is what the block was translated from."""
        size, lines = len(block.data), block.records + block.embedded_newlines
        if self.translation:
            newline = self.translation.newline
            lines += block.data.count(newline.encode()) if newline else 0
            size = offset_after(data, newlines=lines)
        return size, lines


def may_hold_too_long_a_record(block: RegularBlock) -> bool:
    limit = conf.MAX_RECORD_BYTES
    if len(block.data) <= limit:
        return False
    return bool(block.embedded_newlines) or max(map(len, block.data.split(b"\n"))) > limit


def _translation_of(dialect: Dialect, encoding: str) -> Translation | FixedWidth | None:
    if dialect.widths:
        return FixedWidth(dialect, encoding)
    return None if dialect.is_plain else Translation(dialect, encoding)
