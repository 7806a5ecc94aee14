"""Redacts values of the source in jobs and errors, for users who may not read the source.

A row is changed in memory on its way to a page; it must not be saved afterwards.
"""

from dataclasses import replace
from typing import Any

from importer.exceptions import MappingRefused, UnknownSpec
from importer.models import DataImportJob, ImportChunk, LogEvent, MigrationLog, StagingRecord
from importer.records import RAW
from importer.rejects.report import Family
from importer.rights import may_read_source
from importer.specs.registry import get_spec

HIDDEN = "Hidden: the reason may quote the source. Reading it needs the permission importer.read_source."
HIDDEN_TEXT = "Hidden: reading the record needs the permission importer.read_source."
# Codes of record-level errors whose message is ours. Messages of a database, a constraint or a spec may quote values.
OWN_CODES = frozenset(
    {"contested", "duplicate_key", "key_missing", "too_few_fields", "too_many_fields", "stray_quote", "stray_return",
     "unterminated_quote"}
)  # fmt: skip
# Events whose reason is ours: states, machines, numbers.
OWN_EVENTS = frozenset(
    {"created", "started", "planned", "executing", "stopped", "completed", "batch_size", "long_fields", "recycled",
     "worker_died", "replayed", "rejects_pruned", "upload_deleted", "person_erased", "verified",
     "proposed", "approved"}
)  # fmt: skip
# Columns of a chunk that hold values of the source table.
QUOTING_KEYS = ("start_key", "end_key", "committed_key")


class Redaction:
    """Removes from rows what one user may not read. Caches one answer of the database per job."""

    def __init__(self, user: Any) -> None:
        self.user = user
        self._may_read: dict[int, bool] = {}
        self._columns: dict[int, frozenset[str]] = {}

    def of(self, row: Any) -> Any:
        """Return the row without what the user may not read."""
        job = row if isinstance(row, DataImportJob) else row.job
        if self.reads(job):
            return row
        if isinstance(row, DataImportJob):
            self._redact_job(row)
        elif isinstance(row, ImportChunk):
            _redact_chunk(row)
        elif isinstance(row, StagingRecord):
            self._redact_record(row, job)
        elif isinstance(row, MigrationLog):
            self._redact_entry(row)
        return row

    def families(self, job: DataImportJob, families: list[Family]) -> list[Family]:
        """Return the reasons of rejected records without what the user may not read."""
        if self.reads(job):
            return families
        readable = self._taken(job.pk) | _fields_of(job.spec)
        return [_family(family, readable) for family in families]

    def reads(self, job: DataImportJob) -> bool:
        """Tell whether the user may read everything that the job quotes."""
        if job.pk not in self._may_read:
            self._may_read[job.pk] = may_read_source(self.user, job)
        return self._may_read[job.pk]

    def _taken(self, job_id: int) -> frozenset[str]:
        if job_id not in self._columns:
            self._columns[job_id] = taken_columns(job_id)
        return self._columns[job_id]

    def _redact_job(self, job: DataImportJob) -> None:
        """Remove hashes and marks (an ETag is an MD5) too: for a small file they confirm a guess."""
        job.error = HIDDEN if job.error else ""
        # Left deferred, it would load unredacted.
        job.proposal = None if "proposal" in job.get_deferred_fields() else _figures_of(job.proposal)
        job.source_hash = job.source_mark = ""
        if "parts" in job.get_deferred_fields():
            job.parts = []
        job.parts = [{name: part[name] for name in ("source", "member", "name")} for part in job.parts]
        if "columns" in job.get_deferred_fields():
            job.columns = None  # the list does not show them; left deferred, they would load unredacted
        elif job.columns is not None:
            job.columns = [name for name in job.columns if name in self._taken(job.pk)]

    def _redact_record(self, record: StagingRecord, job: DataImportJob) -> None:
        taken = self._taken(job.pk)
        if "raw" in record.get_deferred_fields():
            record.raw = {}
        elif RAW in record.raw:
            record.raw = {RAW: HIDDEN_TEXT}
        else:
            record.raw = {name: value for name, value in record.raw.items() if name in taken}
        readable = taken | _fields_of(job.spec)
        record.errors = [_without_quotes(error, readable) for error in record.errors]

    def _redact_entry(self, entry: MigrationLog) -> None:
        if entry.reason and entry.event not in OWN_EVENTS:
            entry.reason = HIDDEN
        details: dict[str, Any] = {n: v for n, v in entry.details.items() if isinstance(v, int | float)}
        if entry.event == "planned":
            taken = self._taken(entry.job_id)
            details["columns"] = [name for name in entry.details.get("columns") or () if name in taken]
            details["ignored"] = f"{len(entry.details.get('ignored') or ()):,} columns"
        entry.details = details


def _figures_of(proposal: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a proposal without what it quotes: its sample, reasons and notes."""
    return None if proposal is None else {"figures": proposal["figures"], "token": proposal["token"]}


def taken_columns(job_id: int) -> frozenset[str]:
    """Return the source's columns that the spec reads, as planned; empty before the plan."""
    planned = MigrationLog.objects.filter(job=job_id, event=LogEvent.PLANNED).order_by("-id")
    details = planned.values_list("details", flat=True).first() or {}
    return frozenset(details.get("columns") or ()) - frozenset(details.get("ignored") or ())


def _redact_chunk(chunk: ImportChunk) -> None:
    chunk.last_error = HIDDEN if chunk.last_error else ""
    for name in QUOTING_KEYS:
        if getattr(chunk, name) is not None:
            setattr(chunk, name, HIDDEN_TEXT)


def _without_quotes(error: dict[str, Any], readable: frozenset[str]) -> dict[str, Any]:
    """Keep the message of a field that the spec reads: it says no more than the record that is shown with it."""
    field, code = error["field"], error["code"]
    is_shown = field in readable if field else code in OWN_CODES
    return {
        "field": field if field in readable else "",
        "code": code,
        "message": error["message"] if is_shown else HIDDEN,
        "value": None,
    }


def _family(family: Family, readable: frozenset[str]) -> Family:
    examples = []
    for example in family.examples:
        error = {"field": family.field, "code": family.code, "message": example.message}
        examples.append(replace(example, message=_without_quotes(error, readable)["message"], value=None))
    field, column = (name if name in readable else "" for name in (family.field, family.column))
    return replace(family, field=field, column=column, examples=examples)


def _fields_of(spec: str) -> frozenset[str]:
    try:
        return frozenset(f.name for f in get_spec(spec).options.model._meta.get_fields())
    except (UnknownSpec, MappingRefused):
        return frozenset()
