"""The reconciliation: what became of every record, and why the rejected ones were rejected."""

from dataclasses import asdict, dataclass
from typing import Any

from django.db import connections
from django.db.models import Sum

from importer.ledger import ledger_alias
from importer.models import DataImportJob, ImportChunk, StagingRecord
from importer.results import FATES, Counts

EXAMPLES = 3

FAMILIES = """
    SELECT error->>'field', error->>'code', count(DISTINCT record.id),
           (array_agg(record.line ORDER BY record.line))[:%(examples)s],
           (array_agg(error->>'message' ORDER BY record.line))[:%(examples)s],
           (array_agg(error->>'value' ORDER BY record.line))[:%(examples)s]
    FROM staging_records AS record, jsonb_array_elements(record.errors) AS error
    WHERE record.job_id = %(job)s AND record.state IN ('rejected', 'fixed')
    GROUP BY 1, 2
    ORDER BY 3 DESC, 1, 2
"""


@dataclass(frozen=True, slots=True)
class Example:
    line: int
    message: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Family:
    """Rejected records with the same field and code."""

    field: str
    code: str
    records: int
    examples: list[Example]


@dataclass(frozen=True, slots=True)
class Report:
    job: int
    name: str
    spec: str
    status: str
    source: str
    counts: Counts
    set_aside: int
    replayed: int
    kept: int
    families: list[Family]

    @property
    def is_balanced(self) -> bool:
        """Fates add up, and each rejected record is there to be looked at."""
        return self.counts.read == self.counts.settled and self.counts.rejected == self.kept

    def as_dict(self) -> dict[str, Any]:
        values = asdict(self)
        return values | values.pop("counts") | {"balanced": self.is_balanced}


def make_report(job: DataImportJob) -> Report:
    sums = ImportChunk.objects.filter(job=job).aggregate(**{f"{name}_sum": Sum(name) for name in FATES})
    staged = StagingRecord.objects.filter(job=job)
    return Report(
        job=job.pk,
        name=job.name or job.spec,
        spec=job.spec,
        status=job.status,
        source=job.source,
        counts=Counts(*(sums[f"{name}_sum"] or 0 for name in FATES)),
        set_aside=staged.filter(state=StagingRecord.State.CONTESTED).count(),
        replayed=staged.filter(state=StagingRecord.State.REPLAYED).count(),
        kept=staged.filter(state__in=[StagingRecord.State.REJECTED, StagingRecord.State.FIXED]).count(),
        families=_families(job),
    )


def _families(job: DataImportJob) -> list[Family]:
    with connections[ledger_alias()].cursor() as cursor:
        cursor.execute(FAMILIES, {"job": job.pk, "examples": EXAMPLES})
        rows = cursor.fetchall()
    return [
        Family(
            field, code, records, [Example(*example) for example in zip(lines, messages, values, strict=True)]
        )
        for field, code, records, lines, messages, values in rows
    ]
