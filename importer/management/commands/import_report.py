import json
from textwrap import shorten
from typing import Any

from django.core.management.base import CommandParser

from importer.exceptions import one_line
from importer.management.command import ImporterCommand
from importer.management.listing import job_asked_for
from importer.management.refusals import refusals_in_one_line
from importer.models import DataImportJob
from importer.rejects.report import Example, Family, Report, make_report

# Files that the report names; the JSON names all of them.
FILES_SHOWN = 10


class Command(ImporterCommand):
    help = "Show the fate of every record of an import, and the rejected records by reason."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("job_id", type=int, nargs="?", help="default: list the last jobs")
        parser.add_argument("--json", action="store_true")

    def handle(self, *, job_id: int | None, json: bool, **_: Any) -> None:
        job = job_asked_for(self, job_id)
        with refusals_in_one_line():
            report = make_report(job)
        self.stdout.write(as_json(report) if json else report_text(report))
        if not json and self.stderr.isatty() and (step := next_step(job, report)):
            self.stderr.write(f"\nNext: {step}", style_func=str)


def next_step(job: DataImportJob, report: Report) -> str:
    """Return the command that a person most likely wants next; empty if there is none."""
    if job.undone_at:
        return ""
    if job.status != DataImportJob.Status.COMPLETED:
        return f"`manage.py run_import {job.pk}`"
    if report.kept:
        return (
            f"fix them in `manage.py export_rejects {job.pk} --output rejects.csv`, then "
            f"`manage.py replay_rejects {job.pk} rejects.csv`"
        )
    return ""


def as_json(report: Report) -> str:
    return json.dumps(report.as_dict(), default=str)


def report_text(report: Report) -> str:
    counts = report.counts
    verdict = "every record has one fate" if report.is_balanced else "THE FATES DO NOT ADD UP"
    lines = [
        one_line(f"Job {report.job}: {report.name}, {report.status}"),
        one_line(f"  source    {report.source}"),
        *([one_line(f"  files     {_files(report.files)}")] if report.files else []),
        *(
            f"  {sign} {name:9} {getattr(counts, name):>12,}"
            for sign, name in zip(
                " ++++", ("inserted", "updated", "unchanged", "skipped", "rejected"), strict=True
            )
        ),
        f"  = {'read':9} {counts.read:>12,}   {verdict}",
    ]
    if report.set_aside:
        lines.append(
            f"    set aside {report.set_aside:>12,} (their key repeats; settled at the end of the run)"
        )
    if report.replayed:
        lines.append(f"    replayed  {report.replayed:>12,} (rejected first, imported since)")
    if report.pruned:
        lines.append(f'    deleted   {report.pruned:>12,} (rejected records, by IMPORTER["REJECTED_DAYS"])')
    if report.erased:
        lines.append(f"    erased    {report.erased:>12,} (rejected records that named a person)")
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
