"""Keeps events that cannot be written yet in a file, which every process of the site appends to.

Lines are appended in a single write, under a lock, so a kill leaves whole lines. A process that replays the file first
renames it, under the same lock. The renamed file is deleted once its events are in the database; if that fails, the
next replay finds it. Events whose values the database rejects go into a separate file, and block no others.
"""

import contextlib
import fcntl
import os
import stat
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

from tracking.conf import conf
from tracking.events import Event, event_from_json
from tracking.hashes import keyed_hash
from tracking.health import count, report_fault
from tracking.tenancy import schema

NAME = "events.jsonl"
REFUSED = "refused.jsonl"
TAKEN = "taken-"
BATCH = 1_000
# Never follow a link that somebody put there, and never wait for the other end of a pipe.
FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def add(events: Iterable[Event]) -> None:
    """Append events. Never raises: events that cannot be spooled are counted as dropped, and logged."""
    lines = [event.as_json() for event in events]
    if lines and _append(NAME, lines):
        count("spooled", len(lines))


def refuse(lines: Iterable[str]) -> None:
    """Set aside events that the database will never accept, for a person to look at. Never raises."""
    refused = list(lines)
    if _append(REFUSED, refused):
        count("refused", len(refused))


def folder() -> Path:
    """Return the spool's folder. The default is unique to the site and the system account: events of one site must not
    get into the database of another, nor those of one tenant into the schema of another."""
    tenant = schema()
    if conf.SPOOL_DIR:
        # The name of a schema may be a path.
        return Path(conf.SPOOL_DIR) / (f"tenant-{quote(tenant, safe='')}" if tenant else "")
    return Path(tempfile.gettempdir()) / f"tracking-spool-{os.getuid()}-{keyed_hash('spool', tenant)[:12]}"


def is_empty() -> bool:
    return not _files()


def waiting() -> int:
    """Return how many events wait."""
    events = 0
    for path in _files():
        with contextlib.suppress(OSError):
            events += path.read_bytes().count(b"\n")
    return events


def take() -> Iterator[list[Event]]:
    """Yield the spooled events in batches. A file is deleted when the caller asks for more than its last batch.

    Two processes may take the same file; that does no harm, because writing events is idempotent. Raises OSError.
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
    """Return the spool's files that belong to our own system account; another account's file may be forged."""
    paths = []
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder()):
            if entry.name != NAME and not entry.name.startswith(TAKEN):
                continue
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid():
                paths.append(Path(entry.path))
    return sorted(paths)


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
                os.ftruncate(descriptor, size)  # half a line would corrupt the next one
                raise OSError("the disk is full")
    except OSError as error:
        count("dropped", len(lines))
        report_fault(f"Spooling {len(lines)} events", error)
        return False
    return True


@contextlib.contextmanager
def _locked(name: str) -> Iterator[int]:
    """Open and lock the file until the end of the block. Raises OSError."""
    path = folder() / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        descriptor = os.open(path, FLAGS, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid():
                raise PermissionError(f'"{path}" is not a regular file of this account')
            with contextlib.suppress(FileNotFoundError):
                if os.stat(path, follow_symlinks=False).st_ino == status.st_ino:
                    yield descriptor
                    return
            # It was renamed while we waited for the lock: open the new file.
        finally:
            os.close(descriptor)
