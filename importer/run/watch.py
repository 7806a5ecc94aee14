"""Watches a run: figures, memory, thresholds, requests to stop. Executors call `tick()` often."""

import time
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import Error as DatabaseError

from importer.conf import conf
from importer.exceptions import ThresholdPassed
from importer.ledger import Figures, JobHold
from importer.models import DataImportJob
from importer.records import Counts
from importer.rejects.report import make_report
from importer.run.options import RunOptions
from importer.run.results import ImportResult, Progress
from importer.work.control import Control
from importer.work.machine import resident_mb
from importer.work.retry import Patience

TICK_SECONDS = 0.25
# An error rate over fewer records says little.
RATE_COUNTS_FROM = 1_000


@dataclass(slots=True)
class Watch:
    """A run as executors see it: `job`, `workers`, `control`, `open_chunks`, `batches` and `tick()`.

    crew  processes that an executor keeps: from its `stand_by` until it is called, and afterwards until they have ended
    """

    job: DataImportJob
    options: RunOptions
    hold: JobHold
    control: Control = field(default_factory=Control)
    began: float = field(default_factory=time.monotonic)
    figures: Figures = field(default_factory=Figures)
    before: Figures = field(default_factory=Figures)
    batch_size: int = 0
    crew: list[Any] = field(default_factory=list)
    peak_memory_mb: float = 0.0
    _patience: Patience | None = None
    _next_tick: float = 0.0

    @property
    def workers(self) -> int:
        return self.options.workers

    @property
    def open_chunks(self) -> bool:
        return self.figures.has_open_chunks

    @property
    def batches(self) -> int:
        return self.figures.batches

    @property
    def counts_here(self) -> Counts:
        """Counts of this run, without earlier ones."""
        return self.figures.counts - self.before.counts

    @property
    def read_here(self) -> int:
        """Records read in this run, those that wait for their fate included."""
        return self.counts_here.read + self.figures.gathered - self.before.gathered

    def begin(self) -> None:
        """Start to count this run, and look at each batch."""
        self.read_ledger()
        self.before = self.figures
        self.control.on_batch(self.after_batch)

    def dismiss(self) -> None:
        """End the processes that an executor has kept."""
        crew, self.crew = self.crew, []
        for process in crew:
            process.end()

    def tell(self, notes: list[str]) -> None:
        if self.options.on_note:
            for note in notes:
                self.options.on_note(note)

    def tick(self, *, at_once: bool = False) -> None:
        """Read the ledger and the memory, report progress, and stop the run if it must not continue.

        At most once per `TICK_SECONDS`, unless `at_once`. Raises ThresholdPassed, JobAlreadyRunning if another process
        has taken the job, and DatabaseGone.
        """
        now = time.monotonic()
        if now < self._next_tick and not at_once:
            return
        self._next_tick = now + TICK_SECONDS
        memory = resident_mb()
        self.peak_memory_mb = max(self.peak_memory_mb, memory)
        self.control.memory_is_short = memory > conf.MEMORY_THRESHOLD_MB
        try:
            self.hold.keep()
            self.read_ledger()
        except DatabaseError as error:
            # The workers wait for the database themselves. This only tells when to give up.
            self._patience = self._patience or Patience()
            self._patience.endure(error)
            return
        self._patience = None
        self.check_thresholds(is_finished=False)
        if self.options.on_progress:
            self.options.on_progress(self._progress(memory))

    def after_batch(self, records: int) -> None:
        self.batch_size = records or self.batch_size
        self.tick(at_once=self.options.executor == "inline" and records > 0)

    def read_ledger(self) -> None:
        self.figures = Figures.of(self.job)
        if self.figures.is_asked_to_stop:
            self.control.stop()

    def check_thresholds(self, *, is_finished: bool) -> None:
        """Raise ThresholdPassed. Before the end, a rate counts only from `RATE_COUNTS_FROM` records on."""
        here, options = self.counts_here, self.options
        if options.max_errors is not None and here.rejected > options.max_errors:
            raise ThresholdPassed(
                f"{here.rejected} records were rejected, more than the {options.max_errors} allowed; {self._advice()}"
            )
        if options.max_error_rate is None or not self.read_here:
            return
        rate = here.rejected / self.read_here
        if rate > options.max_error_rate and (is_finished or self.read_here >= RATE_COUNTS_FROM):
            raise ThresholdPassed(
                f"{rate:.2%} of the records were rejected, more than the {options.max_error_rate:.2%} allowed; "
                f"{self._advice()}"
            )

    def _advice(self) -> str:
        if not self.options.is_dry_run:
            return f"`import_report {self.job.pk}` says why; fix the cause and run the same command again."
        # `import_report` would be empty, because a dry run's rejections are rolled back.
        for family in make_report(self.job).families:
            example = family.examples[0]
            what = f"{family.where}: {family.code}"
            return f"most often {what}, as in {example.place}: {example.message}"
        return "nothing was written."

    def _progress(self, memory: float) -> Progress:
        seconds = time.monotonic() - self.began
        figures = self.figures
        part_here = figures.part - self.before.part
        total = figures.records / figures.part_read if figures.part_read else 0.0
        rate = total * part_here / seconds if seconds else 0.0
        eta = (1 - figures.part) * seconds / part_here if part_here > 0 else None
        return Progress(
            self.job.pk,
            figures.counts,
            figures.part,
            seconds,
            rate,
            eta,
            self.batch_size,
            memory,
            figures.gathered,
        )

    def result(self, status: str, reason: str = "") -> ImportResult:
        if status == DataImportJob.Status.COMPLETED and self.job.result:
            return ImportResult(**self.job.result)
        seconds = time.monotonic() - self.began
        return ImportResult(
            job=self.job.pk,
            status=str(status),
            **asdict(self.figures.counts),
            batches=self.figures.batches,
            seconds=round(seconds, 3),
            records_per_second=round(self.counts_here.read / seconds, 1) if seconds else 0.0,
            peak_memory_mb=round(self.peak_memory_mb, 1),
            reason=reason,
        )
