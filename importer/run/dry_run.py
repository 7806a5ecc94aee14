"""Runs a whole job and rolls it back (the dry run)."""

import contextlib
from collections.abc import Callable
from dataclasses import replace

from django.db import Error as DatabaseError
from django.db import transaction

from importer import ledger
from importer.exceptions import (
    any_fault,
    reason_of,
    traceback_of,
)
from importer.models import DataImportJob, LogEvent, ledger_alias
from importer.rejects.report import families_of, rejected_values
from importer.run.findings import prepare_repeats, tell_findings, tell_plan
from importer.run.plan import plan
from importer.run.results import ImportResult
from importer.run.watch import Watch
from importer.specs.mapping import Mapping
from importer.work.settle import settle_contested
from importer.work.worker import Worker
from importer.write.sample import Sample


def run_dry(
    watch: Watch, sample: Sample, look: Callable[[Mapping], None] = lambda mapping: None
) -> ImportResult:
    """Run the job in one transaction and roll it back: the counts are exact, and nothing remains.

    `look` is called before that, while the chunks and the rejected records are there.
    """
    if unfinished := watch.job.unfinished_load:
        return watch.result(DataImportJob.Status.FAILED, f"The job {watch.job.pk} {unfinished}.")
    watch.options = replace(watch.options, executor="inline", workers=1)
    try:
        with transaction.atomic(using=ledger_alias()):
            mapping = plan(watch.job)
            tell_plan(watch)
            watch.begin()
            prepare_repeats(watch, mapping)
            Worker(watch.job, watch.control, sample=sample).drain()
            if not watch.control.stopping:
                tell_findings(watch, mapping)
                settle_contested(watch.job, mapping, watch.control)
                look(mapping)
            watch.read_ledger()
            sample.rejected, sample.values = families_of(watch.job), rejected_values(watch.job)
            transaction.set_rollback(True, using=ledger_alias())
    except any_fault() as error:
        reason = reason_of(error)
        if details := traceback_of(error):
            with contextlib.suppress(DatabaseError):
                ledger.log(watch.job, LogEvent.DRY_RUN_FAILED, reason, **details)
        return watch.result(DataImportJob.Status.FAILED, reason)
    status = DataImportJob.Status.STOPPED if watch.control.stopping else "dry-run"
    return watch.result(status)
