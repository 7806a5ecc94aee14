"""Opens the parts of a workbook (a zip of XML files) as streams, within the budget of a source."""

import zipfile
from collections.abc import Callable
from typing import IO

from importer.budget import Deadline, refuse_ratio, refuse_size
from importer.exceptions import SourceRefused
from importer.parse.sheets.elements import Stream, read_elements

ZIP = b"PK"
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# The stream that holds an encrypted workbook, as its name is written in a compound file.
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
# Room for the directory of a compound file; its streams are named there.
COMPOUND_BYTES = 4 << 20
# The budget is compared each time that so many bytes were read or written.
CHECKED_BYTES = 1 << 18
AS_XLSX = "open it in a spreadsheet program and save it as .xlsx"


class Cost:
    """Counts what a workbook unpacks to and what is written from it, against the budget."""

    def __init__(self, name: str, packed: int, deadline: Deadline) -> None:
        self.name, self.packed, self.deadline = name, packed, deadline
        self._read = self._written = self._next = 0

    def read(self, size: int) -> None:
        self._read += size
        if self._read + self._written > self._next:
            self._check(max(self._read, self._written))

    def wrote(self, size: int) -> None:
        self._written += size
        if self._read + self._written > self._next:
            self._check(max(self._read, self._written))

    def _check(self, total: int) -> None:
        self._next = self._read + self._written + CHECKED_BYTES
        refuse_size(self.name, total)
        refuse_ratio(self.name, total, packed=self.packed)
        self.deadline.check()


class Package:
    """The parts of a workbook, by their paths. Raises SourceRefused if the file is not such a zip."""

    def __init__(self, file: IO[bytes], cost: Cost) -> None:
        self.name, self.cost = cost.name, cost
        _refuse_other_files(file, self.name)
        self._archive = zipfile.ZipFile(file)
        self._entries = {_path(entry.filename): entry for entry in self._archive.infolist()}

    def __contains__(self, path: str) -> bool:
        return _path(path) in self._entries

    def read(
        self,
        path: str,
        start: Callable[[str, dict[str, str]], None],
        end: Callable[[str], None] | None = None,
        texts: list[str] | None = None,
        without: Callable[[IO[bytes]], Stream] | None = None,
    ) -> None:
        """Call the handlers for each element of a part; see `read_elements`. Raises SourceRefused.

        without  returns the part's stream without the elements that it takes itself
        """
        entry = self._entries.get(_path(path))
        if entry is None:
            raise self.damaged(f'it has no "{path[:100]}"')
        if entry.flag_bits & 0x1:
            raise self.encrypted()
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self.damaged("it is packed in another way than workbooks are")
        with self._archive.open(entry) as stream:
            read_elements(without(stream) if without else stream, self.cost, start, end, texts)

    def damaged(self, reason: str) -> SourceRefused:
        return damaged(self.name, reason)

    def encrypted(self) -> SourceRefused:
        return _encrypted(self.name)


def damaged(name: str, reason: str) -> SourceRefused:
    return SourceRefused(f'The workbook "{name}" is damaged: {reason}; {AS_XLSX}.')


def _encrypted(name: str) -> SourceRefused:
    return SourceRefused(f'The workbook "{name}" is protected by a password; save it without one.')


def _refuse_other_files(file: IO[bytes], name: str) -> None:
    beginning = file.read(len(COMPOUND))
    if beginning == COMPOUND:
        file.seek(0)
        if ENCRYPTED in file.read(COMPOUND_BYTES):
            raise _encrypted(name)
        raise SourceRefused(f'The workbook "{name}" is in the format of Excel 97 (.xls); {AS_XLSX}.')
    if not beginning.startswith(ZIP):
        raise SourceRefused(
            f'The source "{name}" is not a workbook, whatever its name says; name its format with --format.'
        )
    file.seek(0)


def _path(name: str) -> str:
    """Return a part's path as it is compared: some programs write backslashes, a slash in front, other cases."""
    return name.replace("\\", "/").lstrip("/").lower()
