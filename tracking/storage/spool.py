"""Where events wait while they cannot be written: a file of lines, which any process of the site may add to.

Lines are added under a lock and each at one blow, so that a kill leaves whole lines. Who replays takes the file away
under the same lock first; the copy is deleted once its events are in the database, and found again if that fails.
What no database will ever take is put into a file of its own, and holds up nothing.
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
from tracking.hashes import keyed_hash
from tracking.health import count, report_fault

NAME = "events.jsonl"
REFUSED = "refused.jsonl"
TAKEN = "taken-"
BATCH = 1_000
# Never through a link that somebody put there, and never waiting for the other end of a pipe.
FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def add(events: Iterable[Event]) -> None:
    """Never raises. What cannot even be spooled is counted as dropped, and logged."""
    lines = [event.as_json() for event in events]
    if lines and _append(NAME, lines):
        count("spooled", len(lines))


def refuse(lines: Iterable[str]) -> None:
    """Set aside what no try will ever bring in, for somebody to look at."""
    kept = list(lines)
    if _append(REFUSED, kept):
        count("refused", len(kept))


def folder() -> Path:
    """Its own for each site and account: what one of them spools must not come into the database of another."""
    if conf.SPOOL_DIR:
        return Path(conf.SPOOL_DIR)
    return Path(tempfile.gettempdir()) / f"tracking-spool-{os.getuid()}-{keyed_hash('spool', '')[:12]}"


def is_empty() -> bool:
    return not _files()


def waiting() -> int:
    """How many events wait."""
    found = 0
    for path in _files():
        with contextlib.suppress(OSError):
            found += path.read_bytes().count(b"\n")
    return found


def take() -> Iterator[list[Event]]:
    """The spooled events, batch by batch; a file goes once the batch behind its last one is asked for.

    Two processes may take the same file; events are idempotent, so that does no harm. Raises OSError.
    """
    _set_apart()
    for path in _files():
        if path.name == NAME:
            continue
        events = list(_events(path))
        for start in range(0, len(events), BATCH):
            yield events[start : start + BATCH]
        path.unlink(missing_ok=True)


def _events(path: Path) -> Iterator[Event]:
    with contextlib.suppress(FileNotFoundError), path.open("rb") as lines:
        for line in lines:
            try:
                yield event_from_json(line)
            except ValueError as error:
                report_fault("Reading a line of the spool", error)
                refuse([line.decode("utf-8", "replace").rstrip("\n")])


def _files() -> list[Path]:
    """Ours alone: what another account put there may be forged."""
    found = []
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder()):
            if entry.name != NAME and not entry.name.startswith(TAKEN):
                continue
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid():
                found.append(Path(entry.path))
    return sorted(found)


def _set_apart() -> None:
    path = folder() / NAME
    if path in _files():
        with _locked(NAME):
            os.rename(path, path.with_name(f"{TAKEN}{uuid.uuid4().hex}.jsonl"))


def _append(name: str, lines: list[str]) -> bool:
    data = "".join(line + "\n" for line in lines).encode("utf-8", "replace")
    try:
        with _locked(name) as descriptor:
            size = os.fstat(descriptor).st_size
            if os.write(descriptor, data) != len(data):
                os.ftruncate(descriptor, size)  # half a line would spoil the next one
                raise OSError("the disk is full")
    except OSError as error:
        count("dropped", len(lines))
        report_fault(f"Spooling {len(lines)} events", error)
        return False
    return True


@contextlib.contextmanager
def _locked(name: str) -> Iterator[int]:
    """The open spool file, ours alone until the end of the block. Raises OSError."""
    path = folder() / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        descriptor = os.open(path, FLAGS, 0o600)
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
