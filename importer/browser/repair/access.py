"""Decides what a person may see of a job's rejected records, and whether to change them."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, QueryDict

from importer.models import DataImportJob
from importer.naming import app_label
from importer.quotes import taken_columns
from importer.rejects.families import Reason
from importer.rights import may_import_with, may_read_source, may_see

# A bigint of PostgreSQL.
LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Access:
    """A job that a person may see.

    reads_source  whether the person may read whole records, and messages that quote them
    may_change    whether the person may repair and import its records
    columns       those whose values the person may read, in the order of the source
    """

    job: DataImportJob
    reads_source: bool
    may_change: bool
    columns: tuple[str, ...]

    def number_of(self, column: str) -> int:
        """Return the number by which forms name a column."""
        return (self.job.columns or []).index(column)

    def column_of(self, number: str) -> str | None:
        """Return the column of a number, if there is one that the person may read."""
        columns = self.job.columns or []
        if not (number.isascii() and number.isdecimal() and len(number) < 6 and int(number) < len(columns)):
            return None
        column = str(columns[int(number)])
        return column if column in self.columns else None


def access_to(request: HttpRequest, job_id: int) -> Access:
    """Return what the person may do with a job. Raises Http404 for a job that the person may not see."""
    job = DataImportJob.objects.defer("contested").filter(pk=job_id).first() if job_id <= LARGEST else None
    if job is None or not may_see(request.user, job):
        raise Http404("There is no such job.")
    reads_source = may_read_source(request.user, job)
    taken = None if reads_source else taken_columns(job.pk)
    columns = tuple(name for name in job.columns or [] if taken is None or name in taken)
    return Access(job, reads_source, _may_change(request.user, job), columns)


def access_to_change(request: HttpRequest, job_id: int) -> Access:
    """Return the access of a person who may change the job's records. Raises Http404 and PermissionDenied."""
    access = access_to(request, job_id)
    if not access.may_change:
        raise PermissionDenied
    return access


def _may_change(user: Any, job: DataImportJob) -> bool:
    return user.has_perm(f"{app_label()}.change_dataimportjob") and may_import_with(user, job.spec)


def reason_in(given: QueryDict) -> Reason | None:
    """Return the family that an address or a form names; None if it names none."""
    reason = Reason(str(given.get("field", "")), str(given.get("code", "")))
    if not reason.code:
        return None
    return None if "\0" in "".join(reason) else reason


def number_in(given: QueryDict, name: str, default: int) -> int:
    """Return a number of an address; the default if it is none."""
    text = given.get(name, "")
    return min(int(text), LARGEST) if text.isascii() and text.isdecimal() and len(text) < 20 else default
