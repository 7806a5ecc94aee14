"""Adds up the columns of source and table, and compares many-to-many links."""

from collections.abc import Iterator

from django.db.backends.utils import CursorWrapper

from importer.specs.mapping import AnyField
from importer.verify.compare import Comparing
from importer.verify.verified import ColumnSums

NUMBERS = frozenset(("int2", "int4", "int8", "numeric", "float4", "float8"))
# Columns in one query: a row of PostgreSQL has at most 1,664.
TOGETHER = 400


def sums_of(comparing: Comparing, cursor: CursorWrapper) -> Iterator[ColumnSums]:
    """Yield the figures of each column that the source fills; of numbers sum, min and max, of texts the empty ones."""
    target, kept = comparing.sql.target, comparing.kept
    fields = [f for f in comparing.mapping.mapped if f not in kept and not f.is_relation]
    known = [(f, target.of_field(f).base_type in NUMBERS) for f in fields]
    wanted = [(f, is_number) for f, is_number in known if is_number or target.of_field(f).is_text]
    rows = f"{comparing.rows.sql} AS t WHERE t.{comparing.key} IN (SELECT key FROM {comparing.met})"
    for some in _together(wanted):
        source = _sums(comparing, cursor, some, f"{comparing.source.table} AS t")
        table = _sums(comparing, cursor, some, rows)
        for (f, is_number), *sides in zip(some, source, table, strict=True):
            yield ColumnSums(f.name, is_number, *sides)


def _together(wanted: list[tuple[AnyField, bool]]) -> Iterator[list[tuple[AnyField, bool]]]:
    for start in range(0, len(wanted), TOGETHER):
        yield wanted[start : start + TOGETHER]


def _sums(
    comparing: Comparing, cursor: CursorWrapper, fields: list[tuple[AnyField, bool]], rows: str
) -> list[tuple[str | None, ...]]:
    expressions: list[list[str]] = []
    for f, is_number in fields:
        column = f"t.{comparing.sql.column(f)}"
        if is_number:
            # Floats as numbers with digits: their sum depends on the order of the rows otherwise.
            expressions.append([f"{name}({column}::numeric)::text" for name in ("sum", "min", "max")])
        else:
            expressions.append([f"(count(*) FILTER (WHERE coalesce({column}::text, '') = ''))::text"])
    cursor.execute(f"SELECT {', '.join(each for group in expressions for each in group)} FROM {rows}")
    values = iter(cursor.fetchone())
    return [tuple(next(values) for _ in group) for group in expressions]


def compare_links(comparing: Comparing, cursor: CursorWrapper) -> None:
    """Note the records whose row has not exactly the links that the source names."""
    key, rows = comparing.key, comparing.rows.sql
    for links in comparing.source.links:
        table = comparing.source.table_of(links)
        met = f"{comparing.met} AS m JOIN {rows} AS t ON t.{key} = m.key"
        through = f"{links.through} AS x ON x.{links.own} = t.{links.key}"
        lacking = (
            f"SELECT m.line, m.key FROM {met} JOIN {table} AS l ON l.line = m.line "
            f"LEFT JOIN {through} AND x.{links.other} = l.other WHERE x.{links.own} IS NULL"
        )
        more = (
            f"SELECT m.line, m.key FROM {met} JOIN {through} "
            f"LEFT JOIN {table} AS l ON l.line = m.line AND l.other = x.{links.other} WHERE l.line IS NULL"
        )
        field = str(comparing.mapping.manys[links.number].field.name)
        comparing.tell(cursor, "unlinked", f"({lacking}) UNION ({more})", field=field)
