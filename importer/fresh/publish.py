"""Puts the copy in the table's place, in one transaction, with all that the table has."""

from django.db import Error as DatabaseError
from django.db.backends.utils import CursorWrapper

from importer.exceptions import TargetRefused, first_line
from importer.fresh.build import copy_indexes, foreign_keys_of
from importer.fresh.carry import carried
from importer.fresh.description import describe, structure
from importer.fresh.tables import Tables
from importer.validate.queries import names_of, quoted
from importer.work.retry import is_transient
from importer.write.bare import LINE

LOCK_TIMEOUT = "2s"


def make_copy(cursor: CursorWrapper, tables: Tables) -> None:
    """Make an empty copy without indexes and foreign keys, in a new schema. The target's sequences give its numbers."""
    cursor.execute(f"CREATE SCHEMA {quoted(tables.own)}")
    cursor.execute(
        f"CREATE TABLE {tables.copy} (LIKE {tables.target} "
        "INCLUDING ALL EXCLUDING INDEXES EXCLUDING STATISTICS EXCLUDING IDENTITY)"
    )
    for statement in names_of(
        cursor,
        "SELECT format('ALTER TABLE %%s ALTER COLUMN %%I SET DEFAULT nextval(%%L)', %s::text, attname, "
        "pg_get_serial_sequence(%s, attname)) FROM pg_attribute "
        "WHERE attrelid = %s AND attidentity <> '' AND NOT attisdropped",
        [tables.copy, tables.target, tables.oid(cursor, tables.target)],
    ):
        cursor.execute(statement)
    cursor.execute(f"ALTER TABLE {tables.copy} ADD COLUMN {LINE} bigint")


def publish(cursor: CursorWrapper, tables: Tables, structure_then: str) -> None:
    """Put the copy, with its indexes and keys, in the table's place.

    Raises TargetRefused if that has got rows, or another structure than when the copy was made.
    """
    # Later readers queue behind a lock that is waited for. So the wait is short, and the caller tries again.
    cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    cursor.execute(f"LOCK TABLE {tables.target} IN ACCESS EXCLUSIVE MODE")
    cursor.execute(f"SELECT EXISTS (SELECT FROM {tables.target})")
    if cursor.fetchone()[0]:
        raise TargetRefused(
            f'The table "{tables.name}" is not empty any more: somebody has written to it since --fresh began; empty '
            f"it and run the same command again."
        )
    if structure(cursor, tables) != structure_then:
        raise TargetRefused(
            f'The table "{tables.name}" has changed since --fresh began: it has other columns, constraints or indexes '
            f"now; change them back, or give the load up with `DROP SCHEMA {tables.own} CASCADE` and run a new job."
        )
    oid = tables.oid(cursor, tables.target)
    after = carried(cursor, tables)
    identities = names_of(
        cursor, "SELECT attname FROM pg_attribute WHERE attrelid = %s AND attidentity <> ''", [oid]
    )
    cursor.execute(f"ALTER TABLE {tables.copy} DROP COLUMN {LINE}")
    for column in identities:
        cursor.execute(f"ALTER TABLE {tables.copy} ALTER COLUMN {quoted(column)} DROP DEFAULT")
    for statement in names_of(
        cursor,
        """
        SELECT format('ALTER TABLE %%I.%%I DROP CONSTRAINT %%I', nspname, relname, conname)
        FROM pg_constraint JOIN pg_class c ON c.oid = conrelid JOIN pg_namespace n ON n.oid = relnamespace
        WHERE confrelid = %(oid)s AND conrelid <> %(oid)s AND conparentid = 0
        UNION ALL
        SELECT format('ALTER SEQUENCE %%I.%%I OWNED BY NONE', nspname, relname)
        FROM pg_depend d JOIN pg_class c ON c.oid = objid JOIN pg_namespace n ON n.oid = relnamespace
        WHERE d.refobjid = %(oid)s AND d.deptype = 'a' AND c.relkind = 'S'
        """,
        {"oid": oid},
    ):
        cursor.execute(statement)
    # Without CASCADE: what depends on the table and is not known here keeps it.
    cursor.execute(f"DROP TABLE {tables.target}")
    cursor.execute(f"ALTER TABLE {tables.copy} SET SCHEMA {quoted(tables.schema)}")
    for statement in after:
        cursor.execute(statement)


def rehearse(cursor: CursorWrapper, tables: Tables) -> None:
    """Replace the empty table by an empty copy, within a transaction of the caller's that is rolled back.

    Raises TargetRefused if that fails, or if the new table lacks anything that the old one had, and DatabaseError if
    the database is away or somebody has the table locked.
    """
    before = describe(cursor, tables)
    try:
        make_copy(cursor, tables)
        for index in copy_indexes(cursor, tables):
            index.create(cursor, tables)
        for foreign_key in foreign_keys_of(cursor, tables):
            foreign_key.create(cursor, tables)
        publish(cursor, tables, structure(cursor, tables))
        after = describe(cursor, tables)
    except DatabaseError as error:
        if is_transient(error):
            raise
        detail = getattr(getattr(error.__cause__, "diag", None), "message_detail", None)
        raise TargetRefused(
            f'--fresh is not possible: a copy cannot take the place of the table "{tables.name}": '
            f"{first_line(error)}{f' ({detail})' if detail else ''}; run the job without --fresh."
        ) from error
    if lost := sorted(before ^ after):
        raise TargetRefused(
            f'--fresh is not possible: a copy of the table "{tables.name}" would differ in {lost[0]}; '
            f"run the job without --fresh."
        )
