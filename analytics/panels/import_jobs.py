"""Reads the newest jobs of the importer, if it is installed."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Sum

from analytics.words import number

MOST_SHOWN = 5
UNFINISHED = ("running", "stopped", "failed")


@dataclass(frozen=True, slots=True)
class ImportJob:
    """A job with its figures. `progress` is between 0 and 1; None until the size of the source is known."""

    id: int
    name: str
    status: str
    read: int
    rejected: int
    progress: float | None
    created_at: dt.datetime

    @property
    def read_text(self) -> str:
        return number(self.read)

    @property
    def rejected_text(self) -> str:
        return number(self.rejected)


def import_jobs(user: Any) -> list[ImportJob]:
    """Return the newest jobs that the user may see. Call it only if the importer is installed."""
    from importer.rights import visible_jobs

    columns = ("id", "name", "spec", "status", "read", "rejected", "created_at")
    jobs = list(visible_jobs(user).order_by("-created_at").values(*columns)[:MOST_SHOWN])
    chunks = _chunks([job["id"] for job in jobs if job["status"] in UNFINISHED])
    return [_described(job, chunks.get(job["id"])) for job in jobs]


def _described(job: dict[str, Any], chunks: dict[str, Any] | None) -> ImportJob:
    """Take the figures from the job's chunks while it is not completed; the job's own are written at its end."""
    is_done = job["status"] == "completed"
    figures = chunks if chunks and not is_done else job
    progress = 1.0 if is_done else None
    if chunks and not is_done and chunks["size"]:
        progress = chunks["done"] / chunks["size"]
    return ImportJob(
        id=job["id"],
        name=job["name"] or job["spec"],
        status=job["status"],
        read=figures["read"],
        rejected=figures["rejected"],
        progress=progress,
        created_at=job["created_at"],
    )


def _chunks(job_ids: list[int]) -> dict[int, dict[str, Any]]:
    from importer.models import ImportChunk

    if not job_ids:
        return {}
    rows: Any = ImportChunk.objects.filter(job__in=job_ids).order_by().values("job_id")
    sums = rows.annotate(
        done=Sum(F("committed_offset") - F("start_offset")),
        size=Sum(F("end_offset") - F("start_offset")),
        total_read=Sum("read"),
        total_rejected=Sum("rejected"),
    )
    return {
        row["job_id"]: row | {"read": row["total_read"], "rejected": row["total_rejected"]} for row in sums
    }
