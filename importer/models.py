"""Defines the tables: jobs, their chunks, the records set aside, what undo needs, the audit trail, and mappings."""

import datetime as dt
import enum
import json
from bisect import bisect_right
from typing import Any, ClassVar

from django.conf import settings
from django.db import models, router
from django.db.models import F, Q
from django.utils import timezone
from django.utils.duration import duration_iso_string

from importer.naming import index, table
from importer.records import FATES, Counts


class KeyEncoder(json.JSONEncoder):
    """Writes times in full (Django's encoder cuts them to milliseconds) and other values as a database reads them."""

    def default(self, o: Any) -> str:
        if isinstance(o, dt.date | dt.time):
            return o.isoformat()
        if isinstance(o, dt.timedelta):
            return duration_iso_string(o)
        if isinstance(o, bytes | bytearray | memoryview):
            raise TypeError("bytes cannot be stored as text that a database reads back unchanged")
        return str(o)


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


class ImportChunk(Counters):
    """A range of the source that never changes, and how far it is done.

    `committed_*` moves in the transaction that writes the records, so it is correct after any crash.
    Offsets count bytes in text files and records in Parquet; `*_key` are the bounds of a table's range.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        DONE = "done"

    job = models.ForeignKey(DataImportJob, on_delete=models.CASCADE, related_name="chunks")
    number = models.IntegerField()
    start_offset = models.BigIntegerField()
    end_offset = models.BigIntegerField()
    first_line = models.BigIntegerField()
    start_key = models.JSONField(null=True, encoder=KeyEncoder)
    end_key = models.JSONField(null=True, encoder=KeyEncoder)

    committed_offset = models.BigIntegerField()
    committed_line = models.BigIntegerField()
    committed_key = models.JSONField(null=True, encoder=KeyEncoder)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    gathered = models.BigIntegerField(
        default=0, help_text="Records that wait in a table of their own, and have no fate yet."
    )

    lease_owner = models.CharField(max_length=200, blank=True)
    lease_token = models.BigIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0, help_text="Claims since the cursor last moved.")
    last_error = models.TextField(blank=True)

    class Meta:
        db_table = table("data_import_chunks")
        verbose_name = "import chunk"
        constraints = [
            models.UniqueConstraint(
                fields=["job", "number"], name=index("data_import_chunks_job_number_unique")
            ),
            models.CheckConstraint(
                condition=Q(start_offset__lte=F("committed_offset"))
                & Q(committed_offset__lte=F("end_offset")),
                name=index("data_import_chunks_cursor_inside"),
            ),
            models.CheckConstraint(
                condition=Q(
                    read=F("inserted") + F("updated") + F("unchanged") + F("skipped") + F("rejected")
                ),
                name=index("data_import_chunks_every_record_has_a_fate"),
            ),
        ]

    def __str__(self) -> str:
        return f"chunk {self.number} of job {self.job_id}"


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


class ImportDraft(models.Model):
    """An import that a person prepares in the browser: a file, and what was chosen for it so far.

    `version` moves with each change, so that of two tabs the later one is told instead of overwriting the other.
    """

    target = models.CharField(max_length=200, help_text="The model to fill: app_label.model.")
    source = models.CharField(max_length=2000)
    filename = models.CharField(max_length=255)
    asked = models.JSONField(default=dict, help_text="What the person has said of the file.")
    guess = models.JSONField(default=dict, help_text="What was guessed, with the reasons.")
    options = models.JSONField(default=dict, help_text="The options of the mapping, as chosen so far.")
    mapping_name = models.CharField(max_length=200, blank=True)
    checked = models.JSONField(null=True, help_text="What the last check has found, and for which options.")
    job = models.ForeignKey(DataImportJob, null=True, on_delete=models.SET_NULL, related_name="+")
    version = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = table("data_import_drafts")
        default_permissions = ()  # only the person who makes it sees it
        verbose_name = "import draft"
        indexes = [models.Index("created_by", F("updated_at").desc(), name=index("idx_import_drafts_person"))]

    def __str__(self) -> str:
        return f"{self.filename} into {self.target}"

    def change(self, **values: Any) -> bool:
        """Store values, unless somebody has changed the draft since it was read: then nothing changes, and False."""
        values |= {"version": self.version + 1, "updated_at": timezone.now()}
        changed = type(self).objects.filter(pk=self.pk, version=self.version).update(**values)
        if changed:
            for name, value in values.items():
                setattr(self, name, value)
        return bool(changed)


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


class ImportMapping(models.Model):
    """One version of a mapping that people have made: which column fills which field, and how. It never changes.

    A job names it as its spec ("mapping:12"), so a mapping is edited by making its next version.
    """

    name = models.CharField(max_length=200)
    version = models.PositiveIntegerField(default=1)
    model = models.CharField(max_length=200, help_text="The model that it fills: app_label.model.")
    columns = models.JSONField(default=list, help_text="The columns of the file it was made for.")
    options = models.JSONField(default=dict)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = table("data_import_mappings")
        verbose_name = "import mapping"
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name=index("import_mappings_name_version")),
        ]

    def __str__(self) -> str:
        return f"{self.name} (version {self.version})" if self.version > 1 else self.name

    def save(self, **kwargs: Any) -> None:
        """Save a new version. Raises ValueError for one that is there, because jobs read it."""
        if not self._state.adding:
            raise ValueError("A version never changes; importer.suggest.mapping.keep() makes the next one.")
        super().save(**kwargs)

    @property
    def spec_name(self) -> str:
        """The name of the spec that jobs use."""
        return f"mapping:{self.pk}"


def ledger_alias() -> str:
    return router.db_for_write(ImportChunk)


# Chunks are numbered from 1. Chunk 0 keeps the counts of records that were set aside and settled at the end.
SETTLEMENT = 0
