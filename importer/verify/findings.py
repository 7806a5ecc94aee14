"""Counts and names what differs, once each record has met its row."""

from collections.abc import Iterator
from typing import Any

from django.db.backends.utils import CursorWrapper

from importer.records import SHOWN_CHARACTERS
from importer.validate.queries import names_of, rows_of
from importer.verify.compare import Comparing
from importer.verify.rows import Writer
from importer.verify.verified import SHOWN, Difference
from importer.write.bare import LINE


class Findings:
    """Notes the differences of a comparison."""

    def __init__(self, comparing: Comparing) -> None:
        self.of = comparing
        self.verified = comparing.verified

    def note(self, cursor: CursorWrapper) -> None:
        self._note_missing(cursor)
        self._note_differing(cursor)
        self._note_repeated(cursor)
        self._count(cursor)

    def _note_missing(self, cursor: CursorWrapper) -> None:
        lines = f"FROM {self.of.met} WHERE key IS NULL"
        (number,) = names_of(cursor, f"SELECT count(*) {lines}")
        reason = ""
        if self.of.mapping.on_new == "skip":
            allowed = min(number, max(0, self.of.job.skipped - self.verified.skipped))
            self.verified.skipped += allowed
            number -= allowed
            reason = "it may have been skipped because it had none" if allowed else ""
        if not number:
            return
        self.verified.count("missing", number)
        for line in names_of(cursor, f"SELECT line {lines} ORDER BY line LIMIT {min(number, SHOWN)}"):
            self.verified.keep(Difference("missing", line, self.of.job.place_of(line), reason=reason))

    def _note_differing(self, cursor: CursorWrapper) -> None:
        differing = f"FROM {self.of.met} WHERE differs AND line IS NOT NULL"
        counted = rows_of(cursor, f"SELECT coalesce(writer, -1), count(*) {differing} GROUP BY 1")
        for writer, number in counted:
            self.verified.count(_kind_of(writer), number)
        if not counted:
            return
        if self.of.rows.is_plain:
            self.verified.later_jobs = dict(rows_of(cursor, self._later_jobs()))
        for difference in self._first(cursor, f"SELECT * {differing} ORDER BY line LIMIT {SHOWN}"):
            self.verified.keep(difference)

    def _later_jobs(self) -> str:
        return (
            f"SELECT job, count(*) FROM (SELECT {self.of.rows.later_job('f.xmin_')} AS job FROM {self.of.met} AS f "
            f"WHERE f.differs AND f.writer = {Writer.SINCE:d} LIMIT 10000) AS j WHERE job IS NOT NULL GROUP BY job"
        )

    def _first(self, cursor: CursorWrapper, found: str) -> Iterator[Difference]:
        """Yield these differences with their fields and values."""
        columns = [self.of.sql.column(f) for f in self.of.compared]
        sides = [
            f"ARRAY[{', '.join(f'left({side}.{name}::text, {SHOWN_CHARACTERS})' for name in columns)}]"
            for side in "st"
        ]
        differ = f"ARRAY[{', '.join(self.of.differs([f]) for f in self.of.compared)}]"
        later = self.of.rows.later_job("f.xmin_") if self.of.rows.is_plain else "NULL"
        cursor.execute(
            f"SELECT f.line, f.key::text, f.writer, {later}, {differ}, {', '.join(sides)} FROM ({found}) AS f "
            f"JOIN {self.of.source.table} AS s ON s.{LINE} = f.line "
            f"JOIN {self.of.rows.sql} AS t ON t.{self.of.key} = f.key ORDER BY f.line"
        )
        for line, key, writer, job, marks, *values in cursor.fetchall():
            cells = zip(self.of.compared, marks, *values, strict=True)
            fields = [(f.name, old, new) for f, is_other, old, new in cells if is_other]
            reason = f"changed by job {job}" if job and writer == Writer.SINCE else ""
            yield Difference(_kind_of(writer), line, self.of.job.place_of(line), key, tuple(fields), reason)

    def _note_repeated(self, cursor: CursorWrapper) -> None:
        """Note rows that no record explains: of one record's rows all but the first, unless they were there before."""
        if self.of.mapping.on_conflict == "reject":
            extra = "true"
        elif self.of.rows.knows_writers:
            extra = f"writer = {Writer.SINCE:d}"  # a key may find several rows that were there before
        else:
            return
        alone = f"SELECT line, key, writer FROM {self.of.met} WHERE line IS NULL"
        again = (
            f"SELECT line, key, writer FROM (SELECT *, row_number() OVER (PARTITION BY line ORDER BY writer, key) AS n "
            f"FROM {self.of.met} WHERE line IS NOT NULL) AS m WHERE n > 1 AND {extra}"
        )
        self.of.tell(cursor, "repeated", f"{alone} UNION ALL {again}")

    def _count(self, cursor: CursorWrapper) -> None:
        counts: list[Any] = rows_of(
            cursor,
            f"SELECT count(DISTINCT line), count(DISTINCT line) FILTER (WHERE key IS NOT NULL AND NOT differs) "
            f"FROM {self.of.met}",
        )
        self.verified.compared, self.verified.matched = counts[0]


def _kind_of(writer: int | None) -> str:
    return "changed_since" if writer == Writer.SINCE else "differs"
