"""Finds date formats that cannot be read as they are meant."""

import datetime as dt
import re

from importer.specs.declarations import Column
from importer.specs.spec import ModelImport

DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)


def invalid_formats(spec: type[ModelImport]) -> list[str]:
    """Return one sentence for each invalid format, with the way out."""
    return [
        f'{spec.__qualname__}: the format "{format_}" of "{name}" {fault}.'
        for name, column in spec.declared.items()
        if isinstance(column, Column)
        for format_ in column.formats
        if (fault := _fault(format_))
    ]


def _fault(format_: str) -> str:
    if "Z" in DIRECTIVE.findall(format_):
        return (
            "has %Z, which reads the name of a time zone and forgets it; use %z with offsets such as +02:00, or a "
            "transform that turns the name into one"
        )
    try:
        dt.datetime.strptime("", format_)  # noqa: DTZ007 (only the format matters)
    except ValueError as error:
        if "directive" in str(error) or "stray %" in str(error):
            return f"is invalid: {error}"
    except re.error:
        return "is invalid: it has a directive twice"
    return ""
