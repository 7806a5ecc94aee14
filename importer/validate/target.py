"""Reads from PostgreSQL's catalogue what the target table really is, which its model may not say.

Legacy tables, `inspectdb` and unmanaged models: a column may have another type than its field, an identity, an enum, a
domain; the table may have triggers, rules, partitions and row-level security.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db import connections, models

from importer.exceptions import TargetRefused
from importer.specs.mapping import AnyField, Mapping

TABLE = """
SELECT c.oid::bigint, c.relkind::text, row_security_active(c.oid),
    has_any_column_privilege(c.oid, 'INSERT'), has_any_column_privilege(c.oid, 'UPDATE'),
    has_any_column_privilege(c.oid, 'SELECT'),
    EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid AND ev_type = '3'),
    EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid AND ev_type = '2'),
    bit_or(t.tgtype) FILTER (WHERE t.tgtype & 4 <> 0) IS NOT NULL,
    bit_or(t.tgtype) FILTER (WHERE t.tgtype & 16 <> 0) IS NOT NULL
FROM pg_class c
-- Triggers that may drop a row or send it elsewhere: for each row, before or instead of the statement.
LEFT JOIN pg_trigger t ON t.tgrelid IN (SELECT relid FROM pg_partition_tree(c.oid) UNION SELECT c.oid)
    AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgtype & 1 <> 0 AND t.tgtype & 66 <> 0
WHERE c.oid = to_regclass(%s)
GROUP BY c.oid
"""
# `sent`: the type in which `save()` sends a field's value, or null for text, which takes the column's type.
# `is_cast`: whether PostgreSQL converts a sent value by itself when it is stored; to text it always does.
COLUMNS = """
SELECT a.attname::text,
    format_type(a.atttypid, a.atttypmod)
    || COALESCE(' COLLATE ' || l.collnamespace::regnamespace::text || '.' || quote_ident(l.collname), ''),
    format_type(a.atttypid, -1), b.typname::text,
    b.typcategory = 'S',
    a.attnotnull AND NOT a.atthasdef AND t.typdefault IS NULL AND a.attidentity = '' AND a.attgenerated = '',
    a.attgenerated <> '',
    a.attidentity = 'a',
    CASE WHEN to_regtype(sent.type) NOT IN (a.atttypid, b.oid) THEN sent.type END,
    b.typcategory = 'S' OR EXISTS (
        SELECT FROM pg_cast
        WHERE castcontext IN ('a', 'i') AND castsource = to_regtype(sent.type) AND casttarget = b.oid
    ) OR EXISTS (  -- an array is converted if its elements are; to text they always are
        SELECT FROM pg_type source JOIN pg_type target ON target.oid = b.typelem
        WHERE source.oid = to_regtype(sent.type) AND source.typcategory = 'A' AND b.typcategory = 'A' AND (
            source.typelem = target.oid OR target.typcategory = 'S' OR EXISTS (
                SELECT FROM pg_cast
                WHERE castcontext IN ('a', 'i') AND castsource = source.typelem AND casttarget = target.oid
            )
        )
    )
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_type b ON b.oid = COALESCE(NULLIF(t.typbasetype, 0), t.oid)
LEFT JOIN pg_collation l ON l.oid = a.attcollation AND l.oid <> t.typcollation
LEFT JOIN unnest(%s::text[], %s::text[]) AS sent(name, type) ON sent.name = a.attname
WHERE a.attrelid = %s::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
TEXTS = ("varchar", "text", "char", "citext")
# Types that PostgreSQL cannot compare → what they are compared as.
COMPARED_AS = {"json": "jsonb"} | dict.fromkeys(("xml", "point", "polygon", "line", "path", "lseg"), "text")


@dataclass(frozen=True, slots=True)
class TargetColumn:
    """A column as the catalogue describes it.

    type          with its length, and its collation if it has one of its own: "character varying(20)"
    type_to_cast  without, because a cast to a length truncates: "character varying"
    base_type     the type's own name; of a domain, that of the type below: "varchar"
    must_have     the database refuses a row that does not name the column
    is_identity   GENERATED ALWAYS AS IDENTITY
    sent_as       the type in which `save()` sends the values, if PostgreSQL has to convert them
    is_cast       whether it does
    """

    name: str
    type: str
    type_to_cast: str
    base_type: str
    is_text: bool
    must_have: bool
    is_generated: bool
    is_identity: bool
    sent_as: str | None
    is_cast: bool

    @property
    def compared_as(self) -> str | None:
        return COMPARED_AS.get(self.base_type)


