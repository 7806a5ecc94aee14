"""Locates, opens and identifies local files that a job may read."""

import functools
import hashlib
import os
import stat
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from importer.conf import conf
from importer.exceptions import SourceChanged, SourceRefused
from importer.models import DataImportJob

# O_PATH: a folder on the way to the file need not be readable.
FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
NO_LINK = os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class Identity:
    """Identifies one state of a file."""

    size: int
    mtime_ns: int
    sha256: str


def locate(source: str) -> Path:
    """Return the real path of a file that may be read: a regular file below one of the roots.

    Raises SourceRefused for anything else: another folder, a path with "..", a link, a device, a missing file.
    """
    if "://" in source:  # `importer.sources.remote` opens the supported ones
        raise SourceRefused(
            f'The source "{source}" has an unsupported scheme; use a path, s3://BUCKET/KEY, '
            "storage:ALIAS/NAME or db:ALIAS/TABLE."
        )
    refuse_unwritable_name(source)
    path = Path(os.path.abspath(source))
    roots = conf.source_roots()
    try:
        real = path.resolve()
        is_link = path.is_symlink()
    except (OSError, RuntimeError) as error:  # a name that is too long, links in a circle
        reason = error.strerror if isinstance(error, OSError) else "links go in a circle"
        raise SourceRefused(f'The source "{source[:200]}" cannot be read: {reason}.') from None
    if not any(real.is_relative_to(root) for root in roots):
        raise SourceRefused(
            f'The source "{source}" is outside the folders that imports may read '
            f'({", ".join(map(str, roots)) or "none"}); move it there or extend IMPORTER["SOURCE_ROOTS"].'
        )
    if is_link:
        raise SourceRefused(f'The source "{source}" is a symbolic link; name the file itself.')
    try:
        mode = os.lstat(real).st_mode
    except FileNotFoundError:
        raise SourceRefused(f'There is no file "{source}".') from None
    except OSError as error:
        raise SourceRefused(f'The source "{source}" cannot be read: {error.strerror}.') from None
    if not stat.S_ISREG(mode):
        raise SourceRefused(f'The source "{source}" is not a regular file.')
    return real


def own_file(source: str) -> Path:
    """Return the path of a file that the person at the terminal names: any regular one that they may read.

    Raises SourceRefused.
    """
    refuse_unwritable_name(source)
    path = Path(source)
    try:
        is_regular = stat.S_ISREG(path.stat().st_mode)
        is_readable = os.access(path, os.R_OK)
    except FileNotFoundError:
        raise SourceRefused(f'There is no file "{source}".') from None
    except OSError as error:
        raise SourceRefused(f'The file "{source[:200]}" cannot be read: {error.strerror}.') from None
    if not (is_regular and is_readable):
        raise SourceRefused(f'The file "{source}" is not a regular file that you may read.')
    return path


def refuse_unwritable_name(source: str) -> None:
    """Raise SourceRefused for a name that the ledger cannot store."""
    if "\0" in source:
        raise SourceRefused(f'The source "{source}" has a NUL in its name; rename the file.')
    if (name := source.encode("utf-8", "backslashreplace").decode()) != source:
        raise SourceRefused(f'The name of the source "{name}" is not valid UTF-8; rename the file.')


def open_file(path: Path) -> BufferedReader:
    """Open a file that `locate` returned. Raises SourceRefused if it or a folder was replaced by a link or a device."""
    try:
        descriptor = _open_below(path)
    except OSError as error:
        raise SourceRefused(f'The source "{path}" cannot be read: {error.strerror}.') from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise SourceRefused(f'The source "{path}" is not a regular file.')
    return open(descriptor, "rb")


def _open_below(path: Path) -> int:
    roots = (*conf.source_roots(), Path(conf.SPOOL_DIR))
    root = max((root for root in roots if path.is_relative_to(root)), default=path.parent, key=_depth)
    return open_below(root, path)


def open_below(root: Path, path: Path) -> int:
    """Open a file below a root, folder by folder and never through a link. Returns its descriptor. Raises OSError."""
    folder = os.open(root, FOLDER)
    try:
        *parents, name = path.relative_to(root).parts
        for parent in parents:
            child = os.open(parent, FOLDER | NO_LINK, dir_fd=folder)
            os.close(folder)
            folder = child
        return os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | NO_LINK, dir_fd=folder)
    finally:
        os.close(folder)


def _depth(root: Path) -> int:
    return len(root.parts)


def identify(path: Path) -> Identity:
    """Return size, time and SHA-256 of a file, by one sequential read."""
    with open_file(path) as file:
        status = os.fstat(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Identity(status.st_size, status.st_mtime_ns, digest)


def verify_unchanged(job: DataImportJob, path: Path) -> None:
    """Raise SourceChanged unless the file is the one that was planned on.

    A file with the same size and time counts as the same. With another time (copied, restored), the hash decides; each
    process computes it once.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        raise SourceRefused(f'The source "{job.source}" cannot be read: {error.strerror}.') from None
    if (status.st_size, status.st_mtime_ns) == (job.source_size, job.source_mtime_ns):
        return
    if status.st_size == job.source_size and _hash_at(path, status.st_mtime_ns) == job.source_hash:
        return
    raise changed(job, status.st_size)


@functools.lru_cache(maxsize=32)
def _hash_at(path: Path, mtime_ns: int) -> str:
    return identify(path).sha256


def changed(job: DataImportJob, size: int) -> SourceChanged:
    return SourceChanged(
        f'The source "{job.source}" changed since job {job.pk} was planned ({job.source_size:,} bytes then, '
        f"{size:,} now); put the old file back, or create a new job for the new one."
    )
