"""Reads from PostgreSQL's catalogue what a table really is, which its model may not say.

Legacy tables, `inspectdb` and unmanaged models: a column may have another type than its field, an identity, an enum, a
domain; the table may have triggers, rules, partitions and row-level security.
"""

from collections.abc import Mapping as Mapped
from dataclasses import dataclass

from django.db import connections

TABLE = r"""
SELECT c.oid::bigint, c.relkind::text, row_security_active(c.oid), has_table_privilege(c.oid, 'DELETE'),
    pg_relation_is_updatable(c.oid, true) & 8 <> 0, pg_relation_is_updatable(c.oid, true) & 4 <> 0,
    EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid AND ev_type = '3'),
    EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid AND ev_type = '2'),
    bit_or(t.tgtype) FILTER (WHERE t.tgtype & 4 <> 0) IS NOT NULL,
    bit_or(t.tgtype) FILTER (WHERE t.tgtype & 16 <> 0) IS NOT NULL,
    -- Triggers behind an INSERT that may delete the row again, as far as their code tells.
    EXISTS (
        SELECT FROM pg_trigger behind
        JOIN pg_proc ON pg_proc.oid = behind.tgfoid JOIN pg_language ON pg_language.oid = prolang
        WHERE behind.tgrelid IN (SELECT relid FROM pg_partition_tree(c.oid) UNION SELECT c.oid)
            AND NOT behind.tgisinternal AND behind.tgenabled IN ('O', 'A')
            AND behind.tgtype & 4 <> 0 AND behind.tgtype & 66 = 0
            AND (lanname NOT IN ('plpgsql', 'sql') OR prosrc ~* '\m(delete|truncate|merge|execute|perform|call)\M')
    )
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
-- Each domain with the type at the bottom of it: a domain may be made of another one.
WITH RECURSIVE steps(domain, type, length, must_have) AS (
    SELECT oid, typbasetype, typtypmod, typnotnull FROM pg_type WHERE typtype = 'd'
    UNION ALL
    SELECT domain, typbasetype, greatest(length, typtypmod), must_have OR typnotnull
    FROM steps JOIN pg_type ON pg_type.oid = type WHERE typtype = 'd'
), domains AS (
    SELECT steps.* FROM steps JOIN pg_type ON pg_type.oid = type WHERE typtype <> 'd'
)
SELECT a.attname::text,
    format_type(b.oid, COALESCE(domains.length, a.atttypmod))
    || COALESCE(' COLLATE ' || l.collnamespace::regnamespace::text || '.' || quote_ident(l.collname), ''),
    format_type(b.oid, -1), b.typname::text,
    b.typcategory = 'S',
    domains.domain IS NOT NULL,
    (a.attnotnull OR domains.must_have IS TRUE) AND NOT a.atthasdef AND t.typdefault IS NULL
        AND a.attidentity = '' AND a.attgenerated = '',
    a.attgenerated <> '',
    a.attidentity::text,
    ARRAY(
        SELECT wanted FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) AS wanted
        WHERE has_column_privilege(a.attrelid, a.attnum, wanted)
    ),
    CASE WHEN NOT has_sequence_privilege(sequence.name, 'USAGE, UPDATE') THEN sequence.name END,
    CASE WHEN a.attidentity <> ''
        THEN format('nextval(%%L)', sequence.name)
        WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
    CASE WHEN to_regtype(sent.type) NOT IN (a.atttypid, b.oid) THEN sent.type END,
    b.typcategory = 'S' OR EXISTS (
        SELECT FROM pg_cast
        WHERE castcontext IN ('a', 'i') AND castsource = to_regtype(sent.type) AND casttarget = b.oid
    ) OR EXISTS (  -- an array is converted if its elements are; to text they always are
        SELECT FROM pg_type source
        JOIN pg_type target ON target.oid = COALESCE((SELECT type FROM domains WHERE domain = b.typelem), b.typelem)
        WHERE source.oid = to_regtype(sent.type) AND source.typcategory = 'A' AND b.typcategory = 'A' AND (
            source.typelem = target.oid OR target.typcategory = 'S' OR EXISTS (
                SELECT FROM pg_cast
                WHERE castcontext IN ('a', 'i') AND castsource = source.typelem AND casttarget = target.oid
            )
        )
    )
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN domains ON domains.domain = t.oid
JOIN pg_type b ON b.oid = COALESCE(domains.type, t.oid)
CROSS JOIN LATERAL (SELECT pg_get_serial_sequence(a.attrelid::regclass::text, a.attname)) AS sequence(name)
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_collation l ON l.oid = a.attcollation AND l.oid <> b.typcollation
LEFT JOIN unnest(%s::text[], %s::text[]) AS sent(name, type) ON sent.name = a.attname
WHERE a.attrelid = %s::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
# Types whose values are compared as those of another type: spaces in JSON are no difference.
COMPARED_AS = {"json": "jsonb"}


@dataclass(frozen=True, slots=True)
class TargetColumn:
    """A column as the catalogue describes it. Of a domain, all types are those of the type below.

    type          with its length, and its collation if it has one of its own: "character varying(20)"
    type_to_cast  without, because a cast to a length truncates: "character varying"
    base_type     the type's own name: "varchar"
    must_have     the database refuses a row that does not name the column
    identity      GENERATED AS IDENTITY: "a" ALWAYS, "d" BY DEFAULT, or empty
    rights        what the database user may do with it: SELECT, INSERT, UPDATE
    closed_sequence  the column's own sequence, if the database user may not draw from it
    default       the expression by which the database fills the column
    sent_as       the type in which `save()` sends the values, if PostgreSQL has to convert them
    is_cast       whether it does
    """

    name: str
    type: str
    type_to_cast: str
    base_type: str
    is_text: bool
    is_domain: bool
    must_have: bool
    is_generated: bool
    identity: str
    rights: list[str]
    closed_sequence: str | None
    default: str | None
    sent_as: str | None
    is_cast: bool

    @property
    def is_identity(self) -> bool:
        """Whether it is GENERATED ALWAYS AS IDENTITY."""
        return self.identity == "a"

    @property
    def compared_as(self) -> str | None:
        """The type to which both sides are cast, so that they are compared as values of one type."""
        return COMPARED_AS.get(self.base_type) or (self.type if self.is_domain else None)


@dataclass(frozen=True, slots=True)
class TargetTable:
    """A table as the catalogue describes it, for the fields that are written to it.

    takes_inserts, takes_updates  some views and foreign tables do not
    drops_inserts, drops_updates  a trigger or a rule may drop a row or store it elsewhere
    deletes_inserts               a trigger may delete a row once it is inserted
    """

    name: str
    columns: dict[str, TargetColumn]
    is_plain: bool
    has_row_security: bool
    may_delete: bool
    takes_inserts: bool
    takes_updates: bool
    has_insert_rules: bool
    has_update_rules: bool
    has_insert_triggers: bool
    has_update_triggers: bool
    deletes_inserts: bool

    @classmethod
    def named(cls, name: str, sent: Mapped[str, str | None], alias: str) -> "TargetTable | None":
        """Read a table; None if there is none. `sent`: the type in which each column's values are sent."""
        connection = connections[alias]
        with connection.cursor() as cursor:
            cursor.execute(TABLE, [connection.ops.quote_name(name)])
            found = cursor.fetchone()
            if found is None:
                return None
            oid, kind, *facts = found
            cursor.execute(COLUMNS, [list(sent), list(sent.values()), oid])
            columns = {row[0]: TargetColumn(*row) for row in cursor.fetchall()}
        return cls(name, columns, kind in ("r", "p"), *facts)

    @property
    def drops_inserts(self) -> bool:
        drops = self.has_insert_rules or self.has_insert_triggers or self.deletes_inserts
        return drops or not self.is_plain

    @property
    def drops_updates(self) -> bool:
        return self.has_update_triggers or not self.is_plain
