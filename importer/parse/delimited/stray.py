"""Judges quotes that do not close, close late, or have text behind them: where is the next record?

Each answer depends only on the text from the record's first line on. So every reader gives the same one, wherever it
begins. In doubt the lines are rejected together: none of them is made up into a record, and none gets lost.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from importer.parse.delimited.blocks import regular_block

# Lines "look like records" if this part of them has the header's number of fields.
NEARLY_ALL = 0.9


@dataclass(frozen=True)
class Shape:
    """The shape of a file's records."""

    delimiter: str
    quote: str
    width: int

    @cached_property
    def quoted(self) -> re.Pattern[str]:
        quote = re.escape(self.quote)
        return re.compile(f"{quote}[^{quote}]*(?:{quote}|$)")

    @cached_property
    def opening(self) -> re.Pattern[str]:
        return re.compile(f"(?:^|{re.escape(self.delimiter)}){re.escape(self.quote)}")

    @cached_property
    def closing(self) -> re.Pattern[str]:
        """The rest of a quoted field. Only a quote before a delimiter or the line's end closes it."""
        quote = re.escape(self.quote)
        border = rf"{re.escape(self.delimiter)}|\Z"
        return re.compile(f"(?:[^{quote}]++|{quote}{quote}|{quote}(?!{border}))*+{quote}(?={border})")

    def fields(self, line: str) -> int:
        """Count the fields of a line without splitting it."""
        if self.quote and self.quote in line:
            line = self.quoted.sub("", line)
        return line.count(self.delimiter) + 1

    def look_like_records(self, lines: Sequence[str]) -> bool:
        """Tell whether nearly all lines have the right number of fields."""
        return sum(map(self._looks_like_record, lines)) >= NEARLY_ALL * len(lines)

    def last_other(self, lines: Sequence[str]) -> int:
        """Return how many lines there are up to the last one that does not look like a record."""
        numbers = (number for number, line in enumerate(lines, 1) if not self._looks_like_record(line))
        return max(numbers, default=0)

    def are_regular(self, lines: Sequence[str]) -> bool:
        """Tell whether each line is a record by itself, with quotes at the borders of fields only."""
        return all(map(self._is_regular, lines))

    def lines_of_damaged_record(self, lines: Iterable[str]) -> int:
        """Return the number of lines after which a record with quotes in wrong places ends; 0 if it does not end."""
        inside, ended, quotes = False, 0, 0
        for number, line in enumerate(lines, 1):
            text = line.rstrip("\r\n")
            if not ended:
                inside, quotes = self.is_inside_after(text, inside=inside), quotes + text.count(self.quote)
                ended = 0 if inside else number
            elif self.quote in text:
                # The next quote tells: where it closes a field that nothing opened, the record has not ended yet.
                return number if self._closes_first(text) else ended
            if ended and quotes % 2 == 0:
                return ended
        return ended

    def odd_quotes(self, lines: Sequence[str], suspects: Iterable[int], *, opening: int) -> int:
        """Count the lines whose quote begins a field and does not end it, if that is what quotes mostly do here.

        A text of several lines does the same, but its lines rarely have the right number of fields. `suspects` are the
        numbers of lines that may be irregular; in `opening` of all lines a quote begins a field.
        """
        odd = 0
        for number in suspects:
            line = lines[number]
            if self.quote in line and self.opening.search(line):
                pair = lines[number : number + 2]
                is_record = all(text.count(self.delimiter) == self.width - 1 for text in pair)
                odd += is_record and not self._is_regular(line)
        return odd if odd * 2 >= opening and self.width > 1 else 0

    def is_inside_after(self, text: str, *, inside: bool) -> bool:
        """Tell whether a line that begins `inside` a quoted field ends in one, by the quotes at borders of fields."""
        position = 0
        while match := (self.closing.match if inside else self.opening.search)(text, position):
            inside, position = not inside, match.end()
        return inside

    def _closes_first(self, text: str) -> bool:
        opens = self.opening.search(text)
        closes = self.closing.match(text)
        return closes is not None and (opens is None or closes.end() < opens.end())

    def _looks_like_record(self, line: str) -> bool:
        return bool(line.strip("\r\n")) and self.fields(line) == self.width

    def _is_regular(self, line: str) -> bool:
        data, delimiter = line.encode("utf-8", "surrogateescape"), self.delimiter.encode()
        if not data.strip(b"\r\n"):
            return False
        block = regular_block(data, delimiter=delimiter, quote=self.quote.encode(), final=True)
        return block is not None and block.skeleton.count(delimiter) == self.width - 1
