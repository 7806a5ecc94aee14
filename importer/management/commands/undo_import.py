import json
import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser

from importer.exceptions import one_line
from importer.management.command import ImporterCommand
from importer.management.listing import job_asked_for
from importer.management.refusals import refusals_in_one_line
from importer.undo.undo import FIGURES, Undone, undo_import


class Command(ImporterCommand):
    help = (
        "Delete the rows that an import inserted, and put back those that it changed and kept as they were."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("job_id", type=int, nargs="?", help="default: list the last jobs")
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would happen, and change nothing"
        )
        parser.add_argument(
            "--with-related",
            action="store_true",
            help="delete or change also what others have made to refer to the rows, as its on_delete says",
        )
        parser.add_argument("--no-input", "--noinput", action="store_true", help="do not ask")
        parser.add_argument("--json", action="store_true", help="print the figures as one JSON object, last")

    def handle(
        self, *, job_id: int | None, dry_run: bool, with_related: bool, no_input: bool, json: bool, **_: Any
    ) -> None:
        job = job_asked_for(self, job_id)
        with refusals_in_one_line():
            if dry_run or (sys.stdin.isatty() and not no_input):
                preview = undo_import(job, dry_run=True, with_related=with_related)
                self._print(job.pk, preview, would="would be ", as_json=json and dry_run)
                if dry_run:
                    return
                if input("Undo this? [y/N] ").strip().lower() not in ("y", "yes"):
                    raise CommandError("Nothing was changed.", returncode=3)
            undone = undo_import(job, with_related=with_related)
        self._print(job.pk, undone, would="", as_json=json)
        if undone.is_stopped:
            raise CommandError(f"The undo was stopped; `undo_import {job.pk}` continues.", returncode=3)
        if not undone.is_complete:
            raise CommandError(f"Some rows of job {job.pk} stay.", returncode=1)

    def _print(self, job_id: int, undone: Undone, *, would: str, as_json: bool) -> None:
        if as_json:
            figures = {name: getattr(undone, name) for name in FIGURES}
            reasons = {str(key): reason for key, reason in undone.reasons.items()}
            more = {"related": dict(undone.related), "reasons": reasons, "stopped": undone.is_stopped}
            self.stdout.write(json.dumps({"job": job_id} | figures | more))
            return
        self.stdout.write(f"Job {job_id}: {', '.join(_done(undone, would)) or 'nothing to undo'}.")
        for line in _stays(undone):
            self.stdout.write(one_line(line))


def _done(undone: Undone, would: str) -> list[str]:
    related = ", ".join(f"{number:,} {name}" for name, number in undone.related.items())
    parts = [
        (undone.deleted, f"{undone.deleted:,} rows {would}deleted"),
        (undone.parents, f"{undone.parents:,} parents {would}deleted that the job had created"),
        (undone.restored, f"{undone.restored:,} rows {would}put back as they were"),
        (undone.related, f"with them {related} of others"),
    ]
    return [text for number, text in parts if number]


def _stays(undone: Undone) -> list[str]:
    """Say what stays, why, and what to do about it."""
    lines = []
    if undone.changed:
        lines.append(f"  {undone.changed:,} rows stay as they are: they were changed or deleted since.")
    if undone.not_kept:
        lines.append(
            f"  {undone.not_kept:,} rows stay as the job changed them, because it did not keep what was before "
            "(run_import --keep-before)."
        )
    if undone.refused:
        lines.append(f"  {undone.refused:,} rows stay:")
        lines += [f"    {key}: {reason}" for key, reason in undone.reasons.items()]
        more = undone.refused - len(undone.reasons)
        lines += [f"    and {more:,} more"] if more > 0 else []
    return lines
