"""Writes the audit trail of a job."""

from collections.abc import Sequence
from typing import Any

from importer.models import DataImportJob, LogEvent, MigrationLog

# Records with long fields that an entry names by their lines.
NAMED_LINES = 20


def log(
    job: DataImportJob | int, event: str, reason: str = "", *, chunk_id: int | None = None, **details: Any
) -> None:
    """Add an entry to the audit trail. `event` is a `LogEvent`; `details` must be JSON."""
    job_id = job if isinstance(job, int) else job.pk
    MigrationLog.objects.create(job_id=job_id, chunk_id=chunk_id, event=event, reason=reason, details=details)


def note(job: DataImportJob, about: str, sentence: str, **details: Any) -> None:
    """Log what a person should know about the source. Of several notes about the same, the latest counts."""
    log(job, LogEvent.NOTED, sentence, about=about, notes=[sentence], **details)


def notes_of(job: DataImportJob) -> dict[str, list[str]]:
    """Return the sentences of a job's notes, by what they are about."""
    entries = MigrationLog.objects.filter(job=job, details__has_key="about").order_by("id")
    return {details["about"]: details["notes"] for details in entries.values_list("details", flat=True)}


def log_total(job_id: int, event: str, reason: str, details: dict[str, Any]) -> None:
    """Keep one entry of this event per job, with the latest total."""
    MigrationLog.objects.update_or_create(
        job_id=job_id, event=event, defaults={"reason": reason, "details": details}
    )


def log_long_fields(job_id: int, chunk_id: int, lines: Sequence[tuple[int, int]]) -> None:
    """Record which lines were read as one quoted field each, though they are very many for a field."""
    log(
        job_id,
        LogEvent.LONG_FIELDS,
        f"{len(lines)} quoted fields",
        chunk_id=chunk_id,
        fields=len(lines),
        lines=[list(span) for span in lines[:NAMED_LINES]],
    )
