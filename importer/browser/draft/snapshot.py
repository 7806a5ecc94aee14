"""Writes a suggestion as JSON, as the pages show it."""

from typing import Any

from importer.records import escaped
from importer.suggest.fields.match import Match
from importer.suggest.file.guess_file import described
from importer.suggest.guess import Guess, percent
from importer.suggest.suggestion import Suggestion
from importer.suggest.values.columns import ColumnProfile

# Columns of the preview, values of a column, and characters of a cell that are kept for the pages.
MOST_COLUMNS, MOST_VALUES, LONGEST = 2_000, 200, 200
WORDS = {True: "yes", False: "no", None: "none", "\t": "tab", "": "none"}
PARTS = {
    "encoding": "Encoding", "delimiter": "Between fields", "quote": "Around fields", "escape": "Escape",
    "comment": "Comments", "skip_lines": "Lines before the header", "footer_lines": "Lines after the records",
    "header": "Header", "sheet": "Sheet", "decimal": "Decimal sign", "thousands": "Thousands sign",
}  # fmt: skip


def snapshot_of(suggestion: Suggestion) -> dict[str, Any]:
    """Return what the pages show of a suggestion, with what PostgreSQL cannot store as escapes."""
    file = suggestion.file
    snapshot = {
        "described": described(file),
        "columns": list(file.columns[:MOST_COLUMNS]),
        "records": [[_cut(row[name]) for name in file.columns] for row in file.first_records],
        "number": file.records or 0,
        "faulty": file.faulty,
        "parts": [
            _guess(PARTS.get(name, name.replace("_", " ").capitalize()), guess)
            for name, guess in [("Format", file.format), *file.parts.items()]
        ],
        "fields": [column_of(match) for match in suggestion.matches],
        "unfilled": [{"field": each.field, "advice": each.advice} for each in suggestion.unfilled],
        "key": {"evidence": suggestion.key.evidence, "is_doubtful": suggestion.key.is_doubtful},
    }
    return {name: _storable(value) for name, value in snapshot.items()}


def column_of(match: Match) -> dict[str, Any]:
    """Return what the pages show of a column."""
    profile, reference = match.column, match.reference
    doubts = [{"evidence": doubt.evidence, "readings": _readings(doubt)} for doubt in match.doubts]
    if reference and reference.is_doubtful:
        doubts.append({"evidence": reference.evidence, "readings": []})
    return {
        "column": profile.name,
        "examples": [_cut(text) for text in profile.examples],
        "filled": percent(profile.filled),
        "kind": profile.kind.value,
        "field": match.field.value,
        "confidence": match.field.confidence,
        "evidence": match.field.evidence,
        "options": match.options.as_json(),
        "reference": reference.evidence if reference else "",
        "doubts": doubts,
        "values": _values(profile),
    }


def _readings(doubt: Any) -> list[dict[str, Any]]:
    return [{"evidence": other.evidence, "options": other.value.as_json()} for other in doubt.alternatives]


def _values(profile: ColumnProfile) -> list[list[Any]]:
    return [[text[:LONGEST], number] for text, number in list(profile.values.items())[:MOST_VALUES]]


def _guess(name: str, guess: Guess[Any]) -> dict[str, Any]:
    return {
        "name": name,
        "value": _shown(guess.value),
        "evidence": guess.evidence,
        "is_doubtful": guess.is_doubtful,
        "others": [str(other.value) for other in guess.alternatives if _is_plain(other.value)],
    }


def _shown(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    return str(WORDS.get(value, value) if _is_plain(value) else value)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | bool | int)


def _storable(value: Any) -> Any:
    match value:
        case str():
            return escaped(value)
        case list():
            return [_storable(each) for each in value]
        case dict():
            return {name: _storable(each) for name, each in value.items()}
    return value


def _cut(text: str | None) -> str:
    return "" if text is None else text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
