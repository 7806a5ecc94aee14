"""The screen of the check: the exact dry run, its reasons by column, repairs that one click applies, and the import."""

import hashlib
import json
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from importer.browser.aside import in_a_thread
from importer.browser.draft.drafts import CHANGED_ELSEWHERE, is_stale, of_own_draft, steps_of
from importer.browser.frame import address, address_of_job, only, page
from importer.browser.job.run import begin_run
from importer.exceptions import ImporterError, MappingRefused
from importer.jobs import create_job
from importer.models import DataImportJob, ImportDraft, ImportMapping
from importer.records import FATES
from importer.rights import may_import_with, may_run
from importer.run.results import ImportResult
from importer.run.run import run_import
from importer.suggest.mapping import job_options, keep, latest
from importer.suggest.python.stored import mapping_as_python
from importer.suggest.repairs import propose
from importer.work.control import Control
from importer.write.sample import Sample

EXAMPLES, FAMILIES = 3, 50
# If more than this part is rejected, and most of it for one reason, the mapping is likely wrong.
MANY = 0.4


@only("GET", "HEAD", "POST")
@of_own_draft
def show(site: AdminSite, request: HttpRequest, draft: ImportDraft, model: Any) -> HttpResponse:
    if request.method == "POST":
        return _act(site, request, draft, model)
    checked = draft.checked if draft.checked and draft.checked["of"] == mark_of(draft) else None
    return page(
        site,
        request,
        "check.html",
        title=draft.filename,
        steps=steps_of(site, draft, "check"),
        draft=draft,
        checked=checked,
        figures=[(name, checked["figures"][name]) for name in FATES] if checked else [],
        families=_with_addresses(site, draft, checked),
        differences=_differences(checked),
        python=mapping_as_python(_unsaved(draft, model)),
    )


def _with_addresses(
    site: AdminSite, draft: ImportDraft, checked: dict[str, Any] | None
) -> list[dict[str, Any]]:
    """Return the families, each with the address of the screen where it can be put right."""
    families = checked["families"] if checked else []
    return [f | {"address": address(site, f["remedy"], draft.pk) if f["remedy"] else ""} for f in families]


def _differences(checked: dict[str, Any] | None) -> list[tuple[str, list[Any]]]:
    """Return rows that would change, by their keys, each with the columns that differ: before and after."""
    updated = checked["updated"] if checked else []
    return [(", ".join(change["key"]), list(change["changes"].items())) for change in updated]


def _act(site: AdminSite, request: HttpRequest, draft: ImportDraft, model: Any) -> HttpResponse:
    here = redirect(address(site, "check", draft.pk))
    if is_stale(request, draft):
        messages.warning(request, CHANGED_ELSEWHERE)
        return here
    try:
        if "repair" in request.POST:
            apply_repair(draft, request.POST["repair"])
            draft.change(checked=checked_now(draft, model, request.user))
            return here
        if "import" in request.POST:
            job = make_job(draft, model, request.user)
            draft.change(job=job)
            if may_run(request.user, job):
                begin_run(request, job, "started it")
            return redirect(address_of_job(site, job.pk))
        draft.change(checked=checked_now(draft, model, request.user))
    except ImporterError as refusal:
        messages.error(request, str(refusal))
    return here


def mark_of(draft: ImportDraft) -> str:
    """Return a hash of what a check depends on."""
    return hashlib.sha256(json.dumps([draft.source, draft.options], sort_keys=True).encode()).hexdigest()


def mapping_of(draft: ImportDraft, model: type[models.Model], user: Any) -> ImportMapping:
    """Keep what was chosen as a mapping: under its name, or one of the draft's own. Raises MappingRefused."""
    name = draft.mapping_name or f"draft {draft.pk}"
    last = latest(name)
    if last and last.created_by_id != user.pk:
        raise MappingRefused(f'There is a mapping "{name}" of somebody else; choose another name.')
    if last and (last.options, last.model) == (draft.options, model._meta.label):
        return last
    return keep(name, model, draft.guess["columns"], draft.options, created_by=user)


def make_job(draft: ImportDraft, model: type[models.Model], user: Any) -> DataImportJob:
    """Make a job of the draft. Raises ImporterError."""
    mapping = mapping_of(draft, model, user)
    if not may_import_with(user, mapping.spec_name):
        raise MappingRefused(
            f"You may not change {model._meta.verbose_name_plural}; choose what does not change rows."
        )
    return create_job(
        mapping.spec_name, draft.source, name=draft.filename[:200], created_by=user, **job_options(mapping)
    )


def checked_now(draft: ImportDraft, model: type[models.Model], user: Any) -> dict[str, Any]:
    """Run the import and roll it back. Returns what was found, as JSON. Raises ImporterError."""
    job = make_job(draft, model, user)
    sample, stopped = Sample(), []

    def work(control: Control) -> ImportResult:
        result = run_import(job.pk, dry_run=True, sample=sample, control=control)
        stopped.append(control.stopping)
        return result

    try:
        result = in_a_thread(work)
    finally:
        job.delete()
    if result.status == "failed":
        raise MappingRefused(result.reason)
    columns = {name: given.get("column", name) for name, given in draft.options.get("fields", {}).items()}
    columns |= {name: given["columns"][0] for name, given in draft.options.get("lookups", {}).items()}
    families = [_family(model, family, columns, sample.values) for family in sample.rejected[:FAMILIES]]
    return {
        "of": mark_of(draft),
        "figures": {name: getattr(result, name) for name in FATES},
        "is_partial": any(stopped),
        "families": families,
        "inserted": [{name: text for name, text in row.items() if text} for row in sample.inserted],
        "updated": sample.updated,
        "warning": _warning(result, families),
    }


def _family(
    model: type[models.Model], family: Any, columns: dict[str, str], values: dict[str, dict[str, int]]
) -> dict[str, Any]:
    field: Any = model._meta.get_field(family.field) if family.field in columns else None
    is_plain = field is not None and not field.is_relation
    repair = propose(field, values.get(family.field, {})) if is_plain else None
    return {
        "field": family.field,
        "column": columns.get(family.field, ""),
        "records": family.records,
        "examples": [_example(each) for each in family.examples[:EXAMPLES]],
        "remedy": ("values" if field.choices or field.is_relation else "columns")
        if field is not None
        else "",
        "repair": {"told": repair.told, "records": repair.records, "values": repair.values}
        if repair
        else None,
    }


def _example(example: Any) -> list[str]:
    """Return place, message, and the value unless the message has it already."""
    value = example.value or ""
    return [example.place, example.message, "" if value in example.message else value]


def _warning(result: Any, families: list[dict[str, Any]]) -> str:
    if result.read and families and families[0]["records"] > MANY * result.read:
        where = families[0]["column"] or "the record"
        return (
            f"Nearly half of the records are rejected for one reason, at {where}. Is the column read rightly?"
        )
    return ""


def apply_repair(draft: ImportDraft, field: str) -> None:
    """Take over what the last check proposes for a field."""
    families = (draft.checked or {}).get("families", [])
    repair = next((f["repair"] for f in families if f["field"] == field and f["repair"]), None)
    given = draft.options.get("fields", {}).get(field)
    if repair is None or given is None:
        return
    values = given.get("values", {}) | repair["values"]
    fields = draft.options["fields"] | {field: given | {"values": values}}
    draft.options = draft.options | {"fields": fields}
    draft.change(options=draft.options)


def _unsaved(draft: ImportDraft, model: type[models.Model]) -> ImportMapping:
    name = draft.mapping_name or draft.filename
    return ImportMapping(
        name=name, model=model._meta.label, columns=draft.guess["columns"], options=draft.options
    )
