"""Groups the reasons of rejected records by the column of the file, the biggest first."""

from dataclasses import dataclass, field
from textwrap import shorten

from importer.exceptions import one_line
from importer.rejects.report import Example, Family

# Characters of a value that an example shows.
SHOWN = 60


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, as people read it, with examples: "line 17: …"."""

    records: int
    name: str
    examples: list[str]

    @property
    def number(self) -> str:
        return f"{self.records:,} ×"  # noqa: RUF001


@dataclass(slots=True)
class Column:
    """The reasons of a column, or of whole records (no name). `fills`: its field, if that is called otherwise."""

    name: str
    fills: str = ""
    reasons: list[Reason] = field(default_factory=list)

    @property
    def records(self) -> int:
        return sum(reason.records for reason in self.reasons)


def by_column(families: list[Family]) -> list[Column]:
    columns: dict[str, Column] = {}
    for family in families:
        column = columns.setdefault(family.column or family.field, Column(family.column or family.field))
        if family.column:
            column.fills = family.field
        examples = [_told(example) for example in family.examples]
        column.reasons.append(Reason(family.records, family.code.replace("_", " "), examples))
    return sorted(columns.values(), key=lambda column: -column.records)


def _told(example: Example) -> str:
    """Tell an example, with the cell's own value unless the message has it already."""
    value = example.value or ""
    if any(f"{quote}{value}" in example.message for quote in "“\"'"):
        value = ""
    return one_line(
        f"{example.place}: {example.message}" + (f" (“{shorten(value, SHOWN)}”)" if value else "")
    )
