"""Tells how alike the names of a column and a field are, also across languages and abbreviations."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from rapidfuzz import fuzz

from importer.suggest.meanings import meanings

CAMEL = re.compile(
    r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])"
)
UMLAUTS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "å": "a", "œ": "oe"}
)
# Pairs of meanings that are close, but not the same: worth a proposal.
RELATED = frozenset(
    frozenset(pair.split("|"))
    for pair in (
        "address|street", "name|title", "name|full name", "count|number", "time|timestamp", "date|day",
        "date|timestamp", "note|description", "price|amount", "price|unit price", "name|username",
        "total|amount", "id|number", "id|code",
        "code|number", "category|type", "company|name", "country|country code", "gender|salutation", "phone|mobile",
    )
)  # fmt: skip
# A name for the rows of a model is its name, or what stands for it.
OF_ROWS = ("name", "full name", "title", "code", "number")
IN_BRACKETS = re.compile(r"[(\[{<][^)\]}>]*[)\]}>]")
# Words that tell nothing of which field is meant.
FILLERS = {
    "the",
    "of",
    "a",
    "der",
    "die",
    "das",
    "de",
    "du",
    "la",
    "le",
    "el",
    "col",
    "column",
    "field",
    "feld",
    "fld",
}
OF_DATES = {"date", "time", "at", "on", "timestamp", "ts", "am"}
OF_FLAGS = {"is", "has", "flag", "ist", "indicator", "ind", "yn", "jn"}


@lru_cache(maxsize=20_000)
def words_of(name: str) -> tuple[str, ...]:
    """Split a name into words: "Kd-Nr", "kdNr" and "KD_NR" are ("kd", "nr")."""
    spaced = CAMEL.sub(" ", name[:200])
    folded = spaced.casefold().translate(UMLAUTS)
    plain = "".join(c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c))
    return tuple(re.findall(r"[^\W_]+", plain))


MEANING_OF = {
    words: words_of(meaning)
    for meaning, others in meanings().items()
    for words in (words_of(meaning), *map(words_of, others))
}
LONGEST = max(map(len, MEANING_OF))


@lru_cache(maxsize=20_000)
def meaning_of(words: tuple[str, ...]) -> tuple[str, ...]:
    """Replace words by what they mean, the longest phrases first: ("plz",) is ("postal", "code")."""
    result: list[str] = []
    position = 0
    while position < len(words):
        for size in range(min(LONGEST, len(words) - position), 0, -1):
            phrase = words[position : position + size]
            found = MEANING_OF.get(phrase) or MEANING_OF.get(words_of("".join(phrase)))
            if found:
                result += found
                position += size
                break
        else:
            if words[position] not in FILLERS:
                result.append(words[position])
            position += 1
    return tuple(result) or words


def likeness(
    column: str, name: str, *, about: Sequence[str] = (), ignoring: frozenset[str] = frozenset()
) -> tuple[float, str]:
    """Return how alike two names are, from 0 to 1, and how.

    about     the words of the model's name, which a column may repeat: "customer name"
    ignoring  words that count for nothing: those of dates, for a field of dates
    """
    ours, theirs = words_of(IN_BRACKETS.sub("", column)) or words_of(column), words_of(name)
    if "".join(ours) == "".join(theirs):
        return 1.0, "is called like"
    means, meant = _without(meaning_of(ours), ignoring), _without(meaning_of(theirs), ignoring)
    if means == meant:
        return 0.95, "means"
    if sorted(means) == sorted(meant):
        return 0.93, "means"
    short, other = _without(means, frozenset(about)), _without(meant, frozenset(about))
    if short == other:
        return 0.92, "means"
    if meaning_of(tuple(about)) == means and " ".join(meant) in OF_ROWS:
        return 0.85 - OF_ROWS.index(" ".join(meant)) / 100, "names the row, as does"
    return _roughly(means, meant), "resembles"


def _roughly(means: tuple[str, ...], meant: tuple[str, ...]) -> float:
    """Return how alike two names with different words are."""
    if [word for word in means if word.isdigit()] != [word for word in meant if word.isdigit()]:
        return 0.3
    letters = fuzz.ratio("".join(means), "".join(meant)) / 100
    shared = len(set(means) & set(meant))
    words = 2 * shared / (len(set(means)) + len(set(meant)))
    # A typing error leaves each word nearly as it was; "start date" and "end date" are two names.
    is_typo = len(means) == len(meant) and all(
        fuzz.ratio(a, b) >= 75 and a[:1] == b[:1] for a, b in zip(means, meant, strict=True)
    )
    is_part = shared == min(len(set(means)), len(set(meant)))
    is_related = frozenset((" ".join(means), " ".join(meant))) in RELATED
    return max(
        0.9 * letters if is_typo else 0.55 * letters,
        0.62 + 0.2 * words if is_part else 0.85 * words,
        0.8 if is_related else 0,
    )


def _without(words: tuple[str, ...], others: frozenset[str]) -> tuple[str, ...]:
    return tuple(word for word in words if word not in others) or words
