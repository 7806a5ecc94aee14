"""Tells which sources are uploads, by whatever name, and whose uploads they are."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files.storage import storages

from importer.conf import conf
from importer.exceptions import SourceRefused
from importer.models import DataImportJob
from importer.sources.names import S3_PREFIX, is_remote, is_table, split_remote
from importer.sources.remote.remote import refuse_forbidden, storage_called


@dataclass(frozen=True, slots=True)
class Place:
    """Where bytes are: `kind` is "folder" (of this machine), "bucket" or "storage"; `parts` is the path within."""

    kind: str
    root: str
    parts: tuple[str, ...]

    def is_below(self, other: "Place") -> bool:
        same = (self.kind, self.root) == (other.kind, other.root)
        return same and self.parts[: len(other.parts)] == other.parts


def is_upload(source: str) -> bool:
    """Tell whether the source is below `IMPORTER["UPLOADS"]`, by any of its names, or is a copy in the spool.

    The file need not exist. Raises SourceRefused if the source must not be read at all.
    """
    if is_table(source):
        return False
    if is_remote(source):
        refuse_forbidden(source)
    place = _place_of(source)
    folders = (_place_of(_uploads_root()), _folder(Path(os.path.abspath(conf.SPOOL_DIR))))
    return place is not None and any(_lies_in(place, folder) for folder in folders if folder is not None)


def is_sent_by(user: Any, source: str) -> bool:
    """Tell whether the user has uploaded this file: the first job with this source is theirs."""
    if user.pk is None or not source.startswith(f"{_uploads_root()}/"):
        return False
    jobs = DataImportJob.objects.filter(source=source).order_by("pk")
    return bool(jobs.values_list("created_by", flat=True).first() == user.pk)


def refuse_uploads_of_others(source: str, user: Any) -> None:
    """Raise SourceRefused for another user's upload, with the same message whether it exists or not."""
    if is_upload(source) and not is_sent_by(user, source):
        raise SourceRefused(f'The source "{source}" is an upload of another user; upload the file yourself.')


def _uploads_root() -> str:
    return str(conf.UPLOADS).rstrip("/")


def _place_of(source: str) -> Place | None:
    """Return the source's place; None if it has none to compare, so that it cannot be read either."""
    if not is_remote(source):
        return _folder(Path(os.path.abspath(source)))
    alias, name = split_remote(source)
    if source.startswith(S3_PREFIX):
        return Place("bucket", alias, tuple(name.split("/")))
    storage = storage_called(source, alias)
    if hasattr(storage, "bucket_name"):
        # The endpoint is not compared: one store has several addresses.
        key = "/".join(filter(None, (str(storage.location).strip("/"), name)))
        return Place("bucket", str(storage.bucket_name), tuple(key.split("/")))
    try:
        return _folder(Path(storage.path(name)))
    except NotImplementedError:
        return Place("storage", repr(storages.backends[alias]), tuple(name.split("/")))
    except Exception:  # a storage may raise anything; opening the source reports the reason
        return None


def _folder(path: Path) -> Place | None:
    try:
        return Place("folder", "", path.resolve().parts)
    except (OSError, RuntimeError, ValueError):  # a name that is too long, links in a circle, a NUL
        return None


def _lies_in(place: Place, folder: Place) -> bool:
    return place.is_below(folder) or (folder.kind == place.kind == "folder" and _is_within(place, folder))


def _is_within(place: Place, uploads: Place) -> bool:
    """Compare folders by device and inode, for paths that differ (another mount, another case of letters)."""
    try:
        status = os.stat(Path(*uploads.parts))
    except OSError:
        return False
    path = Path(*place.parts)
    return any(_is_folder(folder, status) for folder in (path, *path.parents))


def _is_folder(folder: Path, status: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(folder), status)
    except (OSError, ValueError):
        return False
