"""What was asked of a run."""

from dataclasses import dataclass

from importer.run.results import OnProgress


@dataclass(frozen=True, slots=True)
class RunOptions:
    """`workers` 0 and `executor` "": not chosen yet. `max_error_rate` is from 0 to 1; None: no limit."""

    workers: int = 0
    executor: str = ""
    max_errors: int | None = None
    max_error_rate: float | None = None
    on_progress: OnProgress | None = None
    is_dry_run: bool = False
