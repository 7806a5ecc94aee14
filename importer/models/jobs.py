"""Defines jobs and their counters."""

import enum
from bisect import bisect_right
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from importer.naming import index, table
from importer.records import FATES, Counts


class Counters(models.Model):
    """Counts records by fate. `read = inserted + updated + unchanged + skipped + rejected`."""

    read = models.BigIntegerField(default=0)
    inserted = models.BigIntegerField(default=0)
    updated = models.BigIntegerField(default=0)
    unchanged = models.BigIntegerField(default=0)
    skipped = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    batches = models.BigIntegerField(default=0)

    class Meta:
        abstract = True

    @property
    def counts(self) -> Counts:
        return Counts(*(getattr(self, name) for name in FATES))


class JobQuerySet(models.QuerySet["DataImportJob"]):
    def ask_to_stop(self) -> int:
        """Have the running ones stop after their current batch. Returns their number."""
        return self.filter(status=DataImportJob.Status.RUNNING).update(stop_requested=True)

    def withdraw_stop(self) -> int:
        """Clear an earlier request to stop, of jobs that do not run."""
        return self.exclude(status=DataImportJob.Status.RUNNING).update(stop_requested=False)


class DataImportJob(Counters):
    class Status(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        STOPPED = "stopped"
        FAILED = "failed"
        COMPLETED = "completed"
        AWAITING_APPROVAL = "awaiting_approval"

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        TSV = "tsv", "TSV"
        JSONL = "jsonl", "JSON lines"
        PARQUET = "parquet", "Parquet"
        XLSX = "xlsx", "Excel workbook"
        ODS = "ods", "OpenDocument sheet"
        TABLE = "table", "Database table"

    class SurveyState(enum.Enum):
        """What is known of keys that repeat in the source. It decides whether chunks may be taken in any order."""

        NOT_DONE = "not done"  # chunks are taken in the order of the source
        NOTHING_REPEATS = "nothing repeats"
        KEYS_REPEAT = "keys repeat"

    class GatherPhase(enum.StrEnum):
        """Where records go, if they wait in a table of their own until it is decided which come first."""

        NONE = ""
        GATHER = "gather"  # from the source into that table
        POUR = "pour"  # from there into the target

    name = models.CharField(max_length=200, blank=True)
    spec = models.CharField(max_length=200)
    source = models.CharField(max_length=2000)
    format = models.CharField(max_length=20, choices=Format)
    encoding = models.CharField(max_length=40, blank=True, default="utf-8")
    delimiter = models.CharField(max_length=20, blank=True)
    options = models.JSONField(default=dict, blank=True)
    columns = models.JSONField(null=True, blank=True, help_text="The source's columns, as planned.")
    parts = models.JSONField(
        default=list, blank=True, help_text="The files, if the job reads several as one source."
    )
    contested = models.BinaryField(
        null=True, help_text="Hashes of keys that occur more than once in the source."
    )

    status = models.CharField(max_length=20, choices=Status, default=Status.PENDING)
    stop_requested = models.BooleanField(default=False)
    error = models.TextField(blank=True)
    result = models.JSONField(
        null=True, blank=True, help_text="The figures of the run that completed the job."
    )
    runner = models.CharField(max_length=200, blank=True, help_text="host:pid of the last run.")
    deaths = models.PositiveSmallIntegerField(
        default=0, editable=False, help_text="Runs in a row that were killed before they committed a batch."
    )

    source_size = models.BigIntegerField(null=True, blank=True)
    source_mtime_ns = models.BigIntegerField(null=True, blank=True)
    source_hash = models.CharField(max_length=64, blank=True)
    source_mark = models.CharField(
        max_length=200, blank=True, help_text="The ETag, or the time, of a remote source."
    )

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    needs_approval = models.BooleanField(
        default=False,
        db_default=False,
        help_text="A second person must approve it before anything is written.",
    )
    proposal = models.JSONField(
        null=True, blank=True, editable=False, help_text="What its dry run has found, for who approves it."
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    undone = models.BigIntegerField(default=0, db_default=0, help_text="Rows that undo has deleted.")
    restored = models.BigIntegerField(default=0, db_default=0, help_text="Rows that undo has put back.")
    undone_at = models.DateTimeField(null=True, blank=True)
    planned_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[JobQuerySet] = JobQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        db_table = table("data_import_jobs")
        verbose_name = "import job"
        permissions = [
            ("read_source", "Can read whole sources, and what messages quote from them"),
            ("approve_dataimportjob", "Can approve import jobs of others"),
        ]
        indexes = [models.Index(F("created_at").desc(), name=index("idx_import_jobs_created_desc"))]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    status__in=["pending", "running", "stopped", "failed", "completed", "awaiting_approval"]
                ),
                name=index("data_import_jobs_status_known"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name or self.spec} #{self.pk}"

    @property
    def dialect(self) -> dict[str, Any]:
        """How the file is written: the parts that were given, and from the plan on all that count."""
        return dict(self.options.get("dialect", {}))

    @dialect.setter
    def dialect(self, parts: dict[str, Any]) -> None:
        self.options = self.options | {"dialect": parts}

    def part_at(self, line: int) -> dict[str, Any] | None:
        """Return the part that holds this line of the job, if the job reads several files."""
        if not self.parts or "first_line" not in self.parts[0]:
            return None
        # Of parts that begin with the same line, all but the last are empty.
        return self.parts[max(0, bisect_right(self.parts, line, key=lambda part: part["first_line"]) - 1)]

    def place_of(self, line: int) -> str:
        """Name a line as a person finds it: "line 17", or "2021-02.csv, line 17" if the job reads several files."""
        part = self.part_at(line)
        return f"{part['name']}, line {line - part['first_line'] + 1}" if part else f"line {line}"

    @property
    def bare_table(self) -> str:
        """The bare copy that records go into, quoted; empty without --fresh, and once it is the target."""
        fresh = self.options.get("fresh", {})
        return "" if fresh.get("published") else str(fresh.get("copy", ""))

    @property
    def gather_phase(self) -> GatherPhase:
        return self.GatherPhase(self.options.get("gathered", {}).get("phase", ""))

    @property
    def unfinished_load(self) -> str:
        """Say where the records are, while those that were read are not in the table yet; empty if they are."""
        if self.bare_table:
            return "has begun with --fresh, and what it has loaded so far is not in the table yet"
        if self.gather_phase:
            return (
                "has begun, and its records wait in a table of their own until it is known which come first"
            )
        return ""

    @property
    def keeps_before(self) -> bool:
        """Whether rows are kept as they were before the job changes them."""
        return bool(self.options.get("keep_before"))

    @property
    def gathered_table(self) -> str:
        """The table in which records wait until it is decided which come first, quoted."""
        return str(self.options["gathered"]["table"])

    @property
    def sheet(self) -> str:
        """The sheet of a workbook that was named; empty: the first visible one with values."""
        return str(self.options.get("sheet", ""))

    @property
    def survey_state(self) -> SurveyState:
        if self.contested is None:
            return self.SurveyState.NOT_DONE
        return self.SurveyState.KEYS_REPEAT if self.contested else self.SurveyState.NOTHING_REPEATS

    def note_survey(self, contested: bytes) -> None:
        """Store the result of a survey: hashes of eight bytes each, empty if no key repeats."""
        self.contested = contested
        self.save(update_fields=["contested"])

    def move(self, *, to: str, believed: tuple[str, ...], **values: Any) -> bool:
        """Change the status with a conditional UPDATE, only from a `believed` state. False: somebody else was first."""
        changed = type(self).objects.filter(pk=self.pk, status__in=believed).update(status=to, **values)
        if changed:
            self.status = to
            for name, value in values.items():
                setattr(self, name, value)
        return bool(changed)
