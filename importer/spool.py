"""Unpack and re-encode a source into a local UTF-8 file, once, within a budget of bytes.

It is named after the job and the source's hash, so a resumed job finds it again, and makes it again where it is gone.
"""

import codecs
import contextlib
import gzip
import itertools
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from importer.conf import MEGABYTE, conf
from importer.exceptions import SourceRefused
from importer.models import DataImportJob
from importer.source import compression_of, open_file
from importer.spoolfolder import prefix_of, spool_folder

BLOCK = MEGABYTE
# What so many bytes may unpack to fits into memory, were it the worst of bombs.
ZSTD_PIECE = 512
# Ratios mean nothing on small files: a few zeros compress a thousandfold.
RATIO_COUNTS_FROM = 64 * MEGABYTE
# Codecs in which every byte below 0x80 is the ASCII character, never part of another one: those can be cut at
# newlines and decoded piece by piece. All others are re-encoded first.
BYTEWISE = ("ascii", "latin", "iso8859", "cp125", "cp437", "cp85", "koi8", "mac")
TEXT_FORMATS = ("csv", "tsv", "jsonl")
# Begins with the mark of UTF-16 and of UTF-32, which those insist on; whether it is text is of no account.
ANY_BYTES = b"\xff\xfe\0\0"
# In the spool, a byte that no UTF-8 text holds: the reader rejects exactly the records that contain it.
UNDECODABLE = "\udcff"


def needs_spool(job: DataImportJob, path: Path) -> bool:
    if compression_of(path):
        return True
    if job.format not in TEXT_FORMATS:
        return False
    with open_file(path) as file:
        return not is_bytewise(job.encoding) or _ends_lines_with_returns(file.read(BLOCK))


def _ends_lines_with_returns(block: bytes) -> bool:
    """As Macs did before 2001."""
    return b"\r" in block and b"\n" not in block


def is_bytewise(encoding: str) -> bool:
    """Whether blocks of the file can be decoded on their own. Raises SourceRefused for an unknown encoding."""
    try:
        codec = codecs.lookup(encoding or "utf-8")
        codecs.getincrementaldecoder(codec.name)(errors="importer_mark").decode(ANY_BYTES)
    except (LookupError, ValueError, TypeError, AssertionError):
        raise SourceRefused(f'There is no text encoding "{encoding}"; try utf-8, cp1252, utf-16 …') from None
    if not getattr(codec, "_is_text_encoding", True):
        raise SourceRefused(f'"{encoding}" is no encoding of text; try utf-8, cp1252, utf-16 …')
    return codec.name.replace("-", "").replace("_", "").startswith(("utf8", *BYTEWISE))


def spooled(job: DataImportJob, path: Path) -> Path:
    """The local UTF-8 file that stands for the source; made where it is not there yet."""
    # By the codec's own name: what people call it may have a slash within ("utf/8"), and Python takes it.
    codec = codecs.lookup(job.encoding or "utf-8").name
    target = spool_folder() / f"{prefix_of(job)}{job.source_hash}-{codec}.{job.format}"
    if not target.exists():
        _write(job, path, target)
    return target


def _write(job: DataImportJob, path: Path, target: Path) -> None:
    # Under another name until it is whole: a kill must not leave half a spool that looks like one.
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=prefix_of(job))
    try:
        with os.fdopen(descriptor, "wb") as spool, _opened(path, name=Path(job.source).name) as plain:
            for block in _recoded(job, _budgeted(job, path, plain)):
                spool.write(block)
        os.replace(name, target)
    except SourceRefused:
        raise
    except (
        EOFError,
        zlib.error,
        gzip.BadGzipFile,
        zipfile.BadZipFile,
        ValueError,
        IndexError,
        RuntimeError,
    ) as error:
        raise SourceRefused(f'The source "{job.source}" is damaged: {_in_words(error)}.') from None
    except OSError as error:
        raise SourceRefused(
            f'The source "{job.source}" cannot be unpacked: {error.strerror or error}.'
        ) from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


