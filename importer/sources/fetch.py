"""Fetches the file that a job is read from: copies a remote source into the local spool, once.

The copy is named after the job and the state of the source, so a resumed job finds it, or fetches it again if it is
gone (on another machine, say). A later copy must have the hash of the one that was planned on.
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
from importer.sources.remote.remote import open_remote
from importer.sources.remote.remote_file import Remote, State
from importer.sources.spool.folder import prefix_of, remove_spool, spool_folder

PART = ".part"


def local_file(job: DataImportJob, deadline: Deadline | None = None) -> Path:
    """Return the local file of a job's source, fetched if necessary.

    Raises SourceRefused, and SourceChanged if the source is not the one that was planned on.
    """
    if not is_remote(job.source):
        path = locate(job.source)
        if job.planned_at is not None:
            verify_unchanged(job, path)  # on every machine, each time a worker opens it
        return path
    copy = _copy(job)
    if not copy.exists():
        remote = open_remote(job.source)
        _fetch(job, remote, remote.state(), copy, deadline or Deadline(job.source))
    return copy


def identify_source(job: DataImportJob, deadline: Deadline, *, is_alone: bool = True) -> None:
    """Store in the job what identifies the source now: size, time, mark (ETag) and hash. Does not save it.

    is_alone  the job reads no other source, whose copies must stay
    """
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
    # Copies of earlier states are useless. So is this one if no mark proves that it has this state.
    if is_alone:
        remove_spool(job, but=copy if state.mark else None)
    elif not state.mark:
        copy.unlink(missing_ok=True)
    job.source_hash = identify(copy).sha256 if copy.exists() else _fetch(job, remote, state, copy, deadline)


def verify_source(job: DataImportJob, deadline: Deadline) -> None:
    """Raise SourceChanged unless the source is the one that was planned on.

    A remote source with the same size and mark counts as the same. With another mark or none (uploaded again), the hash
    decides.
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
    suffix = Path(job.source).suffix.lower()  # it tells the compression
    ending = suffix if suffix in COMPRESSIONS | FORMATS else ""
    return (
        spool_folder() / f"{prefix_of(job)}{hashlib.sha256(state.encode()).hexdigest()[:32]}-source{ending}"
    )


def _fetch(job: DataImportJob, remote: Remote, state: State, copy: Path, deadline: Deadline) -> str:
    """Fetch the source into `copy` and return its SHA-256."""
    if job.source_hash and state.size != job.source_size:
        raise changed(job, state.size)
    if state.size > conf.SPOOL_MAX_BYTES:
        raise SourceRefused(
            f'The source "{job.source}" has {state.size:,} bytes, more than the {conf.SPOOL_MAX_BYTES:,} allowed; '
            f'raise IMPORTER["SPOOL_MAX_BYTES"] if that is right.'
        )
    digest = hashlib.sha256()
    try:
        # Under another name until it is complete: a kill must not leave half a copy that looks like a whole one.
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
            f'The source "{job.source}" cannot be copied to "{copy.parent}": {error.strerror or error}; '
            f'free space there, or set IMPORTER["SPOOL_DIR"].'
        ) from None


def _exactly(job: DataImportJob, state: State, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the blocks. Raises SourceChanged unless they have exactly the size that was announced (and allowed)."""
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
