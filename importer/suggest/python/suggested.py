"""Writes a suggestion as a spec in Python, with the evidence of each line behind or above it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from importer.specs.dialect import Dialect
from importer.suggest.fields.match import Match
from importer.suggest.file.guess_file import described
from importer.suggest.guess import Guess
from importer.suggest.python.literals import (
    INDENT,
    LONGEST,
    Name,
    comment,
    plain,
    quoted,
    with_comment,
    wrapped_text,
    written,
)
from importer.suggest.suggestion import Suggestion


def as_python(suggestion: Suggestion, name: str = "") -> str:
    """Write a complete module with one spec. `name`: the spec's; default: that of the model."""
    model = suggestion.model
    body = [*_meta(suggestion, name), "", *_declarations(suggestion)]
    used = sorted(
        {word for word in ("Column", "Dialect", "Lookup") if any(_uses(line, word) for line in body)}
    )
    lines = [
        f'"""Imports {plain(suggestion.file.name)[:50]} into {model._meta.label}, as `suggest_import` suggests.',
        "",
        f"{plain(described(suggestion.file))}.",
        *_of_encoding(suggestion),
        *wrapped_text(_command(suggestion, name), LONGEST - len(INDENT)),
        '"""',
        "",
        f"from importer import {', '.join([*used, 'ModelImport', 'register'])}",
        f"from {model.__module__} import {model.__qualname__.partition('.')[0]}",
        "",
        "",
        "@register",
        f"class {model._meta.object_name}Import(ModelImport):",
        *(f"{INDENT}{line}" if line else "" for line in body),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _uses(line: str, word: str) -> bool:
    return bool(re.search(rf"\b{word}\(", line)) and not line.lstrip().startswith("#")


def _of_encoding(suggestion: Suggestion) -> list[str]:
    """Say why a text is not read as UTF-8; a spec has no place for it."""
    guess = suggestion.file.parts.get("encoding")
    if guess is None or (guess.value == "utf-8" and not guess.is_doubtful):
        return []
    doubt = "DOUBT: " if guess.is_doubtful else ""
    others = "".join(f"; or {other.value}: {other.evidence}" for other in guess.alternatives)
    return wrapped_text(
        plain(f"{doubt}Encoding {guess.value}: {guess.evidence}{others}."), LONGEST - len(INDENT)
    )


def _command(suggestion: Suggestion, name: str) -> str:
    file = suggestion.file
    words = ["manage.py create_import", name or suggestion.model._meta.label_lower, file.name]
    words += ["--encoding", file.encoding] if file.encoding != "utf-8" else []
    words += ["--sheet", repr(file.sheet)] if file.sheet and len(file.parts["sheet"].alternatives) else []
    return " ".join(map(plain, words))


def _meta(suggestion: Suggestion, name: str) -> Iterator[str]:
    yield "class Meta:"
    yield f"{INDENT}model = {suggestion.model.__qualname__}"
    if name:
        yield f"{INDENT}name = {quoted(name)}"
    yield from _key(suggestion.key)
    if suggestion.null_values:
        yield from with_comment(
            1, f"null_values = {written(suggestion.null_values)}", "words that mean nothing"
        )
    yield from with_comment(1, "fields = ()", "only the fields that are declared below")
    yield from _dialect(suggestion)


def _key(key: Guess[tuple[str, ...]]) -> Iterator[str]:
    yield from _doubt(1, key)
    if key.value:
        yield from with_comment(1, f"key = {written(key.value)}", "" if key.is_doubtful else key.evidence)
        yield from with_comment(1, '# on_conflict = "update"', "a row that exists is rejected without it")
    else:
        yield f"{INDENT}# No key: {plain(key.evidence)}."
    for other in key.alternatives:
        yield from with_comment(1, f"# key = {written(other.value)}", other.evidence)


def _dialect(suggestion: Suggestion) -> Iterator[str]:
    file = suggestion.file
    options = file.dialect_options()
    for part, guess in file.parts.items():
        if guess.is_doubtful and part != "encoding":
            yield from comment(1, f"DOUBT: {part}: {guess.evidence}.")
            for other in guess.alternatives:
                yield from comment(1, f"{part}={written(other.value)}  # {other.evidence}")
    if not options:
        return
    Dialect(**options)  # what is written is valid
    yield f"{INDENT}dialect = Dialect("
    for part, value in options.items():
        evidence = (
            file.parts[part].evidence if part in file.parts and not file.parts[part].is_doubtful else ""
        )
        yield from with_comment(2, f"{part}={written(value)},", evidence)
    yield f"{INDENT})"


def _declarations(suggestion: Suggestion) -> Iterator[str]:
    for match in suggestion.filled:
        yield from _declaration(suggestion, match)
    if suggestion.ignored:
        yield ""
        yield "# Columns that no field takes:"
        for match in suggestion.ignored:
            yield from _ignored(match)
    if suggestion.unfilled:
        yield ""
        yield "# Required fields that no column fills:"
        for each in suggestion.unfilled:
            yield from comment(0, f"{each.field}: {each.advice}.")


def _declaration(suggestion: Suggestion, match: Match) -> Iterator[str]:
    name, column = match.field.value, match.column.name
    nulls = suggestion.nulls_of(match)
    yield from _doubt(0, match.field)
    if match.reference:
        reference = match.reference
        yield from _doubt(0, reference)
        own = {"null_values": tuple(nulls)} if nulls else {}
        line = f"{name} = Lookup({_arguments(column, {'to': reference.value.to} | own)})"
        told = [guess.evidence for guess in (match.field, reference) if not guess.is_doubtful]
        yield from with_comment(0, line, "; ".join(told))
        for other in reference.alternatives:
            other_line = f"# {name} = Lookup({_arguments(column, {'to': other.value.to} | own)})"
            yield from with_comment(0, other_line, other.evidence)
    else:
        for doubt in match.doubts:
            yield from comment(0, f"DOUBT: {doubt.evidence}.")
        line = f"{name} = Column({_arguments(column, _given(match.options.as_json(), nulls))})"
        yield from with_comment(0, line, "" if match.field.is_doubtful else match.field.evidence)
        for doubt in match.doubts:
            for reading in doubt.alternatives:
                given = _given(reading.value.as_json(), nulls)
                yield from with_comment(
                    0, f"# {name} = Column({_arguments(column, given)})", reading.evidence
                )
    for another in match.field.alternatives:
        yield from with_comment(0, f"# {another.value} = Column({quoted(column)})", another.evidence)


def _given(options: Mapping[str, Any], nulls: list[str]) -> dict[str, Any]:
    given = {key: value for key, value in options.items() if key != "null_values"}
    given = ({"transform": Name("str.strip")} if given.pop("strip", False) else {}) | given
    return given | ({"null_values": tuple(nulls)} if nulls else {})


def _ignored(match: Match) -> Iterator[str]:
    column = match.column
    examples = ", ".join(f"“{plain(text)[:30]}”" for text in column.examples)
    yield from comment(
        0, f"{quoted(column.name)}: {match.field.evidence}{f'; {examples}' if examples else ''}"
    )
    for other in match.field.alternatives:
        yield from with_comment(0, f"# {other.value} = Column({quoted(column.name)})", other.evidence)


def _doubt(depth: int, guess: Guess[Any]) -> Iterator[str]:
    if guess.is_doubtful:
        yield from comment(depth, f"DOUBT: {guess.evidence}.")


def _arguments(column: str, options: Mapping[str, Any]) -> str:
    return ", ".join([quoted(column), *(f"{key}={written(value)}" for key, value in options.items())])
