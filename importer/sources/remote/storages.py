"""Reads files of Django's storages, in the file system or elsewhere."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage

from importer.conf import MEGABYTE
from importer.exceptions import SourceRefused, first_line
from importer.sources.local import open_below
from importer.sources.remote.remote_file import State

BLOCK = MEGABYTE


class StoredFile:
    """A file of a Django storage (a `Remote`)."""

    def __init__(self, source: str, storage: Storage, name: str) -> None:
        self.source, self.storage, self.name = source, storage, name

    def state(self) -> State:
        try:
            self._refuse_links()
            size = self.storage.size(self.name)
            modified = self._modified_at()
        except SourceRefused:
            raise
        except Exception as error:  # a storage may raise anything that its client library raises
            raise self._refusal(error) from None
        mtime_ns = int(modified.timestamp() * 1e9) if modified else None
        return State(size, modified.isoformat() if modified else "", mtime_ns)

    def blocks(self, state: State) -> Iterator[bytes]:
        try:
            with self._open() as file:
                yield from file.chunks(BLOCK)
        except Exception as error:
            raise self._refusal(error) from None

    def _open(self) -> File:
        """Open the file; in the file system never through a link, which may have appeared since `_refuse_links`."""
        if getattr(type(self.storage), "_open", None) is not vars(FileSystemStorage)["_open"]:
            return self.storage.open(self.name)
        root = Path(self.storage.path(""))
        return File(os.fdopen(open_below(root, Path(self.storage.path(self.name))), "rb"))

    def _refuse_links(self) -> None:
        """Raise SourceRefused for a link in the file system: it could lead outside the roots."""
        with contextlib.suppress(NotImplementedError):
            path, root = Path(self.storage.path(self.name)), Path(self.storage.path(""))
            if path.resolve() != root.resolve() / path.relative_to(root):
                raise SourceRefused(f'The source "{self.source}" is a symbolic link; name the file itself.')

    def _modified_at(self) -> Any:
        try:
            return self.storage.get_modified_time(self.name)
        except NotImplementedError:
            return None

    def _refusal(self, error: Exception) -> SourceRefused:
        if isinstance(error, FileNotFoundError):
            return SourceRefused(f'There is no file "{self.source}".')
        reason = error.strerror if isinstance(error, OSError) and error.strerror else first_line(error)
        return SourceRefused(f'The source "{self.source}" cannot be read: {reason.rstrip(".")}.')
