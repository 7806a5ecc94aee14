"""Says what a verification has found."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

# Differences that are kept; all are counted.
SHOWN = 100
# Kinds of differences, each with what it says of their number.
KINDS = {
    "missing": "Records without a row in the table: {}",
    "differs": "Records whose row has other values: {}",
    "changed_since": "Records whose row was changed since the import: {}",
    "repeated": "Rows that are in the table more often than in the source: {}",
    "unlinked": "Records whose row has other links than the source names: {}",
    "refused": "Records that are refused now, though they were imported: {}",
    "not_rejected": "Records that cannot be read, but are not among the rejected ones: {}",
    "not_in_source": "Rejected records that are not in the source: {}",
    "unbalanced": "Figures of the job that do not add up: {}",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between source and table.

    kind    one of `KINDS`
    line    of the record; None where the table has a row that no record explains
    place   that line for people, with its file if there are several
    row     the row's primary key as text
    fields  the fields that differ, each with the source's value and the table's
    reason  what else is known
    """

    kind: str
    line: int | None = None
    place: str = ""
    row: str = ""
    fields: tuple[tuple[str, str | None, str | None], ...] = ()
    reason: str = ""

    def without_values(self) -> dict[str, Any]:
        """Return what may be kept: names and numbers, no values of the source."""
        return {
            "kind": self.kind, "line": self.line, "place": self.place, "row": self.row,
            "fields": [name for name, _, _ in self.fields],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class ColumnSums:
    """Figures of one column, of source and table: sum, min and max of numbers, the number of empty texts."""

    name: str
    is_number: bool
    source: tuple[str | None, ...]
    table: tuple[str | None, ...]

    @property
    def is_same(self) -> bool:
        return self.source == self.table

    def in_words(self, values: tuple[str | None, ...]) -> str:
        """Return the figures of one side."""
        if not self.is_number:
            return f"{int(values[0] or 0):,} empty"
        named = zip(("sum", "min", "max"), values, strict=True)
        return ", ".join(f"{name} {value or 'none'}" for name, value in named)


@dataclass(slots=True)
class Verified:
    """What a verification has found.

    read         records of the source
    rejected     those that are stored as rejected
    superseded   those whose key another record of the source has, which counts
    skipped      those whose row was there before, or that were left out as the spec says
    compared     those that must be in the table
    matched      those that are, with the same values
    differences  numbers by kind; `examples` has the first ones
    columns      sums of both sides
    later_jobs   jobs that have changed rows since, each with how many
    notes        what could not be told
    """

    job: int
    read: int = 0
    rejected: int = 0
    superseded: int = 0
    skipped: int = 0
    compared: int = 0
    matched: int = 0
    differences: dict[str, int] = field(default_factory=dict)
    examples: list[Difference] = field(default_factory=list)
    columns: list[ColumnSums] = field(default_factory=list)
    later_jobs: dict[int, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    source_hash: str = ""
    seconds: float = 0.0

    @property
    def is_signed_off(self) -> bool:
        return not self.differences

    def add(self, difference: Difference, number: int = 1) -> None:
        """Count a difference, and keep it if it is one of the first."""
        self.count(difference.kind, number)
        self.keep(difference)

    def count(self, kind: str, number: int) -> None:
        self.differences[kind] = self.differences.get(kind, 0) + number

    def keep(self, difference: Difference) -> None:
        if len(self.examples) < SHOWN:
            self.examples.append(difference)

    @property
    def sentences(self) -> list[str]:
        """Say of each kind of difference how many there are."""
        return [
            said.format(f"{self.differences[kind]:,}")
            for kind, said in KINDS.items()
            if kind in self.differences
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return what `verify_import --json` prints (a contract)."""
        values = asdict(self) | {"signed_off": self.is_signed_off, "result_hash": self.hash}
        return values | {"later_jobs": {str(job): rows for job, rows in self.later_jobs.items()}}

    def as_kept(self) -> dict[str, Any]:
        """Return what the log keeps: the figures, and differences without values."""
        return self.as_dict() | {"examples": [each.without_values() for each in self.examples]}

    @property
    def hash(self) -> str:
        """The SHA-256 of what was found, without how long it took."""
        values = asdict(self)
        del values["seconds"]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
