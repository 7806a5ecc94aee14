"""Guesses the delimiter, the quote and the escape of a text: by the splits that give the most regular table."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from importer.suggest.guess import Alternative, Confidence, Guess, given, percent
from importer.suggest.values.kinds import is_typed

# How often people use a delimiter, against how often the character is part of a text.
SINGLE = {
    ",": 1.0,
    ";": 1.0,
    "\t": 1.02,
    "|": 1.0,
    "\x01": 1.0,
    "\x1f": 1.0,
    "^": 0.8,
    "~": 0.8,
    ":": 0.6,
    " ": 0.35,
}
NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "blank", ":": "colon", "\x01": "\\x01"}
SEVERAL = re.compile(r"(?:(?![\w\s\"'.,;\-\\])[\x21-\x7e\u00a6\u00a7]){2,5}")
# What is looked at: enough for a verdict, little enough for a file of one endless line.
MOST_LINES, MOST_CHARACTERS = 400, 200_000
LONGEST_LINE = 60_000
# Stands for a delimiter of several characters while the csv module splits.
STAND_IN = "\ue000"
# Another split that is nearly as regular.
NEARLY = 0.9
MOST_FIELDS = 20_000


@dataclass(frozen=True, slots=True)
class Record:
    """The fields of one record, and the number of its first line, from 0."""

    line: int
    fields: list[str]


@dataclass(frozen=True, slots=True)
class Marks:
    """What separates and encloses fields."""

    delimiter: str
    quote: str | None = '"'
    escape: str | None = None


@dataclass(frozen=True, slots=True)
class _Split:
    marks: Marks
    width: int
    share: float
    score: float


def lines_of(text: str) -> list[str]:
    """Return the lines of a text, whatever ends them."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def split(lines: Sequence[str], marks: Marks) -> Iterator[Record]:
    """Yield the records that are not blank. Ends at what the csv module cannot split."""
    delimiter = marks.delimiter
    if len(delimiter) > 1:
        lines, delimiter = [line.replace(delimiter, STAND_IN) for line in lines], STAND_IN
    reader = csv.reader(
        (f"{line[:LONGEST_LINE]}\n" for line in lines),
        delimiter=delimiter or ",",
        quotechar=marks.quote or '"',
        quoting=csv.QUOTE_MINIMAL if marks.quote else csv.QUOTE_NONE,
        escapechar=marks.escape,
    )
    start = 0
    try:
        for fields in reader:
            if any(fields) or len(fields) > 1:
                yield Record(start, fields[:MOST_FIELDS])
            start = reader.line_num
    except csv.Error:
        return


def guess_marks(
    lines: Sequence[str], *, delimiter: str = "", is_tsv: bool = False
) -> tuple[Guess[str], Guess[str | None], Guess[str | None]]:
    """Guess delimiter, quote and escape. `delimiter`: what somebody has said."""
    looked_at = list(_bounded(lines))
    candidates = [delimiter] if delimiter else _candidates(looked_at)
    splits = sorted(
        (_judged(looked_at, marks) for mark in candidates for marks in _with_quotes(looked_at, mark)),
        key=lambda s: -s.score,
    )
    best = splits[0] if splits else None
    if best is None or (best.width < 2 and not delimiter):
        default = delimiter or ("\t" if is_tsv else ",")
        return _one_column(looked_at, default), Guess('"', "likely", "nothing is quoted"), _no_escape()
    quote, escape = _quote(looked_at, best, splits), _escape(best)
    if delimiter:
        return given(delimiter), quote, escape
    others = [s for s in splits if s.marks.delimiter != best.marks.delimiter and s.width > 1]
    close = [s for s in others if s.score > best.score * NEARLY]
    sure: Confidence = "sure" if best.share > 0.98 else "likely"
    found = Guess(
        best.marks.delimiter,
        "doubtful" if close else sure,
        f"{percent(best.share)} of the records then have {best.width} fields",
        tuple(
            Alternative(s.marks.delimiter, f"{percent(s.share)} of the records have {s.width} fields")
            for s in close[:2]
        ),
    )
    return found, quote, escape


def name_of(delimiter: str) -> str:
    """Name a delimiter for people."""
    return NAMES.get(delimiter, f"“{delimiter}”")


def _bounded(lines: Sequence[str]) -> Iterator[str]:
    characters = 0
    for line in lines[:MOST_LINES]:
        characters += min(len(line), LONGEST_LINE)
        yield line[:LONGEST_LINE]
        if characters > MOST_CHARACTERS:
            return


