"""Shows the progress of a run in a terminal or in a log."""

import sys
import time
from typing import TextIO

from importer.run.results import Progress

LINE_EVERY_SECONDS = 5.0
# Characters of the bar, in a terminal of at least so many columns and in a narrower one.
WIDE, WIDE_BAR, NARROW_BAR = 110, 24, 10


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

        console = Console(file=sys.stderr)
        self.bar_width = WIDE_BAR if console.width >= WIDE else NARROW_BAR
        self.bar = RichProgress(
            TextColumn("job {task.fields[job]}"),
            BarColumn(bar_width=self.bar_width),
            TaskProgressColumn(),
            TextColumn("{task.fields[words]}"),
            console=console,
            transient=True,
        )
        self.task = self.bar.add_task("import", total=1.0, job="", words="starting …")
        self.bar.start()

    def __call__(self, progress: Progress) -> None:
        # Between them: "job 12", the bar, "100%", and a blank after each.
        room = self.bar.console.width - len(f"job {progress.job}") - self.bar_width - len("100%") - 3
        words = progress_line(progress, room)
        self.bar.update(self.task, completed=progress.part, job=progress.job, words=words)

    def note(self, text: str) -> None:
        """Write a line above the bar."""
        self.bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self.bar.stop()


def progress_line(progress: Progress, width: int | None = None) -> str:
    """Return the figures of a run; what people need least is left out first where they do not fit into `width`."""
    parts = [
        (f"{progress.counts.read + progress.gathered:,} records", 0),
        (f"{progress.gathered:,} wait" if progress.gathered else "", 4),
        (f"{progress.records_per_second:,.0f}/s", 3),
        (f"{clock(progress.eta_seconds)} left" if progress.eta_seconds is not None else "", 1),
        (f"batch {progress.batch_size:,}", 5),
        (f"{progress.counts.rejected:,} rejected", 2),
        (f"{progress.memory_mb:,.0f} MB", 6),
    ]
    line = ""
    for last in range(len(parts), 0, -1):
        line = " · ".join(text for text, rank in parts if text and rank < last)
        if width is None or len(line) <= width:
            break
    return line


def clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
