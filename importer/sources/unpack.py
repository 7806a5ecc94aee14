"""Unpacks gzip, zip and zstd as a stream.

Whatever an archive's headers claim, no read takes much memory or outlasts the deadline.
"""

import contextlib
import gzip
import os
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, cast

from importer.budget import ZIP_DIRECTORY_BYTES, ZSTD_WINDOW_BYTES, Deadline, refuse_memory
from importer.exceptions import SourceRefused
from importer.sources.local import open_file
from importer.sources.names import compression_of
from importer.sources.unzip import open_only_member

# Packed bytes per read: even the worst bomb of this size unpacks into memory.
ZSTD_PIECE = 512


@contextlib.contextmanager
def unpacked(path: Path, *, name: str, deadline: Deadline) -> Iterator[tuple[IO[bytes], int]]:
    """Yield a stream of the file's plain bytes, and its packed size in bytes. `name` is for messages."""
    compression = compression_of(path)
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(open_file(path))
        packed = os.fstat(file.fileno()).st_size
        raw = cast("IO[bytes]", Watched(file, name, deadline))
        if compression == "gzip":
            yield cast("IO[bytes]", stack.enter_context(gzip.GzipFile(fileobj=raw))), packed
        elif compression == "zip":
            yield stack.enter_context(open_only_member(raw, name=name)), packed
        elif compression == "zstd":
            yield _open_zstd(raw), packed
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


def _open_zstd(raw: IO[bytes]) -> IO[bytes]:
    try:
        import zstandard
    except ImportError:
        raise SourceRefused("Reading .zst needs the package zstandard: pip install zstandard") from None
    return cast("IO[bytes]", _Zstd(raw, zstandard))


class _Zstd(contextlib.AbstractContextManager["_Zstd"]):
    """Unpacks frame by frame: the package's own reader does not notice a file that ends within a frame."""

    def __init__(self, raw: IO[bytes], zstandard: Any) -> None:
        self.raw = raw
        self.zstandard = zstandard
        self.frame = self._new_frame()
        self.inside = False
        self.left = b""

    def _new_frame(self) -> Any:
        return self.zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES).decompressobj()

    def read(self, size: int = -1) -> bytes:
        while packed := self.left or self.raw.read(ZSTD_PIECE):
            self.left, self.inside = b"", True
            try:
                plain = self.frame.decompress(packed)
            except self.zstandard.ZstdError as error:
                raise zlib.error(str(error)) from None
            if self.frame.eof:
                self.left, self.inside = self.frame.unused_data, False
                self.frame = self._new_frame()
            if plain:
                return bytes(plain)
        if self.inside:
            raise EOFError("the compressed file ended before the end-of-stream marker was reached")
        return b""

    def __exit__(self, *exc_info: object) -> None:
        """Do nothing: the caller closes the file."""
