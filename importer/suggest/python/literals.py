"""Writes values, comments and long lines of Python as the formatter would."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from importer.exceptions import one_line

LONGEST = 120
INDENT = "    "


def plain(text: str) -> str:
    """Return a text as one line that ends neither a docstring nor a comment."""
    return one_line(text).replace("\\", "/").replace('"""', "'''")


class Name(str):
    """A name in Python, which is written without quotes."""


def written(value: Any) -> str:
    """Write a value as the formatter would: texts in double quotes, lists of names as tuples."""
    if isinstance(value, Name):
        return str(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, tuple | list):
        items = [written(item) for item in value]
        return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{written(key)}: {written(item)}" for key, item in value.items()) + "}"
    return repr(value)


def quoted(text: str) -> str:
    """Write a text as the formatter would: in double quotes, unless that needs more escapes."""
    plain = repr(text)
    if plain.startswith("'") and '"' not in text:
        return f'"{plain[1:-1]}"'
    if plain.startswith("'") and "'" in text:  # both: repr has escaped the single quotes
        inner = plain[1:-1].replace("\\'", "'").replace('"', '\\"')
        return f'"{inner}"' if text.count('"') <= text.count("'") else plain
    return plain


def with_comment(depth: int, line: str, evidence: str) -> Iterator[str]:
    """Yield a line with its evidence behind it, or above it if both are too long; wrapped as the formatter does."""
    indent = INDENT * depth
    evidence = plain(evidence)
    behind = f"{indent}{line}  # {evidence}" if evidence else f"{indent}{line}"
    if len(behind) + len(INDENT) <= LONGEST:
        yield behind
        return
    yield from comment(depth, evidence) if evidence else ()
    yield from _wrapped(indent, line)


def _wrapped(indent: str, line: str) -> Iterator[str]:
    if len(indent) + len(line) + len(INDENT) <= LONGEST or line.startswith("#"):
        yield f"{indent}{line}"
        return
    head, _, rest = line.partition("(")
    yield f"{indent}{head}("
    for argument in _split_arguments(rest[: rest.rindex(")")]):
        yield f"{indent}{INDENT}{argument},"
    yield f"{indent}){line[line.rindex(')') + 1 :]}"


def _split_arguments(text: str) -> Iterator[str]:
    """Split arguments at the commas between them, not at those in brackets or quotes."""
    depth, start, quote, escaped = 0, 0, "", False
    for number, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote and not escaped else quote
            escaped = letter == "\\" and not escaped
        elif letter in "\"'":
            quote, escaped = letter, False
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter == "," and not depth:
            if piece := text[start:number].strip():
                yield piece
            start = number + 1
    if piece := text[start:].strip():
        yield piece


def comment(depth: int, text: str) -> Iterator[str]:
    indent = f"{INDENT * depth}# "
    for line in wrapped_text(plain(text), LONGEST - len(indent) - len(INDENT)):
        yield f"{indent}{line}"


def wrapped_text(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False)
