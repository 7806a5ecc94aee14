"""Checks a draft: runs its import and takes it back. Says why records are rejected, and what would help."""

import hashlib
import json
import re
from typing import Any

from django.db import models

from importer.browser.aside import in_a_thread
from importer.browser.draft.job import make_job
from importer.exceptions import DraftChanged, MappingRefused
from importer.models import ImportDraft
from importer.records import FATES
from importer.rejects.proposals import Proposal, proposals_of
from importer.rejects.reading import Reading
from importer.rejects.report import Family
from importer.rejects.rules import format_of
from importer.run.results import ImportResult
from importer.run.run import run_import
from importer.work.control import Control
from importer.write.sample import Sample

EXAMPLES, FAMILIES = 3, 50
# If more than this part is rejected, and most of it for one reason, the mapping is likely wrong.
MANY = 0.4
# What Django reads without a format, and must be named beside others.
ISO_DATES = ("%Y-%m-%d",)
ISO_MOMENTS = (
    tuple(
        f"%Y-%m-%d{between}{clock}{zone}"
        for between in " T"
        for clock in ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f")
        for zone in ("", "%z")
    )
    + ISO_DATES
)


def mark_of(draft: ImportDraft) -> str:
    """Return a hash of what a check depends on."""
    return hashlib.sha256(json.dumps([draft.source, draft.options], sort_keys=True).encode()).hexdigest()


def checked_now(draft: ImportDraft, model: type[models.Model], user: Any) -> dict[str, Any]:
    """Run the import and roll it back. Returns what was found, as JSON. Raises ImporterError."""
    job = make_job(draft, model, user)
    job.columns = draft.guess["columns"]
    reading = Reading.of(job)
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
    families = [_family(model, family, reading) for family in sample.rejected[:FAMILIES]]
    _add_repairs(families, sample.values, reading)
    return {
        "of": mark_of(draft),
        "figures": {name: getattr(result, name) for name in FATES},
        "is_partial": any(stopped),
        "families": families,
        "inserted": [{name: text for name, text in row.items() if text} for row in sample.inserted],
        "updated": sample.updated,
        "warning": _warning(result, families),
    }


def repaired_options(draft: ImportDraft, field: str, number: str) -> dict[str, Any]:
    """Return the options with a repair of the last check. Raises DraftChanged if it has not proposed that."""
    given = draft.options.get("fields", {}).get(field)
    families = (draft.checked or {}).get("families", [])
    repairs = [repair for family in families if family["field"] == field for repair in family["repairs"]]
    if given is None or number not in map(str, range(len(repairs))):
        raise DraftChanged
    repair = repairs[int(number)]
    if repair["is_null"]:
        nulls = given.get("null_values") or draft.options.get("null_values") or [""]
        given = given | {"null_values": list(dict.fromkeys([*nulls, *repair["changes"]]))}
    elif repair.get("formats"):
        is_padded = any(text != text.strip() for text in repair["changes"])
        given = given | {"formats": _with_formats(given.get("formats", []), repair)}
        given |= {"strip": True} if is_padded else {}
    else:
        # The words of a mapping are compared after the blanks around them are taken away, where the column says so.
        is_stripped = given.get("strip", False)
        changes = {text.strip() if is_stripped else text: new for text, new in repair["changes"].items()}
        given = given | {"values": given.get("values", {}) | changes}
    return draft.options | {"fields": draft.options["fields"] | {field: given}}


def _with_formats(formats: list[str], repair: dict[str, Any]) -> list[str]:
    """Add formats to those of a column. Of two that differ in the order of their parts, the new one is meant."""
    new = repair["formats"]
    shapes = set(map(_shape, new))
    return [each for each in formats or repair["iso"] if _shape(each) not in shapes] + new


def _shape(format_: str) -> str:
    """Return a format without the order of its parts. A year of four digits cannot be taken for another part."""
    return re.sub("%[dmy]", "%x", format_)


def _family(model: type[models.Model], family: Family, reading: Reading) -> dict[str, Any]:
    columns = reading.columns_of(family.field)
    field: Any = model._meta.get_field(family.field) if family.field in reading.columns else None
    where = ("values" if field.choices or field.is_relation else "columns") if field is not None else ""
    return {
        "field": family.field,
        "column": columns[0] if columns else "",
        "records": family.records,
        "examples": [_example(each) for each in family.examples[:EXAMPLES]],
        "remedy": where,
        "repairs": [],
    }


def _add_repairs(families: list[dict[str, Any]], values: dict[str, dict[str, int]], reading: Reading) -> None:
    """Propose repairs of the values of each field, at the first of its families."""
    for name, plan in reading.plans.items():
        first = next((family for family in families if family["field"] == name), None)
        if first is not None:
            proposals = proposals_of(values.get(name, {}), plan, reading)
            first["repairs"] = [_repair(proposal, plan.field) for proposal in proposals]


def _repair(proposal: Proposal, field: Any) -> dict[str, Any]:
    return {
        "told": str(proposal.rule),
        "records": proposal.records,
        "old": proposal.old,
        "new": proposal.new,
        "is_null": proposal.rule.name == "null",
        "changes": proposal.changes,
        **_formats(proposal, field),
    }


def _formats(proposal: Proposal, field: Any) -> dict[str, list[str]]:
    """Return the formats by which the proposed dates, and later ones like them, are read; beside those of ISO."""
    if proposal.rule.name != "date":
        return {}
    formats = {format_of(text, proposal.rule.given) for text in proposal.changes}
    iso = ISO_MOMENTS if isinstance(field, models.DateTimeField) else ISO_DATES
    return {} if None in formats else {"formats": sorted(filter(None, formats)), "iso": list(iso)}


def _example(example: Any) -> list[str]:
    """Return place, message, and the value unless the message has it already."""
    value = example.value or ""
    return [example.place, example.message, "" if value in example.message else value]


def _warning(result: ImportResult, families: list[dict[str, Any]]) -> str:
    if result.read and families and families[0]["records"] > MANY * result.read:
        records, where = families[0]["records"], families[0]["column"] or "the record"
        return (
            f"{records:,} of {result.read:,} records are rejected for one reason, at {where}. "
            f"Is the column read rightly?"
        )
    return ""
