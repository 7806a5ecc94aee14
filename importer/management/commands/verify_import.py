import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from importer.exceptions import one_line
from importer.management.command import ImporterCommand
from importer.management.listing import job_asked_for
from importer.management.refusals import refusals_in_one_line
from importer.verify.verified import ColumnSums, Difference, Verified
from importer.verify.verify import summary, verify_import


class Command(ImporterCommand):
    help = "Compare the source of a completed job with the table again, and sign off or name the differences."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("job_id", type=int, nargs="?", help="default: list the last jobs")
        parser.add_argument("--json", action="store_true", help="print what was found as one JSON object")
        parser.add_argument("--output", type=Path, help="write it to this file instead")

    def handle(self, *, job_id: int | None, json: bool, output: Path | None, **_: Any) -> None:
        job = job_asked_for(self, job_id)
        with refusals_in_one_line(returncode=2):
            verified = verify_import(job)
        text = _as_json(verified) if json else "\n".join(map(one_line, _lines(verified)))
        if output is None:
            self.stdout.write(text)
        else:
            self._write(output, text)
        if not verified.is_signed_off:
            number = sum(verified.differences.values())
            raise CommandError(f"Job {job.pk} is not signed off: {number:,} differences.", returncode=1)

    def _write(self, output: Path, text: str) -> None:
        try:
            output.write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise CommandError(f'"{output}" cannot be written: {error.strerror}.', returncode=2) from None
        self.stdout.write(f"Written to {output}.")


def _as_json(verified: Verified) -> str:
    return json.dumps(verified.as_dict())


def _lines(verified: Verified) -> list[str]:
    fates = (
        f"  {verified.read:,} read = {verified.compared:,} compared + {verified.superseded:,} whose key another record "
        f"has + {verified.skipped:,} skipped + {verified.rejected:,} rejected"
    )
    lines = [
        f"Job {verified.job} {summary(verified)}.",
        fates,
        *(f"  {_figures(column)}" for column in verified.columns),
        *(f"  {note}" for note in verified.notes),
        *(f"  {sentence}." for sentence in verified.sentences),
        *(
            f"  Job {job} has changed {rows:,} of those rows since."
            for job, rows in verified.later_jobs.items()
        ),
        *(f"    {_told(difference)}" for difference in verified.examples),
    ]
    more = sum(verified.differences.values()) - len(verified.examples)
    return [*lines, f"    and {more:,} more"] if more > 0 else lines


def _figures(column: ColumnSums) -> str:
    """Return a column's figures: once, or those of source and table where they differ."""
    source, table = (column.in_words(side) for side in (column.source, column.table))
    sides = source if column.is_same else f"{source} in the source; {table} in the table"
    return f"{column.name}: {sides}"


def _told(difference: Difference) -> str:
    """Say where a difference is, and what differs."""
    where = ", ".join(filter(None, (difference.place, f"row {difference.row}" if difference.row else "")))
    values = "; ".join(
        name if source == table else f"{name} is {_quoted(table)}, not {_quoted(source)}"
        for name, source, table in difference.fields
    )
    what = "; ".join(filter(None, (values, difference.reason)))
    kind = difference.kind.replace("_", " ")
    return f"{where}: {kind}" + (f": {what}" if what else "")


def _quoted(value: str | None) -> str:
    return "empty" if value is None else f'"{value}"'
