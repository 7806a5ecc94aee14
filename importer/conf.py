"""Reads the importer's settings: one dict, `IMPORTER`. Every key is optional and read at each use."""

import os
import tempfile
from pathlib import Path
from typing import Any

from importer.exceptions import SettingsRefused

MEGABYTE = 1024 * 1024


class Defaults:
    # The beginning of the names of tables and indexes. Choose it before the first `migrate`.
    TABLE_PREFIX: str = ""
    # Folders that files may be read from. None: the working directory. []: no folder.
    SOURCE_ROOTS: list[str] | str | None = None
    # Remote places that may be read: s3://BUCKET, s3://BUCKET/PREFIX, storage:ALIAS/PREFIX. None: nothing.
    REMOTE_ROOTS: list[str] | str | None = None
    # django-storages' options for s3:// (access_key, secret_key, endpoint_url, region_name …). Default: AWS_… settings.
    S3: dict[str, Any] = {}
    # Where uploads are stored. It may also be read.
    UPLOADS: str = "storage:default/imports"
    # Where remote sources are copied to, and compressed or re-encoded ones are unpacked.
    SPOOL_DIR: str = str(Path(tempfile.gettempdir()) / f"importer-spool-{os.getuid()}")
    # Bytes. A source that is larger, or unpacks to more, is refused: a small archive can be a bomb.
    SPOOL_MAX_BYTES: int = 64 * 1024 * MEGABYTE
    # A source that unpacks to more than this multiple is refused, from 64 MB on. Plain text rarely exceeds 40.
    SPOOL_MAX_RATIO: int = 200
    # Columns of a source, keys of a record, distinct keys of a batch: PostgreSQL's widest table has 1,600 columns.
    MAX_COLUMNS: int = 2_000
    # Values in one record of JSON lines, counted before it is parsed: a value of two bytes takes a hundred in memory.
    MAX_RECORD_VALUES: int = 1_000_000
    # Records x columns in memory at once, at about 60 bytes each. It bounds a batch of wide records.
    BATCH_MAX_CELLS: int = 2_000_000
    # Files that one job reads, the members of archives included. Each is opened and identified by itself.
    MAX_PARTS: int = 1_000
    # Fetching, unpacking and planning a source together. The largest source allowed takes an hour or two.
    PREPARE_MAX_SECONDS: float = 4 * 3600
    # Memory of the process that decodes a Parquet file first. Other tools write row groups of up to 128 MB.
    DECODE_MAX_MB: int = 512
    # A worker that has not committed for this long counts as lost.
    LEASE_SECONDS: int = 30
    # How often one chunk may fail, or a whole run be killed, without progress before the job fails.
    MAX_CHUNK_ATTEMPTS: int = 5
    # Records per transaction: a worker's first batch size, and the bounds within which it adapts.
    BATCH_SIZE_INITIAL: int = 2_000
    BATCH_SIZE_MIN: int = 100
    BATCH_SIZE_MAX: int = 10_000
    # Bytes of source per transaction: one enormous record must not defeat the bound in records.
    BATCH_MAX_BYTES: int = 8 * MEGABYTE
    # A transaction that takes longer than this makes the next batch smaller.
    BATCH_TARGET_SECONDS: float = 1.0
    # A longer record is rejected. No legacy table has such rows; a stray quote makes them.
    MAX_RECORD_BYTES: int = 16 * MEGABYTE
    # A quoted field of more lines counts as a stray quote if its lines look like records.
    MAX_FIELD_LINES: int = 100
    # Bytes of source per chunk: small enough to divide among workers, large enough that its bookkeeping costs little.
    CHUNK_BYTES: int = 8 * MEGABYTE
    # Records per chunk where a source is counted in records (Parquet, tables).
    CHUNK_RECORDS: int = 100_000
    # Up to this number, a Lookup's parents are held in memory; above it, they are joined in the database.
    LOOKUP_CACHE_RECORDS: int = 100_000
    # Distinct values that a field's slow lane remembers in each worker.
    MEMO_VALUES: int = 50_000
    # Memory of all processes of a job together. Above it batches shrink, then workers are replaced.
    MEMORY_THRESHOLD_MB: int = 1024
    # How long a worker retries while the database is away.
    RETRY_SECONDS: float = 120.0
    # Name → dotted path of a callable (watch: importer.run.watch.Watch) -> None.
    EXECUTORS: dict[str, str] = {
        "inline": "importer.executors.inline.execute",
        "process": "importer.executors.process.execute",
        "workers": "importer.executors.workers.execute",
    }
    # Thresholds of rejected records for jobs that do not set their own. None: no threshold.
    MAX_ERRORS: int | None = None
    MAX_ERROR_RATE: float | None = None
    # MAX_ERRORS for jobs that run in the background, if neither threshold is set: nobody watches them, and each
    # rejected record is a row.
    BACKGROUND_MAX_ERRORS: int | None = 100_000
    # Filled only if a spec declares the field, never because a source has such a column.
    SENSITIVE_FIELDS: tuple[str, ...] = ("password", "is_superuser", "is_staff", "is_active")
    # Models without a spec that people may import into in the browser, as "app_label.Model". With rights to add them.
    BROWSER_MODELS: tuple[str, ...] = ()
    # Whether the lists of models with a spec get a button "Import…" in the admin by themselves.
    ADMIN_BUTTON: bool = True
    # Bytes of a source that the browser's Start runs at once, in the request. 0: always on a worker.
    INLINE_BYTES: int = 2_000_000
    # How long a request runs or undoes a job before it leaves the rest to a worker. Proxies give up after 30 or 60.
    INLINE_SECONDS: float = 20.0
    # Jobs that people create in the browser wait for a second person before they write anything.
    REVIEW: bool = False
    # Days from a job's end (its creation, if it never ran) until `prune_imports` deletes. None: keep for ever.
    REJECTED_DAYS: int | None = 400
    UPLOAD_DAYS: int | None = 90
    LOG_DAYS: int | None = 400


