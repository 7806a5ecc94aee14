"""Decides who may import, see a job, and read what it quotes from its source (docs/decisions/0035)."""

from typing import Any

from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.db.models import Q, QuerySet

from importer.exceptions import MappingRefused, UnknownSpec
from importer.models import DataImportJob
from importer.naming import app_label
from importer.sources.parts import parts_of
from importer.sources.remote.uploads import is_sent_by
from importer.specs.created import created_models
from importer.specs.registry import all_specs, get_spec
from importer.specs.stored import is_stored, model_of, names_of


def may_import_with(user: Any, spec: str) -> bool:
    """Tell whether the user may do what the spec does: add and change records of its model, add parents."""
    try:
        options = get_spec(spec).options
    except (UnknownSpec, MappingRefused):
        return False
    actions = [
        *(["add"] if options.on_new == "insert" else []),
        *(["change"] if options.on_conflict == "update" else []),
    ]
    made = created_models(get_spec(spec))
    return all(has_right(user, action, options.model) for action in actions) and all(
        has_right(user, "add", model) for model in made
    )


def may_run(user: Any, job: DataImportJob) -> bool:
    """Tell whether the user may start, stop and resume the job."""
    return _may_change_jobs(user) and may_see(user, job) and may_import_with(user, job.spec)


def may_undo(user: Any, job: DataImportJob) -> bool:
    """Tell whether the user may do what an undo does: delete the records, put back changed ones, delete parents."""
    if not (_may_change_jobs(user) and may_see(user, job)):
        return False
    try:
        spec = get_spec(job.spec)
    except (UnknownSpec, MappingRefused):
        return False
    models = {spec.options.model} | created_models(spec)
    puts_back = spec.options.on_conflict == "update"
    return all(has_right(user, "delete", model) for model in models) and (
        not puts_back or has_right(user, "change", spec.options.model)
    )


def _may_change_jobs(user: Any) -> bool:
    return bool(user.is_active and user.has_perm(f"{app_label()}.change_dataimportjob"))


def specs_for(user: Any) -> list[str]:
    return [name for name in all_specs() if may_import_with(user, name)]


def may_view_records_of(user: Any, spec: str) -> bool:
    """Tell whether the user may view or change records of the spec's model; False for an unregistered spec."""
    try:
        model = model_of(spec) if is_stored(spec) else get_spec(spec).options.model
    except (UnknownSpec, MappingRefused):
        return False
    return may_view(user, model)


def sees_every_job(user: Any) -> bool:
    return bool(user.is_active and getattr(user, "is_superuser", False))


def may_see(user: Any, job: DataImportJob) -> bool:
    """Tell whether the user sees the job, its chunks, rejects and log: as its owner, or by the spec's model."""
    if not user.is_active:
        return False
    return sees_every_job(user) or _owns(user, job) or may_view_records_of(user, job.spec)


def visible_jobs(user: Any) -> QuerySet[DataImportJob]:
    """Return the jobs that `may_see` allows, as one query."""
    jobs = DataImportJob.objects.all()
    if not user.is_active:
        return jobs.none()
    if sees_every_job(user):
        return jobs
    specs = [name for name in all_specs() if may_view_records_of(user, name)]
    labels = [model._meta.label for model in apps.get_models() if may_view(user, model)]
    return jobs.filter(Q(created_by=user.pk) | Q(spec__in=specs) | Q(spec__in=names_of(labels)))


def may_read_source(user: Any, job: DataImportJob) -> bool:
    """Tell whether the user sees everything that the job quotes: whole records, headers, database messages."""
    if sees_every_job(user):
        return True
    if not may_see(user, job):
        return False
    return user.has_perm(f"{app_label()}.read_source") or (
        _owns(user, job) and all(is_sent_by(user, source) for source in _files(job))
    )


def _files(job: DataImportJob) -> list[str]:
    return [part.source for part in parts_of(job)] or [job.source]


def _owns(user: Any, job: DataImportJob) -> bool:
    return user.pk is not None and job.created_by_id == user.pk


def may_view(user: Any, model: Any) -> bool:
    """Tell whether the user may see the rows of a model."""
    return any(has_right(user, action, model) for action in ("view", "change"))


def has_right(user: Any, action: str, model: Any) -> bool:
    return bool(user.has_perm(f"{model._meta.app_label}.{get_permission_codename(action, model._meta)}"))
