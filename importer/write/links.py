"""Writes the links of many-to-many fields, as `set()` would, for the rows of a batch table."""

from typing import Any

from django.db import connections, models
from django.db.backends.utils import CursorWrapper

from importer.batches import Links
from importer.specs.mapping import ManyPlan, Mapping
from importer.write.batch_table import BatchTable
from importer.write.comparison import NUMBER, TURN, Comparison, numbers_of
from importer.write.copy import copy_frame


class LinkTable:
    """Compares the links of one many-to-many field with its table, in a temporary table of its own."""

    def __init__(
        self, number: int, plan: ManyPlan, mapping: Mapping, comparison: Comparison, batch: BatchTable
    ) -> None:
        quote = connections[mapping.alias].ops.quote_name
        field, through = plan.field, plan.field.remote_field.through._meta
        own, other = (
            through.get_field(name) for name in (field.m2m_field_name(), field.m2m_reverse_field_name())
        )
        self.number = number
        self.is_update = mapping.on_conflict == "update"
        self.sql = comparison
        self.batch = batch
        # By number: PostgreSQL cuts names to 63 bytes, and two long names of fields would be one.
        self.table = quote(f"{comparison.name}_{number}")
        self.through = quote(through.db_table)
        self.own, self.other = quote(own.column), quote(other.column)
        self.key = comparison.column(own.target_field)
        self.other_type = _type_of(other, mapping.alias)

    def write(self, cursor: CursorWrapper, links: Links) -> list[int]:
        """Link the rows in the batch table as the last record of each says. Return the records that changed a link."""
        cursor.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS {self.table} ({NUMBER} integer, other {self.other_type})"
        )
        cursor.execute(f"TRUNCATE {self.table}")
        copy_frame(cursor, f"COPY {self.table} FROM STDIN (FORMAT csv)", links.pairs)
        # Of several records of one row the last one counts. A record that was not stored has no row.
        rows = (
            f"(SELECT DISTINCT ON (t.{self.key}) t.{self.key} AS own, s.{NUMBER} FROM {self.sql.batch} AS s "
            f"JOIN {self.sql.rows} AS t ON t.{self.key} = s.{self.key} ORDER BY t.{self.key}, s.{TURN} DESC)"
        )
        changed = self._unlink(cursor, rows) if self.is_update else []
        return [*changed, *self._link(cursor, rows)]

    def _unlink(self, cursor: CursorWrapper, rows: str) -> list[int]:
        return numbers_of(
            cursor,
            f"DELETE FROM {self.through} AS through USING {rows} AS r WHERE through.{self.own} = r.own "
            f"AND NOT EXISTS (SELECT 1 FROM {self.table} AS l WHERE l.{NUMBER} = r.{NUMBER} "
            f"AND l.other = through.{self.other}) RETURNING r.{NUMBER}",
        )

    def _link(self, cursor: CursorWrapper, rows: str) -> list[int]:
        is_linked = (
            f"EXISTS (SELECT 1 FROM {self.through} AS through "
            f"WHERE through.{self.own} = r.own AND through.{self.other} = l.other)"
        )
        return numbers_of(
            cursor,
            f"WITH wanted AS (SELECT r.own, l.other, r.{NUMBER} "
            f"FROM {rows} AS r JOIN {self.table} AS l USING ({NUMBER}) WHERE NOT {is_linked}), "
            f"linked AS (INSERT INTO {self.through} ({self.own}, {self.other}) "
            # Somebody else may have made the same link in between.
            f"SELECT own, other FROM wanted ORDER BY {NUMBER} ON CONFLICT DO NOTHING) SELECT {NUMBER} FROM wanted",
        )


def _type_of(foreign_key: Any, alias: str) -> str:
    field: models.Field[Any, Any] = foreign_key.target_field
    return str(field.rel_db_type(connections[alias]))
