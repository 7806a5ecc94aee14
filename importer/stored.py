"""Files of Django's storages: of the file system, or of whatever else has Django's interface."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import Storage

from importer.conf import MEGABYTE
from importer.exceptions import SourceRefused, first_line
from importer.remote import State

BLOCK = MEGABYTE


class StoredFile:
    def __init__(self, source: str, storage: Storage, name: str) -> None:
        self.source, self.storage, self.name = source, storage, name

    def state(self) -> State:
        try:
            size = self.storage.size(self.name)
            modified = self._modified_at()
        except (OSError, SuspiciousFileOperation) as error:
            raise self._refusal(error) from None
        mtime_ns = int(modified.timestamp() * 1e9) if modified else None
        return State(size, modified.isoformat() if modified else "", mtime_ns)

    def blocks(self, state: State) -> Iterator[bytes]:
        try:
            with self.storage.open(self.name) as file:
                yield from file.chunks(BLOCK)
        except (OSError, SuspiciousFileOperation) as error:
            raise self._refusal(error) from None

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
