"""Compares guesses with the right answers."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from importer.suggest.suggestion import Suggestion, suggest
from tests.importer.suggest.answers import Answer, Case

# How a column is read; what an answer does not name must not be guessed.
READING = ("formats", "decimal", "thousands", "true", "false", "values")


@dataclass
class Marks:
    """How many answers are right; `silent` lists wrong ones that show no doubt, `wrong` all wrong ones."""

    columns: int = 0
    right: int = 0
    silent: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    doubts: int = 0

    @property
    def share(self) -> float:
        return self.right / self.columns

    def add(self, what: str, *, is_right: bool, is_doubtful: bool) -> None:
        self.columns += 1
        self.right += is_right
        self.doubts += is_doubtful
        if not is_right:
            self.wrong.append(what)
            if not is_doubtful:
                self.silent.append(what)


def graded(case: Case, folder: Path, marks: Marks) -> Suggestion:
    """Guess a file, and compare each of its columns with its answer."""
    case.parents()
    path = case.write(Path(tempfile.mkdtemp(dir=folder)))
    suggestion = suggest(str(path), case.model)
    by_column = {match.column.name: match for match in suggestion.matches}
    for name, answer in case.columns.items():
        match = by_column.get(name)
        if match is None:
            marks.add(f"{case.name}: no column {name}", is_right=False, is_doubtful=False)
            continue
        found = answer_of(suggestion, name)
        marks.add(
            f"{case.name}: {name}: {found}, not {answer}",
            is_right=found == full(answer),
            is_doubtful=match.is_doubtful,
        )
    wanted = {
        "encoding": "utf-8",
        "delimiter": None,
        "header": True,
        "skip_lines": 0,
        "footer_lines": 0,
        "sheet": None,
    }
    for part, guess in suggestion.file.parts.items():
        right = (wanted | {"comment": None} | case.written).get(part, ...)
        if right is None and part == "delimiter":
            right = suggestion.file.parts[part].value if guess.value in (",", "\t") else ","
        if right is not ... and not (part == "sheet" and right is None):
            marks.add(f"{case.name}: {part}: {guess.value!r}, not {right!r}", is_right=guess.value == right,
                      is_doubtful=guess.is_doubtful)  # fmt: skip
    marks.add(f"{case.name}: key {suggestion.key.value}, not {case.key}", is_right=suggestion.key.value == case.key,
              is_doubtful=suggestion.key.is_doubtful)  # fmt: skip
    return suggestion


def full(answer: Answer) -> tuple[str, dict[str, object]]:
    name, options = answer if isinstance(answer, tuple) else (answer, {})
    return name, {key: value for key, value in options.items() if key in (*READING, "to")}


def answer_of(suggestion: Suggestion, column: str) -> tuple[str, dict[str, object]]:
    """Return the guess about a column, as answers are written."""
    match = next(match for match in suggestion.matches if match.column.name == column)
    if not match.field.value:
        return "", {}
    if match.reference:
        return match.field.value, {"to": match.reference.value.to}
    options = {name: getattr(match.options, name) for name in READING}
    return match.field.value, {name: value for name, value in options.items() if value}
