"""Approves jobs that wait for a second person, or declines them, and refuses to run what was not approved."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from importer import ledger
from importer.exceptions import ImporterError
from importer.models import DataImportJob, LogEvent, MigrationLog
from importer.naming import app_label
from importer.review.fingerprint import mapping_print, source_print
from importer.rights import may_import_with, may_see
from importer.specs.mapping import Mapping

Status = DataImportJob.Status
# What a proposal keeps once it is decided: no values of the source.
KEPT = ("figures", "source", "mapping", "token", "made_at")


class ApprovalRefused(ImporterError):
    """The job is not approved, or the person may not decide."""


@dataclass(frozen=True, slots=True)
class Approval:
    """Where a job stands with its review.

    state     "not needed", "not proposed", "waiting", "approved" or "declined"
    by        the name of the person who decided
    reason    why it was declined
    proposal  what the dry run has found: figures, and while it waits a sample, rejects and notes
    """

    state: str
    by: str = ""
    at: dt.datetime | None = None
    reason: str = ""
    proposal: dict[str, Any] | None = None


def approval_of(job: DataImportJob) -> Approval:
    """Return where a job stands with its review."""
    if not job.needs_approval:
        return Approval("not needed")
    if job.status == Status.AWAITING_APPROVAL:
        return Approval("waiting", proposal=job.proposal)
    decided = MigrationLog.objects.filter(
        job=job, event__in=(LogEvent.PROPOSED, LogEvent.APPROVED, LogEvent.DECLINED)
    )
    entry = decided.order_by("-id").first()
    if job.approved_at is not None:
        by = entry.details.get("by", "") if entry and entry.event == LogEvent.APPROVED else ""
        return Approval("approved", by, job.approved_at, proposal=job.proposal)
    if entry and entry.event == LogEvent.DECLINED:
        return Approval("declined", entry.details.get("by", ""), entry.logged_at, entry.reason, job.proposal)
    return Approval("not proposed")


def must_wait(job: DataImportJob) -> bool:
    """Whether nothing may be written yet."""
    return job.needs_approval and job.approved_at is None


def may_approve(user: Any, job: DataImportJob) -> bool:
    """Tell whether the user may decide: a second person, with the right to approve and to import such records."""
    return (
        user.is_active
        and (job.created_by_id is None or job.created_by_id != user.pk)
        and user.has_perm(f"{app_label()}.approve_dataimportjob")
        and may_see(user, job)
        and may_import_with(user, job.spec)
    )


def approve(job: DataImportJob, user: Any, *, token: str = "") -> None:
    """Approve what the dry run has found. `token`: of the proposal that the person has seen.

    Raises ApprovalRefused for who may not, or came second.
    """
    proposal = _decide(job, user, token)
    now = timezone.now()
    changes = {"approved_by": user, "approved_at": now, "proposal": proposal, "error": ""}
    if not _move(job, Status.PENDING, proposal["token"], **changes):
        raise _too_late(job)
    ledger.log(job, LogEvent.APPROVED, by=str(user.get_username()))


def decline(job: DataImportJob, user: Any, reason: str, *, token: str = "") -> None:
    """Decline a job, which then has failed for this reason. Raises ApprovalRefused."""
    reason = reason.strip()
    if not reason:
        raise ApprovalRefused("Say why the import is declined.")
    proposal = _decide(job, user, token)
    error = f"Declined by {user.get_username()}: {reason}"
    if not _move(
        job, Status.FAILED, proposal["token"], error=error, proposal=proposal, finished_at=timezone.now()
    ):
        raise _too_late(job)
    ledger.log(job, LogEvent.DECLINED, reason, by=str(user.get_username()))


def _decide(job: DataImportJob, user: Any, token: str) -> dict[str, Any]:
    """Return the proposal as it is kept. Raises ApprovalRefused."""
    if not may_approve(user, job):
        raise ApprovalRefused(
            f"{user.get_username()} may not decide about job {job.pk}: that needs another person than the one who "
            "created it, who may approve imports and add such records."
        )
    job.refresh_from_db(fields=["status", "proposal"])
    if job.status != Status.AWAITING_APPROVAL or not job.proposal:
        raise _too_late(job)
    if token and job.proposal["token"] != token:
        raise ApprovalRefused(f"Job {job.pk} was proposed again since; look at the new figures.")
    return {name: job.proposal[name] for name in KEPT}


def _move(job: DataImportJob, to: str, token: str, **values: Any) -> bool:
    """Change the status if the job still waits with this proposal. False: somebody else was first."""
    waiting = DataImportJob.objects.filter(pk=job.pk, status=Status.AWAITING_APPROVAL, proposal__token=token)
    changed = bool(waiting.update(status=to, **values))
    job.refresh_from_db()
    return changed


def _too_late(job: DataImportJob) -> ApprovalRefused:
    found = approval_of(job)
    by = f" by {found.by}" if found.by else ""
    return ApprovalRefused(f"Job {job.pk} does not wait for approval: it is {found.state}{by}.")


def refuse_unapproved(job: DataImportJob) -> None:
    """Raise ApprovalRefused before the first run, if the person who approved may not do so any more."""
    if not job.needs_approval or job.planned_at is not None:
        return
    users: Any = get_user_model()._default_manager
    user = users.filter(pk=job.approved_by_id).first()
    if user is None or not may_approve(user, job):
        _withdraw(job)
        raise ApprovalRefused(
            f"Who approved job {job.pk} may not do so any more; `run_import {job.pk}` asks for approval again."
        )


def refuse_other(job: DataImportJob, mapping: Mapping) -> None:
    """Raise ApprovalRefused if source or mapping are not those that were approved."""
    if not job.needs_approval:
        return
    proposal = job.proposal or {}
    found = {"source": source_print(job), "mapping": mapping_print(mapping)}
    for name, print_ in found.items():
        if proposal.get(name) != print_:
            _withdraw(job)
            raise ApprovalRefused(
                f"The {name} of job {job.pk} changed since it was approved; `run_import {job.pk}` asks for approval "
                "again."
            )


def _withdraw(job: DataImportJob) -> None:
    DataImportJob.objects.filter(pk=job.pk).update(approved_by=None, approved_at=None, proposal=None)
