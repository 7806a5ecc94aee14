"""Unpacks and re-encodes a source into a local UTF-8 file, once, within a budget of bytes.

The file is named after the job and the source's hash, so a resumed job finds it, or writes it again if it is gone.
"""

import codecs
import contextlib
import gzip
import hashlib
import itertools
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TypeVar, cast

from importer.budget import Deadline, refuse_ratio, refuse_size
from importer.conf import MEGABYTE, conf
from importer.exceptions import SourceRefused
from importer.models import DataImportJob
from importer.sources.local import open_file
from importer.sources.names import compression_of
from importer.sources.spool.folder import prefix_of, spool_folder
from importer.sources.spool.json_text import AsLines, Layout, layout_of, may_have_any_layout
from importer.sources.spool.text import encoding_by_mark, line_end_of, with_newlines
from importer.sources.spool.unpack import Watched, unpacked
from importer.sources.spool.unzip import member_names

T = TypeVar("T")
# Writes into the last file what it reads from the first, which has so many bytes.
Convert = Callable[[IO[bytes], int, IO[bytes]], None]
BLOCK = MEGABYTE
# Codecs in which every byte below 0x80 is an ASCII character, never part of another one. Their texts can be cut at
# newlines and decoded piece by piece; all others are re-encoded first.
BYTEWISE = ("ascii", "latin", "iso8859", "cp125", "cp437", "cp85", "koi8", "mac")
TEXT_FORMATS = ("csv", "tsv", "jsonl")
# Bytes to try a codec on. They begin with the byte order mark that UTF-16 and UTF-32 require.
ANY_BYTES = b"\xff\xfe\0\0"
# Written for undecodable bytes, as a byte that is never valid UTF-8: the reader rejects the records that contain it.
UNDECODABLE = "\udcff"
# Encodings whose byte order a mark at the beginning tells.
WITH_MARK = ("utf-16", "utf-32")


def needs_spool(job: DataImportJob, path: Path) -> bool:
    if compression_of(path):
        return True
    if job.format not in TEXT_FORMATS:
        return False
    with open_file(path) as file:
        block = file.read(BLOCK)
    encoding = _encoding_of(job, block)
    return (
        not is_bytewise(encoding)
        or _line_end_of(job, block, encoding) != b"\n"
        or _layout_of(job, block) is not Layout.LINES
    )


def _encoding_of(job: DataImportJob, block: bytes) -> str:
    """Return the job's encoding, or what a mark says where nobody has named another one."""
    encoding = job.encoding or "utf-8"
    name = codecs.lookup(encoding).name
    if name in WITH_MARK and block and not encoding_by_mark(block):
        raise SourceRefused(
            f'The source "{Path(job.source).name}" has no byte order mark, without which {name} does not tell the '
            f"order of its bytes; use --encoding {name}-le or {name}-be."
        )
    is_default = name in ("utf-8", "utf-8-sig")
    return (is_default and encoding_by_mark(block)) or encoding


def _layout_of(job: DataImportJob, block: bytes) -> Layout:
    is_json = job.format == DataImportJob.Format.JSONL and may_have_any_layout(job.source)
    return layout_of(block) if is_json else Layout.LINES


def _line_end_of(job: DataImportJob, block: bytes, encoding: str) -> bytes:
    return line_end_of(block, encoding, is_json=job.format == DataImportJob.Format.JSONL)


def is_bytewise(encoding: str) -> bool:
    """Tell whether blocks of the file can be decoded separately. Raises SourceRefused for an unknown encoding."""
    try:
        codec = codecs.lookup(encoding or "utf-8")
        codecs.getincrementaldecoder(codec.name)(errors="importer_mark").decode(ANY_BYTES)
    except (LookupError, ValueError, TypeError, AssertionError):
        raise SourceRefused(f'Unknown encoding "{encoding}"; try utf-8, cp1252, utf-16 …') from None
    if not getattr(codec, "_is_text_encoding", True):
        raise SourceRefused(f'"{encoding}" is not a text encoding; try utf-8, cp1252, utf-16 …')
    return codec.name.replace("-", "").replace("_", "").startswith(("utf8", *BYTEWISE))


def spooled(
    job: DataImportJob,
    path: Path,
    deadline: Deadline,
    notes: list[str],
    convert: Convert | None = None,
    *,
    member: str = "",
) -> Path:
    """Return the local file of the source that readers can cut, written if it does not exist. Raises SourceRefused.

    notes    gets what a person should know about the archive
    convert  writes the file instead, for a workbook: always for a plan, so that its notes are there
    member   which file of a zip archive; empty: the only one
    """
    # The codec's own name, because Python accepts aliases with a slash ("utf/8").
    codec = codecs.lookup(job.encoding or "utf-8").name
    digest = job.source_hash
    if member:
        digest = hashlib.sha256(f"{digest}\0{member}".encode()).hexdigest()
    target = spool_folder() / f"{prefix_of(job)}{digest}-{codec}.{job.format}"
    if not target.exists() or (convert and job.planned_at is None):
        with faults_named(job.source):
            _write(job, path, target, deadline, notes, convert, member)
    return target


