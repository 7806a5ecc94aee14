"""Measures the source of a job before it is read."""

from importer.models import DataImportJob
from importer.sources.local import locate
from importer.sources.names import is_remote, is_table
from importer.sources.remote.remote import open_remote


def source_bytes(job: DataImportJob) -> int | None:
    """Return the bytes of the job's files, as they are stored; None for a table. Raises SourceRefused."""
    if job.source_size is not None and not is_table(job.source):
        return job.source_size
    sources = [part["source"] for part in job.parts] or [job.source]
    if any(map(is_table, sources)):
        return None
    return sum(map(_size, sources))


def _size(source: str) -> int:
    return open_remote(source).state().size if is_remote(source) else locate(source).stat().st_size