class Conf(Defaults):
    """Returns the site's value of `conf.NAME`, or the default. Read at each access, so `override_settings` works."""

    def __init__(self) -> None:
        self._adopted: dict[str, Any] | None = None

    def adopt(self, values: dict[str, Any]) -> None:
        """Use the coordinator's values instead of the settings file's (in a worker process)."""
        self._adopted = values

    def __getattribute__(self, name: str) -> Any:
        if name.isupper():
            site = _of_site() if self._adopted is None else self._adopted
            if name in site:
                return site[name]
        return super().__getattribute__(name)

    def source_roots(self) -> list[Path]:
        """Return the folders that sources may be read from. A string is one folder, not a list of letters."""
        roots = [str(Path.cwd())] if self.SOURCE_ROOTS is None else self.SOURCE_ROOTS
        return [Path(root).resolve() for root in ([roots] if isinstance(roots, str | Path) else roots)]

    def remote_roots(self) -> list[str]:
        """Return the remote roots without a final slash, because they are compared part by part."""
        roots = self.REMOTE_ROOTS or []
        return [
            str(root).rstrip("/") for root in [*([roots] if isinstance(roots, str) else roots), self.UPLOADS]
        ]

    def invalid_numbers(self) -> list[str]:
        """Return one sentence for each invalid number: with 0 records per batch or chunk, a run would never end."""
        return [
            f'IMPORTER["{name}"] is {value!r}; use a number above 0.'
            for name in POSITIVE
            if isinstance(value := getattr(self, name), bool)
            or not isinstance(value, int | float)
            or not value > 0
        ]

    def verify(self) -> None:
        """Raise SettingsRefused for an invalid number. For runs that skip the system checks."""
        for reason in self.invalid_numbers():
            raise SettingsRefused(reason)


def _of_site() -> dict[str, Any]:
    # Not imported with this module: the process that weighs Parquet would start a tenth later.
    from django.conf import settings

    return getattr(settings, "IMPORTER", {})


POSITIVE = (
    "BATCH_MAX_BYTES", "BATCH_MAX_CELLS", "BATCH_SIZE_INITIAL", "BATCH_SIZE_MAX", "BATCH_SIZE_MIN",
    "BATCH_TARGET_SECONDS", "CHUNK_BYTES", "CHUNK_RECORDS", "DECODE_MAX_MB", "INLINE_SECONDS", "LEASE_SECONDS",
    "MAX_CHUNK_ATTEMPTS", "MAX_COLUMNS", "MAX_FIELD_LINES", "MAX_PARTS", "MAX_RECORD_BYTES", "MAX_RECORD_VALUES",
    "MEMORY_THRESHOLD_MB", "MEMO_VALUES", "PREPARE_MAX_SECONDS", "SPOOL_MAX_BYTES", "SPOOL_MAX_RATIO",
)  # fmt: skip
conf = Conf()
KEYS = frozenset(name for name in vars(Defaults) if name.isupper())
