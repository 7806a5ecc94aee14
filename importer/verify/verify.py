"""Verifies a completed job: reads its source again, and compares each record with the table."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connections, transaction

from importer import ledger
from importer.budget import Deadline
from importer.exceptions import ImporterError, JobAlreadyRunning
from importer.models import DataImportJob, LogEvent, MigrationLog
from importer.parse.open import open_reader
from importer.parse.reader import Reader
from importer.rejects.report import Report, make_report
from importer.sources.parts import verify_all
from importer.sources.spool.folder import remove_spool
from importer.specs.compile import compile_mapping
from importer.specs.mapping import Mapping
from importer.specs.registry import get_spec
from importer.validate.target import Target
from importer.verify.compare import Comparing
from importer.verify.findings import Findings
from importer.verify.rows import TargetRows
from importer.verify.source import SourceTable
from importer.verify.sums import compare_links, sums_of
from importer.verify.verified import Difference, Verified


class VerifyRefused(ImporterError):
    """The job cannot be verified."""


def verify_import(job: DataImportJob | int, *, by: str = "") -> Verified:
    """Compare a completed job's source with the table again, record by record, and keep what was found in its log.

    Writes nothing but that entry, which names `by` as the person who asked for it. Rows that others change meanwhile
    may count as changed since.
    Raises VerifyRefused, JobAlreadyRunning, SourceChanged, SourceRefused, MappingRefused and TargetRefused.
    """
    if isinstance(job, int):
        job = DataImportJob.objects.get(pk=job)
    _refuse(job)
    began = time.monotonic()
    with _held(job):
        job.refresh_from_db()
        verify_all(job, Deadline(Path(job.source).name))
        mapping = compile_mapping(get_spec(job.spec), job.columns or [], job.dialect)
        report = make_report(job)
        verified = Verified(job.pk, source_hash=job.source_hash)
        reader = open_reader(job)
        try:
            _compare(job, mapping, reader, report, verified)
        finally:
            reader.close()
            remove_spool(job)
        _balance(report, verified)
    verified.seconds = round(time.monotonic() - began, 3)
    figures = {name: getattr(verified, name) for name in ("read", "rejected", "compared", "matched")}
    ledger.log(job, LogEvent.VERIFIED, summary(verified), **figures, by=by, result=verified.as_kept())
    return verified


def summary(verified: Verified) -> str:
    """Say in one line what was found."""
    records = f"{verified.matched:,} of {verified.compared:,} records are in the table as in the source"
    if verified.is_signed_off:
        return f"signed off: {records}"
    return f"{sum(verified.differences.values()):,} differences: {records}"


def last_verification(job: DataImportJob) -> MigrationLog | None:
    """Return the log entry of the latest verification; None if there was none."""
    return MigrationLog.objects.filter(job=job, event=LogEvent.VERIFIED).order_by("-id").first()


def _refuse(job: DataImportJob) -> None:
    if job.status != DataImportJob.Status.COMPLETED:
        raise VerifyRefused(
            f"Job {job.pk} is {job.status}, not completed; run it to its end, then verify it."
        )
    if job.undone_at is not None:
        raise VerifyRefused(f"Job {job.pk} was undone, so its records are not in the table any more.")


@contextmanager
def _held(job: DataImportJob) -> Iterator[None]:
    """Keep replays and undo away."""
    if not ledger.hold_job(job.pk):
        raise JobAlreadyRunning(f"Another process works on job {job.pk}; verify it afterwards.")
    try:
        yield
    finally:
        ledger.let_job_go(job.pk)


def _compare(
    job: DataImportJob, mapping: Mapping, reader: Reader, report: Report, verified: Verified
) -> None:
    """Compare within one transaction that is rolled back, with all its temporary tables."""
    target = Target.of(mapping)
    with transaction.atomic(using=mapping.alias), connections[mapping.alias].cursor() as cursor:
        source = SourceTable(job, mapping, target, verified, has_all_rejects=not report.pruned)
        source.create(cursor)
        source.load(cursor, reader)
        rows = TargetRows(job, mapping, target, cursor)
        comparing = Comparing(source, rows, verified)
        comparing.run(cursor)
        Findings(comparing).note(cursor)
        compare_links(comparing, cursor)
        verified.columns = list(sums_of(comparing, cursor))
        _note_limits(rows, report, verified)
        transaction.set_rollback(True, using=mapping.alias)


def _note_limits(rows: TargetRows, report: Report, verified: Verified) -> None:
    if report.pruned:
        verified.notes.append(
            f"{report.pruned:,} rejected records were deleted since, so a record that is refused now counts as one."
        )
    if not rows.knows_writers:
        verified.notes.append(
            "The database does not tell any more which rows the job wrote, so changes since are told as differences."
        )


def _balance(report: Report, verified: Verified) -> None:
    """Note where the ledger's figures do not add up, or are not those of the source."""
    if not report.is_balanced:
        verified.add(Difference("unbalanced", reason="the fates of the records do not add up to those read"))
    if verified.read != report.counts.read:
        reason = f"the source has {verified.read:,} records, the job has read {report.counts.read:,}"
        verified.add(Difference("unbalanced", reason=reason))
