"""Tells from a source's name its kind (table, remote file or path), format and compression."""

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
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".xltx": "xlsx",
    ".xltm": "xlsx",
    ".ods": "ods",
    ".ots": "ods",
}
WORKBOOKS = ("xlsx", "ods")
# Other workbooks, which are no zips of XML.
OTHER_WORKBOOKS = (".xls", ".xlsb", ".numbers", ".fods")
COMPRESSIONS = {".gz": "gzip", ".zip": "zip", ".zst": "zstd"}


def is_table(source: str) -> bool:
    return source.startswith(TABLE_PREFIX)


def split_table(source: str) -> tuple[str, str]:
    """Split `db:ALIAS/TABLE` into (alias, table). Raises SourceRefused if the alias is not configured."""
    if "\0" in source:
        raise SourceRefused(f'The source "{source}" has a NUL in its name; remove it.')
    alias, slash, table = source.removeprefix(TABLE_PREFIX).partition("/")
    if not slash or not table:
        raise SourceRefused(f'The source "{source}" does not name a table; use db:ALIAS/TABLE.')
    if alias not in settings.DATABASES:
        raise SourceRefused(
            f'The source "{source}" names the database "{alias}", which is not in DATABASES '
            f"({', '.join(settings.DATABASES)})."
        )
    return alias, table


def guess_format(source: str) -> str:
    """Return the format that a source's name tells. Raises SourceRefused if it does not tell one."""
    if is_table(source):
        return DataImportJob.Format.TABLE
    path = Path(source)
    if compression_of(path):
        path = path.with_suffix("")
    if path.suffix.lower() in OTHER_WORKBOOKS:
        raise SourceRefused(
            f'The workbook "{source}" is in a format that is not read; open it in a spreadsheet program and save it as '
            f".xlsx or .ods."
        )
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        known = ", ".join(DataImportJob.Format.values)
        raise SourceRefused(
            f'The name "{source}" does not tell the format; use --format with one of {known}.'
        ) from None


def compression_of(path: Path) -> str | None:
    return COMPRESSIONS.get(path.suffix.lower())


S3_PREFIX = "s3://"
STORAGE_PREFIX = "storage:"
# Includes old names that AWS no longer creates, but not ARNs and other names that lead elsewhere.
BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
ALIAS = re.compile(r"[\w.-]+")


def is_remote(source: str) -> bool:
    return source.startswith((S3_PREFIX, STORAGE_PREFIX))


def split_remote(source: str) -> tuple[str, str]:
    """Split a remote source into (bucket, key) or (alias, name). Raises SourceRefused for an invalid name."""
    is_object = source.startswith(S3_PREFIX)
    place, slash, name = source.removeprefix(S3_PREFIX if is_object else STORAGE_PREFIX).partition("/")
    valid = BUCKET if is_object else ALIAS
    pattern = "s3://BUCKET/KEY" if is_object else "storage:ALIAS/NAME"
    if not slash or not name:
        raise SourceRefused(f'The source "{source[:200]}" does not name a file; use {pattern}.')
    if not valid.fullmatch(place):
        kind = "bucket" if is_object else "storage"
        raise SourceRefused(
            f'The source "{source[:200]}" has an invalid {kind} name "{place[:200]}"; use {pattern}.'
        )
    # S3 keys may have such parts, but a proxy before the store may resolve them as paths.
    if UNPRINTABLE.search(source) or any(part in ("", ".", "..") for part in name.split("/")):
        raise SourceRefused(
            f'The source "{source[:200]}" has an empty part, "." or "..", or an unprintable character in its name; '
            f"rename the file."
        )
    return place, name
