"""Lists jobs and specs, for a command that was called without its argument."""

from collections.abc import Callable, Iterator
from typing import NoReturn

from django.core.management.base import CommandError
from django.utils import timezone

from importer.exceptions import one_line
from importer.management.command import ImporterCommand
from importer.management.refusals import get_job, refusals_in_one_line
from importer.models import DataImportJob, ImportMapping
from importer.specs.registry import all_specs

SHOWN = 20


def job_asked_for(command: ImporterCommand, job_id: int | None) -> DataImportJob:
    """Return the job. Without a number, list the last jobs and raise CommandError with exit code 2.

    The list goes to standard error: a script that forgot the number must not take it for an answer.
    """
    if job_id is None:
        none = "There is no import job yet; create one with create_import."
        ask_for(command, job_lines, "Which job?", "JOB", none)
    return get_job(job_id)


def ask_for_spec(command: ImporterCommand, usage: str) -> NoReturn:
    """List the specs and raise CommandError with exit code 2."""
    none = "There is no import spec yet; suggest_import writes one for a file."
    ask_for(command, spec_lines, "Which spec?", usage, none)


def ask_for(
    command: ImporterCommand, lines: Callable[[], Iterator[str]], question: str, usage: str, none: str
) -> NoReturn:
    with refusals_in_one_line():
        found = list(lines())
    for line in found:
        command.stderr.write(line, style_func=str)
    name = type(command).__module__.rpartition(".")[2]
    raise CommandError(f"{question} Run `manage.py {name} {usage}`." if found else none, returncode=2)


def job_lines() -> Iterator[str]:
    """Return the last jobs, the latest first, below a heading."""
    jobs = list(DataImportJob.objects.defer("contested", "columns", "parts").order_by("-pk")[:SHOWN])
    if jobs:
        yield f"{'job':>6}  {'state':<9}  {'read':>12}  {'rejected':>10}  {'created':<16}  name"
    for job in jobs:
        state = "undone" if job.undone_at else job.status
        created = f"{timezone.localtime(job.created_at):%Y-%m-%d %H:%M}"
        name = one_line(job.name or job.spec)
        yield f"{job.pk:>6}  {state:<9}  {job.read:>12,}  {job.rejected:>10,}  {created}  {name}"


def spec_lines() -> Iterator[str]:
    """Return the registered specs and the kept mappings, with what they fill."""
    specs = {name: spec.options.model._meta.label for name, spec in all_specs().items()}
    latest = ImportMapping.objects.order_by("-pk")[:SHOWN]
    mappings = {each.spec_name: f"{each.model}  {one_line(str(each))}" for each in latest}
    width = max(map(len, [*specs, *mappings]), default=0)
    for name, label in (specs | mappings).items():
        yield f"  {name:<{width}}  {label}"
