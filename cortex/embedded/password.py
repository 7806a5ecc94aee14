import os
import secrets
from pathlib import Path

OWNER_ONLY = 0o600


def keep_password(folder: Path) -> str:
    """Returns the password of the server in this folder; creates a random one on the first call."""
    path = folder / "password"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(24))
    return path.read_text()


def write_private(path: Path, content: str) -> None:
    """Writes a file completely or not at all, and never readable by others."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "w") as file:
        file.write(content)
    draft.replace(path)
