"""Runs or resumes a job, from the command to the result."""

import os
import socket
from contextlib import ExitStack
from typing import Any

from django.db import Error as DatabaseError
from django.db import connections
from django.utils import timezone

from importer import ledger
from importer.conf import conf
from importer.exceptions import (
    DatabaseGone,
    MappingRefused,
    UndoneJob,
    any_fault,
    one_line,
    reason_of,
    traceback_of,
)
from importer.fresh.load import begin
from importer.ledger import JobHold
from importer.ledger.killed_runs import FormerRun, look_at_former_run
from importer.models import DataImportJob, LogEvent
from importer.records import FATES
from importer.review import must_wait, refuse_other, refuse_unapproved
from importer.run.carry import carry_out, expecting_workers
from importer.run.dry_run import run_dry
from importer.run.findings import tell_plan
from importer.run.options import RunOptions
from importer.run.plan import plan
from importer.run.propose import propose
from importer.run.results import ImportResult, OnNote, OnProgress
from importer.run.watch import Watch
from importer.signals import import_finished, import_started
from importer.sources.spool.folder import remove_spool
from importer.specs.mapping import Mapping
from importer.specs.registry import all_specs, get_spec
from importer.work.control import Control, stopping_on_signals
from importer.work.retry import is_transient, patiently
from importer.write.sample import Sample
from importer.write.sequences import advance_sequences

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
    fresh: bool = False,
    keep_before: bool = False,
    sample: Sample | None = None,
    on_progress: OnProgress | None = None,
    on_note: OnNote | None = None,
    control: Control | None = None,
) -> ImportResult:
    """Run a job, or resume it where it was stopped, killed or failed. A completed job is not run again.

    workers         None: one per processor for large sources, one for small ones
    executor        a name in `IMPORTER["EXECUTORS"]`; None: "inline" for one worker, "process" for more
    max_errors      the job fails if more records than this are rejected in this run; None: the site's setting
    max_error_rate  the same as a part of the records read in this run, from 0 to 1
    dry_run         do everything, then roll it back; `sample` then collects examples of the changes
    fresh           load an empty table through a bare copy, which then takes its place; a job begun so goes on so
    keep_before     keep rows as they were before they are changed, so that `undo_import` can put them back
    on_progress     called a few times per second with a `Progress`
    on_note         called with what to know about the source, such as columns that fill no field, a sentence at a time
    control         its `stop()`, called from any thread, ends the run after the current batches

    The result's `status` is "completed", "stopped", "failed" (then `reason` says why), "dry-run", or
    "awaiting_approval" of a job that a second person must approve first: it was run as a dry run. Raises
    JobAlreadyRunning if another process has the job, PoolerInTheWay, and DataImportJob.DoesNotExist.
    """
    if isinstance(job, int):
        job = DataImportJob.objects.get(pk=job)
    options = RunOptions(
        workers=workers or 0,
        executor=executor or "",
        max_errors=conf.MAX_ERRORS if max_errors is None else max_errors,
        max_error_rate=conf.MAX_ERROR_RATE if max_error_rate is None else max_error_rate,
        on_progress=on_progress,
        on_note=on_note,
        is_dry_run=dry_run,
        is_fresh=fresh,
        keeps_before=keep_before,
    )
    if job.undone_at is not None:
        raise UndoneJob(f"Job {job.pk} was undone; create a new job to import the source again.")
    watch = Watch(job, options, JobHold(job.pk), control or Control())
    if job.status == DataImportJob.Status.COMPLETED:
        return watch.result(DataImportJob.Status.COMPLETED)
    watch.hold.take()
    try:
        with stopping_on_signals(watch.control):
            if dry_run:
                return run_dry(watch, sample or Sample())
            job.refresh_from_db(fields=["status", "needs_approval", "approved_at", "approved_by", "proposal"])
            return propose(watch) if must_wait(job) else _perform(watch)
    finally:
        watch.hold.release()


def _perform(watch: Watch) -> ImportResult:
    job = watch.job
    runner = f"{socket.gethostname()}:{os.getpid()}"
    former = look_at_former_run(job)
    if former.deaths >= conf.MAX_CHUNK_ATTEMPTS:
        return _give_up(watch, former)
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
        return watch.result(job.status)
    reason, details = "", {}
    try:
        ledger.log(job, LogEvent.STARTED, runner)
        _go_through(watch, former)
        status = DataImportJob.Status.STOPPED if watch.control.stopping else DataImportJob.Status.COMPLETED
    except any_fault() as error:
        status, reason, details = DataImportJob.Status.FAILED, reason_of(error), traceback_of(error)
    return _conclude(watch, status, reason, details)


