"""Plans a job: cuts its source into chunks, once. A plan never changes."""

from collections.abc import Callable, Iterator
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from importer import ledger
from importer.budget import Deadline, refuse_columns, refuse_header
from importer.conf import conf
from importer.exceptions import SourceRefused
from importer.models import SETTLEMENT, DataImportJob, ImportChunk, LogEvent, ledger_alias
from importer.parse.open import dialect_of, open_reader
from importer.parse.parts import PartsReader
from importer.parse.reader import Range, Reader
from importer.records import RESERVED
from importer.sources.names import WORKBOOKS
from importer.sources.parts import as_stored, identify_all, verify_all
from importer.specs.compile import compile_mapping
from importer.specs.faults.refuse import refuse_faults
from importer.specs.mapping import Mapping
from importer.specs.registry import get_spec
from importer.validate.target import Target

# What the plan's notes are about.
COLUMNS = "columns"
IDENTITY = ("source_size", "source_mtime_ns", "source_hash", "source_mark")


def plan(job: DataImportJob, on_identified: Callable[[], None] | None = None) -> Mapping:
    """Create the job's chunks, or prove that the source is still the one that was planned on.

    `on_identified` is called when the size of a source that has no plan yet is known.
    Raises SettingsRefused, SourceRefused, SourceChanged, MappingRefused or TargetRefused.
    """
    conf.verify()
    spec = get_spec(job.spec)
    refuse_faults(spec)
    deadline = Deadline(Path(job.source).name)
    if job.planned_at is not None:
        verify_all(job, deadline)
        mapping = compile_mapping(spec, job.columns or [], job.dialect)
        Target.of(mapping).refuse_unwritable(mapping)
        return mapping
    notes: list[str] = []
    identify_all(job, deadline, notes)
    if on_identified:
        on_identified()
    reader = open_reader(job, deadline, notes)
    try:
        job.columns = reader.columns()
        refuse_columns(deadline.name, len(job.columns))
        refuse_header(deadline.name, job.columns)
        _refuse_reserved_columns(job, job.columns)
        if job.format in (DataImportJob.Format.CSV, DataImportJob.Format.TSV, *WORKBOOKS):
            job.dialect = dialect_of(job).as_dict()
        mapping = compile_mapping(spec, job.columns, job.dialect)
        Target.of(mapping).refuse_unwritable(mapping)
        chunks = [_chunk(job, number, part) for number, part in enumerate(_timely(reader, deadline), 1)]
        if isinstance(reader, PartsReader):
            job.parts = as_stored(reader.parts)
    finally:
        reader.close()
    job.planned_at = timezone.now()
    with transaction.atomic(using=ledger_alias()):
        ledger.add_chunks([_settlement(job), *chunks])
        job.save(update_fields=[*IDENTITY, "columns", "options", "parts", "planned_at"])
        ledger.log(
            job,
            LogEvent.PLANNED,
            f"{len(chunks)} chunks",
            columns=job.columns,
            ignored=list(mapping.ignored),
            about=COLUMNS,
            notes=[*notes, *mapping.notes],
        )
    return mapping


def _timely(reader: Reader, deadline: Deadline) -> Iterator[Range]:
    for part in reader.ranges():
        deadline.check()
        yield part


def _refuse_reserved_columns(job: DataImportJob, columns: list[str]) -> None:
    for name in RESERVED:
        if name in columns:
            raise SourceRefused(
                f'The source "{job.source}" has a column "{name}", a name that the export of rejected records uses; '
                f"rename the column."
            )


def _chunk(job: DataImportJob, number: int, part: Range) -> ImportChunk:
    return ImportChunk(
        job=job,
        number=number,
        start_offset=part.start_offset,
        end_offset=part.end_offset,
        first_line=part.first_line,
        start_key=part.start_key,
        end_key=part.end_key,
        committed_offset=part.start_offset,
        committed_line=part.first_line,
    )


def _settlement(job: DataImportJob) -> ImportChunk:
    return ImportChunk(
        job=job,
        number=SETTLEMENT,
        start_offset=0,
        end_offset=0,
        first_line=0,
        committed_offset=0,
        committed_line=0,
        state=ImportChunk.State.DONE,
    )
