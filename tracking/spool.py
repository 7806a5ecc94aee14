"""Where events wait while they cannot be written: a file of lines, which any process of the site may add to.

Lines are added under a lock and each at one blow, so that a kill leaves whole lines. Who replays takes the file away
under the same lock first; the copy is deleted once its events are in the database, and found again if that fails.
"""

import contextlib
import fcntl
import os
import stat
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from tracking.conf import conf
from tracking.events import Event, event_from_json
from tracking.health import count, report_fault
from tracking.keyed import keyed_hash

NAME = "events.jsonl"
TAKEN = "taken-"
BATCH = 1_000


def add(events: Iterable[Event]) -> None:
    """Never raises. What cannot even be spooled is counted as dropped, and logged."""
    lines = [event.as_json() + "\n" for event in events]
    if not lines:
        return
    try:
        with _locked() as descriptor:
            data = "".join(lines).encode("utf-8", "replace")
            if os.write(descriptor, data) != len(data):
                raise OSError("the disk is full")
    except OSError as error:
        count("dropped", len(lines))
        report_fault(f"Spooling {len(lines)} events", error)
    else:
        count("spooled", len(lines))


def folder() -> Path:
    """Its own for each site and account: what one of them spools must not come into the database of another."""
    if conf.SPOOL_DIR:
        return Path(conf.SPOOL_DIR)
    return Path(tempfile.gettempdir()) / f"tracking-spool-{os.getuid()}-{keyed_hash('spool', '')[:12]}"


def is_empty() -> bool:
    try:
        return not any(_is_spool(name) for name in os.listdir(folder()))
    except OSError:
        return True


def waiting() -> int:
    """How many events wait."""
    return sum(path.read_bytes().count(b"\n") for path in _files())


def take() -> Iterator[tuple[Path, list[Event]]]:
    """The spooled events, batch by batch, each with the file it came from; `done(file)` after its last batch.

    Two processes may take the same file; events are idempotent, so that does no harm.
    """
    _set_apart()
    for path in _files():
        if path.name == NAME:
            continue
        events = list(_events(path))
        for start in range(0, len(events), BATCH):
            yield path, events[start : start + BATCH]
        done(path)


def done(path: Path) -> None:
    path.unlink(missing_ok=True)


def _events(path: Path) -> Iterator[Event]:
    with contextlib.suppress(FileNotFoundError), path.open("rb") as lines:
        for line in lines:
            try:
                yield event_from_json(line)
            except ValueError as error:
                report_fault(f"Reading a line of {path.name}", error)


def _files() -> list[Path]:
    try:
        return sorted(folder() / name for name in os.listdir(folder()) if _is_spool(name))
    except OSError:
        return []


def _is_spool(name: str) -> bool:
    return name == NAME or name.startswith(TAKEN)


def _set_apart() -> None:
    path = folder() / NAME
    if path.exists():
        with _locked():
            os.rename(path, path.with_name(f"{TAKEN}{uuid.uuid4().hex}.jsonl"))


@contextlib.contextmanager
def _locked() -> Iterator[int]:
    """The open spool file, ours alone until the end of the block. Raises OSError."""
    path = folder() / NAME
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        # Never through a link that somebody put there: the folder may be one that all can write to.
        descriptor = os.open(
            path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid():
                raise PermissionError(f"{path} is not a file of ours")
            with contextlib.suppress(FileNotFoundError):
                if os.stat(path, follow_symlinks=False).st_ino == status.st_ino:
                    yield descriptor
                    return
            # It was taken away while we waited for the lock: the next one is another file.
        finally:
            os.close(descriptor)
