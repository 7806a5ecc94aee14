"""Reports the fate of every record, and why records were rejected."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from django.db import connections
from django.db.models import Count, Sum

from importer.conf import conf
from importer.exceptions import MappingRefused, UnknownSpec
from importer.ledger import notes_of
from importer.models import DataImportJob, ImportChunk, LogEvent, MigrationLog, StagingRecord, ledger_alias
from importer.privacy.retention import pruned_by_state
from importer.records import FATES, Counts
from importer.specs.columns import SourceColumns
from importer.specs.registry import get_spec

EXAMPLES = 3
State = StagingRecord.State

FAMILIES = f"""
    SELECT error->>'field', error->>'code', count(DISTINCT record.id),
           (array_agg(record.line ORDER BY record.line))[:%(examples)s],
           (array_agg(error->>'message' ORDER BY record.line))[:%(examples)s],
           (array_agg(error->>'value' ORDER BY record.line))[:%(examples)s]
    FROM {StagingRecord._meta.db_table} AS record, jsonb_array_elements(record.errors) AS error
    WHERE record.job_id = %(job)s AND record.state IN ('rejected', 'fixed')
    GROUP BY 1, 2
    ORDER BY 3 DESC, 1, 2
"""  # noqa: S608 (the name of our table)


# Different values of one field that are looked at.
MOST_VALUES = 200
VALUES = f"""
    SELECT field, value, number FROM (
        SELECT error->>'field' AS field, error->>'value' AS value, count(*) AS number,
               row_number() OVER (PARTITION BY error->>'field' ORDER BY count(*) DESC, error->>'value') AS place
        FROM {StagingRecord._meta.db_table} AS record, jsonb_array_elements(record.errors) AS error
        WHERE record.job_id = %(job)s AND record.state IN ('rejected', 'fixed') AND error->>'value' IS NOT NULL
        GROUP BY 1, 2
    ) AS counted WHERE place <= %(most)s
"""  # noqa: S608 (the name of our table)


@dataclass(frozen=True, slots=True)
class Example:
    """A rejected record. `place` names its line for people, with its file if there are several."""

    line: int
    message: str
    value: str | None
    place: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """Rejected records with the same field and code. `column` is the source's, if it is called otherwise."""

    field: str
    code: str
    records: int
    examples: list[Example]
    column: str = ""

    @property
    def where(self) -> str:
        return place_of(self.field, self.column)


@dataclass(frozen=True, slots=True)
class Report:
    """The fate of every record of a job.

    files  the names of the files, if the job reads several
    notes  sentences about the source, such as columns that fill no field
    """

    job: int
    name: str
    spec: str
    status: str
    source: str
    files: list[str]
    counts: Counts
    set_aside: int
    replayed: int
    kept: int
    erased: int
    pruned: int
    families: list[Family]
    notes: list[str]

    @property
    def is_balanced(self) -> bool:
        """Whether the fates add up, and every rejected record is stored, erased or pruned."""
        accounted = self.kept + self.erased + self.pruned
        return self.counts.read == self.counts.accounted and self.counts.rejected == accounted

    def as_dict(self) -> dict[str, Any]:
        values = asdict(self)
        return values | values.pop("counts") | {"balanced": self.is_balanced}


def make_report(job: DataImportJob) -> Report:
    sums = ImportChunk.objects.filter(job=job).aggregate(**{f"{name}_sum": Sum(name) for name in FATES})
    staged = _numbers_by_state(job)
    gone = pruned_by_state(job.pk)
    return Report(
        job=job.pk,
        name=job.name or job.spec,
        spec=job.spec,
        status=job.status,
        source=job.source,
        files=[part["name"] or part["source"] for part in job.parts],
        counts=Counts(*(sums[f"{name}_sum"] or 0 for name in FATES)),
        set_aside=staged[State.CONTESTED],
        replayed=staged[State.REPLAYED] + gone[State.REPLAYED],
        kept=staged[State.REJECTED] + staged[State.FIXED],
        erased=staged[State.DISCARDED],
        pruned=gone.total() - gone[State.REPLAYED],
        families=families_of(job),
        notes=[
            *(note for notes in notes_of(job).values() for note in notes),
            *notes_on_reading(job),
            *_unseen(job),
        ],
    )


def _unseen(job: DataImportJob) -> list[str]:
    if job.bare_table:
        return [
            "What is inserted so far is in a copy of the table, which takes its place when the job is completed."
        ]
    if job.gather_phase:
        return ["Other records wait until it is known which come first; run the job to its end."]
    return []


