"""Reads the fates of records."""

from importer.models import DataImportJob, StagingRecord


def rejected(job: DataImportJob) -> dict[int, list[tuple[str, str | None]]]:
    """Return, by line, the field and the value of each error."""
    return {
        record.line: [(error["field"], error["value"]) for error in record.errors]
        for record in StagingRecord.objects.filter(job=job).order_by("line")
    }
