"""Finds the job that an address names, for the person who asks."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest

from importer.models import DataImportJob
from importer.rights import has_right, visible_jobs


def may_view_jobs(user: Any) -> bool:
    """Tell whether the user has the admin's right to look at import jobs; without it people open their own alone."""
    return has_right(user, "view", DataImportJob) or has_right(user, "change", DataImportJob)


def jobs_to_open(user: Any) -> QuerySet[DataImportJob]:
    """Return the jobs whose pages the user may open."""
    jobs = visible_jobs(user)
    return jobs if may_view_jobs(user) else jobs.filter(created_by=user.pk)


def visible_job(request: HttpRequest, job_id: int) -> DataImportJob:
    """Return the job. Raises Http404 for one that the person may not open, as for one that is not there."""
    jobs = jobs_to_open(request.user).defer("contested").select_related("created_by")
    job = jobs.filter(pk=job_id).first()
    if job is None:
        raise Http404("There is no such job.")
    return job


def job_for(request: HttpRequest, job_id: int, may: Any) -> DataImportJob:
    """Return the job. Raises PermissionDenied unless `may(user, job)`, and Http404 as `visible_job`."""
    job = visible_job(request, job_id)
    if not may(request.user, job):
        raise PermissionDenied
    return job
