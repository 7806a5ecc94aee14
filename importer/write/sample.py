"""Collects examples of what a dry run would change."""

from dataclasses import dataclass, field
from typing import Any

from django.db.backends.utils import CursorWrapper

from importer.write.comparison import NUMBER, Comparison
from importer.write.copy import column_of

# Examples of each kind.
MOST_SHOWN = 5


@dataclass(slots=True)
class Sample:
    """Examples of a dry run.

    inserted  rows as they would be written: field → text
    updated   rows that would change: {"key": [text, …], "changes": {column: [text before, text after]}}
    rejected  what the report says of rejected records (`importer.rejects.report.Family`), the most frequent first
    values    the values that were rejected, with their numbers, by field
    """

    inserted: list[dict[str, Any]] = field(default_factory=list)
    updated: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[Any] = field(default_factory=list)
    values: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def room_for_inserted(self) -> int:
        return MOST_SHOWN - len(self.inserted)

    @property
    def room_for_updated(self) -> int:
        return MOST_SHOWN - len(self.updated)

    def add_inserted(self, fields: list[str], rows: list[tuple[Any, ...]]) -> None:
        """Add rows of the fields' values as text."""
        self.inserted += [dict(zip(fields, row, strict=True)) for row in rows]

    def add_updated(self, columns: list[str], keys: int, rows: list[tuple[Any, ...]]) -> None:
        """Add rows of texts: the values of `keys` key fields, then each column's value before and after."""
        for row in rows:
            pairs = zip(columns, row[keys::2], row[keys + 1 :: 2], strict=True)
            changes = {column: [before, after] for column, before, after in pairs if before != after}
            self.updated.append({"key": list(row[:keys]), "changes": changes})

    def as_dict(self) -> dict[str, Any]:
        return {"inserted": self.inserted, "updated": self.updated}


def sample_inserts(cursor: CursorWrapper, sql: Comparison, condition: str, sample: Sample) -> None:
    """Add the first records of a batch table that meet the condition."""
    fields = sql.mapping.mapped
    texts = ", ".join(f"{sql.column(f)}::text" for f in fields)
    cursor.execute(
        f"SELECT {texts} FROM {sql.batch} AS s WHERE {condition} ORDER BY {NUMBER} LIMIT {sample.room_for_inserted}"
    )
    sample.add_inserted([f.name for f in fields], cursor.fetchall())


def sample_updates(cursor: CursorWrapper, sql: Comparison, condition: str, sample: Sample) -> None:
    """Add the first records of a batch table that would change a row, with the values before and after."""
    compared, keys = ([sql.column(f) for f in fields] for fields in (sql.compared, sql.mapping.key))
    texts = ", ".join([*(f"s.{c}::text" for c in keys), *(f"t.{c}::text, s.{c}::text" for c in compared)])
    cursor.execute(
        f"SELECT {texts} FROM {sql.rows} AS t JOIN {sql.batch} AS s ON {sql.same_key()} "
        f"WHERE {condition} AND {sql.differs()} ORDER BY s.{NUMBER} LIMIT {sample.room_for_updated}"
    )
    sample.add_updated([column_of(f) for f in sql.compared], len(keys), cursor.fetchall())
