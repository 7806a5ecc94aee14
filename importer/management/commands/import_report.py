import json
from textwrap import shorten
from typing import Any

from django.core.management.base import CommandParser

from importer.exceptions import one_line
from importer.management.command import ImporterCommand
from importer.management.refusals import get_job, refusals_in_one_line
from importer.rejects.report import Example, Family, Report, make_report

# Files that the report names; the JSON names all of them.
FILES_SHOWN = 10


class Command(ImporterCommand):
    help = "Show the fate of every record of an import, and the rejected records by reason."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("job_id", type=int)
        parser.add_argument("--json", action="store_true")

    def handle(self, *, job_id: int, json: bool, **_: Any) -> None:
        job = get_job(job_id)
        with refusals_in_one_line():
            report = make_report(job)
        self.stdout.write(as_json(report) if json else report_text(report))


def as_json(report: Report) -> str:
    return json.dumps(report.as_dict(), default=str)


def report_text(report: Report) -> str:
    counts = report.counts
    lines = [
        one_line(f"Job {report.job}: {report.name}, {report.status}"),
        one_line(f"  source    {report.source}"),
        *([one_line(f"  files     {_files(report.files)}")] if report.files else []),
        f"  read      {counts.read:>12,}",
        *(
            f"  {name:9} {getattr(counts, name):>12,}"
            for name in ("inserted", "updated", "unchanged", "skipped", "rejected")
        ),
        f"  {'every record has one fate' if report.is_balanced else 'THE FATES DO NOT ADD UP'}",
    ]
    if report.set_aside:
        lines.append(
            f"  set aside {report.set_aside:>12,} (their key repeats; settled at the end of the run)"
        )
    if report.replayed:
        lines.append(f"  replayed  {report.replayed:>12,} (rejected first, imported since)")
    if report.pruned:
        lines.append(f'  deleted   {report.pruned:>12,} (rejected records, by IMPORTER["REJECTED_DAYS"])')
    if report.erased:
        lines.append(f"  erased    {report.erased:>12,} (rejected records that named a person)")
    lines += [one_line(f"  {note}") for note in report.notes]
    for family in report.families:
        lines.append(
            f"\n  {family.records:,} x {family.field or 'record'}: {family.code}{_column_of(family)}"
        )
        lines += [
            # Values of the source must not control the terminal.
            one_line(f"      {example.place}: {example.message}{_value_of(example)}")
            for example in family.examples
        ]
    return "\n".join(lines)


def _files(names: list[str]) -> str:
    more = f" and {len(names) - FILES_SHOWN:,} more" if len(names) > FILES_SHOWN else ""
    return f"{len(names):,}: {', '.join(names[:FILES_SHOWN])}{more}"


def _column_of(family: Family) -> str:
    return one_line(f' (column "{family.column}")') if family.column else ""


def _value_of(example: Example) -> str:
    """Return the cell's own value, unless the message has it already."""
    value = example.value
    return (
        ""
        if not value or any(f"{q}{value}" in example.message for q in "“\"'")
        else f" (“{shorten(value, 60)}”)"
    )
