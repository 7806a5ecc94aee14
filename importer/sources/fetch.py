"""Fetch: the file on this machine that a job is read from. A remote source is copied into the spool first, once.

The copy is named after the job and the state of the source, so a resumed job finds it again, and fetches it again where
it is gone (on another machine, for one). What is fetched later must have the hash of what was planned on.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from importer.budget import Deadline
from importer.conf import conf
from importer.exceptions import SourceChanged, SourceRefused
from importer.models import DataImportJob
from importer.sources.local import changed, identify, locate, verify_unchanged
from importer.sources.names import COMPRESSIONS, FORMATS, is_remote
from importer.sources.remote import open_remote
from importer.sources.remote_file import Remote, State
from importer.sources.spool_folder import prefix_of, remove_spool, spool_folder

PART = ".part"


def local_file(job: DataImportJob, deadline: Deadline | None = None) -> Path:
    """Raises SourceRefused, and SourceChanged where it is not, or cannot be had again, as it was planned on."""
    if not is_remote(job.source):
        path = locate(job.source)
        if job.planned_at is not None:
            verify_unchanged(job, path)  # on each machine, and each time a worker opens it
        return path
    copy = _copy(job)
    if not copy.exists():
        remote = open_remote(job.source)
        _fetch(job, remote, remote.state(), copy, deadline or Deadline(job.source))
    return copy


def identify_source(job: DataImportJob, deadline: Deadline) -> None:
    """Note what the source is now: size, time, mark and hash."""
    if not is_remote(job.source):
        identity = identify(locate(job.source))
        job.source_size, job.source_mtime_ns = identity.size, identity.mtime_ns
        job.source_hash, job.source_mark = identity.sha256, ""
        return
    remote = open_remote(job.source)
    state = remote.state()
    job.source_size, job.source_mtime_ns, job.source_mark = state.size, state.mtime_ns, state.mark
    job.source_hash = ""
    copy = _copy(job)
    # Copies of earlier states are of no use; nor is this one, where nothing says that it is of this state.
    remove_spool(job, but=copy if state.mark else None)
    job.source_hash = identify(copy).sha256 if copy.exists() else _fetch(job, remote, state, copy, deadline)


def verify_source(job: DataImportJob, deadline: Deadline) -> None:
    """Raise SourceChanged unless the source is the one that was planned on.

    Of a remote one: same size and mark, taken as the same. Same size and another mark, or none (uploaded again): the
    hash decides.
    """
    if not is_remote(job.source):
        verify_unchanged(job, locate(job.source))
        return
    remote = open_remote(job.source)
    state = remote.state()
    if state.size != job.source_size:
        raise changed(job, state.size)
    if state.mark and state.mark == job.source_mark:
        return
    digest = hashlib.sha256()
    for block in remote.blocks(state):
        deadline.check()
        digest.update(block)
    if digest.hexdigest() != job.source_hash:
        raise changed(job, state.size)


def _copy(job: DataImportJob) -> Path:
    state = "\0".join(map(str, (job.source, job.source_size, job.source_mark)))
    suffix = Path(job.source).suffix.lower()  # by which it is known to be compressed
    kept = suffix if suffix in COMPRESSIONS | FORMATS else ""
    return spool_folder() / f"{prefix_of(job)}{hashlib.sha256(state.encode()).hexdigest()[:32]}-source{kept}"


def _fetch(job: DataImportJob, remote: Remote, state: State, copy: Path, deadline: Deadline) -> str:
    """The hash of what came."""
    if job.source_hash and state.size != job.source_size:
        raise changed(job, state.size)
    if state.size > conf.SPOOL_MAX_BYTES:
        raise SourceRefused(
            f'The source "{job.source}" has {state.size:,} bytes, more than the {conf.SPOOL_MAX_BYTES:,} that may be '
            f'fetched; raise IMPORTER["SPOOL_MAX_BYTES"] if that is right.'
        )
    digest = hashlib.sha256()
    try:
        # Under another name until it is whole: a kill must not leave half a copy that looks like one.
        descriptor, part = tempfile.mkstemp(dir=copy.parent, prefix=prefix_of(job), suffix=PART)
        try:
            with os.fdopen(descriptor, "wb") as file:
                for block in _exactly(job, state, remote.blocks(state)):
                    deadline.check()
                    digest.update(block)
                    file.write(block)
            if job.source_hash and digest.hexdigest() != job.source_hash:
                raise changed(job, state.size)
            os.replace(part, copy)
            return digest.hexdigest()
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part)
    except OSError as error:
        raise SourceRefused(
            f'The source "{job.source}" cannot be put into "{copy.parent}": {error.strerror or error}; '
            f'make room, or set IMPORTER["SPOOL_DIR"].'
        ) from None


def _exactly(job: DataImportJob, state: State, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """No more than was promised, and so than is allowed; and no less."""
    total = 0
    for block in blocks:
        total += len(block)
        if total > state.size:
            break
        yield block
    if total != state.size:
        raise SourceChanged(
            f'The source "{job.source}" changed while it was read; run the same command again.'
        )
