"""Parse: from a place in the source to a batch of records, every value still text.

Each format has a reader of one shape. A reader is strict: a record that cannot be taken apart is a rejection with
its line, never a silent null and never the end of the job.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from importer.budget import Deadline
from importer.models import DataImportJob, ImportChunk
from importer.records import Batch, Position
from importer.sources.fetch import local_file
from importer.sources.local import split_table
from importer.sources.spool import is_bytewise, needs_spool, spooled
from importer.specs.registry import get_spec


@dataclass(frozen=True, slots=True)
class Range:
    """A part of a source that begins and ends between two records."""

    start_offset: int
    end_offset: int
    first_line: int
    start_key: tuple[Any, ...] | None = None
    end_key: tuple[Any, ...] | None = None


class Reader(Protocol):
    def columns(self) -> list[str]:
        """The names of the source's columns. Raises SourceRefused where there are none to be had."""

    def ranges(self) -> Iterator[Range]:
        """Cut the whole source into ranges, by one sequential scan."""

    def read(self, start: Position, end: Range, *, limit: int) -> Batch:
        """The records from `start`, at most `limit` and fewer where they are large; none at the range's end."""

    def close(self) -> None: ...


def open_reader(job: DataImportJob, deadline: Deadline | None = None) -> Reader:
    """The reader for a job's source. Raises SourceRefused where the source must not or cannot be read.

    `deadline`: of the job's plan; a worker that has to fetch or unpack the source again has one of its own.
    """
    deadline = deadline or Deadline(Path(job.source).name)
    if job.format == DataImportJob.Format.TABLE:
        from importer.parse.tables.table import TableReader

        alias, table = split_table(job.source)
        return TableReader(alias, table, spec=job.spec)
    path = local_file(job, deadline)
    if needs_spool(job, path):
        encoding = job.encoding if is_bytewise(job.encoding) else "utf-8"
        return _file_reader(job, spooled(job, path, deadline), encoding, deadline)
    return _file_reader(job, path, job.encoding, deadline)


def _file_reader(job: DataImportJob, path: Path, encoding: str, deadline: Deadline) -> Reader:
    spec = get_spec(job.spec)
    name = Path(job.source).name  # what people know it by, when its spool is read
    if job.format == DataImportJob.Format.JSONL:
        from importer.parse.jsonlines import JsonLinesReader

        return JsonLinesReader(
            path,
            name=name,
            encoding=encoding,
            columns=job.columns,
            # A key that is null in every record is often left out of all of them.
            expected=spec.declared_columns(),
            json_columns=spec.json_columns(),
        )
    if job.format == DataImportJob.Format.PARQUET:
        from importer.parse.parquet import ParquetReader

        weighed = job.columns if job.planned_at else None
        return ParquetReader(
            path, name=name, deadline=deadline, columns=weighed, json_columns=spec.json_columns()
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


def chunk_range(chunk: ImportChunk) -> Range:
    return Range(
        chunk.start_offset,
        chunk.end_offset,
        chunk.first_line,
        _as_key(chunk.start_key),
        _as_key(chunk.end_key),
    )


def chunk_position(chunk: ImportChunk) -> Position:
    """Where the chunk goes on."""
    return Position(chunk.committed_offset, chunk.committed_line, _as_key(chunk.committed_key))


def _as_key(value: list[Any] | None) -> tuple[Any, ...] | None:
    return None if value is None else tuple(value)
