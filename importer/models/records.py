"""Defines the records that are stored instead of written."""

from django.db import models
from django.utils import timezone

from importer.models.chunks import ImportChunk
from importer.models.jobs import DataImportJob
from importer.naming import index, table


class StagingRecord(models.Model):
    """A record that is stored instead of written: rejected, or set aside because its key repeats in the source."""

    class State(models.TextChoices):
        REJECTED = "rejected"
        CONTESTED = "contested"
        FIXED = "fixed"
        REPLAYED = "replayed"
        DISCARDED = "discarded"

    job = models.ForeignKey(DataImportJob, on_delete=models.CASCADE, related_name="staging_records")
    chunk = models.ForeignKey(
        ImportChunk, null=True, on_delete=models.CASCADE, related_name="staging_records"
    )
    line = models.BigIntegerField()
    raw = models.JSONField()
    errors = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=State, default=State.REJECTED)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = table("staging_records")
        verbose_name = "staging record"
        constraints = [
            models.UniqueConstraint(fields=["job", "line"], name=index("staging_records_job_line_unique")),
        ]
        indexes = [models.Index(fields=["job", "state", "line"], name=index("idx_staging_job_state_line"))]

    def __str__(self) -> str:
        return f"{self.job.place_of(self.line)} of job {self.job_id} ({self.state})"
