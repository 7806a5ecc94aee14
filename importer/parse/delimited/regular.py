"""Finds the regular records of text that may be irregular: of the right width, with quotes at borders of fields only.

One pattern judges all lines of a block at once, in a tenth of the time that splitting the block at its quotes takes.
The line of a quoted text may look like a record, too: a line is one only where a record has ended before it.
"""

import re
from bisect import bisect_left, bisect_right
from codecs import BOM_UTF8
from collections.abc import Iterator

import polars as pl

from importer.conf import conf
from importer.parse.delimited.blocks import RegularBlock

# With more fields the pattern of lines takes longer than one match for each record.
MOST_FIELDS = 500
# Bytes that are decoded at once in search of those that are no text.
PIECE = 1 << 16


class RecordPattern:
    """The pattern of a regular record, for files of one shape.

    line     of a record of one line without its newline, in text with one character a byte; None: too wide
    opening  of a quote that begins a field, in the same
    record   of a record of one or several lines
    """

    def __init__(self, delimiter: bytes, quote: bytes, *, width: int, encoding: str, most_lines: int) -> None:
        self.encoding = encoding
        self.most_lines = most_lines
        delimiter, quote = re.escape(delimiter), re.escape(quote)
        self.opening = (b"(?:^|%s)%s" % (delimiter, quote)).decode("latin-1")
        quoted = b"%s(?:[^%s]|%s%s)*%s|" % ((quote,) * 5) if quote else b""
        # A blank line is not a record of one empty field.
        plain = b"[^%s%s\\r]%s" % (delimiter, quote, b"*" if width > 1 else b"+")
        field = b"(?:%s%s)" % (quoted, plain)
        line = b"^%s(?:%s%s){%d}\\r?$" % (field, delimiter, field, width - 1)
        self.line = line.decode("latin-1") if width <= MOST_FIELDS else None
        # Possessive, because backtracking would cost memory for each character.
        quoted = b"%s(?:[^%s]++|%s%s)*+%s|" % ((quote,) * 5) if quote else b""
        field = b"(?:%s[^%s%s\\r\\n]*+)" % (quoted, delimiter, quote)
        self.record = re.compile(b"(?!\\r?\\n)%s(?:%s%s){%d}\\r?\\n" % (field, delimiter, field, width - 1))


class RegularText:
    """A block of text that begins with a record and may end within one."""

    def __init__(self, data: bytes, pattern: RecordPattern) -> None:
        self.data = data
        self.pattern = pattern
        self.longest = conf.MAX_RECORD_BYTES
        # One character a byte, so that characters are offsets, and bytes that are no text do no harm.
        self.lines = pl.Series([data.decode("latin-1")]).str.split("\n").explode().head(-1)
        sizes = self.lines.str.len_chars().cast(pl.Int64) + 1
        # The offset behind each line that ends with a newline, and the lines that are no regular records.
        self.ends: list[int] = sizes.cum_sum().to_list()
        self.odd: list[int] = list(range(len(self.ends)))
        if pattern.line is not None:
            is_regular = self.lines.str.contains(pattern.line) & (sizes <= self.longest)
            self.odd = (~is_regular).arg_true().to_list()
        if unreadable := {bisect_right(self.ends, offset) for offset in self._unreadable()}:
            self.odd = sorted(unreadable.union(self.odd) - {len(self.ends)})

    def _unreadable(self) -> Iterator[int]:
        """Yield an offset in each line with bytes that are no text, or with a mark that a parser would drop."""
        data, start = self.data, 0
        if BOM_UTF8 in data:
            yield from (match.start() for match in re.finditer(rb"(?m)^" + BOM_UTF8, data))
        while start < len(data):
            end = data.find(b"\n", start + PIECE) + 1 or len(data)
            try:
                data[start:end].decode(self.pattern.encoding)
            except UnicodeDecodeError as error:
                yield start + error.start
                end = data.find(b"\n", start + error.start) + 1 or len(data)
            start = end

    def block(self, offset: int, line: int, most: int) -> RegularBlock:
        """Return at most so many regular records that follow one another from a line on, which begins at `offset`."""
        begin, records, newlines = offset, 0, 0
        while records < most:
            if lines := self._regular_lines(line, most - records):
                line, records = line + lines, records + lines
                offset = self.ends[line - 1]
            elif height := self._height(offset):
                line, records, newlines = line + height, records + 1, newlines + height - 1
                offset = self.ends[line - 1]
            else:
                break
        return RegularBlock(self.data[begin:offset], b"", records, newlines)

    def lines_with_opening_quote(self) -> int:
        return int(self.lines.str.contains(self.pattern.opening).sum())

    def _regular_lines(self, first: int, most: int) -> int:
        """Return how many regular lines follow one another from the line `first` on."""
        place = bisect_left(self.odd, first)
        end = self.odd[place] if place < len(self.odd) else len(self.ends)
        return max(0, min(most, end - first))

    def _height(self, offset: int) -> int:
        """Return how many lines the regular record at `offset` has; 0 if there is none."""
        # Not one pattern for all: until Python 3.11.4, a possessive group that fails leaves its beginning matched.
        found = self.pattern.record.match(self.data, offset)
        if found is None:
            return 0
        record = found[0]
        height = record.count(b"\n")
        is_short = len(record) <= self.longest and height <= self.pattern.most_lines
        return height if is_short and not record.startswith(BOM_UTF8) and self._decodes(record) else 0

    def _decodes(self, record: bytes) -> bool:
        try:
            record.decode(self.pattern.encoding)
        except UnicodeDecodeError:
            return False
        return True