@dataclass(frozen=True, slots=True)
class TargetTable:
    """The target table as the catalogue describes it.

    drops_inserts, drops_updates  a trigger or a rule may drop a row or store it elsewhere
    """

    name: str
    columns: dict[str, TargetColumn]
    is_plain: bool
    has_row_security: bool
    may_insert: bool
    may_update: bool
    may_select: bool
    has_insert_rules: bool
    has_update_rules: bool
    has_insert_triggers: bool
    has_update_triggers: bool

    @classmethod
    def of(cls, mapping: Mapping) -> "TargetTable":
        """Read the table of a mapping's model. Raises TargetRefused if there is none."""
        connection = connections[mapping.alias]
        name = str(mapping.model._meta.db_table)
        sent = {str(f.column): _sent_as(f, mapping.alias) for f in mapping.written}
        with connection.cursor() as cursor:
            cursor.execute(TABLE, [connection.ops.quote_name(name)])
            found = cursor.fetchone()
            if found is None:
                raise TargetRefused(
                    f'The database has no table "{name}" for {mapping.model.__name__}; run `manage.py migrate`, or '
                    f"correct Meta.db_table."
                )
            oid, kind, *facts = found
            cursor.execute(COLUMNS, [list(sent), list(sent.values()), oid])
            columns = {row[0]: TargetColumn(*row) for row in cursor.fetchall()}
        return cls(name, columns, kind in ("r", "p"), *facts)

    def of_field(self, field: AnyField) -> TargetColumn:
        return self.columns[str(field.column)]

    @property
    def drops_inserts(self) -> bool:
        return self.has_insert_rules or self.has_insert_triggers or not self.is_plain

    @property
    def drops_updates(self) -> bool:
        return self.has_update_triggers or not self.is_plain

    def takes_copy(self, mapping: Mapping) -> bool:
        """Whether COPY into the table stores what INSERT stores, and tells how many rows it stored."""
        columns = [self.columns.get(str(f.column)) for f in mapping.written]
        is_sent_alike = not any(column is None or column.sent_as for column in columns)
        return is_sent_alike and not self.drops_inserts and not self.has_row_security

    def peculiarities(self, mapping: Mapping) -> Iterator[str]:
        """Yield what the importer does otherwise than for a table that is what its model says."""
        for field in mapping.written:
            column = self.columns.get(str(field.column))
            if column and column.sent_as and column.is_cast:
                yield f"{column.name} is {column.type}, and PostgreSQL converts {column.sent_as} to it"
            if column and column.is_identity:
                yield f"{column.name} is GENERATED ALWAYS AS IDENTITY; the source's numbers are kept"
        if self.drops_inserts or self.drops_updates:
            yield "a trigger or a rule may drop or divert a row, which is then rejected (not_stored)"
        if self.has_row_security:
            yield "row-level security counts, so rows are written by INSERT"

    def refuse_unwritable(self, mapping: Mapping) -> None:
        """Raise TargetRefused, with the way out, if the database would refuse every record."""
        for reason in self.obstacles(mapping):
            raise TargetRefused(reason)

    def obstacles(self, mapping: Mapping) -> Iterator[str]:
        """Yield each reason for which the database would refuse every record, with the way out."""
        is_update = mapping.on_conflict == "update"
        for right, is_granted, is_wanted in (
            ("SELECT", self.may_select, bool(mapping.key)),
            ("INSERT", self.may_insert, mapping.inserts),
            ("UPDATE", self.may_update, is_update),
        ):
            if is_wanted and not is_granted:
                yield (
                    f'Permission denied for table "{self.name}": the database user lacks the right to {right}; '
                    f'GRANT {right} ON "{self.name}" to it.'
                )
        for field in mapping.written:
            yield from self._obstacles_of(field)
        written = {str(f.column) for f in mapping.written}
        if mapping.inserts and not self.has_insert_triggers and self.is_plain:
            for column in self.columns.values():
                if column.must_have and column.name not in written:
                    yield (
                        f'The table "{self.name}" has a column "{column.name}" without a default that must have a '
                        f"value, and this import does not fill it; declare it in the spec, or give it a default."
                    )
        if is_update and self.has_update_rules:
            yield (
                f'The table "{self.name}" has a rule for UPDATE, so PostgreSQL does not tell which rows it changed; '
                f'replace the rule by a trigger, or import with on_conflict = "skip".'
            )

    def _obstacles_of(self, field: AnyField) -> Iterator[str]:
        column = self.columns.get(str(field.column))
        if column is None:
            yield (
                f'The table "{self.name}" has no column "{field.column}" for the field "{field.name}"; run '
                f"`manage.py migrate`, or leave the field out with Meta.fields."
            )
        elif column.is_generated:
            yield (
                f'The database computes the column "{column.name}" of the table "{self.name}" itself; leave the field '
                f'"{field.name}" out with Meta.fields, or make it a GeneratedField.'
            )
        elif column.sent_as and not column.is_cast:
            yield (
                f'The column "{column.name}" of the table "{self.name}" is {column.type}, but the field "{field.name}" '
                f"({type(field).__name__}) sends {column.sent_as}, which PostgreSQL does not convert; change the "
                f"field's class or the column's type."
            )


def comparable(
    field: AnyField, column: str, text: str, *, type_: str, is_text: bool, alias: str
) -> tuple[str, str]:
    """Return a column and a text that the field has accepted, as SQL that PostgreSQL can compare whatever the text is.

    A text field may be a number or an enum in the table, and not every text can be cast to those.
    """
    if _sent_as(field, alias) is None and not is_text:
        return f"{column}::text", text
    return column, f"{text}::{type_}"


def _sent_as(field: AnyField, alias: str) -> str | None:
    """Return the type in which `save()` sends a field's values; None for text, which PostgreSQL reads as any type."""
    if isinstance(field, models.DateTimeField) and not settings.USE_TZ:
        return "timestamp"
    connection = connections[alias]
    auto = isinstance(field, models.AutoField | models.BigAutoField | models.SmallAutoField)
    db_type = str((field.rel_db_type if auto else field.db_type)(connection))
    return None if db_type.partition("(")[0] in TEXTS else db_type
