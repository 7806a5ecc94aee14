"""A run of a job: what was asked for, and how it goes."""

import time
from dataclasses import dataclass, field
from typing import Any

from django.db import Error as DatabaseError
from django.db import connections
from django.db.models import F, Q, Sum

from importer import ledger
from importer.conf import conf
from importer.exceptions import JobAlreadyRunning, ThresholdPassed
from importer.models import DataImportJob, ImportChunk, ledger_alias
from importer.records import FATES, Counts
from importer.rejects.report import make_report
from importer.run.results import ImportResult, OnProgress, Progress
from importer.work.control import Control
from importer.work.machine import resident_mb
from importer.work.patience import Patience, is_transient

TICK_SECONDS = 0.25
# An error rate over fewer records says little.
RATE_COUNTS_FROM = 1_000


@dataclass(slots=True)
class Run:
    """One run of a job: what was asked for, and how it goes."""

    job: DataImportJob
    workers: int
    executor: str
    max_errors: int | None
    max_error_rate: float | None
    on_progress: OnProgress | None
    is_rehearsal: bool = False
    control: Control = field(default_factory=Control)
    began: float = field(default_factory=time.monotonic)
    before: Counts = field(default_factory=Counts)
    open_chunks: bool = True
    counts: Counts = field(default_factory=Counts)
    batches: int = 0
    part: float = 0.0
    batch_size: int = 0
    peak_memory_mb: float = 0.0
    _patience: Patience | None = None
    _next_tick: float = 0.0
    _held_by: Any = None
    _backend: int | None = None

    def tick(self, *, at_once: bool = False) -> None:
        """Look at the ledger and at the memory, tell about it, and stop the run where it must not go on.

        Raises ThresholdPassed, and JobAlreadyRunning where the job was lost to another process.
        """
        now = time.monotonic()
        if now < self._next_tick and not at_once:
            return
        self._next_tick = now + TICK_SECONDS
        memory = resident_mb()
        self.peak_memory_mb = max(self.peak_memory_mb, memory)
        self.control.memory_is_short = memory > conf.MEMORY_THRESHOLD_MB
        try:
            self.keep_hold()
            self.read_ledger()
        except DatabaseError as error:
            if not is_transient(error) or connections[ledger_alias()].in_atomic_block:
                raise
            self._patience = self._patience or Patience()
            # The workers wait for the database too; we only must not give up first.
            self._patience.next_pause(error)
            connections[ledger_alias()].close()
            return
        self._patience = None
        self._check_thresholds(finished=False)
        if self.on_progress:
            self.on_progress(self._progress(memory))

    def after_batch(self, records: int) -> None:
        self.batch_size = records or self.batch_size
        self.tick(at_once=self.executor == "inline" and records > 0)

    def hold(self) -> None:
        """Raises JobAlreadyRunning where another process has the job, and PoolerInTheWay."""
        if not ledger.hold_job(self.job.pk, former=self._backend):
            runner = DataImportJob.objects.values_list("runner", flat=True).get(pk=self.job.pk)
            raise JobAlreadyRunning(f"Job {self.job.pk} is already running ({runner or 'elsewhere'}).")
        self._held_by = connections[ledger_alias()].connection
        self._backend = ledger.ledger_backend()

    def keep_hold(self) -> None:
        connection = connections[ledger_alias()]
        connection.ensure_connection()
        if connection.connection is not self._held_by:
            self.hold()

    def read_ledger(self) -> None:
        sums = ImportChunk.objects.filter(job=self.job).aggregate(
            **{f"{name}_sum": Sum(name) for name in (*FATES, "batches")},
            size=Sum(F("end_offset") - F("start_offset")),
            done=Sum(F("committed_offset") - F("start_offset")),
            open=Sum(1, filter=~Q(state=ImportChunk.State.DONE)),
            stop=Sum(1, filter=Q(job__stop_requested=True)),
        )
        self.counts = Counts(*(sums[f"{name}_sum"] or 0 for name in FATES))
        self.batches = sums["batches_sum"] or 0
        self.part = (sums["done"] or 0) / sums["size"] if sums["size"] else 1.0
        self.open_chunks = bool(sums["open"])
        if sums["stop"]:
            self.control.stop()

    def check_thresholds_finally(self) -> None:
        self._check_thresholds(finished=True)

    def _check_thresholds(self, *, finished: bool) -> None:
        here = self.counts - self.before
        if self.max_errors is not None and here.rejected > self.max_errors:
            raise ThresholdPassed(
                f"{here.rejected} records were rejected, more than the {self.max_errors} allowed; {self._way_out()}"
            )
        if self.max_error_rate is None or not here.read or (here.read < RATE_COUNTS_FROM and not finished):
            return
        rate = here.rejected / here.read
        if rate > self.max_error_rate:
            raise ThresholdPassed(
                f"{rate:.2%} of the records were rejected, more than the {self.max_error_rate:.2%} allowed; "
                f"{self._way_out()}"
            )

    def _way_out(self) -> str:
        if not self.is_rehearsal:
            return f"`import_report {self.job.pk}` says why; once mended, run the same command again."
        # The report would be empty: what a dry run rejected is rolled back.
        for family in make_report(self.job).families:
            example = family.examples[0]
            what = f"{family.field or 'record'}: {family.code}"
            return f"most often {what}, as in line {example.line}: {example.message}"
        return "nothing was written."

    def _progress(self, memory: float) -> Progress:
        seconds = time.monotonic() - self.began
        rate = (self.counts - self.before).read / seconds if seconds else 0.0
        left = self.counts.read / self.part - self.counts.read if self.part else 0.0
        eta = left / rate if rate and self.part else None
        return Progress(self.job.pk, self.counts, self.part, seconds, rate, eta, self.batch_size, memory)

    def result(self, status: str, reason: str = "") -> ImportResult:
        job = self.job
        if status == DataImportJob.Status.COMPLETED and job.result:
            return ImportResult(**job.result)
        seconds = time.monotonic() - self.began
        read_here = (self.counts - self.before).read
        return ImportResult(
            job=job.pk,
            status=str(status),
            **{name: getattr(self.counts, name) for name in FATES},
            batches=self.batches,
            seconds=round(seconds, 3),
            records_per_second=round(read_here / seconds, 1) if seconds else 0.0,
            peak_memory_mb=round(self.peak_memory_mb, 1),
            reason=reason,
        )