@contextlib.contextmanager
def _opened(path: Path, *, name: str) -> Iterator[IO[bytes]]:
    compression = compression_of(path)
    with contextlib.ExitStack() as stack:
        raw = stack.enter_context(open_file(path))
        if compression == "gzip":
            yield cast("IO[bytes]", stack.enter_context(gzip.GzipFile(fileobj=raw)))
        elif compression == "zip":
            archive = stack.enter_context(zipfile.ZipFile(raw))
            yield stack.enter_context(archive.open(_only_member(name, archive)))
        elif compression == "zstd":
            yield stack.enter_context(_open_zstd(raw))
        else:
            yield raw


def _open_zstd(raw: IO[bytes]) -> IO[bytes]:
    try:
        import zstandard
    except ImportError:
        raise SourceRefused("Reading .zst needs the package zstandard: pip install zstandard") from None
    return cast("IO[bytes]", _Zstd(raw, zstandard))


class _Zstd(contextlib.AbstractContextManager["_Zstd"]):
    """Frame by frame, since the package's own reader takes a file that ends within a frame for a whole one."""

    def __init__(self, raw: IO[bytes], zstandard: Any) -> None:
        self.raw = raw
        self.zstandard = zstandard
        self.frame = zstandard.ZstdDecompressor().decompressobj()
        self.inside = False
        self.left = b""

    def read(self, size: int = -1) -> bytes:
        while packed := self.left or self.raw.read(ZSTD_PIECE):
            self.left, self.inside = b"", True
            try:
                plain = self.frame.decompress(packed)
            except self.zstandard.ZstdError as error:
                raise zlib.error(str(error)) from None
            if self.frame.eof:
                self.left, self.inside = self.frame.unused_data, False
                self.frame = self.zstandard.ZstdDecompressor().decompressobj()
            if plain:
                return bytes(plain)
        if self.inside:
            raise EOFError("the compressed file ended before the end-of-stream marker was reached")
        return b""

    def __exit__(self, *exc_info: object) -> None:
        """Nothing to close but the file, which is the caller's."""


def _only_member(name: str, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(members) != 1:
        names = ", ".join(entry.filename for entry in members[:5]) or "none"
        raise SourceRefused(
            f'The archive "{name}" must hold exactly one file; it holds {len(members)} ({names}).'
        )
    if members[0].flag_bits & 0x1:
        raise SourceRefused(f'The archive "{name}" is encrypted.')
    return members[0]


def _budgeted(job: DataImportJob, path: Path, plain: IO[bytes]) -> Iterator[bytes]:
    """Blocks of the unpacked source, counted while they come: an archive's own word about its size is not trusted."""
    packed, total = path.stat().st_size, 0
    name = Path(job.source).name  # what people know it by
    limit, ratio = conf.SPOOL_MAX_BYTES, conf.SPOOL_MAX_RATIO
    while block := plain.read(BLOCK):
        total += len(block)
        if total > limit:
            raise SourceRefused(
                f'The source "{name}" unpacks to more than {limit:,} bytes; '
                f'raise IMPORTER["SPOOL_MAX_BYTES"] if that is right.'
            )
        if compression_of(path) and total > RATIO_COUNTS_FROM and total > packed * ratio:
            raise SourceRefused(
                f'The source "{name}" grows more than {ratio}-fold when unpacked, as archive bombs do; '
                f'raise IMPORTER["SPOOL_MAX_RATIO"] if that is right.'
            )
        yield block


def _recoded(job: DataImportJob, blocks: Iterator[bytes]) -> Iterator[bytes]:
    if job.format in TEXT_FORMATS and not is_bytewise(job.encoding):
        blocks = _as_utf8(job.encoding, blocks)
    first = next(blocks, b"")
    old_mac = job.format in TEXT_FORMATS and _ends_lines_with_returns(first)
    for block in itertools.chain([first], blocks):
        yield block.replace(b"\r", b"\n") if old_mac else block


def _as_utf8(encoding: str, blocks: Iterator[bytes]) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)(errors="importer_mark")
    for block in blocks:
        yield decoder.decode(block).encode("utf-8", "surrogateescape")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return UNDECODABLE, error.end


codecs.register_error("importer_mark", _mark)


def _in_words(error: Exception) -> str:
    text = str(error).strip().rstrip(".")
    return text[:1].lower() + text[1:] if text else type(error).__name__
