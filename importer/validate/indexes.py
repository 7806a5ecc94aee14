"""Reads from PostgreSQL's catalogue the indexes of a table, by which it keeps rows apart."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.backends.utils import CursorWrapper

from importer.validate.queries import rows_of

# Of a table, and of its partitions what they have on their own. An expression is told with the collation by which its
# index compares it, unless that is the column's.
INDEXES = """
SELECT c.relname, i.indisunique, i.indnullsnotdistinct, pg_get_indexdef(i.indexrelid), k.contype, k.condeferrable,
    k.condeferred, pg_get_expr(i.indpred, i.indrelid),
    ARRAY(SELECT pg_get_indexdef(i.indexrelid, n, true)
              || CASE WHEN l.oid IS NULL THEN ''
                 ELSE format(' COLLATE %%s.%%I', l.collnamespace::regnamespace, l.collname) END
          FROM generate_series(1, i.indnkeyatts) AS n
          LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[n - 1]
          LEFT JOIN pg_collation l ON l.oid = i.indcollation[n - 1] AND l.oid IS DISTINCT FROM a.attcollation
          ORDER BY n),
    ARRAY(SELECT format('OPERATOR(%%s.%%s)', o.oprnamespace::regnamespace, o.oprname)
          FROM unnest(k.conexclop) WITH ORDINALITY AS ops(op, n) JOIN pg_operator o ON o.oid = op ORDER BY n),
    ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = i.indrelid AND (
        attnum = ANY(i.indkey[0:i.indnkeyatts - 1])
        OR attnum IN (SELECT refobjsubid FROM pg_depend WHERE objid = i.indexrelid AND refobjid = i.indrelid
            AND classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND refobjsubid > 0)))
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')
WHERE i.indrelid = %(oid)s
    OR i.indrelid IN (SELECT relid FROM pg_partition_tree(%(oid)s::oid))
        AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = i.indexrelid)
ORDER BY i.indisunique DESC, c.relname
"""


@dataclass(frozen=True, slots=True)
class Index:
    """An index of a table, and the constraint that it serves.

    definition   CREATE INDEX for the table
    constraint   the kind of that constraint: "p" PRIMARY KEY, "u" UNIQUE, "x" EXCLUDE
    condition    of a partial index
    expressions  what it keeps in order, as SQL
    operators    of an exclusion constraint: two rows meet for which all of them are true
    columns      those that its expressions and its condition read
    """

    name: str
    is_unique: bool
    nulls_are_equal: bool
    definition: str
    constraint: str | None
    is_deferrable: bool | None
    is_deferred: bool | None
    condition: str | None
    expressions: Sequence[str]
    operators: Sequence[str]
    columns: Sequence[str]

    @property
    def is_plain(self) -> bool:
        """Whether it compares whole columns of all rows."""
        plain = {expression.strip('"') for expression in self.expressions}
        return self.condition is None and plain == set(self.columns)


def indexes_of(cursor: CursorWrapper, oid: int) -> list[Index]:
    """Return the indexes of the table with this oid, the unique ones first."""
    return [Index(*row) for row in rows_of(cursor, INDEXES, {"oid": oid})]
