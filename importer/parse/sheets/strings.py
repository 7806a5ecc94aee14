"""Keeps the shared strings of a workbook on disk: they may be larger than memory."""

import os
import tempfile
from array import array
from pathlib import Path

from importer.exceptions import SourceRefused

# At eight bytes each in memory.
MOST_STRINGS = 1 << 24
# Characters of strings that are kept in memory as well, because most columns repeat a few.
REMEMBERED = 4 << 20


class SharedStrings:
    """Texts by number. Holds a file without a name, so close it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed by `close`)
        self._ends = array("Q", [0])
        self._memory: dict[int, str] = {}
        self._remembered = 0

    def close(self) -> None:
        self._file.close()

    def add(self, text: str) -> None:
        if len(self._ends) > MOST_STRINGS:
            raise SourceRefused(
                f'The workbook "{self.name}" has more than {MOST_STRINGS:,} different texts; save the sheet as CSV.'
            )
        self._ends.append(self._ends[-1] + self._file.write(text.encode("utf-8", "surrogatepass")))

    def flush(self) -> None:
        """Call it after the last `add`."""
        self._file.flush()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, number: int) -> str:
        if number < 0:
            raise IndexError(number)
        text = self._memory.get(number)
        return self._read(number) if text is None else text

    def _read(self, number: int) -> str:
        start, end = self._ends[number], self._ends[number + 1]
        text = os.pread(self._file.fileno(), end - start, start).decode("utf-8", "surrogatepass")
        if self._remembered > REMEMBERED:
            self._memory, self._remembered = {}, 0
        self._memory[number] = text
        self._remembered += len(text) + 64  # and its entry
        return text