def _go_through(watch: Watch, former: FormerRun) -> None:
    """Go through the stages of a run, to the end or until asked to stop."""
    job = watch.job
    # The caller's instance may be older than the hold, or have a plan that an earlier run failed to save.
    job.refresh_from_db()
    import_started.send(sender=get_spec(job.spec), job=job)
    refuse_unapproved(job)
    with ExitStack() as stack:
        stack.callback(watch.dismiss)
        mapping = plan(job, lambda: stack.enter_context(expecting_workers(watch)))
        refuse_other(job, mapping)
        tell_plan(watch)
        _keep_before(watch, mapping)
        if watch.options.is_fresh:
            patiently(lambda: begin(job, mapping), watch.control)
        if not former.died:
            # After a killed run the attempts stay, because a chunk may have killed it. Otherwise a new run retries.
            ledger.forget_attempts(job)
        watch.begin()
        carry_out(watch, mapping)
        if not watch.control.stopping:
            patiently(lambda: _finish(mapping), watch.control)
    if not watch.control.stopping:
        # Not before all workers have ended: one that comes late would fetch the source again.
        remove_spool(job)


def _keep_before(watch: Watch, mapping: Mapping) -> None:
    """Note that rows are to be kept before they change, for all workers and later runs."""
    job = watch.job
    if job.keeps_before or not (watch.options.keeps_before or mapping.spec.options.keep_before):
        return
    if len(mapping.tables) > 1:
        raise MappingRefused(
            f"keep_before is not possible: a row of {mapping.model.__name__} has parts in several tables."
        )
    job.options = job.options | {"keep_before": True}
    job.save(update_fields=["options"])


def _give_up(watch: Watch, former: FormerRun) -> ImportResult:
    """Fail a job that kills its workers: a queue would restart it for ever."""
    watch.job.move(
        to=DataImportJob.Status.RUNNING, believed=(DataImportJob.Status.RUNNING,), deaths=former.deaths
    )
    return _conclude(watch, DataImportJob.Status.FAILED, former.reason, {})


def _finish(mapping: Mapping) -> None:
    """Move the table's sequences past the imported numbers, and refresh its statistics."""
    connection = connections[mapping.alias]
    with connection.cursor() as cursor:
        advance_sequences(cursor, mapping)
        for table in mapping.tables:
            cursor.execute(f"ANALYZE {connection.ops.quote_name(table._meta.db_table)}")


def _conclude(watch: Watch, status: str, reason: str, details: dict[str, Any]) -> ImportResult:
    job = watch.job
    if status == DataImportJob.Status.FAILED and job.planned_at is None:
        remove_spool(job)
    _close_dead_connections()
    try:
        if status == DataImportJob.Status.COMPLETED:
            patiently(lambda: _record(watch, status, reason, details), watch.control)
        else:
            _record(watch, status, reason, details)
    except (DatabaseGone, DatabaseError) as error:
        if not is_transient(error) and not isinstance(error, DatabaseGone):
            raise
        # The database is gone, and our hold on the job with it. The next run finds it "running" and resumes it.
        if status == DataImportJob.Status.COMPLETED:
            status, reason = (
                DataImportJob.Status.FAILED,
                f"All records are written, but the end of the run could not be recorded. {one_line(str(error))}",
            )
    result = watch.result(status, reason)
    import_finished.send(sender=all_specs().get(job.spec), job=job, result=result)
    return result


def _record(watch: Watch, status: str, reason: str, details: dict[str, Any]) -> None:
    """Record the end of a run. May be repeated, because the answer to a commit can be lost."""
    watch.hold.keep()
    watch.read_ledger()
    result = watch.result(status, reason)
    counted = {name: getattr(result, name) for name in (*FATES, "batches")}
    watch.job.move(
        to=status,
        believed=(DataImportJob.Status.RUNNING, status),
        finished_at=timezone.now(),
        error=reason,
        result=result.as_dict() if status == DataImportJob.Status.COMPLETED else None,
        **counted,
    )
    ledger.log(watch.job, status, reason, **counted, **details)


def _close_dead_connections() -> None:
    """Close broken connections. Django would keep them and fail again."""
    for connection in connections.all(initialized_only=True):
        if connection.errors_occurred and not connection.in_atomic_block and not connection.is_usable():
            connection.close()
