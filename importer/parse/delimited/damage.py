"""Describes records that cannot be read: the error of each kind of damage, and the text that is kept."""

from collections.abc import Sequence
from typing import Any

from importer.parse.delimited.file import DelimitedFile
from importer.records import LONE_SURROGATE, RAW, RecordError, escaped, shown


def error(code: str, message: str) -> RecordError:
    return RecordError("", code, message)


def wrong_width(fields: int, file: DelimitedFile) -> RecordError:
    """Return the error of a record with so many fields, as people count them."""
    expected = len(file.columns)
    if file.dialect.trailing_delimiter:
        if fields in (file.width, file.width - 1):
            return error("too_few_fields", "The record does not end with the delimiter.")
        fields -= 1
    code = "too_few_fields" if fields < expected else "too_many_fields"
    return error(code, f"The record has {fields} fields where the header has {expected}.")


def undecodable(fields: Sequence[str | None], file: DelimitedFile) -> RecordError:
    for number, text in enumerate(fields):
        if text and (match := LONE_SURROGATE.search(text)):
            # In the header the columns are not known yet.
            name = file.columns[number] if number < len(file.columns) else ""
            byte = ord(match[0]) & 0xFF
            message = f"Character {match.start() + 1} is not valid {file.encoding} (byte 0x{byte:02x})."
            return RecordError(name, "undecodable", message, shown(text))
    raise AssertionError("called without an undecodable character")


def stray_quote(closed: int, text: str) -> RecordError:
    """Return the error of a quote that is closed only many lines later, in line `closed`."""
    message = (
        f"A quote opens here and is closed in line {closed:,}, but the lines between look like records; it is taken "
        f"for a stray quote."
    )
    return RecordError("", "unterminated_quote", message, shown(text))


def refused_by_parser(reason: str, text: str, first: int, last: int) -> RecordError:
    """Return the error of the lines that the standard library's parser refuses for a reason."""
    code, message = "unterminated_quote", "A quote opens here and is not closed."
    if "expected after" in reason:
        code, message = "stray_quote", "Text follows a closing quote."
    elif "new-line character" in reason:
        code, message = "stray_return", "A carriage return stands alone in the record."
    if last > first:
        message += (
            f" Lines {first:,} to {last:,} are rejected together: where the next record begins is uncertain."
        )
    return RecordError("", code, message, shown(text))


def raw(values: Sequence[str | None], errors: list[RecordError], file: DelimitedFile) -> dict[str, Any]:
    """Return what is kept of a rejected record."""
    fields = [value or "" for value in values]
    text = {RAW: file.dialect.delimiter.join(escaped(field) for field in fields)}
    if errors[0].code in ("too_few_fields", "too_many_fields") and not _is_whole(fields, errors):
        # Nobody can tell which field is missing or surplus. The mark keeps a replay from importing the record.
        return {name: escaped(field) for name, field in zip(file.columns, fields, strict=False)} | text
    return text


def _is_whole(fields: Sequence[str], errors: list[RecordError]) -> bool:
    """Tell whether the only field is the whole text of a record that was too wide to be split."""
    return len(fields) == 1 and errors[0].code == "too_many_fields"
