"""Compares the records of the source with the rows of the target, as sets.

Each record is met with its row: by a set of fields that tells rows apart, or by all its values where there is none.
"""

from django.db import models
from django.db.backends.utils import CursorWrapper

from importer.specs.mapping import AnyField, Mapping
from importer.validate.queries import names_of, rows_of
from importer.verify.rows import WRITER, XMIN, TargetRows, Writer
from importer.verify.source import SourceTable
from importer.verify.verified import SHOWN, Difference, Verified
from importer.write.bare import LINE
from importer.write.comparison import TURN


def identity_of(mapping: Mapping) -> tuple[AnyField, ...]:
    """Return the fields by which a record's row is found: the key, or others that tell rows apart; () for none."""
    if mapping.key:
        return mapping.key
    key = mapping.model._meta.pk
    mapped = set(mapping.mapped)
    groups = [(key,), *mapping.unique_groups]
    return next((group for group in groups if set(group) <= mapped), ())


def compared_fields(mapping: Mapping, identity: tuple[AnyField, ...]) -> list[AnyField]:
    """Return the fields whose values the source decides, without those by which the row is found."""
    dynamic = {fill.field for fill in mapping.fills if fill.per_record or fill.on_update}
    dynamic |= {
        fill.field for fill in mapping.fills if fill.field.has_default() and callable(fill.field.default)
    }
    fields = [*mapping.mapped, *(f for f in mapping.cleaned_fills if f not in dynamic)]
    if mapping.on_conflict == "reject":  # a row that is updated keeps what the source does not fill
        fields += [fill.field for fill in mapping.fills if fill.is_constant and fill.field not in fields]
    is_update = mapping.on_conflict != "reject"
    return [f for f in fields if f not in identity and not (f.primary_key and is_update)]


