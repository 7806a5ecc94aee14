"""Run or resume a job: from the command to the result."""

import contextlib
import os
import socket
from collections.abc import Iterator
from typing import Any

from django.core.management.color import no_style
from django.db import Error as DatabaseError
from django.db import connections
from django.utils import timezone
from django.utils.module_loading import import_string

from importer import ledger
from importer.conf import conf
from importer.exceptions import (
    ANY_FAULT,
    ChunkFailed,
    DatabaseGone,
    ImporterError,
    in_words,
    one_line,
    traceback_of,
)
from importer.ledger.deaths import FormerRun, look_at_former_run
from importer.models import SETTLEMENT, DataImportJob, ImportChunk
from importer.order.hidden import hidden_rivalry
from importer.order.survey import OrderDecides, survey
from importer.parse.open import open_reader
from importer.records import FATES
from importer.run.plan import plan
from importer.run.rehearse import rehearse
from importer.run.results import ImportResult, OnProgress
from importer.run.watch import Run
from importer.signals import import_finished, import_started
from importer.sources.spool_folder import remove_spool
from importer.specs.mapping import Mapping
from importer.specs.registry import all_specs, get_spec
from importer.work.control import Control, stopping_on_signals
from importer.work.machine import processors
from importer.work.patience import is_transient, patiently
from importer.work.pipeline import Stages
from importer.work.settle import settle_contested
from importer.write.sample import Sample

RESUMABLE = (
    DataImportJob.Status.PENDING,
    DataImportJob.Status.STOPPED,
    DataImportJob.Status.FAILED,
    DataImportJob.Status.RUNNING,
)


def run_import(
    job: DataImportJob | int,
    *,
    workers: int | None = None,
    executor: str | None = None,
    max_errors: int | None = None,
    max_error_rate: float | None = None,
    dry_run: bool = False,
    sample: Sample | None = None,
    on_progress: OnProgress | None = None,
    control: Control | None = None,
) -> ImportResult:
    """Run a job, or go on with it where it was stopped, killed or failed. A finished job is left as it is.

    workers         None: one per processor for large sources, one for small ones
    executor        a name in `IMPORTER["EXECUTORS"]`; None: "inline" for one worker, "process" for more
    max_errors      more rejected records in this run than this make the job fail; None: the site's setting
    max_error_rate  the same as a part of the records read, from 0 to 1
    dry_run         do everything, then roll it back; `sample` then collects some of what would change
    on_progress     called a few times per second with a `Progress`
    control         whose `stop()`, called from anywhere, ends the run after the batches in hand

    The result's `status` is "completed", "stopped" or "failed" (then `reason` says why). Raises JobAlreadyRunning
    where another process has the job, PoolerInTheWay, and DataImportJob.DoesNotExist.
    """
    if isinstance(job, int):
        job = DataImportJob.objects.get(pk=job)
    run = Run(
        job=job,
        workers=workers or 0,
        executor=executor or "",
        max_errors=conf.MAX_ERRORS if max_errors is None else max_errors,
        max_error_rate=conf.MAX_ERROR_RATE if max_error_rate is None else max_error_rate,
        on_progress=on_progress,
        is_rehearsal=dry_run,
        control=control or Control(),
    )
    if job.status == DataImportJob.Status.COMPLETED:
        return run.result(DataImportJob.Status.COMPLETED)
    with _holding(run), stopping_on_signals(run.control):
        if dry_run:
            return rehearse(run, sample or Sample())
        return _perform(run)


def _perform(run: Run) -> ImportResult:
    job = run.job
    runner = f"{socket.gethostname()}:{os.getpid()}"
    former = look_at_former_run(job)
    if former.deaths >= conf.MAX_CHUNK_ATTEMPTS:
        return _give_up(run, former)
    job.stop_requested = False
    if not job.move(
        to=DataImportJob.Status.RUNNING,
        believed=RESUMABLE,
        runner=runner,
        started_at=timezone.now(),
        error="",
        stop_requested=False,
        deaths=former.deaths,
        batches=former.batches,
    ):
        job.refresh_from_db()
        return run.result(job.status)
    details: dict[str, Any] = {}
    try:
        ledger.log(job, "started", runner)
        # What we were given may be older than the hold, or hold what an earlier run failed to save (its plan).
        job.refresh_from_db()
        import_started.send(sender=get_spec(job.spec), job=job)
        mapping = plan(job)
        if not former.died:
            # A run that was killed may have been by a chunk that no worker gets past; asked for again, that has
            # another chance.
            ledger.forget_attempts(job)
        _execute(run, mapping)
        status, reason = (
            (DataImportJob.Status.STOPPED, "")
            if run.control.stopping
            else (DataImportJob.Status.COMPLETED, "")
        )
        if status == DataImportJob.Status.COMPLETED:
            patiently(lambda: _finish(run, mapping), run.control)
    except ANY_FAULT as error:
        status, reason, details = DataImportJob.Status.FAILED, in_words(error), traceback_of(error)
    return _conclude(run, status, reason, details)


def _give_up(run: Run, former: FormerRun) -> ImportResult:
    """Fail a job that kills whoever runs it: a queue would start it again for ever."""
    run.job.move(
        to=DataImportJob.Status.RUNNING, believed=(DataImportJob.Status.RUNNING,), deaths=former.deaths
    )
    return _conclude(run, DataImportJob.Status.FAILED, former.reason, {})