def other_names(job: DataImportJob) -> dict[str, str]:
    """Return the columns of the fields that are called otherwise; nothing if the spec is no longer registered."""
    try:
        spec = get_spec(job.spec)
    except (UnknownSpec, MappingRefused):
        return {}
    return SourceColumns.of(spec, job.columns or []).of_other_name()


def place_of(field: str, column: str) -> str:
    """Name the field of an error and the column of the file: joined (column "JOIN_DT")."""
    if not field:
        return "record"
    return f'{field} (column "{column}")' if column else field


def missing_rejects(job: DataImportJob) -> list[str]:
    """Return a line for each reason why rejected records of the job are no longer stored."""
    gone, lines = pruned_by_state(job.pk), []
    if pruned := gone.total() - gone[State.REPLAYED]:
        lines.append(
            f"{pruned:,} rejected records of job {job.pk} were deleted by `prune_imports` "
            f'(IMPORTER["REJECTED_DAYS"]).'
        )
    if erased := StagingRecord.objects.filter(job=job, state=State.DISCARDED).count():
        lines.append(f"{erased:,} rejected records of job {job.pk} were erased, because they named a person.")
    return lines


def _numbers_by_state(job: DataImportJob) -> Counter[str]:
    rows = StagingRecord.objects.filter(job=job).values_list("state").annotate(number=Count("pk"))
    return Counter(dict(rows.order_by()))


def families_of(job: DataImportJob) -> list[Family]:
    """Return the rejected records by field and code, the most frequent first."""
    with connections[ledger_alias()].cursor() as cursor:
        cursor.execute(FAMILIES, {"job": job.pk, "examples": EXAMPLES})
        rows = cursor.fetchall()
    columns = other_names(job)
    return [
        Family(
            field,
            code,
            records,
            [
                Example(line, message, value, job.place_of(line))
                for line, message, value in zip(lines, messages, values, strict=True)
            ],
            columns.get(field, ""),
        )
        for field, code, records, lines, messages, values in rows
    ]


def rejected_values(job: DataImportJob, most: int = MOST_VALUES) -> dict[str, dict[str, int]]:
    """Return the values that fields have rejected, with their numbers, the most frequent ones of each field."""
    with connections[ledger_alias()].cursor() as cursor:
        cursor.execute(VALUES, {"job": job.pk, "most": most})
        values: dict[str, dict[str, int]] = {}
        for field, value, number in cursor.fetchall():
            values.setdefault(field, {})[value] = number
    return values


def notes_on_reading(job: DataImportJob) -> list[str]:
    """Return what a person should know about how the source was read, once it was read to its end."""
    return [*_no_records(job), *_long_fields(job), *_created_parents(job)]


def _no_records(job: DataImportJob) -> list[str]:
    chunks = ImportChunk.objects.filter(job=job)
    if job.planned_at is None or chunks.exclude(state=ImportChunk.State.DONE).exists():
        return []
    if chunks.aggregate(records=Sum("read"))["records"]:
        return []
    has_header = job.format in (DataImportJob.Format.CSV, DataImportJob.Format.TSV)
    what = f"a header of {len(job.columns or [])} columns and no record" if has_header else "no record"
    return [f"The source has {what}; nothing was imported."]


def _long_fields(job: DataImportJob) -> list[str]:
    entries = MigrationLog.objects.filter(job=job, event=LogEvent.LONG_FIELDS).order_by("id")
    found = list(entries.values_list("details", flat=True))
    if not found:
        return []
    number = sum(details["fields"] for details in found)
    spans = sorted(tuple(span) for details in found for span in details["lines"])
    named = _named(job, spans[:EXAMPLES])
    more = " and others" if number > EXAMPLES else ""
    most = conf.MAX_FIELD_LINES
    return [f"{number:,} records have a quoted field of more than {most} lines, read as one: {named}{more}."]


def _named(job: DataImportJob, spans: list[tuple[int, int]]) -> str:
    if not job.parts:
        return "lines " + ", ".join(f"{first:,} to {last:,}" for first, last in spans)
    return "; ".join(f"{job.place_of(first)} to {last - first + 1} lines on" for first, last in spans)


def _created_parents(job: DataImportJob) -> list[str]:
    created: Counter[str] = Counter()
    entries = MigrationLog.objects.filter(job=job, event=LogEvent.PARENTS_CREATED)
    for details in entries.values_list("details", flat=True):
        created.update(details["created"])
    return [f"{number:,} {name} created, because records refer to them." for name, number in created.items()]
