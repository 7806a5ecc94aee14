"""Runs a whole job and rolls it back: the dry run."""

import contextlib

from django.db import Error as DatabaseError
from django.db import transaction

from importer import ledger
from importer.exceptions import (
    ANY_FAULT,
    in_words,
    traceback_of,
)
from importer.models import DataImportJob, ledger_alias
from importer.run.plan import plan
from importer.run.results import ImportResult
from importer.run.watch import Run
from importer.work.pipeline import Stages
from importer.work.settle import settle_contested
from importer.work.worker import Worker
from importer.write.sample import Sample


def rehearse(run: Run, sample: Sample) -> ImportResult:
    """The whole run in one transaction that is rolled back: exact counts, nothing left behind."""
    run.executor, run.workers = "inline", 1
    try:
        with transaction.atomic(using=ledger_alias()):
            mapping = plan(run.job)
            run.read_ledger()
            run.before = run.counts
            run.control.on_batch(run.after_batch)
            Worker(run.job, run.control, sample=sample).drain()
            if not run.control.stopping:
                settle_contested(Stages.of(run.job, mapping, is_settling=True), run.control)
            run.read_ledger()
            transaction.set_rollback(True, using=ledger_alias())
    except ANY_FAULT as error:
        reason = in_words(error)
        if details := traceback_of(error):
            with contextlib.suppress(DatabaseError):
                ledger.log(run.job, "dry_run_failed", reason, **details)
        return run.result(DataImportJob.Status.FAILED, reason)
    return run.result("dry-run")
