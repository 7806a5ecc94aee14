"""Unpacks gzip, zip and zstd as a stream.

Whatever an archive's headers claim, no read takes much memory or outlasts the deadline.
"""

import contextlib
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import IO, Protocol, cast

from importer.budget import ZIP_DIRECTORY_BYTES, ZSTD_WINDOW_BYTES, Deadline, refuse_memory
from importer.exceptions import SourceRefused
from importer.sources.local import open_file
from importer.sources.names import compression_of
from importer.sources.spool.unzip import open_member

# Packed bytes per read: even the worst bomb of this size unpacks into memory (1,000 times in gzip, 30,000 in zstd).
GZIP_PIECE = 8_192
ZSTD_PIECE = 512
GZIP_MAGIC = (b"\x1f\x8b",)
# A frame, or one of 16 kinds of frames to skip.
ZSTD_MAGIC = (b"\x28\xb5\x2f\xfd", *(bytes([kind, 0x2A, 0x4D, 0x18]) for kind in range(0x50, 0x60)))
MAGIC_BYTES = 4


@contextlib.contextmanager
def unpacked(
    path: Path, *, name: str, deadline: Deadline, notes: list[str], member: str = ""
) -> Iterator[tuple[IO[bytes], int]]:
    """Yield a stream of the file's plain bytes, and its packed size in bytes.

    name    the file's name in messages
    member  which file of a zip archive; empty: the only one
    notes   gets what a person should know about the archive
    """
    compression = compression_of(path)
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(open_file(path))
        packed = os.fstat(file.fileno()).st_size
        raw = cast("IO[bytes]", Watched(file, name, deadline))
        if compression == "gzip":
            yield cast("IO[bytes]", _Frames(raw, _gzip_frame, GZIP_MAGIC, GZIP_PIECE, name, notes)), packed
        elif compression == "zip":
            yield stack.enter_context(open_member(raw, name=name, member_name=member)), packed
        elif compression == "zstd":
            yield cast("IO[bytes]", _Frames(raw, _zstd_frame(), ZSTD_MAGIC, ZSTD_PIECE, name, notes)), packed
        else:
            yield raw, packed


class Watched:
    """A file that checks the deadline and limits the size of every read (to that of a zip's directory).

    An unpacker may read all day without returning a byte, so the check must be here.
    """

    def __init__(self, file: BufferedReader, name: str, deadline: Deadline) -> None:
        self.file, self.name, self.deadline = file, name, deadline
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int | None = -1) -> bytes:
        self.deadline.check()
        if size is None or size < 0:
            size = ZIP_DIRECTORY_BYTES + 1
        data = self.file.read(min(size, ZIP_DIRECTORY_BYTES + 1))
        refuse_memory(self.name, "a directory", len(data), ZIP_DIRECTORY_BYTES)
        return data


class Frame(Protocol):
    """Unpacks one frame (a member, in gzip's words)."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, packed: bytes, /) -> bytes: ...


def _gzip_frame() -> Frame:
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)


def _zstd_frame() -> Callable[[], Frame]:
    try:
        import zstandard
    except ImportError:
        raise SourceRefused("Reading .zst needs the package zstandard: pip install zstandard") from None

    return lambda: zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES).decompressobj()


class _Frames:
    """Unpacks frame by frame, and knows whether the file ends within one.

    Bytes behind the last frame that begin no other one are ignored, as gzip and zstd do, and noted. Zeros (the padding
    of tapes) are not worth a note.
    """

    def __init__(
        self,
        raw: IO[bytes],
        new_frame: Callable[[], Frame],
        magic: Sequence[bytes],
        piece: int,
        name: str,
        notes: list[str],
    ) -> None:
        self.raw, self.new_frame, self.magic, self.piece = raw, new_frame, tuple(magic), piece
        self.name, self.notes = name, notes
        self.frame = new_frame()
        self.is_first, self.inside, self.ended = True, False, False
        self.left = b""

    def read(self, size: int) -> bytes:
        """Return so many plain bytes or a few more, and fewer at the end only."""
        plain = bytearray()
        while len(plain) < size and not self.ended and (packed := self._packed()):
            self.inside = True
            try:
                plain += self.frame.decompress(packed)
            except Exception as error:  # zstandard has an error of its own
                raise zlib.error(str(error)) from None
            if self.frame.eof:
                self.left, self.inside, self.is_first = self.frame.unused_data, False, False
                self.frame = self.new_frame()
        if not plain and self.inside:
            raise EOFError("the compressed file ended before the end-of-stream marker was reached")
        return bytes(plain)

    def _packed(self) -> bytes:
        """Return the next packed bytes; none at the end, and where no other frame begins."""
        packed, self.left = self.left or self.raw.read(self.piece), b""
        if self.inside or self.is_first:
            return packed
        while packed and not (packed := packed.lstrip(b"\0")):
            packed = self.raw.read(self.piece)
        while packed and len(packed) < MAGIC_BYTES and (more := self.raw.read(self.piece)):
            packed += more
        if packed and not packed.startswith(self.magic):
            self.ended = True
            self.notes.append(
                f'The archive "{self.name}" has other bytes behind its end, which were ignored.'
            )
            return b""
        return packed
