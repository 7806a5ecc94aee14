"""Says numbers, durations, files and specs in words."""

from pathlib import PurePosixPath
from typing import Any

from django.db import models
from django.utils.text import capfirst

from importer.exceptions import MappingRefused, UnknownSpec
from importer.models import DataImportJob, ImportMapping
from importer.specs.registry import get_spec
from importer.specs.stored import is_stored

MINUTE, HOUR = 60, 3600


def counted(number: int, noun: str) -> str:
    """Return "1 record", "2,848 records"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def were(number: int) -> str:
    return "was" if number == 1 else "were"


def duration(seconds: float) -> str:
    """Return "12 seconds", "about 3 minutes"."""
    if seconds < 1:
        return "less than a second"
    if seconds < 2 * MINUTE:
        return counted(round(seconds), "second")
    if seconds < 2 * HOUR:
        return f"about {counted(round(seconds / MINUTE), 'minute')}"
    return f"about {counted(round(seconds / HOUR), 'hour')}"


def listed(texts: list[str]) -> str:
    """Return "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1]))) if texts else ""


def person(user: Any) -> str:
    return (user.get_full_name() or user.get_username()) if user else "somebody whose account is gone"


def file_of(job: DataImportJob) -> str:
    """Name the file as its owner knows it: without the folders of the server."""
    if job.parts:
        return f"{PurePosixPath(job.source).name} ({counted(len(job.parts), 'file')})"
    return PurePosixPath(job.source).name or job.source


def spec_of(job: DataImportJob) -> str:
    """Say with what the job reads the columns: a mapping that people have made, or a spec in code."""
    if not is_stored(job.spec):
        return f'the spec "{job.spec}"'
    mapping = ImportMapping.objects.filter(pk=job.spec.partition(":")[2]).first()
    return f'the mapping "{mapping}"' if mapping else "a mapping that is gone"


def model_of(job: DataImportJob) -> type[models.Model] | None:
    """Return the model that the job fills; None if its spec is gone."""
    try:
        return get_spec(job.spec).options.model
    except (UnknownSpec, MappingRefused):
        return None


def rows_of(job: DataImportJob) -> str:
    """Name what the job writes: "companies"."""
    model = model_of(job)
    return str(model._meta.verbose_name_plural) if model else "records"


def title_of(job: DataImportJob) -> str:
    return job.name or f"{capfirst(rows_of(job))} from {file_of(job)}"
