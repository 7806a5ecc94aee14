"""Shows the progress of a run in a terminal or in a log."""

import sys
import time
from typing import TextIO

from importer.run.results import Progress

LINE_EVERY_SECONDS = 5.0


class PlainProgress:
    """Writes a line every few seconds, for logs."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.last = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self.last >= LINE_EVERY_SECONDS:
            self.last = now
            self.stream.write(f"job {progress.job}: {progress_line(progress)}\n")
            self.stream.flush()

    def close(self) -> None:
        """Do nothing: written lines stay."""


class TerminalProgress:
    """Rewrites one line in place."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self.bar = RichProgress(
            TextColumn("job {task.fields[job]}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[words]}"),
            console=Console(file=sys.stderr),
            transient=True,
        )
        self.task = self.bar.add_task("import", total=1.0, job="", words="starting …")
        self.bar.start()

    def __call__(self, progress: Progress) -> None:
        self.bar.update(self.task, completed=progress.part, job=progress.job, words=progress_line(progress))

    def note(self, text: str) -> None:
        """Write a line above the bar."""
        self.bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self.bar.stop()


def progress_line(progress: Progress) -> str:
    eta = "" if progress.eta_seconds is None else f" · {clock(progress.eta_seconds)} left"
    gathered = f" ({progress.gathered:,} wait)" if progress.gathered else ""
    return (
        f"{progress.counts.read + progress.gathered:,} records{gathered} · {progress.records_per_second:,.0f}/s{eta} · "
        f"batch {progress.batch_size:,} · {progress.counts.rejected:,} rejected · {progress.memory_mb:,.0f} MB"
    )


def clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
