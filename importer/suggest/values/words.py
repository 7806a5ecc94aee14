"""Finds the words of a column for nothing, for yes and for no."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from importer.suggest.guess import Guess
from importer.suggest.values.dates import NO_DATES

# Words that mean "nothing" wherever they stand, and those that do among values of another kind.
STRONG_NULLS = (
    "NULL",
    "null",
    "Null",
    r"\N",
    "(null)",
    "#N/A",
    "#NV",
    "#NULL!",
    "N/A",
    "n/a",
    "<NA>",
    "(blank)",
)
WEAK_NULLS = (
    "NA", "na", "NaN", "nan", "None", "none", "nil", "-", "--", "---", "—", "–", "?", ".", "*", "k.A.", "k. A.", "k.A",
    "keine", "unknown", "unbekannt", "n.a.", "N.A.", "s/o", "n.v.", *NO_DATES,
)  # fmt: skip
# Pairs of words for yes and no, in lower case.
PAIRS = (
    ("true", "false"), ("t", "f"), ("yes", "no"), ("y", "n"), ("1", "0"), ("ja", "nein"), ("j", "n"), ("oui", "non"),
    ("o", "n"), ("sí", "no"), ("si", "no"), ("s", "n"), ("wahr", "falsch"), ("vrai", "faux"), ("verdadero", "falso"),
    ("on", "off"), ("x", ""), ("-1", "0"), ("sim", "não"), ("vero", "falso"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BooleanWords:
    """The words of a boolean, as the file writes them."""

    true: tuple[str, ...]
    false: tuple[str, ...]


def null_words_of(
    values: Mapping[str, int], is_of_a_kind: Callable[[Mapping[str, int]], bool]
) -> Guess[tuple[str, ...]]:
    """Guess which words mean "nothing". `is_of_a_kind` tells whether values are all numbers, dates or the like."""
    words = [text.strip() for text in values if text.strip() in (*STRONG_NULLS, *WEAK_NULLS)]
    words = list(dict.fromkeys(words))
    if not words:
        return Guess((), "sure", "no word means nothing")
    others = {text: number for text, number in values.items() if text.strip() not in words}
    total = sum(others.values())
    if not total or is_of_a_kind(others):
        told = (
            f"“{words[0]}” stands among values of another kind" if total else f"there are only “{words[0]}”"
        )
        return Guess(tuple(words), "likely" if total else "doubtful", told)
    strong = tuple(word for word in words if word in STRONG_NULLS)
    weak = [word for word in words if word not in STRONG_NULLS]
    if weak:
        told = f"“{weak[0]}” may be a value, or mean nothing; it is kept"
        return Guess(strong, "doubtful", told)
    return Guess(strong, "likely", f"“{strong[0]}” means nothing")


def booleans_of(values: Mapping[str, int], *, has_blanks: bool) -> Guess[BooleanWords] | None:
    """Guess the words for yes and no."""
    words = Counter({text.strip(): number for text, number in values.items()})
    folded = {word.casefold() for word in words}
    if len(folded) > 2:
        return None
    for yes, no in PAIRS:
        if folded == {yes, no} or (yes == "x" and folded == {"x"} and has_blanks):
            true = tuple(word for word in words if word.casefold() == yes)
            false = tuple(word for word in words if word.casefold() == no)
            told = f"all values are “{true[0]}” or “{false[0] if false else ''}”"
            return Guess(BooleanWords(true, false), "likely", told)
    for yes, no in PAIRS:
        if folded <= {yes, no}:
            true = tuple(word for word in words if word.casefold() == yes)
            false = tuple(word for word in words if word.casefold() == no)
            told = f"the only value is “{next(iter(words))}”"
            return Guess(BooleanWords(true, false), "doubtful", told)
    return None
