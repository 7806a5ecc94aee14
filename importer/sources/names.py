"""Tells what kind of source a name stands for: a table, a remote file or a path; its format and compression."""

import re
from pathlib import Path

from django.conf import settings

from importer.exceptions import UNPRINTABLE, SourceRefused
from importer.models import DataImportJob

TABLE_PREFIX = "db:"
FORMATS = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}


COMPRESSIONS = {".gz": "gzip", ".zip": "zip", ".zst": "zstd"}


def is_table(source: str) -> bool:
    return source.startswith(TABLE_PREFIX)


def split_table(source: str) -> tuple[str, str]:
    """`db:ALIAS/TABLE` → (alias, table). Raises SourceRefused where the alias is not configured."""
    if "\0" in source:
        raise SourceRefused(f"The source {source!r} has a NUL in its name.")
    alias, slash, table = source.removeprefix(TABLE_PREFIX).partition("/")
    if not slash or not table:
        raise SourceRefused(f'The source "{source}" names no table; write db:ALIAS/TABLE.')
    if alias not in settings.DATABASES:
        raise SourceRefused(
            f'The source "{source}" names the database "{alias}", which is not in DATABASES '
            f"({', '.join(settings.DATABASES)})."
        )
    return alias, table


def guess_format(source: str) -> str:
    """The format a source's name stands for. Raises SourceRefused where it says nothing."""
    if is_table(source):
        return DataImportJob.Format.TABLE
    path = Path(source)
    if compression_of(path):
        path = path.with_suffix("")
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        known = ", ".join(DataImportJob.Format.values)
        raise SourceRefused(
            f'The name "{source}" does not tell the format; name it (--format): {known}.'
        ) from None


def compression_of(path: Path) -> str | None:
    return COMPRESSIONS.get(path.suffix.lower())


S3_PREFIX = "s3://"
STORAGE_PREFIX = "storage:"
# Those of old included, which AWS no longer makes; neither an ARN nor anything else that leads to other places.
BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
ALIAS = re.compile(r"[\w.-]+")


def is_remote(source: str) -> bool:
    return source.startswith((S3_PREFIX, STORAGE_PREFIX))


def split_remote(source: str) -> tuple[str, str]:
    """(bucket, key) or (alias, name). Raises SourceRefused where the name is none."""
    is_object = source.startswith(S3_PREFIX)
    place, slash, name = source.removeprefix(S3_PREFIX if is_object else STORAGE_PREFIX).partition("/")
    known = BUCKET if is_object else ALIAS
    pattern = "s3://BUCKET/KEY" if is_object else "storage:ALIAS/NAME"
    if not slash or not name:
        raise SourceRefused(f'The source "{source[:200]}" names no file; write {pattern}.')
    if not known.fullmatch(place):
        kind = "bucket" if is_object else "storage"
        raise SourceRefused(
            f'The source "{source[:200]}" names no {kind}: "{place[:200]}" cannot be one; write {pattern}.'
        )
    # Keys may have such parts; but what stands between us and the store may take them for a way up.
    if UNPRINTABLE.search(source) or any(part in ("", ".", "..") for part in name.split("/")):
        raise SourceRefused(
            f'The source "{source[:200]}" has an empty part, "." or "..", or something unprintable in its name; '
            f"give the file another name."
        )
    return place, name
