"""Counts rejected records by reason, and pages through them, in a time that does not grow with their number."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import OperationalError, connections, transaction

from importer.conf import MEGABYTE
from importer.ledger.pages import within_bytes
from importer.models import DataImportJob, StagingRecord, ledger_alias
from importer.rejects.refused import RejectsRefused

# Records in which a page counts the families: the first ones. All of a million would take seconds. With more than this,
# PostgreSQL thinks that the query is worth compiling, which takes longer than the query.
LOOKED_AT = 3_000
# Records of a page; and records that it looks through for them: few, then more, because a rare family lies far apart.
PAGE, NEAR, SEARCHED = 50, 500, 20_000
PAGE_BYTES = 4 * MEGABYTE
# Milliseconds for a query over all records, so that a page does not keep a connection.
TIMEOUT = 20_000
# Values of a family that repairs are proposed for.
MOST_VALUES = 200

# Both states have an index by line; one query for both would sort all of them.
FIRST = f"""
    SELECT id, line, state, errors FROM (
        (SELECT id, line, state, errors FROM {StagingRecord._meta.db_table}
         WHERE job_id = %(job)s AND state = 'rejected' AND line > %(after)s ORDER BY line LIMIT %(most)s)
        UNION ALL
        (SELECT id, line, state, errors FROM {StagingRecord._meta.db_table}
         WHERE job_id = %(job)s AND state = 'fixed' AND line > %(after)s ORDER BY line LIMIT %(most)s)
    ) AS both_states ORDER BY line LIMIT %(most)s
"""  # noqa: S608 (our own table)
FAMILIES = f"""
    WITH first AS ({FIRST})
    SELECT error->>'field', error->>'code', error->>'value', GROUPING(error->>'value') = 1,
           count(DISTINCT id) FILTER (WHERE state = 'rejected'), count(DISTINCT id) FILTER (WHERE state = 'fixed'),
           min(line), min(error->>'message')
    FROM first, jsonb_array_elements(errors) AS error
    GROUP BY GROUPING SETS ((error->>'field', error->>'code'), (error->>'field', error->>'code', error->>'value'))
"""  # noqa: S608 (our own table)
ALL_FAMILIES = f"""
    SELECT error->>'field', error->>'code', count(DISTINCT id) FILTER (WHERE state = 'rejected'),
           count(DISTINCT id) FILTER (WHERE state = 'fixed'), min(line), min(error->>'message')
    FROM {StagingRecord._meta.db_table}, jsonb_array_elements(errors) AS error
    WHERE job_id = %(job)s AND state IN ('rejected', 'fixed')
    GROUP BY 1, 2
"""  # noqa: S608 (our own table)
OF_FAMILY = f"""
    WITH first AS ({FIRST})
    (SELECT id, line, true FROM first WHERE errors @> %(errors)s::jsonb ORDER BY line LIMIT %(page)s)
    UNION ALL
    SELECT count(*), max(line), false FROM first
