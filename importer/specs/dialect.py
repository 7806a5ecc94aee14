"""Describes how a delimited file is written."""

from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.core.exceptions import ImproperlyConfigured

LONGEST_DELIMITER = 20
WIDEST = 1_000_000
LINE_BREAKS = "\r\n\0"
# Parts that options of a command and fields of a form give.
PARTS = (
    "quote", "escape", "comment", "skip_lines", "footer_lines", "header", "columns", "trailing_delimiter",
    "blank_after_delimiter", "widths",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a delimited file is written. `create_import` has an option for each part, which wins over the spec's.

    delimiter              the text between two fields; empty: a comma, or a tab in TSV
    quote                  the character around fields; None: no field is quoted
    escape                 takes the special meaning from the character behind it. After a backslash, the letters of
                           PostgreSQL and MySQL are read as they write them (`\\n`, `\\t` …; `\\N` alone is null)
    comment                lines that begin with this text are passed over
    skip_lines             lines before the header, or before the first record
    footer_lines           lines after the last record, without blank ones
    header                 whether there is a header; without one, `columns` names the columns
    trailing_delimiter     whether each line ends with a delimiter
    blank_after_delimiter  whether blanks before a field do not belong to it
    widths                 the characters of each field, in files of fields with fixed widths; without a delimiter
    decimal, thousands     the marks in numbers

    Raises ImproperlyConfigured if the parts contradict each other.
    """

    delimiter: str = ""
    quote: str | None = '"'
    escape: str | None = None
    comment: str | None = None
    skip_lines: int = 0
    footer_lines: int = 0
    header: bool = True
    columns: tuple[str, ...] = ()
    trailing_delimiter: bool = False
    blank_after_delimiter: bool = False
    widths: tuple[int, ...] = ()
    decimal: str = "."
    thousands: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(self.columns))
        object.__setattr__(self, "widths", tuple(self.widths))
        if self.escape == self.quote:
            object.__setattr__(self, "escape", None)  # PostgreSQL's words for a doubled quote
        if fault := self._fault():
            raise ImproperlyConfigured(fault)

    @property
    def is_plain(self) -> bool:
        """Whether CSV parsers read it as it is: one-byte marks, and nothing to take away."""
        marks = f"{self.delimiter}{self.quote or ''}"
        takes_away = self.escape or self.comment or self.trailing_delimiter or self.blank_after_delimiter
        return len(self.delimiter) <= 1 and marks.isascii() and not takes_away and not self.widths

    def with_options(self, options: dict[str, Any]) -> "Dialect":
        """Return the dialect with other parts, by name. Raises ImproperlyConfigured."""
        return replace(self, **options)

    def as_dict(self) -> dict[str, Any]:
        """Return all parts, as JSON."""
        return asdict(self) | {"columns": list(self.columns), "widths": list(self.widths)}

    def _fault(self) -> str:
        special = f"{self.quote or ''}{self.escape or ''}{LINE_BREAKS}"
        is_word = len(self.delimiter) > 1 and self.delimiter.isalnum()  # "semicolon"
        if (
            is_word
            or len(self.delimiter) > LONGEST_DELIMITER
            or any(mark in special for mark in self.delimiter)
        ):
            return (
                f'Invalid delimiter "{self.delimiter}": use one character, or up to {LONGEST_DELIMITER} (no word), '
                f"without the quote, the escape, line breaks and NUL."
            )
        for name, value in (("quote", self.quote), ("escape", self.escape)):
            if value is not None and (len(value) != 1 or value in LINE_BREAKS or value.isspace()):
                return f'Invalid {name} "{value}": use one character other than a blank, a line break or NUL.'
        if self.escape and (not self.escape.isascii() or self.escape.isalnum()):
            return f'Invalid escape "{self.escape}": use an ASCII character other than a letter or a digit.'
        if self.comment is not None and (
            not self.comment or any(mark in special + self.delimiter for mark in self.comment)
        ):
            return (
                f'Invalid comment "{self.comment}": use the beginning of comment lines, without the delimiter, the '
                f"quote, the escape or a line break."
            )
        for name, lines in (("skip_lines", self.skip_lines), ("footer_lines", self.footer_lines)):
            if type(lines) is not int or lines < 0:
                return f'Invalid {name} "{lines}": use a number of lines, 0 or more.'
        return self._fault_of_widths() or self._fault_of_columns()

    def _fault_of_widths(self) -> str:
        if not self.widths:
            return ""
        for width in self.widths:
            if type(width) is not int or not 0 < width <= WIDEST:
                return f'Invalid width "{width}": use a number of characters, 1 to {WIDEST:,}.'
        if self.delimiter or self.escape or self.trailing_delimiter or self.blank_after_delimiter:
            return "Fields of fixed widths have no delimiter and no escape; leave them out."
        if self.columns and len(self.columns) != len(self.widths):
            return f"There are {len(self.widths)} widths and {len(self.columns)} columns; name each field."
        return ""

    def _fault_of_columns(self) -> str:
        if self.header:
            return "Columns are named by the header; name them only without one." if self.columns else ""
        if not self.columns:
            return "A file without a header needs the names of its columns; name them with columns."
        if not all(self.columns):
            return "A name of a column is empty; name each column."
        name, times = Counter(self.columns).most_common(1)[0]
        return f'The column "{name}" is named more than once; rename one.' if times > 1 else ""


def parts_given(options: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a dialect that people gave by options or fields, by name."""
    parts = {name: options[name] for name in PARTS if options.get(name) is not None}
    for name in ("quote", "escape", "comment"):
        if parts.get(name) == "none":
            parts[name] = None
    if "columns" in parts:
        parts["columns"] = [name.strip() for name in parts["columns"].split(",")]
    if "widths" in parts:
        widths = [width.strip() for width in parts["widths"].split(",")]
        parts["widths"] = [int(width) if width.isdecimal() and len(width) < 9 else width for width in widths]
    return parts
