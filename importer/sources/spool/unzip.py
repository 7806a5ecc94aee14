"""Lists the files of a zip archive, and unpacks one of them.

zipfile unpacks deflate piece by piece, but bzip2 and LZMA without a limit: a kilobyte may become a gigabyte. So this
module unpacks these two from the raw bytes that zipfile reads.
"""

import bz2
import contextlib
import copy
import lzma
import re
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from importer.budget import LZMA_DICTIONARY_BYTES, refuse_memory, refuse_parts
from importer.exceptions import UNPRINTABLE, SourceRefused
from importer.sources.names import compression_of

PIECE = 1 << 16
# Longest name of a member: it is stored with the job, and shown with each of its lines.
NAME_CHARACTERS = 200
SYSTEM_FILES = (".DS_Store", "Thumbs.db", "desktop.ini")
# lc, lp and pb of LZMA in one byte: pb * 45 + lp * 9 + lc.
LZMA_PROPERTIES = 9 * 5 * 5


def member_names(raw: IO[bytes], *, name: str) -> list[str]:
    """Return the names of an archive's files, without what systems put beside them.

    Raises SourceRefused if several are there and one of them cannot or must not be read, and BadZipFile for damage.
    """
    with zipfile.ZipFile(raw) as archive:
        members = _files_of(archive)
    if len(members) > 1:
        refuse_parts(len(members))
        for member in members:
            _refuse_odd(name, member)
            _refuse_unreadable(name, member)
        path, times = Counter(member.filename for member in members).most_common(1)[0]
        if times > 1:
            raise SourceRefused(f'The archive "{name}" holds "{path[:100]}" {times} times; pack it again.')
    return [member.filename for member in members]


@contextlib.contextmanager
def open_member(raw: IO[bytes], *, name: str, member_name: str = "") -> Iterator[IO[bytes]]:
    """Yield a file of the archive (the only one, without a name), opened for reading.

    Raises SourceRefused, and BadZipFile for damage.
    """
    with zipfile.ZipFile(raw) as archive:
        member = _member(name, archive, member_name)
        if member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            opened = archive.open(member)
        else:
            opened = archive.open(_as_stored(member))
        with opened as packed:
            if member.compress_type == zipfile.ZIP_BZIP2:
                yield cast("IO[bytes]", _Bounded(packed, member, bz2.BZ2Decompressor()))
            elif member.compress_type == zipfile.ZIP_LZMA:
                yield cast("IO[bytes]", _Bounded(packed, member, _lzma_decompressor(name, packed)))
            else:
                yield packed


def _files_of(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    return [entry for entry in archive.infolist() if not (entry.is_dir() or _is_of_the_system(entry))]


def _member(name: str, archive: zipfile.ZipFile, wanted: str) -> zipfile.ZipInfo:
    members = [entry for entry in _files_of(archive) if not wanted or entry.filename == wanted]
    if len(members) != 1:
        what = f'the file "{wanted[:100]}"' if wanted else "exactly one file"
        names = ", ".join(entry.filename[:100] for entry in members[:5]) or "none"
        raise SourceRefused(f'The archive "{name}" must hold {what}; it holds {len(members)} ({names}).')
    _refuse_unreadable(name, members[0])
    return members[0]


def _refuse_unreadable(name: str, member: zipfile.ZipInfo) -> None:
    if member.flag_bits & 0x1:
        raise SourceRefused(f'The archive "{name}" is encrypted; unpack it first.')
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    if member.compress_type not in methods:
        raise SourceRefused(
            f'The archive "{name}" uses an unsupported compression method ({member.compress_type}); '
            f"compress the file again with deflate, gzip or zstd."
        )


def _refuse_odd(name: str, member: zipfile.ZipInfo) -> None:
    """Refuse names that lead elsewhere, links and archives in the archive. Nothing is written under these names."""
    path, trouble = member.filename, ""
    if (
        path.startswith(("/", "\\"))
        or re.match("[A-Za-z]:", path)
        or {"..", "."} & set(re.split(r"[/\\]", path))
    ):
        trouble = "has a path that leads out of the archive"
    elif UNPRINTABLE.search(member.orig_filename) or len(path) > NAME_CHARACTERS:
        trouble = "has an unprintable or very long name"
    elif stat.S_ISLNK(member.external_attr >> 16):
        trouble = "is a symbolic link"
    elif compression_of(Path(path)):
        trouble = "is an archive itself"
    if trouble:
        raise SourceRefused(
            f'In the archive "{name}" the file "{path[:100]}" {trouble}; pack the archive again without it.'
        )


def _is_of_the_system(entry: zipfile.ZipInfo) -> bool:
    """Tell whether macOS or Windows has put the entry beside the files."""
    *folders, name = entry.filename.split("/")
    return "__MACOSX" in folders or name.startswith("._") or name in SYSTEM_FILES


def _as_stored(member: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """Return the member as if it were stored, so that zipfile reads its packed bytes without checking their CRC."""
    stored = copy.copy(member)
    stored.compress_type, stored.file_size = zipfile.ZIP_STORED, member.compress_size
    del stored.CRC
    return stored


def _lzma_decompressor(name: str, packed: IO[bytes]) -> lzma.LZMADecompressor:
    """Create a decompressor from the entry's header: 2 bytes version, 2 bytes length of the properties, properties.

    Source: APPNOTE.TXT 5.8.8 (PKWARE), and the LZMA SDK for the properties.
    """
    header = packed.read(9)
    properties = int.from_bytes(header[2:4], "little")
    if len(header) < 9 or properties != 5 or header[4] >= LZMA_PROPERTIES:
        raise zipfile.BadZipFile("the LZMA header is invalid")
    rest, lc = divmod(header[4], 9)
    pb, lp = divmod(rest, 5)
    dictionary = int.from_bytes(header[5:9], "little")
    refuse_memory(name, "a dictionary of LZMA", dictionary, LZMA_DICTIONARY_BYTES)
    first = {"id": lzma.FILTER_LZMA1, "dict_size": dictionary, "lc": lc, "lp": lp, "pb": pb}
    try:
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[first])
    except lzma.LZMAError as error:
        raise zipfile.BadZipFile(f"the LZMA header is invalid: {error}") from None


class _Bounded:
    """Reads a member's plain bytes, at most as many as asked for. Checks its size and CRC at the end."""

    def __init__(self, packed: IO[bytes], member: zipfile.ZipInfo, decompressor: Any) -> None:
        self.packed, self.member, self.decompressor = packed, member, decompressor
        self.left, self.sum = member.file_size, 0

    def read(self, size: int) -> bytes:
        if not self.left:
            return b""
        plain = self._next(min(size, self.left))
        self.left -= len(plain)
        self.sum = zlib.crc32(plain, self.sum)
        if not plain or (not self.left and self.sum != self.member.CRC):
            raise zipfile.BadZipFile("its size or checksum differs from the archive's directory")
        return plain

    def _next(self, size: int) -> bytes:
        while not self.decompressor.eof:
            packed = self.packed.read(PIECE) if self.decompressor.needs_input else b""
            if self.decompressor.needs_input and not packed:
                return b""
            try:
                plain = self.decompressor.decompress(packed, size)
            except (OSError, EOFError, lzma.LZMAError) as error:
                raise zipfile.BadZipFile(str(error)) from None
            if plain:
                return bytes(plain)
        return b""
