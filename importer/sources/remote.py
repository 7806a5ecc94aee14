"""Sources that lie elsewhere: `s3://BUCKET/KEY`, and `storage:ALIAS/NAME` for a file in one of Django's storages.

What may be read is named by `IMPORTER["REMOTE_ROOTS"]` and `IMPORTER["UPLOADS"]`; nothing else, whatever the
credentials would allow.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from django.core.files.storage import InvalidStorageError, storages

from importer.conf import conf
from importer.exceptions import UNPRINTABLE, SourceRefused

S3_PREFIX = "s3://"
STORAGE_PREFIX = "storage:"
# Those of old included, which AWS no longer makes; neither an ARN nor anything else that leads to other places.
BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
ALIAS = re.compile(r"[\w.-]+")


@dataclass(frozen=True, slots=True)
class State:
    """What tells one state of a remote file from another. `mark` is an ETag or a time; "" where there is neither."""

    size: int
    mark: str
    mtime_ns: int | None = None


class Remote(Protocol):
    def state(self) -> State:
        """As it is now. Raises SourceRefused where it is not there, or must not or cannot be asked for."""

    def blocks(self, state: State) -> Iterator[bytes]:
        """Its bytes, as they were in that state. Raises SourceRefused, SourceChanged."""


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


def refuse_forbidden(source: str) -> None:
    """Raise SourceRefused unless the source lies below one of the roots."""
    split_remote(source)
    roots = conf.remote_roots()
    if not any(source == root or source.startswith(f"{root}/") for root in roots):
        raise SourceRefused(
            f'The source "{source}" lies outside of what imports may read ({", ".join(roots)}); '
            f'move it there or extend IMPORTER["REMOTE_ROOTS"].'
        )


def open_remote(source: str) -> Remote:
    """Raises SourceRefused where the source must not be read. Asks nobody yet."""
    refuse_forbidden(source)
    place, name = split_remote(source)
    if source.startswith(S3_PREFIX):
        from importer.sources.s3 import S3Object, storage_of

        return S3Object(source, storage_of(source, place), key=name)
    storage = storage_called(source, place)
    if hasattr(storage, "connection") and hasattr(storage, "bucket_name"):
        # django-storages would load the whole object into memory; this way it comes in pieces.
        from importer.sources.s3 import S3Object

        return S3Object(source, storage, key="/".join(filter(None, (storage.location.strip("/"), name))))
    from importer.sources.storages import StoredFile

    return StoredFile(source, storage, name)


def storage_called(source: str, alias: str) -> Any:
    try:
        return storages[alias]
    except InvalidStorageError:
        known = ", ".join(storages.backends)
        raise SourceRefused(
            f'The source "{source}" names the storage "{alias}", which is not in STORAGES ({known}).'
        ) from None
