"""Opens remote sources: `s3://BUCKET/KEY`, and `storage:ALIAS/NAME` for files of Django's storages.

Only what lies below `IMPORTER["REMOTE_ROOTS"]` or `IMPORTER["UPLOADS"]` may be read, whatever the credentials allow.
"""

from typing import Any

from django.core.files.storage import InvalidStorageError, storages

from importer.conf import conf
from importer.exceptions import SourceRefused
from importer.sources.names import S3_PREFIX, split_remote
from importer.sources.remote.remote_file import Remote


def refuse_forbidden(source: str) -> None:
    """Raise SourceRefused unless the source is below one of the roots."""
    split_remote(source)
    roots = conf.remote_roots()
    if not any(source == root or source.startswith(f"{root}/") for root in roots):
        raise SourceRefused(
            f'The source "{source}" is outside the places that imports may read ({", ".join(roots)}); '
            f'move it there or extend IMPORTER["REMOTE_ROOTS"].'
        )


def open_remote(source: str) -> Remote:
    """Return a `Remote` without asking the store. Raises SourceRefused if the source must not be read."""
    refuse_forbidden(source)
    place, name = split_remote(source)
    if source.startswith(S3_PREFIX):
        from importer.sources.remote.s3 import S3Object, storage_of

        return S3Object(source, storage_of(source, place), key=name)
    storage = storage_called(source, place)
    if hasattr(storage, "connection") and hasattr(storage, "bucket_name"):
        # django-storages would load the whole object into memory; S3Object reads it in pieces.
        from importer.sources.remote.s3 import S3Object

        return S3Object(source, storage, key="/".join(filter(None, (storage.location.strip("/"), name))))
    from importer.sources.remote.storages import StoredFile

    return StoredFile(source, storage, name)


def storage_called(source: str, alias: str) -> Any:
    try:
        return storages[alias]
    except InvalidStorageError:
        known = ", ".join(storages.backends)
        raise SourceRefused(
            f'The source "{source}" names the storage "{alias}", which is not in STORAGES ({known}).'
        ) from None
