"""What a run answers."""

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Counts:
    """Fates of records. `read` is always the sum of the other five."""

    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    rejected: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Counts)))

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(Counts)))

    @property
    def settled(self) -> int:
        return self.inserted + self.updated + self.unchanged + self.skipped + self.rejected


@dataclass(frozen=True, slots=True)
class Replayed(Counts):
    """Fates of the records that a replay tried.

    left         records it did not try: they could not be taken apart, so somebody has to mend them in a file first
    passed_over  records of the file that an earlier replay, which was killed or stopped, has put in already
    stopped      asked to stop before the last of them; the same command goes on
    """

    left: int = 0
    passed_over: int = 0
    stopped: bool = False


FATES = tuple(f.name for f in fields(Counts))


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
