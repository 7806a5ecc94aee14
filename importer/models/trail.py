"""Defines the audit trail."""

from django.db import models
from django.db.models import F
from django.utils import timezone

from importer.models.chunks import ImportChunk
from importer.models.jobs import DataImportJob
from importer.naming import index, table


class LogEvent(models.TextChoices):
    """Events of the audit trail, in the order in which they may happen to a job."""

    CREATED = "created"
    REFUSED = "refused"  # a run in the background that is not allowed
    WAITING = "waiting"  # a run in the background that waits for the process that holds the job
    PROPOSED = "proposed"  # a dry run has found what it would do; it waits for a second person
    APPROVED = "approved"
    DECLINED = "declined"
    STARTED = "started"
    PLANNED = "planned"
    SURVEY = "survey"
    NOTED = "noted"  # what a person should know about the source: keys that repeat, values hardly meant
    FRESH = "fresh"  # records go into a bare copy of the empty table; the copy has taken its place
    GATHERED = (
        "gathered"  # records wait in a table of their own; who comes first is decided; they are written
    )
    EXECUTING = "executing"
    NO_WORKER = "no_worker"
    BATCH_SIZE = "batch_size"
    LONG_FIELDS = "long_fields"  # quoted fields of very many lines were read as one field each
    PARENTS_CREATED = "parents_created"  # by lookups with missing="create"
    RETRY = "retry"
    LEASE_LOST = "lease_lost"
    RECYCLED = "recycled"
    WORKER_DIED = "worker_died"
    WORKER_FAILED = "worker_failed"
    DIED = "died"
    STOPPED = "stopped"
    FAILED = "failed"
    COMPLETED = "completed"
    DRY_RUN_FAILED = "dry_run_failed"
    MENDED = "mended"  # rejected records were replaced by those of a fixed file
    REPLAYED = "replayed"
    PERSON_ERASED = "person_erased"
    REJECTS_PRUNED = "rejects_pruned"
    UPLOAD_DELETED = "upload_deleted"
    UNDONE = "undone"  # rows that the job wrote were deleted, or put back as they were
    VERIFIED = "verified"  # source and table were compared again


class MigrationLog(models.Model):
    """The audit trail: every transition, retry and batch size change of a job, with its reason."""

    job = models.ForeignKey(DataImportJob, on_delete=models.CASCADE, related_name="log")
    chunk = models.ForeignKey(
        ImportChunk, null=True, blank=True, on_delete=models.CASCADE, related_name="log"
    )
    event = models.CharField(max_length=40, choices=LogEvent)
    reason = models.TextField(blank=True)
    details = models.JSONField(default=dict, blank=True)
    logged_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = table("data_migration_logs")
        verbose_name = "migration log entry"
        verbose_name_plural = "migration log entries"
        indexes = [models.Index("job", F("logged_at").desc(), name=index("idx_migration_log_job_time"))]

    def __str__(self) -> str:
        return f"{self.event} of job {self.job_id}"
