"""Runs a job that needs approval as a dry run, stores what it would do, and lets it wait."""

import secrets
from dataclasses import asdict
from typing import Any

from django.utils import timezone

from importer import ledger
from importer.models import DataImportJob, LogEvent
from importer.records import FATES, SHOWN_CHARACTERS
from importer.rejects.report import make_report
from importer.review.fingerprint import mapping_print, source_print
from importer.run.dry_run import run_dry
from importer.run.results import ImportResult
from importer.run.watch import Watch
from importer.specs.mapping import Mapping
from importer.write.sample import Sample

Status = DataImportJob.Status
# Reasons of rejections, and notes, that a proposal shows.
MOST_SHOWN = 20
BEFORE = (Status.PENDING, Status.STOPPED, Status.FAILED, Status.RUNNING)


def propose(watch: Watch) -> ImportResult:
    """Find out what the job would do, exactly, and have it wait for a second person. Writes nothing else."""
    job = watch.job
    if job.status == Status.AWAITING_APPROVAL:
        return _waiting(watch, job.proposal or {})
    sample, proposal = Sample(), dict[str, Any]()
    result = run_dry(watch, sample, lambda mapping: proposal.update(_found(watch, mapping)))
    if result.status == Status.STOPPED:
        return result
    if result.status != "dry-run":
        job.move(to=Status.FAILED, believed=BEFORE, error=result.reason, finished_at=timezone.now())
        ledger.log(job, LogEvent.FAILED, result.reason)
        return result
    figures = {name: getattr(result, name) for name in FATES}
    proposal |= {"figures": figures, "sample": _short(sample.as_dict())}
    if job.move(
        to=Status.AWAITING_APPROVAL,
        believed=BEFORE,
        proposal=proposal,
        error="",
        approved_by=None,
        approved_at=None,
    ):
        ledger.log(job, LogEvent.PROPOSED, **figures)
    job.refresh_from_db()
    return _waiting(watch, proposal)


def _found(watch: Watch, mapping: Mapping) -> dict[str, Any]:
    """Return what a person must know to decide, before the dry run is rolled back."""
    report = make_report(watch.job)
    return {
        "token": secrets.token_hex(16),
        "made_at": timezone.now().isoformat(),
        "source": source_print(watch.job),
        "size": watch.job.source_size,
        "mapping": mapping_print(mapping),
        "notes": _short(report.notes[:MOST_SHOWN]),
        "rejects": _short([asdict(family) for family in report.families[:MOST_SHOWN]]),
    }


def _short(value: Any) -> Any:
    """Cut the texts of a JSON value."""
    if isinstance(value, str):
        return value[:SHOWN_CHARACTERS]
    if isinstance(value, dict):
        return {name: _short(item) for name, item in value.items()}
    return [_short(item) for item in value] if isinstance(value, list | tuple) else value


def _waiting(watch: Watch, proposal: dict[str, Any]) -> ImportResult:
    result = watch.result(Status.AWAITING_APPROVAL).as_dict()
    reason = f"it waits for a second person; `approve_import {watch.job.pk} --by USERNAME` lets it run"
    return ImportResult(**(result | proposal.get("figures", {}) | {"reason": reason}))
