"""Where a server's files lie: in the folder asked for, unless the server's account cannot get there.

That happens to root in a checkout below a closed folder, such as its own 0700 home: `nobody` may not walk through it,
and opening it would show everybody everything else that is in there. The files then lie in a folder of their own
below /var/tmp, which outlives a restart of the machine, and a file in the folder asked for says where.
"""

import os
import shutil
import stat
import tempfile
from pathlib import Path

from cortex.embedded.account import Account
from cortex.embedded.errors import EmbeddedServerError

POINTER = "moved-to"
PLACES_FOR_ALL = (Path("/var/tmp"), Path("/tmp"))  # noqa: S108 (mkdtemp picks a private name in there)
PASSING_ONLY = 0o711


def find_home(folder: Path) -> Path:
    """Where the files are if they have been made; the folder itself if not."""
    return _pointed_at(folder) or folder


def make_home(folder: Path, account: Account) -> Path:
    _make_folder(folder)
    home = find_home(folder)
    if account.can_enter(home):
        return home
    for place in PLACES_FOR_ALL:
        if account.can_enter(place):
            home = Path(tempfile.mkdtemp(prefix="cortex-embedded-", dir=place))
            home.chmod(PASSING_ONLY)
            (folder / POINTER).write_text(str(home))
            return home
    raise EmbeddedServerError(
        f"No folder to be found that user {account.uid} may enter for a server's files."
    )


def remove_home(folder: Path) -> None:
    if moved := _pointed_at(folder):
        shutil.rmtree(moved)
    shutil.rmtree(folder, ignore_errors=True)


def _make_folder(folder: Path) -> None:
    """Makes the missing folders passable whatever the umask; those that are there stay as they are."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        path.chmod(PASSING_ONLY)


def _pointed_at(folder: Path) -> Path | None:
    try:
        moved = Path((folder / POINTER).read_text())
        found = moved.lstat()
    except OSError:
        return None
    # In a place that everybody may write to, someone else may have made a folder of that name since it was cleaned.
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return moved if is_ours else None
