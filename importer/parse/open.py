"""Opens the reader for a job's source, by its format."""

from pathlib import Path
from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured

from importer.budget import Deadline, refuse_ratio, refuse_size
from importer.exceptions import SourceRefused
from importer.models import DataImportJob
from importer.parse.reader import Reader
from importer.sources.fetch import local_file
from importer.sources.magic import refuse_other_formats
from importer.sources.names import WORKBOOKS, compression_of, split_table
from importer.sources.parts import Part, of_part, parts_of
from importer.sources.spool.spool import TEXT_FORMATS, is_bytewise, needs_spool, spooled
from importer.specs.columns import SourceColumns, own_names
from importer.specs.dialect import Dialect
from importer.specs.registry import get_spec

if TYPE_CHECKING:
    from importer.parse.sheets.reader import SheetReader

# What the spec may say of its delimited files, and a file of fixed widths does not have.
WITHOUT_MARKS = {
    "delimiter": "", "escape": None, "trailing_delimiter": False, "blank_after_delimiter": False
}  # fmt: skip


def open_reader(
    job: DataImportJob, deadline: Deadline | None = None, notes: list[str] | None = None
) -> Reader:
    """Open the reader for a job's source. Raises SourceRefused, and SourceChanged if it changed since the plan.

    deadline  that of the plan; a worker that must fetch or unpack the source again gets a new one
    notes     gets what a person should know about the source
    """
    notes = [] if notes is None else notes
    if job.format == DataImportJob.Format.TABLE:
        from importer.parse.tables.table import TableReader

        alias, table = split_table(job.source)
        return TableReader(alias, table, spec=job.spec)
    if parts := parts_of(job):
        from importer.parse.parts import PartsReader

        return PartsReader(
            parts,
            PartOpener(job, deadline),
            columns=job.columns,
            # Many writers of JSON lines leave out keys that are null.
            same_names=job.format != DataImportJob.Format.JSONL,
            notes=notes,
        )
    deadline = deadline or Deadline(Path(job.source).name)
    path = local_file(job, deadline)
    if job.format in WORKBOOKS:
        return _sheet_reader(job, path, deadline, notes)
    _refuse_other_formats(job, path)
    if needs_spool(job, path):
        encoding = job.encoding if is_bytewise(job.encoding) else "utf-8"
        return _file_reader(job, spooled(job, path, deadline, notes), encoding, deadline, notes)
    return _file_reader(job, path, job.encoding, deadline, notes)


class PartOpener:
    """Opens the parts of a job, and counts what they unpack to: the budget holds for all of them together.

    deadline  that of the plan; a worker that opens a part hours later gets a new one
    """

    def __init__(self, job: DataImportJob, deadline: Deadline | None) -> None:
        self.job = job
        self.deadline = deadline
        self._unpacked: dict[str, dict[str, int]] = {}

    def __call__(self, part: Part, notes: list[str]) -> Reader | None:
        """Return the part's reader; None if it is empty."""
        job = of_part(self.job, part)
        # Only the names of columns are the same in all parts, so text files are asked again for their order.
        is_by_name = job.format in (DataImportJob.Format.JSONL, DataImportJob.Format.PARQUET)
        job.columns = job.columns if is_by_name and job.planned_at else None
        deadline = self.deadline or Deadline(part.name)
        path = local_file(job, deadline)
        job.source = part.path  # names the member from here on
        if job.format in WORKBOOKS:
            reader = _sheet_reader(job, path, deadline, notes)
            self._count(part, path, reader.file.size)
            return reader
        _refuse_other_formats(job, path)
        encoding = job.encoding
        if needs_spool(job, path):
            packed, encoding = path, encoding if is_bytewise(encoding) else "utf-8"
            path = spooled(job, path, deadline, notes, member=part.member)
            self._count(part, packed, path.stat().st_size)
        if not path.stat().st_size:
            return None
        return _file_reader(job, path, encoding, deadline, notes)

    def _count(self, part: Part, packed: Path, size: int) -> None:
        members = self._unpacked.setdefault(part.source, {})
        members[part.member] = size
        refuse_size(self.job.source, sum(sum(sizes.values()) for sizes in self._unpacked.values()))
        if compression_of(packed):
            refuse_ratio(part.source, sum(members.values()), packed=packed.stat().st_size)


def _refuse_other_formats(job: DataImportJob, path: Path) -> None:
    if job.format in TEXT_FORMATS and not compression_of(path):
        refuse_other_formats(Path(job.source).name, path)


def _file_reader(
    job: DataImportJob, path: Path, encoding: str, deadline: Deadline, notes: list[str]
) -> Reader:
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
            possible=own_names(spec),
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
    from importer.parse.delimited.reader import DelimitedReader

    return DelimitedReader(
        path,
        name=name,
        dialect=dialect_of(job),
        encoding=encoding,
        columns=job.columns,
        deadline=deadline if job.planned_at is None else None,
        notes=notes,
    )


def _sheet_reader(job: DataImportJob, path: Path, deadline: Deadline, notes: list[str]) -> "SheetReader":
    from importer.parse.sheets.convert import Conversion
    from importer.parse.sheets.reader import SheetReader

    if compression_of(path):
        raise SourceRefused(f'The workbook "{Path(job.source).name}" is within an archive; unpack it first.')
    dialect = dialect_of(job)
    lines = spooled(job, path, deadline, notes, Conversion(job, dialect, deadline, notes))
    return SheetReader(
        lines, job=job, name=Path(job.source).name, dialect=dialect, encoding="utf-8", columns=job.columns
    )


def dialect_of(job: DataImportJob) -> Dialect:
    """Return how the job's file is written: by the plan, or by the options given and the spec.

    Raises SourceRefused if options and spec contradict each other.
    """
    dialect = Dialect() if job.planned_at else get_spec(job.spec).options.dialect
    options = dict(job.dialect)
    if job.delimiter:
        options["delimiter"] = job.delimiter
    try:
        if job.format in WORKBOOKS:
            from importer.parse.sheets.rows import LINES

            options |= LINES
        if options.get("widths"):
            options = WITHOUT_MARKS | options
        dialect = dialect.with_options(options)
        default = "\t" if job.format == DataImportJob.Format.TSV else ","
        return (
            dialect if dialect.delimiter or dialect.widths else dialect.with_options({"delimiter": default})
        )
    except ImproperlyConfigured as error:
        raise SourceRefused(str(error)) from None
