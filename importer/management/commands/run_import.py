import json
import sys
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError, CommandParser

from importer.conf import conf
from importer.exceptions import one_line
from importer.management.command import ImporterCommand
from importer.management.forecast import forecast_lines
from importer.management.listing import job_asked_for
from importer.management.progress import PlainProgress, TerminalProgress, clock
from importer.management.refusals import refusals_in_one_line
from importer.models import DataImportJob
from importer.run.forecast import forecast as make_forecast
from importer.run.results import ImportResult
from importer.run.run import run_import
from importer.write.sample import Sample

EXIT_CODES = {"completed": 0, "dry-run": 0, "failed": 1, "stopped": 3, "awaiting_approval": 3}


class Command(ImporterCommand):
    help = "Run an import job, or resume it where it was stopped or killed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("job_id", type=int, nargs="?", help="default: list the last jobs")
        parser.add_argument(
            "--workers",
            type=_positive,
            help="number of workers (default: one per processor for large sources)",
        )
        parser.add_argument(
            "--executor", choices=sorted(conf.EXECUTORS), help="default: chosen by the number of workers"
        )
        parser.add_argument("--max-errors", type=_count, help="fail after more rejected records than this")
        parser.add_argument(
            "--max-error-rate", type=_rate, help="fail above this rate of rejected records, from 0 to 1"
        )
        ways = parser.add_mutually_exclusive_group()
        ways.add_argument("--dry-run", action="store_true", help="do everything, then roll it back")
        ways.add_argument(
            "--forecast",
            action="store_true",
            help="import a sample, roll it back, and say what the whole will take",
        )
        ways.add_argument(
            "--fresh",
            action="store_true",
            help="for an empty table: load a bare copy, index it, then put it in the table's place",
        )
        parser.add_argument(
            "--keep-before",
            action="store_true",
            help="keep rows as they were before they are changed, so that undo_import can put them back",
        )
        parser.add_argument("--json", action="store_true", help="print the figures as one JSON object, last")
        parser.add_argument("--no-progress", action="store_true", help="do not show progress")

    def handle(
        self, *, job_id: int | None, workers: int | None, executor: str | None, max_errors: int | None,
        max_error_rate: float | None, dry_run: bool, forecast: bool, fresh: bool, keep_before: bool, json: bool,
        no_progress: bool, **_: Any,
    ) -> None:  # fmt: skip
        job = job_asked_for(self, job_id)
        if forecast:
            self._forecast(job, as_json=json)
            return
        was_finished = job.status == DataImportJob.Status.COMPLETED
        sample = Sample()
        progress = _progress(hidden=no_progress)
        notes: list[str] = []

        def note(text: str) -> None:
            notes.append(text)
            write = progress.note if isinstance(progress, TerminalProgress) else self.stderr.write
            write(one_line(text))  # names of the source must not control the terminal

        try:
            with refusals_in_one_line():
                result = run_import(
                    job,
                    workers=workers,
                    executor=executor,
                    max_errors=max_errors,
                    max_error_rate=max_error_rate,
                    dry_run=dry_run,
                    fresh=fresh,
                    keep_before=keep_before,
                    sample=sample,
                    on_progress=progress,
                    on_note=note,
                )
        finally:
            if progress:
                progress.close()
        if was_finished:
            self.stderr.write(f"Job {job.pk} is already completed; nothing was written.")
        self._print(result, sample, notes, as_json=json)
        if code := EXIT_CODES[result.status]:
            raise CommandError(_why(result, is_told=bool(result.read) and not json), returncode=code)

    def _forecast(self, job: DataImportJob, *, as_json: bool) -> None:
        with refusals_in_one_line():
            found = make_forecast(job)
        self.stdout.write(json.dumps(found.as_dict()) if as_json else "\n".join(forecast_lines(found)))

    def _print(self, result: ImportResult, sample: Sample, notes: list[str], *, as_json: bool) -> None:
        if as_json:
            extra: dict[str, Any] = {"sample": sample.as_dict()} if result.status == "dry-run" else {}
            if extra and notes:
                extra["notes"] = notes
            self.stdout.write(json.dumps(result.as_dict() | extra))
            return
        if result.status == DataImportJob.Status.FAILED and not result.read:
            return  # the reason alone follows; a line of zeros would say it twice
        self.stdout.write(summary_line(result))
        for row in sample.inserted:
            self.stdout.write(f"  would insert {row}")
        for change in sample.updated:
            self.stdout.write(f"  would update {change['key']}: {change['changes']}")


def summary_line(result: ImportResult) -> str:
    """Return the figures of a run as one line for people."""
    would = "would be " if result.status in ("dry-run", "awaiting_approval") else ""
    status = result.status.replace("_", " ")
    return (
        f"Job {result.job} {status}: {result.read:,} read = {result.inserted:,} {would}inserted + "
        f"{result.updated:,} {would}updated + {result.unchanged:,} unchanged + {result.skipped:,} skipped + "
        f"{result.rejected:,} {would}rejected, in {clock(result.seconds)} "
        f"({result.records_per_second:,.0f} records/s, {result.batches:,} batches, "
        f"peak {result.peak_memory_mb:,.0f} MB)"
    )


def _why(result: ImportResult, *, is_told: bool) -> str:
    """Say why the run ended. `is_told`: the line of figures has said that it failed."""
    if result.status == "stopped":
        return f"Job {result.job} was stopped; `run_import {result.job}` resumes it."
    if result.status == "awaiting_approval":
        return f"Job {result.job} has written nothing: {result.reason}."
    return result.reason if is_told else f"Job {result.job} failed: {result.reason}"


def _progress(*, hidden: bool) -> PlainProgress | TerminalProgress | None:
    if hidden:
        return None
    return TerminalProgress() if sys.stderr.isatty() else PlainProgress(sys.stderr)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise ArgumentTypeError(f'"{text}" is not a number of records; use 0 or more')
    return int(text)


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f'"{text}" is not a number of workers; use 1 or more')
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise ArgumentTypeError(f'"{text}" is not a rate; use a number from 0 to 1, for example 0.01')
    return rate
