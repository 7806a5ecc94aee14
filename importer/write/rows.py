"""Writes the records that are left in a batch table as rows of the target, one statement per table."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.db.backends.utils import CursorWrapper

from importer.specs.mapping import AnyField, Mapping
from importer.write.batch_table import BatchTable
from importer.write.collisions.constraints import not_stored
from importer.write.comparison import NUMBER, TURN, Comparison, numbers_of
from importer.write.journal import Journal, Kind
from importer.write.sample import Sample, sample_inserts, sample_updates
from importer.write.written import Written


class NotStored(Exception):
    """Raised when the target stored fewer rows than were inserted, and it cannot be told which."""


@dataclass(frozen=True, slots=True)
class Stored:
    """How many records an INSERT or UPDATE stored, which it did not, and which it did (where links depend on it)."""

    records: int = 0
    lost: list[int] = field(default_factory=list)
    numbers: set[int] = field(default_factory=set)


class Rows:
    """Inserts and updates rows, and counts what the database did."""

    def __init__(
        self,
        mapping: Mapping,
        comparison: Comparison,
        batch: BatchTable,
        sample: Sample | None,
        journal: Journal | None,
    ) -> None:
        self.mapping = mapping
        self.sql = comparison
        self.batch = batch
        self.sample = sample
        self.journal = journal
        self.inserts = [self._insert_into(table) for table in mapping.tables]
        # What tells rows apart, if a record has it.
        self.group = next((g for g in mapping.unique_groups if not any(f.null for f in g)), None)
        self.returning = self._returning()

    def write_turn(self, cursor: CursorWrapper, turn: int, written: Written) -> set[int]:
        """Write the records of one turn. Returns which of them changed the table, if links depend on it."""
        cursor.execute(f"SELECT count(*) FROM {self.sql.batch} WHERE {TURN} = {turn}")
        records = cursor.fetchone()[0]
        updated, inserted = Stored(), Stored()
        if self.mapping.on_conflict == "update":
            updated = self._update(cursor, turn)
        if self.mapping.inserts:
            with self._apart():
                inserted = self._insert(cursor, turn, records)
                if inserted.records and self.journal:
                    self.journal.mark(cursor)
        lost = [*updated.lost, *inserted.lost]
        for number in lost:
            written.reject(number, [not_stored()])
        written.inserted += inserted.records
        written.updated += updated.records
        written.unchanged += records - inserted.records - updated.records - len(lost)
        return updated.numbers | inserted.numbers

    def _apart(self) -> AbstractContextManager[None]:
        """Keep inserts apart from updates for the journal, in a savepoint of their own."""
        is_update = self.mapping.on_conflict == "update"
        return self.journal.savepoint() if self.journal and is_update else nullcontext()

    # Insert

    def _insert_into(self, table: type[models.Model]) -> str:
        fields = self.mapping.written_to(table)
        columns = ", ".join(self.sql.column(f) for f in fields)
        is_identity = any(self.sql.target.of_field(f).is_identity for f in fields)
        overriding = "OVERRIDING SYSTEM VALUE " if is_identity else ""
        return f"INSERT INTO {self.sql.quote(table._meta.db_table)} ({columns}) {overriding}SELECT {columns}"

    def insert_from(self, cursor: CursorWrapper, source: str) -> int:
        """Insert rows of another table with the same columns (`FROM …`) as they are. Returns how many were stored."""
        cursor.execute(f"{self.inserts[0]} {source}")
        return int(cursor.rowcount)

    def _returning(self) -> str:
        """Ask for the keys that the database gives, if nothing else could tell which rows a trigger has deleted."""
        key = self.sql.target.columns.get(str(self.mapping.model._meta.pk.column))
        is_needed = self.sql.target.deletes_inserts and not self.group and len(self.inserts) == 1
        if not is_needed or key is None or "SELECT" not in key.rights:
            return ""
        return f" RETURNING {self.sql.quote(key.name)}"

    def _count(self, cursor: CursorWrapper, keys: list[tuple[Any]]) -> int:
        """Return how many of these primary keys the table has."""
        key = self.sql.column(self.mapping.model._meta.pk)
        rows, key = (name.replace("%", "%%") for name in (self.sql.rows, key))
        cursor.execute(f"SELECT count(*) FROM {rows} AS t WHERE {key} = ANY(%s)", [[k for (k,) in keys]])
        return int(cursor.fetchone()[0])

    def _insert(self, cursor: CursorWrapper, turn: int, records: int) -> Stored:
        """Insert the rows that are not in the table."""
        is_update = self.mapping.on_conflict == "update"
        is_new = self.sql.is_new() if is_update else "true"
        if self.sample is not None:
            sample_inserts(cursor, self.sql, f"{TURN} = {turn} AND {is_new}", self.sample)
        self.batch.draw_primary_keys(cursor)
        chosen = f"FROM {self.sql.batch} AS s WHERE {TURN} = {turn} AND {is_new} ORDER BY {NUMBER}"
        new = None
        if self.sql.target.drops_inserts or self.mapping.manys:
            new = numbers_of(cursor, f"SELECT {NUMBER} {chosen}")
        counts: list[int] = []
        keys: list[tuple[Any]] = []
        for insert in self.inserts:
            cursor.execute(f"{insert} {chosen}{self.returning}")
            counts.append(cursor.rowcount)
            keys = cursor.fetchall() if self.returning else []
        inserted = min(counts)
        if inserted < max(counts) or (new is None and not is_update and inserted < records):
            raise NotStored
        if new is None:
            return Stored(inserted)
        is_certain = inserted == len(new) and not self.sql.target.deletes_inserts
        if self.returning:
            inserted = self._count(cursor, keys)
        lost = [] if is_certain else self._not_stored(cursor, new, inserted)
        return Stored(len(new) - len(lost), lost, set(new) - set(lost))

    def _not_stored(self, cursor: CursorWrapper, new: list[int], inserted: int) -> list[int]:
        """Return which of the new records are not in the table, found by what makes a row unique there.

        Rows that a trigger has sent to a table that inherits from this one are in it. Raises NotStored if the rows
        that can be found are fewer than those that were inserted, because a trigger has changed what is compared.
        """
        group = self.group
        if group is None and inserted == len(new):
            return []
        if group is None:
            if len(new) > 1 or inserted:
                raise NotStored
            return new
        condition = f"{self.sql.exists(self.sql.same(group))} AND {NUMBER} = ANY(ARRAY{new})"
        stored = set(numbers_of(cursor, self.sql.matches(condition)))
        if len(stored) < inserted and not self.sql.target.deletes_inserts:
            raise NotStored
        return [number for number in new if number not in stored]

    # Update

    def _update(self, cursor: CursorWrapper, turn: int) -> Stored:
        """Update the rows that differ. For the journal, those apart that this job has inserted itself."""
        if not self.sql.compared:
            return Stored()
        differing = f"s.{TURN} = {turn} AND {self.sql.same_key()} AND {self.sql.differs()}"
        journal = self.journal if len(self.mapping.tables) == 1 else None
        own = Stored()
        if journal and journal.has_inserted(cursor, self.sql.quote(self.mapping.model._meta.db_table)):
            with journal.savepoint():
                own = self._update_rows(cursor, turn, f"{differing} AND {journal.is_own}")
                if own.records:
                    journal.mark(cursor)
        if journal and journal.keeps_before:
            key = self.sql.column(self.mapping.model._meta.pk)
            journal.keep(
                cursor, f"{self.sql.batch} AS s, {self.sql.rows} AS t WHERE {differing}", key=f"t.{key}"
            )
        others = self._update_rows(cursor, turn, differing)
        if others.records and journal:
            journal.mark(cursor, Kind.UPDATED)
        return Stored(own.records + others.records, [*own.lost, *others.lost], own.numbers | others.numbers)

    def _update_rows(self, cursor: CursorWrapper, turn: int, differing: str) -> Stored:
        wanted: list[int] = []
        if self.sql.target.drops_updates:
            wanted = numbers_of(
                cursor,
                f"SELECT DISTINCT s.{NUMBER} FROM {self.sql.batch} AS s, {self.sql.rows} AS t WHERE {differing}",
            )
        if self.sample is not None:
            sample_updates(cursor, self.sql, f"s.{TURN} = {turn}", self.sample)
        changed = self._changed(differing)
        if not wanted and not self.mapping.manys:
            # Counts records, not rows: a key without a unique constraint may match several rows.
            cursor.execute(f"{changed} SELECT count(DISTINCT {NUMBER}) FROM changed")
            return Stored(int(cursor.fetchone()[0]))
        stored = set(numbers_of(cursor, f"{changed} SELECT DISTINCT {NUMBER} FROM changed"))
        return Stored(len(stored), [number for number in wanted if number not in stored], stored)

    def _changed(self, differing: str) -> str:
        """Return the WITH clause that updates the differing rows and names them `changed`."""
        moments = [fill.field for fill in self.mapping.fills if fill.on_update]
        fields = [*self.sql.compared, *moments]
        if len(self.mapping.tables) == 1:
            return (
                f"WITH changed AS (UPDATE {self.sql.rows} AS t SET {self._assignments(fields)} "
                f"FROM {self.sql.batch} AS s WHERE {differing} RETURNING s.{NUMBER})"
            )
        return self._changed_in_tables(differing, fields)

    def _changed_in_tables(self, differing: str, fields: list[AnyField]) -> str:
        """Do the same where a row has a part in each of several tables. All statements see the rows as they were."""
        parts = {table: [f for f in fields if f.model is table] for table in self.mapping.tables}
        keys = {table: self.sql.column(table._meta.pk) for table, own in parts.items() if own}
        names = ", ".join(f"t.{key} AS importer_key_{n}" for n, key in enumerate(keys.values()))
        rows = f"{self.sql.batch} AS s, {self.sql.rows} AS t"
        clauses = [
            f"differing AS MATERIALIZED (SELECT s.{NUMBER}, {names} FROM {rows} WHERE {differing})",
        ]
        clauses += [
            f"changed_{n} AS (UPDATE {self.sql.quote(table._meta.db_table)} AS part "
            f"SET {self._assignments(parts[table])} FROM {self.sql.batch} AS s JOIN differing USING ({NUMBER}) "
            f"WHERE part.{key} = differing.importer_key_{n} RETURNING {NUMBER})"
            for n, (table, key) in enumerate(keys.items())
        ]
        everywhere = " AND ".join(f"{NUMBER} IN (SELECT {NUMBER} FROM changed_{n})" for n in range(len(keys)))
        return f"WITH {', '.join(clauses)}, changed AS (SELECT {NUMBER} FROM differing WHERE {everywhere})"

    def _assignments(self, fields: list[AnyField]) -> str:
        return ", ".join(f"{self.sql.column(f)} = s.{self.sql.column(f)}" for f in fields)
