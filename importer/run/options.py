"""Holds the options of a run."""

from dataclasses import dataclass

from importer.run.results import OnNote, OnProgress


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of a run. `workers` 0 and `executor` "": not chosen yet. `max_error_rate`: 0 to 1, or None (no limit)."""

    workers: int = 0
    executor: str = ""
    max_errors: int | None = None
    max_error_rate: float | None = None
    on_progress: OnProgress | None = None
    on_note: OnNote | None = None
    is_dry_run: bool = False
    is_fresh: bool = False
    keeps_before: bool = False
