"""Opens the reader for a job's source, by its format."""

from pathlib import Path

from importer.budget import Deadline
from importer.models import DataImportJob
from importer.parse.reader import Reader
from importer.sources.fetch import local_file
from importer.sources.names import split_table
from importer.sources.spool import is_bytewise, needs_spool, spooled
from importer.specs.columns import SourceColumns
from importer.specs.registry import get_spec


def open_reader(
    job: DataImportJob, deadline: Deadline | None = None, notes: list[str] | None = None
) -> Reader:
    """Open the reader for a job's source. Raises SourceRefused, and SourceChanged if it changed since the plan.

    deadline  that of the plan; a worker that must fetch or unpack the source again gets a new one
    notes     gets what a person should know about the source
    """
    notes = [] if notes is None else notes
    deadline = deadline or Deadline(Path(job.source).name)
    if job.format == DataImportJob.Format.TABLE:
        from importer.parse.tables.table import TableReader

        alias, table = split_table(job.source)
        return TableReader(alias, table, spec=job.spec)
    path = local_file(job, deadline)
    if needs_spool(job, path):
        encoding = job.encoding if is_bytewise(job.encoding) else "utf-8"
        return _file_reader(job, spooled(job, path, deadline, notes), encoding, deadline)
    return _file_reader(job, path, job.encoding, deadline)


def _file_reader(job: DataImportJob, path: Path, encoding: str, deadline: Deadline) -> Reader:
    spec = get_spec(job.spec)
    name = Path(job.source).name  # for messages, also if the spool is read
    columns = SourceColumns.of(spec, job.columns or [])
    if job.format == DataImportJob.Format.JSONL:
        from importer.parse.jsonlines import JsonLinesReader

        return JsonLinesReader(
            path,
            name=name,
            encoding=encoding,
            columns=job.columns,
            # Many writers leave out keys that are null.
            expected=spec.declared_columns(),
            json_columns=columns.json_columns(),
        )
    if job.format == DataImportJob.Format.PARQUET:
        from importer.parse.parquet import ParquetReader

        weighed = job.columns if job.planned_at else None
        return ParquetReader(
            path,
            name=name,
            deadline=deadline,
            columns=weighed,
            json_columns=columns.json_columns(),
            bytes_columns=columns.bytes_columns(),
        )
    from importer.parse.delimited import DelimitedReader

    default = "\t" if job.format == DataImportJob.Format.TSV else ","
    return DelimitedReader(
        path,
        name=name,
        delimiter=job.delimiter or default,
        encoding=encoding,
        columns=job.columns,
        deadline=deadline if job.planned_at is None else None,
    )
