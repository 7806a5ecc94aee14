"""Defines what undo needs: which transactions wrote rows, and how rows were before."""

from django.db import models

from importer.models.jobs import DataImportJob
from importer.naming import index, table


class ImportTransaction(models.Model):
    """A transaction (or savepoint) that wrote rows of a job. Undo finds the rows by it, at no cost for each.

    PostgreSQL stores with each row the transaction that wrote it, as `xmin`. This row was written by the same one, so
    its own `xmin` is that of the job's rows, until somebody changes them. `xid` is the same number in full. In a
    database that was restored from a dump, `xmin` is another.
    """

    class Kind(models.TextChoices):
        INSERTED = "inserted"
        UPDATED = "updated"
        CREATED_PARENTS = "created_parents"

    job = models.ForeignKey(DataImportJob, on_delete=models.CASCADE, related_name="transactions")
    kind = models.CharField(max_length=20, choices=Kind)
    xid = models.BigIntegerField()

    class Meta:
        db_table = table("data_import_transactions")
        default_permissions = ()  # people see the job
        verbose_name = "import transaction"

    def __str__(self) -> str:
        return f"{self.kind} rows of job {self.job_id}"


class BeforeImage(models.Model):
    """A row of the target as it was before a job changed it, for undo."""

    job = models.ForeignKey(DataImportJob, on_delete=models.CASCADE, related_name="before_images")
    key = models.TextField(help_text="The row's primary key, as text.")
    row = models.JSONField()

    class Meta:
        db_table = table("data_import_before_images")
        default_permissions = ()  # people see the job
        verbose_name = "before image"
        constraints = [
            models.UniqueConstraint(fields=["job", "key"], name=index("before_images_job_key_unique")),
        ]

    def __str__(self) -> str:
        return f"row {self.key} before job {self.job_id}"
