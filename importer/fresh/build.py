"""Gives the bare copy the indexes, keys and foreign keys of the target, once its records are there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from django.db import Error as DatabaseError
from django.db import IntegrityError, connections, transaction
from django.db.backends.utils import CursorWrapper

from importer.exceptions import first_line
from importer.fresh.tables import Tables
from importer.validate.indexes import Index, indexes_of
from importer.validate.queries import quoted, rows_of
from importer.work.meanwhile import meanwhile
from importer.write.collisions.constraints import is_about_a_record

# For each of the builds that go on side by side. PostgreSQL's default, 64 MB, sorts ten million keys on disk.
MAINTENANCE_MEMORY = "128MB"
FOREIGN_KEYS = """
SELECT conname, replace(pg_get_constraintdef(f.oid), ' NOT VALID', ''), format('%%I.%%I', nspname, relname),
    ARRAY(SELECT attname FROM unnest(conkey) WITH ORDINALITY AS key(number, place)
          JOIN pg_attribute ON attrelid = conrelid AND attnum = number ORDER BY place),
    ARRAY(SELECT attname FROM unnest(confkey) WITH ORDINALITY AS key(number, place)
          JOIN pg_attribute ON attrelid = confrelid AND attnum = number ORDER BY place)
FROM pg_constraint f JOIN pg_class c ON c.oid = confrelid JOIN pg_namespace n ON n.oid = relnamespace
WHERE conrelid = %s AND contype = 'f' AND confrelid <> conrelid
ORDER BY conname
"""


class CannotBuild(Exception):
    """Raised with the reason why a part cannot be built, such as a row that is too long for an index."""


@dataclass(frozen=True, slots=True)
class CopyIndex:
    """An index of the target, to be built on the copy."""

    of: Index

    @property
    def name(self) -> str:
        return self.of.name

    def create(self, cursor: CursorWrapper, tables: Tables) -> None:
        """Build it on the copy, unless an earlier run has. Raises IntegrityError if rows meet in it."""
        own = f"{quoted(tables.own)}.{quoted(self.name)}"
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [own])
        if cursor.fetchone()[0]:
            return
        cursor.execute(f"SET LOCAL maintenance_work_mem = '{MAINTENANCE_MEMORY}'")
        cursor.execute(self._on_copy(cursor, tables))
        if self.of.constraint:
            kind = "PRIMARY KEY" if self.of.constraint == "p" else "UNIQUE"
            deferrable = " DEFERRABLE" if self.of.is_deferrable else ""
            deferred = " INITIALLY DEFERRED" if self.of.is_deferred else ""
            cursor.execute(
                f"ALTER TABLE {tables.copy} ADD CONSTRAINT {quoted(self.name)} {kind} "
                f"USING INDEX {quoted(self.name)}{deferrable}{deferred}"
            )

    def _on_copy(self, cursor: CursorWrapper, tables: Tables) -> str:
        cursor.execute(
            "SELECT format(' ON %%I.%%I USING ', %s::text, %s::text)", [tables.schema, tables.name]
        )
        before, on, after = self.of.definition.partition(cursor.fetchone()[0])
        assert on, self.of.definition
        return f"{before} ON {tables.copy} USING {after}"


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key of the target to another table."""

    name: str
    definition: str
    parent: str
    columns: Sequence[str]
    parent_columns: Sequence[str]

    def create(self, cursor: CursorWrapper, tables: Tables) -> None:
        """Add it to the copy, unless an earlier run has. Raises IntegrityError if a row has no parent."""
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = %s::regclass AND conname = %s)",
            [tables.copy, self.name],
        )
        if not cursor.fetchone()[0]:
            cursor.execute(f"ALTER TABLE {tables.copy} ADD CONSTRAINT {quoted(self.name)} {self.definition}")


def copy_indexes(cursor: CursorWrapper, tables: Tables) -> list[CopyIndex]:
    """Return the target's indexes, the unique ones first."""
    return [CopyIndex(index) for index in indexes_of(cursor, tables.oid(cursor, tables.target))]


def foreign_keys_of(cursor: CursorWrapper, tables: Tables) -> list[ForeignKey]:
    return [ForeignKey(*row) for row in rows_of(cursor, FOREIGN_KEYS, [tables.oid(cursor, tables.target)])]


def build(
    tables: Tables, parts: Sequence[CopyIndex | ForeignKey], *, at_once: int, keep: Callable[[], None]
) -> list[CopyIndex | ForeignKey]:
    """Build parts on the copy, several at once, each in a transaction. Returns those that its rows break.

    Raises CannotBuild.

    `keep` is called again and again meanwhile, so that the hold on the job is not taken for idle.
    """
    calls = [partial(_build, tables, part) for part in parts]
    broken = meanwhile(calls, alias=tables.alias, at_once=at_once, keep=keep)
    return [part for part, is_broken in zip(parts, broken, strict=True) if is_broken]


def _build(tables: Tables, part: CopyIndex | ForeignKey) -> bool:
    """Build in a transaction. True: rows break it. Raises CannotBuild."""
    try:
        with transaction.atomic(using=tables.alias), connections[tables.alias].cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")  # a role's limit is meant for queries
            part.create(cursor, tables)
    except IntegrityError:
        return True
    except DatabaseError as error:
        if not is_about_a_record(error):
            raise
        raise CannotBuild(f'"{part.name}" cannot be built over all records: {first_line(error)}') from error
    return False
