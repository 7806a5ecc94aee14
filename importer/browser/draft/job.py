"""Makes the job of a draft, and the mapping that it reads the file by."""

from typing import Any

from django.db import models, transaction

from importer.exceptions import MappingRefused
from importer.jobs import create_job
from importer.models import DataImportJob, ImportDraft, ImportMapping, ledger_alias
from importer.rights import may_import_with
from importer.specs.tables import tables_of
from importer.suggest.mapping import job_options, keep, latest


def make_job(draft: ImportDraft, model: type[models.Model], user: Any) -> DataImportJob:
    """Make a job of the draft. Raises ImporterError."""
    mapping = mapping_of(draft, model, user)
    if not may_import_with(user, mapping.spec_name):
        raise MappingRefused(
            f"You may not change {model._meta.verbose_name_plural}; choose what does not change rows."
        )
    job = create_job(
        mapping.spec_name, draft.source, name=draft.filename[:200], created_by=user, **job_options(mapping)
    )
    if draft.options.get("on_conflict") == "update" and len(tables_of(model)) == 1:
        job.options = (job.options or {}) | {"keep_before": True}  # so that the person can undo it
        job.save(update_fields=["options"])
    return job


def make_job_once(draft: ImportDraft, model: type[models.Model], user: Any) -> DataImportJob:
    """Make the job that imports the draft. Raises ImporterError; of two clicks at once, for one of them."""
    with transaction.atomic(using=ledger_alias()):
        draft.change()  # the other click waits here, and finds the draft changed
        job = make_job(draft, model, user)
        draft.change(job=job)
    return job


def mapping_of(draft: ImportDraft, model: type[models.Model], user: Any) -> ImportMapping:
    """Keep what was chosen as a mapping: under its name, or one of the draft's own. Raises MappingRefused."""
    name = draft.mapping_name or f"draft {draft.pk}"
    last = latest(name)
    if last and last.created_by_id != user.pk:
        raise MappingRefused(f'There is a mapping "{name}" of somebody else; choose another name.')
    if last and (last.options, last.model) == (draft.options, model._meta.label):
        return last
    return keep(name, model, draft.guess["columns"], draft.options, created_by=user)


def unsaved_mapping(draft: ImportDraft, model: type[models.Model]) -> ImportMapping:
    """Return what was chosen as a mapping that is not kept."""
    name = draft.mapping_name or draft.filename
    return ImportMapping(
        name=name, model=model._meta.label, columns=draft.guess["columns"], options=draft.options
    )
