"""Finds, in the bare copy, the records that cannot all become rows, and sets them aside.

Of rows that meet in a unique index, or have one key of the spec, the first of the source stays. The others, and those
without a parent, are set aside as contested records: once the copy is the table, they are written in the order of the
source, as in any import, so that each is rejected, skipped or updates with the same words. A later row that meets one
of those was set aside with it, so nothing is decided before its turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from importer.fresh.build import CopyIndex, ForeignKey
from importer.fresh.tables import Tables
from importer.specs.mapping import Mapping
from importer.validate.queries import quoted
from importer.work.aside import Aside
from importer.write.bare import LINE


@dataclass(frozen=True, slots=True)
class Meetings:
    """Where rows of a copy may meet: parts that could not be built, and the spec's key if no index keeps it unique."""

    tables: Tables
    mapping: Mapping

    @property
    def aside(self) -> Aside:
        """The lines of those that are to be set aside, in a table beside the copy."""
        return Aside(
            self.tables.copy, f"{quoted(self.tables.own)}.{quoted('importer_aside')}", self.mapping.alias
        )

    def queries(self, broken: Sequence[CopyIndex | ForeignKey]) -> list[str]:
        """Return the queries for the lines of the rows that cannot stay."""
        queries = [self._of(part) for part in broken]
        if self.mapping.key and not self.mapping.key_is_unique:
            queries.append(self._of_key())
        return queries

    def _of(self, part: CopyIndex | ForeignKey) -> str:
        if isinstance(part, ForeignKey):
            pairs = zip(part.columns, part.parent_columns, strict=True)
            same = " AND ".join(f"p.{quoted(theirs)} = c.{quoted(ours)}" for ours, theirs in pairs)
            filled = " AND ".join(f"c.{quoted(name)} IS NOT NULL" for name in part.columns)
            return (
                f"SELECT c.{LINE} FROM {self.tables.copy} AS c "
                f"WHERE {filled} AND NOT EXISTS (SELECT FROM {part.parent} AS p WHERE {same})"
            )
        index = part.of
        conditions = [f"({index.condition})"] if index.condition else []
        if not index.nulls_are_equal:
            conditions += [f"({expression}) IS NOT NULL" for expression in index.expressions]
        return self._later(index.expressions, conditions)

    def _of_key(self) -> str:
        columns = [quoted(str(f.column)) for f in self.mapping.key]
        conditions = [] if self.mapping.empty_parts_are_equal else [f"{name} IS NOT NULL" for name in columns]
        return self._later(columns, conditions)

    def _later(self, expressions: Sequence[str], conditions: Sequence[str]) -> str:
        """Select the lines of all rows but the first of those that are alike."""
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return (
            f"SELECT {LINE} FROM (SELECT {LINE}, row_number() OVER (PARTITION BY {', '.join(expressions)} "
            f"ORDER BY {LINE}) AS turn FROM {self.tables.copy}{where}) AS alike WHERE turn > 1"
        )
