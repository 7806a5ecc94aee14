"""Reads lines of JSON by columns: those whose objects have the same keys in the same order, as programs write them.

A pattern takes a line apart. It accepts an object of texts, numbers, booleans and nulls and nothing else, so that every
line that it accepts is valid JSON, whose values are the ones that Python's decoder would return. All others are left.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from importer.batches import column_named

# Keys that one pattern takes: with more than 16 groups it would be ten times slower.
KEYS_AT_ONCE = 7
# With more keys, decoding is faster than the patterns for them.
MOST_KEYS = 42
# Layouts that are remembered, and the part of a batch's lines that one must have to be remembered, or to be looked for.
MOST_LAYOUTS = 4
FEW_LINES = 10
BLANKS = r"[ \t\r]*"
# A text without quotes and control characters. An escape of half a character, or of none, is left to the decoder,
# and so are bytes that are no text: decoding has replaced them.
TEXT = (
    r'"((?:[^"\\\x00-\x1f\x{fffd}]'
    r'|\\(?:["\\/bfnrt]|u(?:[0-9a-cefA-CEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2})))*)"'
)
OTHER = r"(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)"
ESCAPES = {f"\\{letter}": json.loads(f'"\\{letter}"') for letter in '"\\/bfnrt'}
UNICODE_ESCAPE = re.compile(r"\\u[0-9a-cefA-CEF][0-9a-fA-F]{3}|\\u[dD][0-7][0-9a-fA-F]{2}")


class Layout:
    """The keys of an object, in their order."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = keys
        self.patterns = [
            self._pattern(first, keys[first : first + KEYS_AT_ONCE])
            for first in range(0, len(keys), KEYS_AT_ONCE)
        ]

    @classmethod
    def of(cls, keys: Sequence[str]) -> "Layout | None":
        """Return the layout of these keys; None if they are too many, or cannot be written in a pattern."""
        is_possible = 0 < len(keys) <= MOST_KEYS and all(key.isprintable() for key in keys)
        return cls(keys) if is_possible else None

    def _pattern(self, first: int, keys: Sequence[str]) -> str:
        fields = [f"{_key(key)}{BLANKS}:{BLANKS}(?:{TEXT}|{OTHER}){BLANKS}" for key in keys]
        begin = rf"^{BLANKS}\{{{BLANKS}" if first == 0 else f"^{BLANKS}"
        end = rf"\}}{BLANKS}$" if first + len(keys) == len(self.keys) else ",(.*)$"
        return begin + f",{BLANKS}".join(fields) + end

    def read(self, lines: pl.Series, escapes: dict[str, str]) -> tuple[pl.DataFrame, pl.Series]:
        """Return the values of the lines that have this layout, and which lines these are."""
        rest, groups = lines, []
        for pattern in self.patterns:
            found = rest.str.extract_groups(pattern).struct.unnest().get_columns()
            rest = found[-1]
            groups += found[: 2 * KEYS_AT_ONCE]
        texts, others = groups[: 2 * len(self.keys) : 2], groups[1 : 2 * len(self.keys) : 2]
        # The last pattern fails where any of them does.
        fits = texts[-1].is_not_null() | others[-1].is_not_null()
        fields = zip(self.keys, texts, others, strict=True)
        frame = pl.DataFrame({key: _value(text, other, escapes) for key, text, other in fields})
        return (frame, fits) if fits.all() else (frame.filter(fits), fits)


@dataclass(frozen=True, slots=True)
class Plain:
    """The values of lines that have a layout, with their numbers in the batch, in no order; and the other numbers."""

    frames: Sequence[pl.DataFrame]
    numbers: pl.Series
    others: Sequence[int]


class Layouts:
    """Finds the layouts of a file, and remembers them from batch to batch.

    keys_of  returns the keys of the object in a line; None if its lines must not be read by columns
    """

    def __init__(self, keys_of: Callable[[str], Sequence[str] | None]) -> None:
        self.keys_of = keys_of
        self.known: list[Layout] = []

    def read(self, lines: pl.Series, text: str) -> Plain:
        """Read the lines that have a layout. `text` is that of all of them."""
        escapes = _escapes_in(text)
        rest = pl.DataFrame({"line": lines, "number": pl.int_range(len(lines), eager=True)})
        frames, numbers = [], [pl.Series([], dtype=pl.Int64)]
        for known in [*self.known, *[None] * (MOST_LAYOUTS - len(self.known))]:
            layout = known or self._layout_of_first(rest, len(lines) // FEW_LINES)
            if layout is None or not rest.height:
                break
            frame, fits = layout.read(rest.get_column("line"), escapes)
            frames.append(frame)
            numbers.append(rest.get_column("number").filter(fits))
            rest = rest.filter(~fits)
            if known is None and frame.height * FEW_LINES >= len(lines):
                self.known.append(layout)
        return Plain(frames, pl.concat(numbers), rest.get_column("number").to_list())

    def _layout_of_first(self, rest: pl.DataFrame, few: int) -> Layout | None:
        """Return the layout of the first line that is left; None if it has none, or few lines are left."""
        if rest.height <= few:
            return None
        first = rest.get_column("line").head(1)
        keys = self.keys_of(first[0])
        layout = None if keys is None else Layout.of(keys)
        return layout if layout and layout.read(first, {})[1].all() else None


def _escapes_in(text: str) -> dict[str, str]:
    """Return the escapes that the texts may have, and what each means."""
    if "\\" not in text:
        return {}
    found = set(UNICODE_ESCAPE.findall(text)) if "\\u" in text else ()
    return ESCAPES | {escape: chr(int(escape[2:], 16)) for escape in found}


def _key(key: str) -> str:
    """Return the pattern of a key, as it may be written: with its letters, or with escapes for those beyond ASCII."""
    plain, escaped = json.dumps(key, ensure_ascii=False), json.dumps(key)
    return re.escape(plain) if plain == escaped else f"(?:{re.escape(plain)}|{re.escape(escaped)})"


def _value(text: pl.Series, other: pl.Series, escapes: dict[str, str]) -> pl.Series:
    """Return texts as they are without escapes, numbers as they are written, and booleans as Python writes them."""
    if escapes and text.str.contains("\\", literal=True).any():
        text = text.str.replace_many(list(escapes), list(escapes.values()))
    if other.null_count() == len(other):
        return text
    value = pl.col(other.name)
    as_text = (
        pl.when(value == "true")
        .then(pl.lit("True"))
        .when(value == "false")
        .then(pl.lit("False"))
        .when(value != "null")
        .then(value)
    )
    return pl.DataFrame([text, other]).select(pl.coalesce(column_named(text.name), as_text)).to_series()
