"""Chooses the folder of a server's files: the requested one, unless the server's account cannot enter it.

For example, root has a checkout below its own home with mode 0700. `nobody` may not pass through it, and opening it
would expose everything else in it. The files are then in a separate folder below /var/tmp, which survives a restart of
the machine, and a file in the requested folder contains its path.
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
    """Returns the folder of the existing files; `folder` itself if there are none."""
    return _pointed_at(folder) or folder


def make_home(folder: Path, account: Account) -> Path:
    """Creates a folder that the account can enter, and returns it. Raises EmbeddedServerError if there is none."""
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
        f"User {account.uid} can enter neither {folder} nor {' nor '.join(map(str, PLACES_FOR_ALL))}, so there is "
        "no folder for the server's files. Move the checkout, or allow the user to enter its folders."
    )


def remove_home(folder: Path) -> None:
    if moved := _pointed_at(folder):
        shutil.rmtree(moved)
    shutil.rmtree(folder, ignore_errors=True)


def _make_folder(folder: Path) -> None:
    """Creates missing folders, passable whatever the umask. Leaves existing folders unchanged."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        path.chmod(PASSING_ONLY)


def _pointed_at(folder: Path) -> Path | None:
    try:
        moved = Path((folder / POINTER).read_text())
        status = moved.lstat()
    except OSError:
        return None
    # Everybody may write there: after a clean-up, another user may have created a folder of that name.
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    return moved if is_ours else None
