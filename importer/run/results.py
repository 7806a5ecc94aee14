"""What a run answers."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from importer.records import Counts


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The figures of a run: counts over the whole job, speed and memory of this run.

    `seconds` is wall time, `records_per_second` the records read in this run over it, `peak_memory_mb` the largest
    resident size of all processes of the job together (the database server's not counted).
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
        """The contract of `run_import --json`; `reason` only where there is one."""
        values = asdict(self)
        if not self.reason:
            del values["reason"]
        return values


@dataclass(frozen=True, slots=True)
class Progress:
    """A look at a run. `part` is how much of the source is done, from 0 to 1; `eta_seconds` None: too early to say."""

    job: int
    counts: Counts
    part: float
    seconds: float
    records_per_second: float
    eta_seconds: float | None
    batch_size: int
    memory_mb: float


OnProgress = Callable[[Progress], None]
