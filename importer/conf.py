"""Settings of the importer: one dict, `IMPORTER`, every key optional and read at each use."""

import os
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings

from importer.exceptions import SettingsRefused

MEGABYTE = 1024 * 1024


class Defaults:
    # Folders that sources may lie in. None: the working directory. []: none.
    SOURCE_ROOTS: list[str] | str | None = None
    # What may be read elsewhere: s3://BUCKET, s3://BUCKET/PREFIX, storage:ALIAS/PREFIX. None: nothing.
    REMOTE_ROOTS: list[str] | str | None = None
    # django-storages' options for s3:// (access_key, secret_key, endpoint_url, region_name …); AWS_… stand in for them.
    S3: dict[str, Any] = {}
    # Where the uploads of jobs are kept; may be read as well.
    UPLOADS: str = "storage:default/imports"
    # Where remote sources are copied to, and compressed or re-encoded ones unpacked.
    SPOOL_DIR: str = str(Path(tempfile.gettempdir()) / f"importer-spool-{os.getuid()}")
    # A source that is larger, or unpacks to more than this, is refused: a small archive can hold a bomb.
    SPOOL_MAX_BYTES: int = 64 * 1024 * MEGABYTE
    # A gzip or zip entry that grows more than this is refused once it is past 64 MB: plain text rarely passes 40.
    SPOOL_MAX_RATIO: int = 200
    # Columns of a source, keys of a record, distinct keys of a batch: PostgreSQL's widest table has 1,600 columns.
    MAX_COLUMNS: int = 2_000
    # Values in one record of JSON lines, told before it is parsed: a value of two bytes takes a hundred in memory.
    MAX_RECORD_VALUES: int = 1_000_000
    # Records x columns held at once, at some 60 bytes each: it bounds a batch where records are wide.
    BATCH_MAX_CELLS: int = 2_000_000
    # Fetching, unpacking and planning a source together. The largest source allowed takes an hour or two.
    PREPARE_MAX_SECONDS: float = 4 * 3600
    # Memory of the process that decodes a Parquet file for the first time. Row groups of other tools have up to 128 MB.
    DECODE_MAX_MB: int = 512
    # A worker counts as lost when it has not committed for so long.
    LEASE_SECONDS: int = 30
    # How often one chunk may fail, or a whole run die, without getting any further before the job fails.
    MAX_CHUNK_ATTEMPTS: int = 5
    # Records per transaction: where a worker begins, and the bounds it steers between.
    BATCH_SIZE_INITIAL: int = 2_000
    BATCH_SIZE_MIN: int = 100
    BATCH_SIZE_MAX: int = 10_000
    # Bytes of source per transaction: one enormous record must not defeat the bound in records.
    BATCH_MAX_BYTES: int = 8 * MEGABYTE
    # A transaction that takes longer than this makes the next batch smaller.
    BATCH_TARGET_SECONDS: float = 1.0
    # One record longer than this is rejected; no legacy table has such rows, a stray quote does.
    MAX_RECORD_BYTES: int = 16 * MEGABYTE
    # A quoted field that spans more lines than this is a stray quote.
    MAX_FIELD_LINES: int = 100
    # Bytes of source per chunk: small enough to share out among workers, large enough to cost nothing to keep.
    CHUNK_BYTES: int = 8 * MEGABYTE
    # Records per chunk where a source is counted in records (Parquet, tables).
    CHUNK_RECORDS: int = 100_000
    # Parents of a Lookup are held in memory up to this number; above it they are joined in the database.
    LOOKUP_CACHE_RECORDS: int = 100_000
    # Distinct values a field's slow lane remembers in each worker.
    MEMO_VALUES: int = 50_000
    # Memory of all processes of a job together; above it batches shrink, then workers are replaced.
    MEMORY_THRESHOLD_MB: int = 1024
    # How long a worker goes on trying while the database is away.
    RETRY_SECONDS: float = 120.0
    # name → dotted path of a callable (run) -> None
    EXECUTORS: dict[str, str] = {
        "inline": "importer.executors.inline.execute",
        "process": "importer.executors.process.execute",
        "workers": "importer.executors.workers.execute",
    }
    # Thresholds for every job that sets none of its own. None: off.
    MAX_ERRORS: int | None = None
    MAX_ERROR_RATE: float | None = None
    # The first of these for jobs that a worker runs for somebody in a browser, where neither of them is set: nobody
    # watches, and each rejected record is a row.
    BACKGROUND_MAX_ERRORS: int | None = 100_000
    # Never filled because a source happens to have such a column; only when a spec declares the field.
    SENSITIVE_FIELDS: tuple[str, ...] = ("password", "is_superuser", "is_staff", "is_active")
    # Days after a job's end (its making, where it never ran) until `prune_imports` deletes. None: kept for ever.
    REJECTED_DAYS: int | None = 400
    UPLOAD_DAYS: int | None = 90
    LOG_DAYS: int | None = 400


class Conf(Defaults):
    """`conf.NAME` is the site's value, or the default; read each time, so `override_settings` works."""

    def __init__(self) -> None:
        self._adopted: dict[str, Any] | None = None

    def adopt(self, values: dict[str, Any]) -> None:
        """In a worker process: go by the coordinator's values instead of the settings file's."""
        self._adopted = values

    def __getattribute__(self, name: str) -> Any:
        if name.isupper():
            site = getattr(settings, "IMPORTER", {}) if self._adopted is None else self._adopted
            if name in site:
                return site[name]
        return super().__getattribute__(name)

    def source_roots(self) -> list[Path]:
        """The folders that sources may lie in. A text is one folder, and not as many as it has letters."""
        roots = [str(Path.cwd())] if self.SOURCE_ROOTS is None else self.SOURCE_ROOTS
        return [Path(root).resolve() for root in ([roots] if isinstance(roots, str | Path) else roots)]

    def remote_roots(self) -> list[str]:
        """Without a slash at their ends: they are compared part by part."""
        roots = self.REMOTE_ROOTS or []
        return [
            str(root).rstrip("/") for root in [*([roots] if isinstance(roots, str) else roots), self.UPLOADS]
        ]

    def without_sense(self) -> list[str]:
        """What is wrong with the figures, a sentence each: with nothing per batch or chunk, a run would never end."""
        return [
            f'IMPORTER["{name}"] is {value!r}; it must be a number above 0.'
            for name in POSITIVE
            if isinstance(value := getattr(self, name), bool)
            or not isinstance(value, int | float)
            or not value > 0
        ]

    def verify(self) -> None:
        """Raises SettingsRefused, for whoever runs without the system checks."""
        for reason in self.without_sense():
            raise SettingsRefused(reason)


POSITIVE = (
    "BATCH_MAX_BYTES", "BATCH_MAX_CELLS", "BATCH_SIZE_INITIAL", "BATCH_SIZE_MAX", "BATCH_SIZE_MIN",
    "BATCH_TARGET_SECONDS", "CHUNK_BYTES", "CHUNK_RECORDS", "DECODE_MAX_MB", "LEASE_SECONDS", "MAX_CHUNK_ATTEMPTS",
    "MAX_COLUMNS", "MAX_FIELD_LINES", "MAX_RECORD_BYTES", "MAX_RECORD_VALUES", "MEMORY_THRESHOLD_MB", "MEMO_VALUES",
    "PREPARE_MAX_SECONDS", "SPOOL_MAX_BYTES", "SPOOL_MAX_RATIO",
)  # fmt: skip
conf = Conf()
KEYS = frozenset(name for name in vars(Defaults) if name.isupper())
