"""Chooses the user account that a server runs as."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Account:
    """This process's user, or the user that root switches to."""

    uid: int
    gid: int

    @classmethod
    def for_server(cls, data: Path) -> Account:
        """Root switches to the owner of the data, or to `nobody` for new data, because PostgreSQL refuses root."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        if data.exists() and (owner := data.stat()).st_uid != 0:
            return cls(owner.st_uid, owner.st_gid)
        nobody = pwd.getpwnam("nobody")
        return cls(nobody.pw_uid, nobody.pw_gid)

    @property
    def is_another(self) -> bool:
        """Whether it differs from this process's user."""
        return self.uid != os.geteuid()

    @property
    def launch_options(self) -> dict[str, Any]:
        """Keyword arguments for `subprocess`."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.is_another else {}

    def give(self, path: Path) -> None:
        if self.is_another:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        """Tries it, because access lists and mounts count as well as permissions."""
        return self.can_run(["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)])

    def can_run(self, command: list[str]) -> bool:
        try:
            result = subprocess.run(command, capture_output=True, cwd="/", **self.launch_options)
        except OSError:
            return False
        return result.returncode == 0