"""  # noqa: S608 (our own table)


class Reason(NamedTuple):
    """What the records of a family have in common. An empty field means the whole record."""

    field: str
    code: str

    @property
    def as_errors(self) -> list[dict[str, str]]:
        """The errors that a record of the family has at least, for a containment query."""
        return [{"field": self.field, "code": self.code}]


@dataclass(slots=True)
class RejectedFamily:
    """Records that were rejected for the same reason.

    rejected    how many still are
    fixed       how many were changed since, and not imported yet
    first_line  where the first one is
    values      the values of those that are rejected, the most frequent first, with their numbers
    """

    reason: Reason
    rejected: int = 0
    fixed: int = 0
    first_line: int = 0
    message: str = ""
    values: dict[str, int] = field(default_factory=dict)

    @property
    def records(self) -> int:
        return self.rejected + self.fixed


@dataclass(frozen=True, slots=True)
class Rejected:
    """The rejected records of a job, by family.

    is_whole  whether all were counted, not only the first
    """

    families: list[RejectedFamily]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class RecordsPage:
    """Some rejected records in order. `after`: the line behind which the next page begins; None: there is none."""

    records: list[StagingRecord]
    after: int | None


def count_families(job: DataImportJob, *, all_of_them: bool = False) -> Rejected:
    """Count the families in the first records, or slowly in all. Raises RejectsRefused if that takes too long."""
    families: dict[Reason, RejectedFamily] = {}
    for name, code, value, is_family, rejected, fixed, line, message in _rows(
        FAMILIES, job, most=LOOKED_AT + 1
    ):
        reason = Reason(name or "", code or "")
        family = families.setdefault(reason, RejectedFamily(reason))
        if is_family:
            family.rejected, family.fixed, family.first_line, family.message = rejected, fixed, line, message
        elif value is not None and rejected:
            family.values[value] = rejected
    if all_of_them:
        with limited_time(job):
            counted = list(_rows(ALL_FAMILIES, job))
        for name, code, rejected, fixed, line, message in counted:
            reason = Reason(name or "", code or "")
            family = families.setdefault(reason, RejectedFamily(reason))
            family.rejected, family.fixed, family.first_line, family.message = rejected, fixed, line, message
    for family in families.values():
        frequent = sorted(family.values.items(), key=lambda each: (-each[1], each[0]))
        family.values = dict(frequent[:MOST_VALUES])
    in_order = sorted(families.values(), key=lambda each: (-each.rejected, -each.fixed, each.reason))
    return Rejected(in_order, is_whole=all_of_them or waiting(job, LOOKED_AT + 1) <= LOOKED_AT)


@contextmanager
def limited_time(job: DataImportJob) -> Iterator[None]:
    """Run queries over all records in a transaction, for some seconds. Raises RejectsRefused afterwards."""
    try:
        with transaction.atomic(using=ledger_alias()):
            with connections[ledger_alias()].cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {TIMEOUT}")
            yield
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != "57014":  # query_canceled: by the timeout
            raise
        raise RejectsRefused(
            f"Job {job.pk} has too many rejected records for that at once; use `import_report {job.pk}`, and the file "
            f"of `export_rejects {job.pk}`."
        ) from None


def waiting(job: DataImportJob, most: int, states: tuple[str, ...] = ("rejected", "fixed")) -> int:
    """Count the records in these states, up to `most`."""
    return StagingRecord.objects.filter(job=job, state__in=states)[:most].count()


def page_of(job: DataImportJob, reason: Reason | None, after: int) -> RecordsPage:
    """Return the next records of a family, or of all, behind a line; fewer than a page if they lie far apart."""
    errors = json.dumps(reason.as_errors if reason else [])
    for most in (NEAR, SEARCHED):
        found = list(_rows(OF_FAMILY, job, after=after, most=most, errors=errors, page=PAGE + 1))
        searched, last, _ = found.pop()
        if len(found) > PAGE or searched < most:
            break
    keys = [key for key, *_ in found[:PAGE]]
    kept = within_bytes(StagingRecord.objects.filter(pk__in=keys).order_by("line"), "raw", PAGE_BYTES)
    records = list(StagingRecord.objects.filter(pk__in=kept).order_by("line"))
    for record in records:
        record.job = job
    if len(found) > len(records):
        return RecordsPage(records, records[-1].line)
    return RecordsPage(records, last if searched == most else None)


def lines_of(job: DataImportJob, reason: Reason | None, most: int) -> list[int]:
    """Return the first lines of a family's records, or of those that were fixed."""
    records = StagingRecord.objects.filter(job=job)
    if reason is None:
        records = records.filter(state=StagingRecord.State.FIXED)
    else:
        states = [StagingRecord.State.REJECTED, StagingRecord.State.FIXED]
        records = records.filter(state__in=states, errors__contains=reason.as_errors)
    return list(records.order_by("line").values_list("line", flat=True)[:most])


def _rows(query: str, job: DataImportJob, **parameters: Any) -> Iterator[tuple[Any, ...]]:
    with connections[ledger_alias()].cursor() as cursor:
        cursor.execute(query, {"job": job.pk, "after": -1} | parameters)
        yield from cursor.fetchall()
