"""Turns reasons to stop into one line on standard error and an exit code, never a traceback."""

import contextlib
from collections.abc import Iterator

from django.core.management.base import CommandError
from django.db import Error as DatabaseError

from importer.exceptions import ImporterError, reason_of
from importer.models import DataImportJob


@contextlib.contextmanager
def refusals_in_one_line(*, returncode: int = 1) -> Iterator[None]:
    """Turn a reason to stop into a CommandError with this exit code; database errors always have exit code 1."""
    try:
        yield
    except ImporterError as error:
        raise CommandError(str(error), returncode=returncode) from None
    except DatabaseError as error:
        raise CommandError(reason_of(error), returncode=1) from None


def get_job(job_id: int) -> DataImportJob:
    """Return the job with this id. Raises CommandError with exit code 2 if there is none."""
    with refusals_in_one_line():
        job = DataImportJob.objects.filter(pk=job_id).first()
    if job is None:
        raise CommandError(f"There is no import job {job_id}; create one with create_import.", returncode=2)
    return job
