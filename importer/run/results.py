"""Defines the result and the progress of a run."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from importer.records import Counts


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The figures of a run.

    status              "completed", "stopped", "failed", "dry-run" or "awaiting_approval"
    read … batches      counts over the whole job, with earlier runs
    seconds             wall time of this run
    records_per_second  records read in this run / `seconds`
    peak_memory_mb      largest resident size of all processes of the job together, without the database server
    reason              why the run failed; "" if it did not
    """

    job: int
    status: str
    read: int
    inserted: int
    updated: int
    unchanged: int
    skipped: int
    rejected: int
    batches: int
    seconds: float
    records_per_second: float
    peak_memory_mb: float
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return what `run_import --json` prints (a contract); `reason` only if there is one."""
        values = asdict(self)
        if not self.reason:
            del values["reason"]
        return values


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of a run at one moment.

    counts       counts over the whole job
    part         how much of the source is done, from 0 to 1
    eta_seconds  expected seconds until the end; None: not known yet
    gathered     records that wait in a table of their own until it is decided which come first
    """

    job: int
    counts: Counts
    part: float
    seconds: float
    records_per_second: float
    eta_seconds: float | None
    batch_size: int
    memory_mb: float
    gathered: int = 0


OnProgress = Callable[[Progress], None]
# Takes what a person should know about the source, one sentence at a time.
OnNote = Callable[[str], None]