def _execute(run: Run, mapping: Mapping) -> None:
    run.read_ledger()
    run.before = run.counts
    run.control.on_batch(run.after_batch)
    _choose_executor(run)
    if run.workers > 1 and run.job.survey == DataImportJob.Survey.NOT_DONE and run.open_chunks:
        _survey(run, mapping)
    ledger.log(run.job, "executing", f"{run.executor}, {run.workers} workers")
    import_string(conf.EXECUTORS[run.executor])(run)
    if not run.control.stopping:
        _read_ledger(run)  # the workers may have seen before us that the job is to stop
    if run.control.stopping:
        return
    if run.open_chunks:
        raise ChunkFailed("Not every chunk is done, and no worker is left; run the same command again.")
    patiently(
        lambda: settle_contested(Stages.of(run.job, mapping, is_settling=True), run.control), run.control
    )
    _read_ledger(run)
    run.check_thresholds_finally()


def _read_ledger(run: Run) -> None:
    """Between the stages of a run, where the workers' patience does not reach."""
    patiently(run.keep_hold, run.control)
    patiently(run.read_ledger, run.control)
    run.tick(at_once=True)


def _choose_executor(run: Run) -> None:
    if run.executor and run.executor not in conf.EXECUTORS:
        raise ImporterError(f'There is no executor "{run.executor}"; known: {", ".join(conf.EXECUTORS)}.')
    chunks = ImportChunk.objects.filter(job=run.job, number__gt=SETTLEMENT).count()
    if run.executor == "inline":
        run.workers = 1
    elif not run.workers:
        run.workers = _usual_workers(run.executor, chunks)
    run.executor = run.executor or ("inline" if run.workers == 1 else "process")


def _usual_workers(executor: str, chunks: int) -> int:
    """Of processes, by the cores; of an executor with machines of its own, as many as there is work for."""
    if executor not in ("", "process"):
        return max(2, chunks)
    return 2 if executor else max(1, min(processors(), chunks // 2))


def _survey(run: Run, mapping: Mapping) -> None:
    """Find the records that meet one another. Where that cannot be known, one worker takes them all in order."""
    reason = hidden_rivalry(mapping)
    if not reason:
        reader = open_reader(run.job)
        try:
            survey(run.job, mapping, reader)
        except OrderDecides as finding:
            reason = str(finding)
        finally:
            reader.close()
    if reason:
        run.workers = 1
        ledger.log(run.job, "survey", f"one worker takes the records in order, because {reason}")


def _finish(run: Run, mapping: Mapping) -> None:
    """What a table wants after a load: its sequence past the imported keys, and fresh statistics."""
    model = mapping.model
    connection = connections[mapping.alias]
    with connection.cursor() as cursor:
        if any(f.primary_key for f in mapping.mapped):
            for statement in connection.ops.sequence_reset_sql(no_style(), [model]):
                cursor.execute(statement)
        cursor.execute(f"ANALYZE {connection.ops.quote_name(model._meta.db_table)}")
    remove_spool(run.job)


def _conclude(run: Run, status: str, reason: str, details: dict[str, Any]) -> ImportResult:
    job = run.job
    if status == DataImportJob.Status.FAILED and job.planned_at is None:
        remove_spool(job)
    _close_dead_connections()
    try:
        if status == DataImportJob.Status.COMPLETED:
            patiently(lambda: _record(run, status, reason, details), run.control)
        else:
            _record(run, status, reason, details)
    except (DatabaseGone, DatabaseError) as error:
        if not is_transient(error) and not isinstance(error, DatabaseGone):
            raise
        # The database is gone, and with it our hold on the job: the next run finds it "running" and goes on.
        if status == DataImportJob.Status.COMPLETED:
            status, reason = (
                DataImportJob.Status.FAILED,
                f"All is written, but that could not be recorded. {one_line(str(error))}",
            )
    result = run.result(status, reason)
    import_finished.send(sender=all_specs().get(job.spec), job=job, result=result)
    return result


def _record(run: Run, status: str, reason: str, details: dict[str, Any]) -> None:
    """Put the end of a run on record. May be repeated, since its answer may be lost."""
    run.keep_hold()
    run.read_ledger()
    result = run.result(status, reason)
    counted = {name: getattr(result, name) for name in (*FATES, "batches")}
    run.job.move(
        to=status,
        believed=(DataImportJob.Status.RUNNING, status),
        finished_at=timezone.now(),
        error=reason,
        result=result.as_dict() if status == DataImportJob.Status.COMPLETED else None,
        **counted,
    )
    ledger.log(run.job, status, reason, **counted, **details)


def _close_dead_connections() -> None:
    """Django keeps a connection that has broken, and would fail on it again."""
    for connection in connections.all(initialized_only=True):
        if connection.errors_occurred and not connection.in_atomic_block and not connection.is_usable():
            connection.close()


@contextlib.contextmanager
def _holding(run: Run) -> Iterator[None]:
    run.hold()
    try:
        yield
    finally:
        with contextlib.suppress(DatabaseError):
            ledger.let_job_go(run.job.pk)
