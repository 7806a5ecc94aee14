"""Writes the audit trail of a job."""

from typing import Any

from importer.models import DataImportJob, MigrationLog


def log(
    job: DataImportJob | int, event: str, reason: str = "", *, chunk_id: int | None = None, **details: Any
) -> None:
    """Add an entry to the audit trail. `event` is a `LogEvent`; `details` must be JSON."""
    job_id = job if isinstance(job, int) else job.pk
    MigrationLog.objects.create(job_id=job_id, chunk_id=chunk_id, event=event, reason=reason, details=details)


def log_total(job_id: int, event: str, reason: str, details: dict[str, Any]) -> None:
    """Keep one entry of this event per job, with the latest total."""
    MigrationLog.objects.update_or_create(
        job_id=job_id, event=event, defaults={"reason": reason, "details": details}
    )
