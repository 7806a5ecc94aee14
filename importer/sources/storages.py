"""Files of Django's storages: of the file system, or of whatever else has Django's interface."""

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
from importer.sources.remote_file import State

BLOCK = MEGABYTE


class StoredFile:
    def __init__(self, source: str, storage: Storage, name: str) -> None:
        self.source, self.storage, self.name = source, storage, name

    def state(self) -> State:
        try:
            self._refuse_links()
            size = self.storage.size(self.name)
            modified = self._modified_at()
        except SourceRefused:
            raise
        except Exception as error:  # a storage may raise whatever its client library does
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
        """Of a folder, through no link: one may have taken a folder's place since `_refuse_links` looked."""
        if getattr(type(self.storage), "_open", None) is not vars(FileSystemStorage)["_open"]:
            return self.storage.open(self.name)
        root = Path(self.storage.path(""))
        return File(os.fdopen(open_below(root, Path(self.storage.path(self.name))), "rb"))

    def _refuse_links(self) -> None:
        """Of a folder: a link within would lead out of what imports may read."""
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
