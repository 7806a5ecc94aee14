"""Carries the records of a job through all stages, by one worker or by several."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from typing import Any, NoReturn

from django.utils.module_loading import import_string

from importer import ledger
from importer.conf import conf
from importer.exceptions import (
    ChunkFailed,
    DatabaseGone,
    GivenUp,
    ImporterError,
    JobAlreadyRunning,
    OrderDecides,
    ThresholdPassed,
)
from importer.fresh import load
from importer.gather import gather
from importer.gather.fitness import one_worker, why_not_gathered
from importer.models import SETTLEMENT, DataImportJob, ImportChunk, LogEvent
from importer.order.hidden import tells_too_much, why_order_matters
from importer.order.survey import survey
from importer.parse.open import open_reader
from importer.run.findings import prepare_repeats, tell_findings, tell_missing_rows
from importer.run.watch import Watch
from importer.specs.mapping import Mapping
from importer.work.machine import processors
from importer.work.repeats import has_counted_keys, note_repeats
from importer.work.retry import patiently
from importer.work.settle import settle_contested

Execute = Callable[[Watch], None]
# Formats whose chunks do not depend on the bytes of the source.
COUNTED_IN_RECORDS = (DataImportJob.Format.PARQUET, DataImportJob.Format.TABLE)


def carry_out(watch: Watch, mapping: Mapping) -> None:
    """Carry the records through all stages, or until asked to stop. Where a way is given up, begin anew on the next."""
    is_done = False
    while not is_done:
        try:
            _carry_out(watch, mapping)
            is_done = True
        except GivenUp as reason:
            watch.dismiss()
            watch.tell([str(reason)])
            _read_ledger(watch)
            watch.before = watch.figures


def expecting_workers(watch: Watch) -> AbstractContextManager[None]:
    """Let processes get ready while the plan is made, if by the size of the source several will share it."""
    job, executor = watch.job, watch.options.executor
    if executor not in ("", "process") or "process" not in conf.EXECUTORS or job.format in COUNTED_IN_RECORDS:
        return nullcontext()
    workers = watch.workers or usual_workers(executor, (job.source_size or 0) // conf.CHUNK_BYTES)
    if workers == 1:
        return nullcontext()
    watch.options = replace(watch.options, executor="process", workers=workers)
    return _standing_by(watch, import_string(conf.EXECUTORS["process"]))


def _carry_out(watch: Watch, mapping: Mapping) -> None:
    job = watch.job
    prepare_repeats(watch, mapping)
    _choose_executor(watch)
    execute: Execute = import_string(conf.EXECUTORS[watch.options.executor])
    patiently(lambda: gather.refuse_other_columns(job, mapping), watch.control)
    with ExitStack() as stack:
        _divide(watch, mapping, execute, stack)
        _execute(watch, mapping, execute)
    if job.gather_phase and not watch.control.stopping:
        _pour(watch, mapping, execute)
    if watch.control.stopping:
        return
    if job.bare_table:
        watch.check_thresholds(is_finished=True)
        if not patiently(lambda: load.finish(job, mapping, watch.control, watch.tick), watch.control):
            return
    patiently(lambda: tell_findings(watch, mapping), watch.control)
    patiently(lambda: settle_contested(job, mapping, watch.control), watch.control)
    _read_ledger(watch)
    patiently(lambda: tell_missing_rows(watch), watch.control)
    watch.check_thresholds(is_finished=True)


def _execute(watch: Watch, mapping: Mapping, execute: Execute) -> None:
    """Let workers carry all open chunks to their ends. Raises GivenUp if only one worker can."""
    figures, how = watch.figures, f"{watch.options.executor}, {watch.workers} workers"
    # The page of the job reckons its rate and its end from these.
    ledger.log(watch.job, LogEvent.EXECUTING, how, records=figures.records, part=figures.part)
    try:
        execute(watch)
    except (JobAlreadyRunning, ThresholdPassed, DatabaseGone):
        raise
    except ImporterError:
        if order := gather.found_order(watch.job):
            _give_up(watch, mapping, order)
        raise
    if not watch.control.stopping:
        _read_ledger(watch)  # the workers may have seen a request to stop before us
    if watch.open_chunks and not watch.control.stopping:
        raise ChunkFailed("Some chunks are not done, and no worker is left; run the same command again.")


def _divide(watch: Watch, mapping: Mapping, execute: Execute, stack: ExitStack) -> None:
    """Find out, once for a job, how several workers can share it; if they cannot, leave it to one."""
    is_divided = watch.job.survey_state != DataImportJob.SurveyState.NOT_DONE
    if watch.workers == 1 or is_divided or not watch.open_chunks:
        return
    reason, obstacle = why_order_matters(mapping), ""
    may_be_gathered = bool(reason) or tells_too_much(mapping)
    if not reason:
        stack.enter_context(_standing_by(watch, execute))
        if not may_be_gathered:
            _send_ahead(watch, execute)
        reason = _survey(watch, mapping)
    if reason and may_be_gathered:
        obstacle = why_not_gathered(mapping, watch.job)
        if not obstacle:
            patiently(lambda: gather.begin(watch.job, mapping), watch.control)
            return
    if reason:
        watch.options = replace(watch.options, workers=1)
        ledger.log(watch.job, LogEvent.SURVEY, one_worker(reason, obstacle))


def _pour(watch: Watch, mapping: Mapping, execute: Execute) -> None:
    """Decide which of the gathered records come first, and let the workers write them."""
    job, control = watch.job, watch.control
    with _standing_by(watch, execute):
        try:
            if not patiently(lambda: gather.decide(job, mapping, control, watch.tick), control):
                return
        except GivenUp as reason:
            _give_up(watch, mapping, str(reason))
        _read_ledger(watch)
        if watch.open_chunks:
            _execute(watch, mapping, execute)
    if not control.stopping:
        patiently(lambda: gather.finish(job, mapping), control)


def _give_up(watch: Watch, mapping: Mapping, reason: str) -> NoReturn:
    patiently(lambda: gather.give_up(watch.job, mapping, reason), watch.control)
    raise GivenUp(f"One worker begins anew and takes the records in order, because {reason}.")


def _read_ledger(watch: Watch) -> None:
    """Read the ledger between the stages of a run, and wait for the database if it is away."""
    patiently(watch.hold.keep, watch.control)
    patiently(watch.read_ledger, watch.control)
    watch.tick(at_once=True)


def _choose_executor(watch: Watch) -> None:
    executor, workers = watch.options.executor, watch.options.workers
    if executor and executor not in conf.EXECUTORS:
        raise ImporterError(f'There is no executor "{executor}"; known: {", ".join(conf.EXECUTORS)}.')
    chunks = ImportChunk.objects.filter(job=watch.job, number__gt=SETTLEMENT).count()
    if executor == "inline":
        workers = 1
    elif not workers:
        workers = usual_workers(executor, chunks)
    if not executor:  # a site may have executors of its own, and no "process"
        executor = "process" if workers > 1 and "process" in conf.EXECUTORS else "inline"
        workers = workers if executor == "process" else 1
    watch.options = replace(watch.options, executor=executor, workers=workers)


def usual_workers(executor: str, chunks: int) -> int:
    """Return the default number of workers: by processors for processes, by chunks for other machines."""
    if executor not in ("", "process"):
        return max(2, chunks)
    return 2 if executor else max(1, min(processors(), chunks // 2))


def _standing_by(watch: Watch, execute: Execute) -> AbstractContextManager[None]:
    """Let the executor prepare its workers, if its module has a `stand_by` for that and none stand by."""
    if watch.crew:
        return nullcontext()
    stand_by: Callable[[Watch], AbstractContextManager[None]] | None = _beside(execute, "stand_by")
    return stand_by(watch) if stand_by else nullcontext()


def _send_ahead(watch: Watch, execute: Execute) -> None:
    """Let the executor send a worker ahead during the survey, if its module has a `send_ahead` for that."""
    if send_ahead := _beside(execute, "send_ahead"):
        send_ahead(watch)


def _beside(execute: Execute, name: str) -> Any:
    return getattr(sys.modules.get(getattr(execute, "__module__", "")), name, None)


def _survey(watch: Watch, mapping: Mapping) -> str:
    """Find the contested keys. Returns why one worker has to take all records in order, if it has to."""
    reader = open_reader(watch.job)
    try:
        found = survey(watch.job, mapping, reader)
        if mapping.key and not has_counted_keys(watch.job):
            note_repeats(watch.job, mapping, reader, found)
    except OrderDecides as finding:
        return str(finding)
    finally:
        reader.close()
    return ""
