"""Translates a dialect into plain CSV and its values back, so that whole blocks of it are read by columns.

Each thing that plain CSV cannot say becomes a mark and a code, two control characters that the dialect does not use: an
escaped delimiter, an escaped newline, a comment line. Marks in the text itself become a code too, so that every text
comes back as it was. Lines stay lines, because positions are counted in them.
"""

import re
from collections.abc import Callable

import polars as pl

from importer.specs.dialect import Dialect

CONTROLS = [chr(number) for number in (*range(1, 9), *range(14, 32))]
# What PostgreSQL and MySQL write behind a backslash.
LETTERS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "Z": "\x1a"}
QUOTE = b'"'
FEW_BLANKS = 4
LONE_RETURN = re.compile(rb"\r(?!\n|\Z)")


class Translation:
    """Translates between a dialect and plain CSV with `delimiter` and `quote`.

    newline  what an escaped newline becomes
    """

    def __init__(self, dialect: Dialect, encoding: str) -> None:
        self._encode = lambda text: text.encode(encoding)
        special = "".join(filter(None, (dialect.delimiter, dialect.quote, dialect.escape, dialect.comment)))
        self._free = iter([control for control in CONTROLS if control not in special])
        self.mark, self.delimiter = next(self._free), next(self._free)
        self.quote = '"' if dialect.quote else ""
        self.comment = self._encode(dialect.comment) if dialect.comment else b""
        self.escape = self._encode(dialect.escape) if dialect.escape else b""
        self.blanks = dialect.blank_after_delimiter
        self.trailing = dialect.trailing_delimiter
        self._texts: dict[str, str] = {}
        self._always: list[tuple[bytes, bytes]] = [
            self._coded(self.mark, self.mark),
            self._coded(self.delimiter, self.delimiter),
        ]
        self._escapes: list[tuple[bytes, bytes]] = []
        self.newline, self._null = "", ""
        self._lone_return = b""
        if dialect.escape:
            self._add_escapes(dialect, dialect.escape)
        self._marks: list[tuple[bytes, bytes]] = []
        if dialect.quote and dialect.quote != '"':
            self._marks += [self._coded('"', '"'), (self._encode(dialect.quote), QUOTE)]
            self._texts['"'] = dialect.quote
        self._marks.append((self._encode(dialect.delimiter), self._encode(self.delimiter)))
        self._texts[self.delimiter] = dialect.delimiter
        self.blank_record = self._code()
        self._pattern = re.compile("|".join(map(re.escape, self._texts)))
        comment = re.escape(self.comment)
        self._blank_lines = re.compile(rb"(?m)^(?:" + comment + rb"[^\n]*|\r?(?=\n))")
        self._comments = re.compile(rb"(?m)^" + comment + rb"[^\n]*")
        self._blanks = re.compile(rb"(\n|" + self._encode(self.delimiter) + rb") +")

    def _add_escapes(self, dialect: Dialect, escape: str) -> None:
        others = [text[0] for text in (dialect.quote, dialect.comment) if text]
        self._escapes = [
            self._coded(escape + text, text) for text in (escape, dialect.delimiter[0], *others, "\r")
        ]
        self._lone_return = self._escapes[-1][1]
        self._escapes.append(newline := self._coded(escape + "\n", "\n"))
        self.newline = newline[1].decode()
        if escape == "\\":
            self._escapes += [self._coded(escape + letter, text) for letter, text in LETTERS.items()]
            self._escapes.append(null := self._coded(escape + "N", "N"))
            self._null = null[1].decode()
        # Before any other character an escape means nothing.
        self._escapes.append((self.escape, b""))

    def _code(self) -> str:
        return self.mark + next(self._free)

    def _coded(self, found: str, text: str) -> tuple[bytes, bytes]:
        """Return what to replace by which code; the code comes back as `text`."""
        code = self._code()
        self._texts[code] = text
        return self._encode(found), code.encode()

    # Forwards

    def line(self, data: bytes) -> bytes:
        """Translate whole lines that are no comments."""
        for found, code in self._always:
            data = data.replace(found, code)
        if self.escape and self.escape in data:
            for found, code in self._escapes:
                data = data.replace(found, code)
        if self.escape and b"\r" in data:
            # MySQL escapes newlines only.
            data = LONE_RETURN.sub(self._lone_return, data)
        for found, mark in self._marks:
            data = data.replace(found, mark)
        return data

    def block(self, data: bytes, width: int) -> bytes | None:
        """Translate a block that begins with a record; comments and blank lines become `blank_record`s of `width`.

        None: a comment has an escape or a quote in it, so that the lines must be read one by one.
        """
        if self.comment and self.escape and any(self.escape in m[0] for m in self._comments.finditer(data)):
            return None
        data = self.line(data)
        if self.comment:
            blank = (self.blank_record + self.delimiter * (width - 1)).encode()
            translated = self._outside_quotes(data, lambda text: self._blank_lines.sub(blank, text))
            if translated is None:
                return None
            data = translated
        if self.blanks:
            return self._outside_quotes(data, self._without_blanks)
        return data

    def _without_blanks(self, text: bytes) -> bytes:
        """Remove the blanks before fields: a few by replacements, which are ten times as fast as a pattern."""
        text = text.lstrip(b" ")
        for border in (self.delimiter.encode(), b"\n"):
            for _ in range(FEW_BLANKS):
                text = text.replace(border + b" ", border)
        return self._blanks.sub(rb"\1", text) if self._blanks.search(text) else text

    def _outside_quotes(self, data: bytes, change: Callable[[bytes], bytes]) -> bytes | None:
        """Change what is outside quoted fields. None if the change removes a quote."""
        if not self.quote or QUOTE not in data:
            return change(data)
        pieces = data.split(QUOTE)
        outside = change(QUOTE.join(pieces[::2])).split(QUOTE)
        if len(outside) != len(pieces[::2]):
            return None
        pieces[::2] = outside
        return QUOTE.join(pieces)

    # Back

    def values(self, texts: list[str]) -> list[str | None]:
        """Return the values of a record."""
        return [self._value(text) for text in texts]

    def _value(self, text: str) -> str | None:
        if self._null and text == self._null:
            return None
        if self.mark in text or self.delimiter in text or '"' in text:
            text = self._pattern.sub(lambda match: self._texts[match[0]], text)
        return text

    def frame(self, frame: pl.DataFrame, data: bytes) -> pl.DataFrame:
        """Return the values of a block's records; the columns are named by numbers."""
        if self.mark.encode() not in data and not (self.quote and QUOTE in data):
            return frame
        found, texts = list(self._texts), list(self._texts.values())
        values = []
        for name in frame.columns:
            value = pl.col(name).str.replace_many(found, texts)
            values.append(pl.when(pl.col(name) != self._null).then(value) if self._null else value)
        return frame.select(value.alias(name) for value, name in zip(values, frame.columns, strict=True))
