"""Translates lines of fields with fixed widths into delimited lines, so that whole blocks of them are read by columns.

A width counts characters (code points), not bytes. Blanks at both ends of a value do not belong to it. A line may end
behind any of its fields, or within the last one: many programs leave out the blanks at the end of lines. A line that
ends within another field, or goes on behind the last one, is odd: it becomes a line with one field too many.
"""

import re
from collections.abc import Sequence
from itertools import accumulate

import polars as pl

from importer.specs.dialect import Dialect

DELIMITER, BLANK_RECORD, MARK = "\x1f", "\x1e", "\x1d"
CODES = str.maketrans({DELIMITER: f"{MARK}d", BLANK_RECORD: f"{MARK}b", MARK: f"{MARK}m"})
TEXTS = {f"{MARK}d": DELIMITER, f"{MARK}b": BLANK_RECORD, f"{MARK}m": MARK}
CODE = re.compile(f"{MARK}[dbm]")
EMPTY_LINE = re.compile(rb"(?m)^(?=\r?\n)")
BLANK = " "


class FixedWidth:
    """Translates between lines of fixed widths and delimited ones, as a `Translation` does for other dialects."""

    delimiter, quote, escape, newline = DELIMITER, "", b"", ""
    blank_record = BLANK_RECORD

    def __init__(self, dialect: Dialect, encoding: str) -> None:
        self.encoding, self.widths, self.number = encoding, dialect.widths, len(dialect.widths)
        self.comment = (dialect.comment or "").encode(encoding)
        self._comments = re.compile(rb"(?m)^" + re.escape(self.comment) + rb"[^\n]*")
        self._line = re.compile(_pattern(dialect.widths))

    def line(self, data: bytes) -> bytes:
        """Translate one line that is no comment."""
        line = data.decode(self.encoding, "surrogateescape")
        text = line.rstrip("\n")
        return (self._one(text) + line[len(text) :]).encode(self.encoding, "surrogateescape")

    def _one(self, line: str) -> str:
        text = line.removesuffix("\r")
        if match := self._line.fullmatch(text):
            return (
                DELIMITER.join((field or "").translate(CODES) for field in match.groups()) + line[len(text) :]
            )
        return text.translate(CODES) + DELIMITER * self.number + line[len(text) :] if text else line

    def block(self, data: bytes, width: int) -> bytes | None:
        """Translate a block; its comments and blank lines become `blank_record`s of `width` fields.

        None: it has bytes that are no text.
        """
        # In all other encodings that get here, a byte is a character.
        encoding = "latin-1" if data.isascii() or self.encoding != "utf-8" else "utf-8"
        if self.comment:
            data = self._comments.sub(b"", data)
        try:
            translated = self._by_columns(data.decode(encoding)).encode(encoding)
        except UnicodeDecodeError:
            return None
        if not self.comment:
            return translated
        blank = (self.blank_record + self.delimiter * (width - 1)).encode()
        return EMPTY_LINE.sub(blank, translated)

    def _by_columns(self, text: str) -> str:
        """Translate all lines at once, with the same result as `_one`."""
        lines = pl.DataFrame({"line": text.split("\n")}, schema={"line": pl.String()})
        body, end = pl.col("line"), pl.lit("")
        if "\r" in text:
            body, end = (
                body.str.strip_suffix("\r"),
                pl.when(body.str.ends_with("\r")).then(pl.lit("\r")).otherwise(end),
            )
        coded = any(mark in text for mark in (DELIMITER, BLANK_RECORD, MARK))
        starts = accumulate(self.widths[:-1], initial=0)
        fields = [body.str.slice(start, width) for start, width in zip(starts, self.widths, strict=True)]
        cut = pl.concat_str([_coded(field) if coded else field for field in fields], separator=DELIMITER)
        odd = (_coded(body) if coded else body) + DELIMITER * self.number
        translated = pl.when(body == "").then(body).when(self._fits(body)).then(cut).otherwise(odd)
        return "\n".join(lines.select((translated + end).alias("line")).to_series().to_list())

    def _fits(self, body: pl.Expr) -> pl.Expr:
        """Tell of each line whether it ends behind a field or within the last one, apart from blanks at its end."""
        length, text = body.str.len_chars(), body.str.strip_chars_end(BLANK).str.len_chars()
        *borders, full = accumulate(self.widths)
        borders = borders or [0]
        ends_behind_a_field = pl.any_horizontal((text <= border) & (length >= border) for border in borders)
        is_within = (text <= full) & ((text > borders[-1]) | ends_behind_a_field)
        return is_within & ~body.str.contains("\r", literal=True)

    # Back

    def values(self, texts: list[str]) -> list[str | None]:
        """Return the values of a record."""
        return [CODE.sub(lambda match: TEXTS[match[0]], text.strip(BLANK)) for text in texts]

    def frame(self, frame: pl.DataFrame, data: bytes) -> pl.DataFrame:
        """Return the values of a block's records."""
        values = pl.all().str.strip_chars(BLANK)
        if MARK.encode() in data:
            values = values.str.replace_many(list(TEXTS), list(TEXTS.values()))
        return frame.select(values)


def _coded(text: pl.Expr) -> pl.Expr:
    return text.str.replace_many([DELIMITER, BLANK_RECORD, MARK], [f"{MARK}d", f"{MARK}b", f"{MARK}m"])


def _pattern(widths: Sequence[int]) -> str:
    """Return the pattern of a line, with a group for each field."""
    *others, last = widths
    pattern = rf"([^\r\n]{{0,{last}}}) *"
    for width in reversed(others):
        pattern = rf"([^\r\n]{{{width}}})(?:{pattern}| *)"
    return rf"(?=[^\r\n]){pattern}"


def misfit(line: str, widths: Sequence[int], columns: Sequence[str]) -> str:
    """Say how an odd line differs from the widths."""
    if len(line.rstrip(BLANK)) > sum(widths):
        return f"The line has {len(line):,} characters where its fields have {sum(widths):,}."
    start = 0
    for name, width in zip(columns, widths, strict=True):
        if len(line) < start + width:
            return f'The line ends within "{name}", after {len(line) - start} of {width} characters.'
        start += width
    raise AssertionError("called with a line that fits")
