"""Writes files with personal data: readable only by their owner, and never through a link.

The importer and tracking each have this module, because neither imports the other; a test keeps both equal.
"""

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO


@contextlib.contextmanager
def private_file(path: Path) -> Iterator[TextIO]:
    """Open a text file with mode 0600, whatever the umask. It replaces an existing file once it is complete.

    Raises OSError, also if the path is a link or a device; an existing file is then unchanged.
    """
    _refuse_other_than_files(path)
    # mkstemp uses O_EXCL and 0600. An existing file could be open in another process, or have another mode.
    descriptor, part = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
        os.replace(part, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)


def _refuse_other_than_files(path: Path) -> None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, "it is a symbolic link; name the file itself")
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
