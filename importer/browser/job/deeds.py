"""Notes in the admin's history who started, stopped and undid a job, and reads it back."""

from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.http import HttpRequest

from importer.models import DataImportJob


def note_deed(request: HttpRequest, job: DataImportJob, deed: str) -> None:
    """Note what the person did: "started it"."""
    user: Any = request.user
    LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(DataImportJob),
        object_id=str(job.pk),
        object_repr=str(job)[:200],
        action_flag=CHANGE,
        change_message=deed,
    )


def deeds_of(job: DataImportJob) -> QuerySet[LogEntry]:
    """Return the deeds, the latest first."""
    kind = ContentType.objects.get_for_model(DataImportJob)
    found = LogEntry.objects.filter(content_type=kind, object_id=str(job.pk), action_flag=CHANGE)
    return found.select_related("user").order_by("-action_time", "-pk")
