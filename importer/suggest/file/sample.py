"""Reads a sample of a source, however large it is: its beginning, and stretches from its middle and end."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from importer.budget import Deadline
from importer.conf import MEGABYTE, conf
from importer.exceptions import SourceRefused
from importer.sources.local import locate, open_file
from importer.sources.magic import refuse_other_formats
from importer.sources.names import FORMATS, compression_of, is_remote, is_table
from importer.sources.remote.remote import open_remote
from importer.sources.spool.folder import spool_folder
from importer.sources.spool.spool import faults_named, members_of_file
from importer.sources.spool.unpack import unpacked

HEAD_BYTES = MEGABYTE
# Stretches show what only later records have: other dates, longer texts, bytes of another encoding.
STRETCHES, STRETCH_BYTES = 6, 32 * 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """Bytes of a source.

    stretches  from the middle, each from one line's beginning to another's end
    tail       the last bytes; empty if `head` is all, or the end of a packed file is unknown
    size       of the plain file in bytes; None: unknown, because it is packed
    """

    name: str
    head: bytes
    stretches: tuple[bytes, ...] = ()
    tail: bytes = b""
    size: int | None = None

    @property
    def is_whole(self) -> bool:
        return self.size == len(self.head)

    @property
    def pieces(self) -> tuple[bytes, ...]:
        return tuple(filter(None, (self.head, *self.stretches, self.tail)))


@contextlib.contextmanager
def local_copy(source: str, deadline: Deadline) -> Iterator[Path]:
    """Yield a local file with the source's bytes. A remote one is copied first, within the spool's budget.

    Raises SourceRefused.
    """
    if is_table(source):
        raise SourceRefused(
            f'The source "{source}" is a table, whose columns have types; write its spec by hand.'
        )
    if not is_remote(source):
        yield locate(source)
        return
    remote = open_remote(source)
    state = remote.state()
    if state.size > conf.SPOOL_MAX_BYTES:
        raise SourceRefused(
            f'The source "{source}" has {state.size:,} bytes, more than the {conf.SPOOL_MAX_BYTES:,} allowed; '
            f'raise IMPORTER["SPOOL_MAX_BYTES"] if that is right.'
        )
    suffixes = "".join(Path(source).suffixes[-2:])
    descriptor, path = tempfile.mkstemp(dir=spool_folder(), suffix=suffixes)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for block in remote.blocks(state):
                deadline.check()
                file.write(block)
        yield Path(path)
    finally:
        os.unlink(path)


def read_sample(path: Path, name: str, deadline: Deadline) -> Sample:
    """Read the sample of a text file, packed or not. Raises SourceRefused."""
    if compression_of(path):
        sample = _of_packed(path, name, deadline)
    else:
        refuse_other_formats(name, path)
        sample = _of_plain(path, name)
    if not sample.head:
        raise SourceRefused(f'The source "{name}" is empty.')
    return sample


def _of_packed(path: Path, name: str, deadline: Deadline) -> Sample:
    member = _first_member(path, name, deadline) if compression_of(path) == "zip" else ""
    with (
        faults_named(name),
        unpacked(path, name=name, deadline=deadline, notes=[], member=member) as (plain, _),
    ):
        head = b""
        while len(head) <= HEAD_BYTES and (block := plain.read(HEAD_BYTES + 1 - len(head))):
            head += block
    is_whole = len(head) <= HEAD_BYTES
    return Sample(member or name, head[:HEAD_BYTES], size=len(head) if is_whole else None)


def _first_member(path: Path, name: str, deadline: Deadline) -> str:
    """Return the first file of an archive whose name tells a format, or the first one."""
    names = sorted(members_of_file(path, name, deadline))
    if not names:
        raise SourceRefused(f'The archive "{name}" holds no file.')
    return next((each for each in names if Path(each).suffix.lower() in FORMATS), names[0])


def _of_plain(path: Path, name: str) -> Sample:
    with open_file(path) as file:
        size = file.seek(0, 2)
        file.seek(0)
        head = file.read(HEAD_BYTES)
        if size <= HEAD_BYTES:
            return Sample(name, head, size=len(head))
        stretches = []
        for number in range(1, STRETCHES + 1):
            file.seek(HEAD_BYTES + (size - HEAD_BYTES) * number // (STRETCHES + 2))
            stretches.append(file.read(STRETCH_BYTES))
        file.seek(max(HEAD_BYTES, size - STRETCH_BYTES))
        return Sample(name, head, tuple(stretches), file.read(STRETCH_BYTES), size)
