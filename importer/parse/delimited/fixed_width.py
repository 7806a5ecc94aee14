"""Translates lines of fields with fixed widths into delimited lines, so that whole blocks of them are read by columns.

A width counts characters (code points), not bytes. Blanks at both ends of a value do not belong to it. A line may end
behind any of its fields, or within the last one: many programs leave out the blanks at the end of lines. A line that
ends within another field, or goes on behind the last one, is odd: it becomes a line with one field too many.
"""

import re
from collections.abc import Sequence

import polars as pl

from importer.specs.dialect import Dialect

DELIMITER, BLANK_RECORD, MARK = "\x1f", "\x1e", "\x1d"
CODES = str.maketrans({DELIMITER: f"{MARK}d", BLANK_RECORD: f"{MARK}b", MARK: f"{MARK}m"})
TEXTS = {f"{MARK}d": DELIMITER, f"{MARK}b": BLANK_RECORD, f"{MARK}m": MARK}
CODE = re.compile(f"{MARK}[dbm]")
EMPTY_LINE = re.compile(rb"(?m)^(?=\r?\n)")
LINE_WITH_TEXT = re.compile(r"(?m)^[^\r\n]")


class FixedWidth:
    """Translates between lines of fixed widths and delimited ones, as a `Translation` does for other dialects."""

    delimiter, quote, escape, newline = DELIMITER, "", b"", ""
    blank_record = BLANK_RECORD

    def __init__(self, dialect: Dialect, encoding: str) -> None:
        self.encoding, self.number = encoding, len(dialect.widths)
        self.comment = (dialect.comment or "").encode(encoding)
        self._comments = re.compile(rb"(?m)^" + re.escape(self.comment) + rb"[^\n]*")
        self._line = re.compile(_pattern(dialect.widths))
        groups = (f"\\{group}" for group in range(1, self.number + 1))
        self._template = DELIMITER.join(groups) + r"\g<end>"

    def line(self, data: bytes) -> bytes:
        """Translate whole lines that are no comments."""
        # In all other encodings that get here, a byte is a character.
        encoding = "latin-1" if data.isascii() or self.encoding != "utf-8" else "utf-8"
        text = data.decode(encoding, "surrogateescape")
        return self._translated(text).encode(encoding, "surrogateescape")

    def block(self, data: bytes, width: int) -> bytes:
        """Translate a block; its comments and blank lines become `blank_record`s of `width` fields."""
        if not self.comment:
            return self.line(data)
        blank = (self.blank_record + self.delimiter * (width - 1)).encode()
        return EMPTY_LINE.sub(blank, self.line(self._comments.sub(b"", data)))

    def _translated(self, text: str) -> str:
        if not any(mark in text for mark in (DELIMITER, BLANK_RECORD, MARK)):
            translated, lines = self._line.subn(self._template, text)
            if lines == len(LINE_WITH_TEXT.findall(text)):
                return translated
        return "\n".join(map(self._one, text.split("\n")))

    def _one(self, line: str) -> str:
        """Translate one line without its newline."""
        if match := self._line.fullmatch(line):
            fields = [(field or "").translate(CODES) for field in match.groups()]
            return DELIMITER.join(fields[:-1]) + fields[-1]
        text = line.removesuffix("\r")
        return text.translate(CODES) + DELIMITER * self.number + line[len(text) :] if text else line

    # Back

    def values(self, texts: list[str]) -> list[str | None]:
        """Return the values of a record."""
        return [CODE.sub(lambda match: TEXTS[match[0]], text.strip(" ")) for text in texts]

    def frame(self, frame: pl.DataFrame, data: bytes) -> pl.DataFrame:
        """Return the values of a block's records."""
        values = pl.all().str.strip_chars(" ")
        if MARK.encode() in data:
            values = values.str.replace_many(list(TEXTS), list(TEXTS.values()))
        return frame.select(values)


def _pattern(widths: Sequence[int]) -> str:
    """Return the pattern of a line: a group for each field, and one for the carriage return."""
    *others, last = widths
    pattern = rf"([^\r\n]{{0,{last}}}) *"
    for width in reversed(others):
        pattern = rf"([^\r\n]{{{width}}})(?:{pattern}| *)"
    return rf"(?m)^(?=[^\r\n]){pattern}(?P<end>\r?)$"


def misfit(line: str, widths: Sequence[int], columns: Sequence[str]) -> str:
    """Say how an odd line differs from the widths."""
    if len(line.rstrip(" ")) > sum(widths):
        return f"The line has {len(line):,} characters where its fields have {sum(widths):,}."
    start = 0
    for name, width in zip(columns, widths, strict=True):
        if len(line) < start + width:
            return f'The line ends within "{name}", after {len(line) - start} of {width} characters.'
        start += width
    raise AssertionError("called with a line that fits")
