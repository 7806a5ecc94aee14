"""Uploads: which sources are files that somebody has sent, however the source is written, and whose they are."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files.storage import storages

from importer.conf import conf
from importer.exceptions import SourceRefused
from importer.models import DataImportJob
from importer.sources.names import S3_PREFIX, is_remote, is_table, split_remote
from importer.sources.remote import refuse_forbidden, storage_called


@dataclass(frozen=True, slots=True)
class Place:
    """Where bytes lie: in a folder of this machine, a bucket, or another storage, and on which path within."""

    kind: str
    root: str
    parts: tuple[str, ...]

    def is_below(self, other: "Place") -> bool:
        same = (self.kind, self.root) == (other.kind, other.root)
        return same and self.parts[: len(other.parts)] == other.parts


def is_upload(source: str) -> bool:
    """Whether the source lies below `IMPORTER["UPLOADS"]`, by whichever of its names, or is a copy in the spool.

    Does not tell if it exists. Raises SourceRefused where the source must not be read at all.
    """
    if is_table(source):
        return False
    if is_remote(source):
        refuse_forbidden(source)
    place = _place_of(source)
    folders = (_place_of(_uploads_root()), _folder(Path(os.path.abspath(conf.SPOOL_DIR))))
    return place is not None and any(_lies_in(place, folder) for folder in folders if folder is not None)


def is_sent_by(user: Any, source: str) -> bool:
    """Whether the user has uploaded this file: the first job made of it, under its own name, is theirs."""
    if user.pk is None or not source.startswith(f"{_uploads_root()}/"):
        return False
    jobs = DataImportJob.objects.filter(source=source).order_by("pk")
    return bool(jobs.values_list("created_by", flat=True).first() == user.pk)


def refuse_uploads_of_others(source: str, user: Any) -> None:
    """Raise SourceRefused for an upload that the user has not sent, in the same words whether it exists or not."""
    if is_upload(source) and not is_sent_by(user, source):
        raise SourceRefused(f'The source "{source}" is an upload of somebody else; choose the file itself.')


def _uploads_root() -> str:
    return str(conf.UPLOADS).rstrip("/")


def _place_of(source: str) -> Place | None:
    """None where the source has no place that could be compared: it cannot be read either."""
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
    except Exception:  # a storage may raise whatever it likes; opening the source then tells the reason
        return None


def _folder(path: Path) -> Place | None:
    try:
        return Place("folder", "", path.resolve().parts)
    except (OSError, RuntimeError, ValueError):  # a name that is too long, links in a circle, a NUL
        return None


def _lies_in(place: Place, folder: Place) -> bool:
    return place.is_below(folder) or (folder.kind == place.kind == "folder" and _is_within(place, folder))


def _is_within(place: Place, uploads: Place) -> bool:
    """By what the folders are, for names that differ: another mount, or letters of another case."""
    try:
        wanted = os.stat(Path(*uploads.parts))
    except OSError:
        return False
    path = Path(*place.parts)
    return any(_is_same(folder, wanted) for folder in (path, *path.parents))


def _is_same(folder: Path, wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(folder), wanted)
    except (OSError, ValueError):
        return False
