"""Translates Python's regular expressions for Polars' engine, as far as both find a match in the same texts."""

import re
from dataclasses import dataclass
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import polars as pl

# Of the others, MULTILINE changes what `$` and `^` mean, and LOCALE is for bytes.
FLAGS = re.UNICODE | re.ASCII | re.IGNORECASE | re.DOTALL | re.VERBOSE
# A pattern takes memory for each repetition.
MOST_REPETITIONS = 1_000
# `$` matches before a final newline too, and `\z` does not: a match in fewer texts.
ANCHORS = {
    sre.AT_BEGINNING: r"\A",
    sre.AT_BEGINNING_STRING: r"\A",
    sre.AT_END: r"\z",
    sre.AT_END_STRING: r"\z",
    sre.AT_BOUNDARY: r"\b",
}
# What the classes of characters are within ASCII.
DIGITS, WORD, SPACE = "0-9", "0-9A-Za-z_", r"\t-\r\x20"
CATEGORIES = {
    sre.CATEGORY_DIGIT: f"[{DIGITS}]",
    sre.CATEGORY_NOT_DIGIT: f"[^{DIGITS}]",
    sre.CATEGORY_WORD: f"[{WORD}]",
    sre.CATEGORY_NOT_WORD: f"[^{WORD}]",
}


class _Untranslatable(Exception):
    """Says that the engines may differ."""


@dataclass(frozen=True, slots=True)
class Translation:
    """A pattern for Polars.

    is_for_ascii       the engines may differ in other texts, because each has its own version of Unicode
    ends_before_newline  Python's pattern matches also where a newline follows
    """

    pattern: str
    is_for_ascii: bool
    ends_before_newline: bool

    def finds(self, text: pl.Expr) -> pl.Expr:
        """Tell in which texts both engines find a match."""
        found = text.str.contains(self.pattern)
        return found & _is_ascii(text) if self.is_for_ascii else found

    def misses(self, text: pl.Expr) -> pl.Expr:
        """Tell in which texts neither engine finds a match."""
        missed = ~text.str.contains(self.pattern)
        if self.is_for_ascii:
            missed &= _is_ascii(text)
        return missed & ~text.str.contains("\n", literal=True) if self.ends_before_newline else missed


def translate(pattern: Any) -> Translation | None:
    """Translate a pattern; None if the engines could differ, or if Polars' has no such thing, such as lookahead."""
    if not isinstance(pattern, re.Pattern) or not isinstance(pattern.pattern, str) or pattern.flags & ~FLAGS:
        return None
    translator = _Translator(pattern.flags)
    try:
        # Python's own parser reads the pattern, so that nothing in it is misread.
        translated = translator.sequence(_parser.parse(pattern.pattern, pattern.flags))
        pl.Series(["x"]).str.contains(translated)
    except (_Untranslatable, pl.exceptions.ComputeError):
        return None
    return Translation(translated, translator.is_for_ascii, translator.ends_before_newline)


class _Translator:
    def __init__(self, flags: int) -> None:
        self.flags = flags
        self.is_for_ascii = bool(flags & re.IGNORECASE)
        self.ends_before_newline = False

    def sequence(self, parsed: Any) -> str:
        pieces = "".join(self._piece(operation, argument) for operation, argument in parsed)
        return f"(?i:{pieces})" if self.flags & re.IGNORECASE else f"(?:{pieces})"

    def _piece(self, operation: Any, argument: Any) -> str:
        match operation:
            case sre.LITERAL:
                return self._character(argument)
            case sre.NOT_LITERAL:
                return f"[^{self._character(argument)}]"
            case sre.ANY:
                return "(?s:.)" if self.flags & re.DOTALL else r"[^\n]"
            case sre.IN:
                return self._set(argument)
            case sre.AT:
                return self._anchor(argument)
            case sre.MAX_REPEAT | sre.MIN_REPEAT:
                return self._repeat(*argument)
            case sre.BRANCH:
                return f"(?:{'|'.join(self.sequence(branch) for branch in argument[1])})"
            case sre.SUBPATTERN if not argument[1] and not argument[2]:  # flags within the pattern
                return self.sequence(argument[3])
        raise _Untranslatable

    def _character(self, code: int) -> str:
        if code > 127 and self.flags & re.IGNORECASE:
            raise _Untranslatable
        return f"\\x{{{code:x}}}"

    def _set(self, members: list[tuple[Any, Any]]) -> str:
        pieces = []
        for operation, argument in members:
            match operation:
                case sre.NEGATE:
                    pieces.append("^")
                case sre.LITERAL:
                    pieces.append(self._character(argument))
                case sre.RANGE:
                    pieces.append("-".join(map(self._character, argument)))
                case sre.CATEGORY:
                    pieces.append(self._category(argument))
                case _:
                    raise _Untranslatable
        return f"[{''.join(pieces)}]"

    def _category(self, category: Any) -> str:
        self.is_for_ascii = True
        space = SPACE if self.flags & re.ASCII else rf"{SPACE}\x1c-\x1f"
        spaces = {sre.CATEGORY_SPACE: f"[{space}]", sre.CATEGORY_NOT_SPACE: f"[^{space}]"}
        return (CATEGORIES | spaces)[category]

    def _anchor(self, place: Any) -> str:
        if place not in ANCHORS:
            raise _Untranslatable
        self.is_for_ascii |= place is sre.AT_BOUNDARY
        self.ends_before_newline |= place is sre.AT_END
        return ANCHORS[place]

    def _repeat(self, low: int, high: int, repeated: Any) -> str:
        is_endless = high is sre.MAXREPEAT
        if max(low, 0 if is_endless else high) > MOST_REPETITIONS:
            raise _Untranslatable
        if not repeated.getwidth()[0] and high > 1:  # how often nothing is repeated is a matter of the engine
            raise _Untranslatable
        return f"{self.sequence(repeated)}{{{low},{'' if is_endless else high}}}"


def _is_ascii(text: pl.Expr) -> pl.Expr:
    return text.str.len_bytes() == text.str.len_chars()
