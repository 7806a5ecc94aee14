from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser

from importer.management.command import ImporterCommand
from importer.management.listing import job_asked_for
from importer.management.refusals import refusals_in_one_line
from importer.review import approve, decline


class Command(ImporterCommand):
    help = "Approve an import job that waits for a second person, or decline it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("job_id", type=int, nargs="?", help="default: list the last jobs")
        parser.add_argument("--by", default="", help="username of the person who decides")
        parser.add_argument("--decline", metavar="REASON", help="decline it, for this reason")

    def handle(self, *, job_id: int | None, by: str, decline: str | None, **_: Any) -> None:
        job = job_asked_for(self, job_id)
        user = _user(by)
        with refusals_in_one_line():
            if decline is None:
                approve(job, user)
            else:
                _decline(job, user, decline)
        done = f"approved; `run_import {job.pk}` runs it" if decline is None else "declined"
        self.stdout.write(f"Job {job.pk} is {done}.")


# The option has the same name.
_decline = decline


def _user(name: str) -> Any:
    if not name:
        raise CommandError("Name the person who decides: --by USERNAME.", returncode=2)
    users: Any = get_user_model()._default_manager
    user = users.filter(**{get_user_model().USERNAME_FIELD: name}).first()
    if user is None:
        raise CommandError(f'There is no user "{name}".', returncode=2)
    return user