class Comparing:
    """Meets the records (`s`) with their rows (`t`): line, key of the row, its writer, and whether they differ."""

    def __init__(self, source: SourceTable, rows: TargetRows, verified: Verified) -> None:
        self.source, self.rows, self.verified = source, rows, verified
        self.mapping, self.sql, self.job = source.mapping, source.sql, source.job
        self.identity = identity_of(self.mapping)
        self.compared = compared_fields(self.mapping, self.identity)
        self.met = self.sql.quote(f"{self.sql.name}_met")
        self.key = self.sql.column(self.mapping.model._meta.pk)
        self.kept = {plan.field for plan in self.mapping.kept}
        # Where nulls are not equal, records without a whole identity are met by all their values.
        self.nulls_are_equal = bool(self.mapping.key) and self.mapping.empty_parts_are_equal
        is_open = (f for f in self.identity if f.null or isinstance(f, models.AutoField))
        self.nullable = [] if self.nulls_are_equal else list(is_open)

    def run(self, cursor: CursorWrapper) -> None:
        self._drop_superseded(cursor)
        cursor.execute(
            f"CREATE TEMP TABLE {self.met} ON COMMIT DROP AS SELECT 0::bigint AS line, t.{self.key} AS key, "
            f"t.{WRITER} AS writer, t.{XMIN} AS xmin_, false AS differs FROM {self.rows.sql} AS t WHERE false"
        )
        if self.identity:
            self._drop_skipped(cursor)
            self._meet(cursor)
        if not self.identity or self.nullable:
            self._meet_by_values(cursor)
        cursor.execute(f"ANALYZE {self.met}")

    # Which records count

    def _drop_superseded(self, cursor: CursorWrapper) -> None:
        """Leave of several records with one key the one that counts: the last, or if they are skipped the first."""
        if self.mapping.on_conflict == "reject":
            return
        way = "" if self.mapping.on_conflict == "skip" else " DESC"
        order = f"{TURN}{way}, {LINE}{way}"
        key = ", ".join(self.sql.column(f) for f in self.identity)
        cursor.execute(
            f"DELETE FROM {self.source.table} WHERE ctid IN (SELECT ctid FROM (SELECT ctid, row_number() OVER "
            f"(PARTITION BY {key} ORDER BY {order}) AS place FROM {self.source.table}) AS s WHERE place > 1)"
        )
        self.verified.superseded = cursor.rowcount

    def _drop_skipped(self, cursor: CursorWrapper) -> None:
        """Leave out the records whose row was there before, where such rows stay as they are."""
        if self.mapping.on_conflict != "skip":
            return
        cursor.execute(
            f"DELETE FROM {self.source.table} AS s USING {self.rows.sql} AS t "
            f"WHERE {self._same()} AND t.{WRITER} = {Writer.BEFORE:d}"
        )
        self.verified.skipped += cursor.rowcount

    # Meeting

    def _same(self) -> str:
        """Return the condition for a record and its row, which PostgreSQL can hash or sort, unlike IS NOT DISTINCT."""
        is_plain = len(self.identity) == 1 or not any(f.null for f in self.identity)
        if is_plain or not self.nulls_are_equal:
            return self.sql.same(self.identity)
        row, record = (self._row_of(side, list(self.identity)) for side in "ts")
        return f"{row} = {record}"

    def _row_of(self, side: str, fields: list[AnyField]) -> str:
        return f"ROW({', '.join(self._value(side, f) for f in fields)})::record"

    def _value(self, side: str, f: AnyField) -> str:
        as_type = self.sql.target.of_field(f).compared_as
        return f"{side}.{self.sql.column(f)}" + (f"::{as_type}" if as_type else "")

    def _comparable(self, side: str, f: AnyField) -> str:
        """Return a side of a comparison. An empty cell that keeps a value, or takes the next number, is the row's."""
        if side == "s" and (f in self.kept or isinstance(f, models.AutoField)):
            return f"coalesce({self._value('s', f)}, {self._value('t', f)})"
        return self._value(side, f)

    def differs(self, fields: list[AnyField]) -> str:
        """Return the condition for other stored values, also if PostgreSQL calls them equal (citext)."""
        old, new = (", ".join(self._comparable(side, f) for f in fields) for side in "ts")
        return f"ROW({old})::record OPERATOR(pg_catalog.*<>) ROW({new})::record"

    def _meet(self, cursor: CursorWrapper) -> None:
        differs = f"t.{self.key} IS NOT NULL AND {self.differs(self.compared)}" if self.compared else "false"
        whole = self._is_whole("s")
        cursor.execute(
            f"INSERT INTO {self.met} SELECT s.{LINE}, t.{self.key}, t.{WRITER}, t.{XMIN}, {differs} "
            f"FROM {self.source.table} AS s LEFT JOIN {self.rows.sql} AS t ON {self._same()} WHERE {whole}"
        )

    def _is_whole(self, side: str) -> str:
        return " AND ".join(f"{side}.{self.sql.column(f)} IS NOT NULL" for f in self.nullable) or "true"

    def _meet_by_values(self, cursor: CursorWrapper) -> None:
        """Meet equal values one by one: the second of two equal records with the second of two equal rows."""
        fields = [f for f in [*self.identity, *self.compared] if not f.primary_key]
        partly = f"NOT ({self._is_whole('x')})" if self.identity else "true"
        # An empty number has become the table's next one, so rows are those that no other record has.
        left = (
            f"NOT EXISTS (SELECT 1 FROM {self.met} AS m WHERE m.key = x.{self.key})"
            if self.identity
            else "true"
        )
        values = f"md5(ROW({', '.join(self._value('x', f) for f in fields)})::text)::uuid AS hash"
        since = f"({WRITER} IS NULL OR {WRITER} <> {Writer.BEFORE:d})"
        numbered = "SELECT *, row_number() OVER (PARTITION BY hash ORDER BY"
        cursor.execute(
            f"WITH a AS MATERIALIZED (SELECT x.{LINE} AS line, {values} FROM {self.source.table} AS x WHERE {partly}), "
            f"b AS (SELECT x.{self.key} AS key, x.{WRITER} AS writer, x.{XMIN} AS xmin_, {values} "
            f"FROM {self.rows.sql} AS x WHERE {left} AND {since}) "
            f"INSERT INTO {self.met} SELECT s.line, t.key, t.writer, t.xmin_, false "
            f"FROM ({numbered} line) AS n FROM a) AS s "
            f"FULL JOIN ({numbered} writer, key) AS n FROM b) AS t ON s.hash = t.hash AND s.n = t.n "
            # A row alone counts if the job wrote it, or if it repeats one that the source has.
            f"WHERE s.line IS NOT NULL OR t.writer = {Writer.JOB:d} "
            f"OR (t.writer = {Writer.SINCE:d} AND t.hash IN (SELECT hash FROM a))"
        )

    def tell(self, cursor: CursorWrapper, kind: str, found: str, *, field: str = "") -> None:
        """Count differences of a kind, and keep the first. `found`: the query for their lines and their rows' keys."""
        (number,) = names_of(cursor, f"SELECT count(*) FROM ({found}) AS f")
        if not number:
            return
        self.verified.count(kind, number)
        fields = ((field, None, None),) if field else ()
        first = f"SELECT line, key::text FROM ({found}) AS f ORDER BY line, key LIMIT {SHOWN}"
        for line, key in rows_of(cursor, first):
            place = self.job.place_of(line) if line else ""
            self.verified.keep(Difference(kind, line, place, key, fields))