def _candidates(lines: Sequence[str]) -> list[str]:
    """Return the marks that occur in half of the lines or more."""
    filled = [line for line in lines if line.strip()]
    counts = Counter(mark for line in filled for mark in SINGLE if mark in line)
    counts.update(mark for line in filled for mark in set(SEVERAL.findall(line)))
    common = [mark for mark, times in counts.items() if times * 2 >= len(filled)]
    several = [mark for mark in common if len(mark) > 1]
    parts = {letter for mark in several for letter in mark if _is_part(letter, mark, filled)}
    return sorted(
        (mark for mark in common if mark not in parts), key=lambda mark: (-SINGLE.get(mark, 0.95), mark)
    )


def _is_part(letter: str, mark: str, lines: Sequence[str]) -> bool:
    """Tell whether nearly all places of a letter are within a longer mark, so that it separates nothing itself."""
    times = sum(line.count(letter) for line in lines)
    return times <= 1.1 * sum(line.count(mark) for line in lines) * mark.count(letter)


def _with_quotes(lines: Sequence[str], delimiter: str) -> Iterator[Marks]:
    text = "\n".join(lines)
    if '"' not in text:
        yield Marks(delimiter)
    else:
        yield Marks(delimiter)
        yield Marks(delimiter, None)
        if '\\"' in text:
            yield Marks(delimiter, '"', "\\")
    if re.search(rf"(?:^|{re.escape(delimiter)})'[^'\n]*'(?:{re.escape(delimiter)}|$)", text, re.MULTILINE):
        yield Marks(delimiter, "'")


def _judged(lines: Sequence[str], marks: Marks) -> _Split:
    """Judge a split by how many records are alike, and how many fields are clean values."""
    records = list(split(lines, marks))
    if len(records) > 1 and len(lines) >= MOST_LINES:
        records = records[:-1]  # it may be cut
    widths = Counter(len(record.fields) for record in records)
    if not widths:
        return _Split(marks, 0, 0.0, 0.0)
    width = max(widths, key=lambda w: (widths[w] * (w > 1), w))
    first = next(n for n, record in enumerate(records) if len(record.fields) == width)
    table = records[first:] if first <= len(records) // 2 else records
    # Lines before a table rarely have its delimiter.
    split_before = sum(len(record.fields) > 1 for record in records) - sum(len(r.fields) > 1 for r in table)
    share = sum(len(record.fields) == width for record in table) / (len(table) + split_before)
    fields = [field for record in table[:200] for field in record.fields[:100]]
    clean = sum(map(_cleanliness, fields)) / len(fields) if fields else 0.0
    # Lines inside fields are rare; a stray quote makes many.
    consumed = len(records) / max(1, sum(1 for line in lines if line.strip()))
    score = share**2 * clean * (1 - 1 / (width + 0.5)) * min(1.0, 0.5 + consumed / 2)
    if marks.quote == "'" or marks.escape:
        score *= 1.01  # yielded only where they occur
    return _Split(marks, width, share, score * SINGLE.get(marks.delimiter, 0.95))


def _cleanliness(field: str) -> float:
    text = field.strip()
    if not text or is_typed(text):
        return 1.0
    if text[0] in "\"'" and len(text) > 1:
        return 0.5  # a quote that was not taken away
    if '"' in text or ";" in text or "\t" in text or "|" in text:
        return 0.7
    return 0.95


def _one_column(lines: Sequence[str], default: str) -> Guess[str]:
    filled = [line for line in lines if line.strip()]
    aligned = [line for line in filled if re.search(r"\S {2,}\S", line)]
    if len(aligned) * 2 > len(filled) > 2:
        return Guess(default, "doubtful", "the fields seem to have fixed widths; name them with --widths")
    return Guess(default, "likely", "no delimiter splits the lines; the file has one column")


def _quote(lines: Sequence[str], best: _Split, splits: list[_Split]) -> Guess[str | None]:
    quote = best.marks.quote
    if not any((quote or '"') in line for line in lines):
        return Guess('"', "likely", "nothing is quoted")
    if quote is None:
        return Guess(None, "likely", "quotes stand within fields and enclose none")
    without = [s for s in splits if s.marks.delimiter == best.marks.delimiter and s.marks.quote != quote]
    told = "with it, the records are more regular" if without else "it encloses fields"
    return Guess(quote, "likely", told)


def _escape(best: _Split) -> Guess[str | None]:
    if best.marks.escape:
        return Guess("\\", "likely", "quotes within fields have a backslash in front")
    return _no_escape()


def _no_escape() -> Guess[str | None]:
    return Guess(None, "likely", "no quote has a backslash in front")