def members_of(job: DataImportJob, path: Path, deadline: Deadline) -> list[str]:
    """Return the names of the files in a zip archive. Raises SourceRefused."""
    return members_of_file(path, job.source, deadline)


def members_of_file(path: Path, source: str, deadline: Deadline) -> list[str]:
    """Return the names of the files in a zip archive. `source` is its name in messages. Raises SourceRefused."""
    name = Path(source).name
    with faults_named(source), open_file(path) as file:
        return member_names(cast("IO[bytes]", Watched(file, name, deadline)), name=name)


def _write(
    job: DataImportJob,
    path: Path,
    target: Path,
    deadline: Deadline,
    notes: list[str],
    convert: Convert | None,
    member: str,
) -> None:
    name = Path(job.source).name  # for messages
    # Under another name until it is complete: a kill must not leave half a file that looks like a whole one.
    descriptor, part = tempfile.mkstemp(dir=target.parent, prefix=prefix_of(job))
    try:
        with (
            os.fdopen(descriptor, "wb") as spool,
            unpacked(path, name=name, deadline=deadline, notes=notes, member=member) as (plain, packed),
        ):
            if convert:
                convert(plain, packed, spool)
            else:
                blocks = _budgeted(name, plain, packed=packed if compression_of(path) else None)
                for block in _recoded(job, blocks, notes):
                    spool.write(block)
        os.replace(part, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)


@contextlib.contextmanager
def faults_named(source: str) -> Iterator[None]:
    """Turn what unpackers raise into SourceRefused."""
    try:
        yield
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
        raise SourceRefused(f'The source "{source}" is damaged: {_unpacking_fault(error)}.') from None
    except OSError as error:
        raise SourceRefused(f'The source "{source}" cannot be unpacked: {error.strerror or error}.') from None


def _budgeted(name: str, plain: IO[bytes], *, packed: int | None) -> Iterator[bytes]:
    """Yield the blocks of the unpacked source and count them: an archive's own size is not trusted."""
    total = 0
    while block := plain.read(BLOCK):
        total += len(block)
        refuse_size(name, total)
        if packed is not None:
            refuse_ratio(name, total, packed=packed)
        yield block


def _recoded(job: DataImportJob, blocks: Iterator[bytes], notes: list[str]) -> Iterator[bytes]:
    if job.format not in TEXT_FORMATS:
        return blocks
    encoding, blocks = _peeked(blocks, lambda block: _encoding_of(job, block))
    if not is_bytewise(encoding):
        blocks, encoding = _as_utf8(encoding, blocks), "utf-8"
    line_end, blocks = _peeked(blocks, lambda block: _line_end_of(job, block, encoding))
    blocks = with_newlines(blocks, line_end)
    layout, blocks = _peeked(blocks, lambda block: _layout_of(job, block))
    return blocks if layout is Layout.LINES else _as_json_lines(blocks, layout, notes)


def _as_json_lines(blocks: Iterator[bytes], layout: Layout, notes: list[str]) -> Iterator[bytes]:
    notes.append(f"The source is JSON of {layout.value}, so the line of a record is its number.")
    values = AsLines(layout)
    yield from values.lines(blocks)
    if values.is_open:
        notes.append("The last value of the JSON does not end; the file may be cut off.")


def _peeked(blocks: Iterator[bytes], answer: Callable[[bytes], T]) -> tuple[T, Iterator[bytes]]:
    """Return what the first block answers, and all blocks."""
    first = next(blocks, b"")
    return answer(first), itertools.chain([first], blocks)


def _as_utf8(encoding: str, blocks: Iterator[bytes]) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)(errors="importer_mark")
    for block in blocks:
        yield decoder.decode(block).encode("utf-8", "surrogateescape")
        # UTF-7, for one, buffers a section until it ends.
        if len(decoder.getstate()[0]) > conf.MAX_RECORD_BYTES:
            raise ValueError(f"more than {conf.MAX_RECORD_BYTES:,} bytes of {encoding} without an end")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return UNDECODABLE, error.end


codecs.register_error("importer_mark", _mark)


def _unpacking_fault(error: Exception) -> str:
    text = str(error).strip().rstrip(".")
    return text[:1].lower() + text[1:] if text else type(error).__name__
