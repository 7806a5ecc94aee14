"""Starts a MariaDB of Debian's package in a temporary folder, and adds databases to DATABASES."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql
import pytest
from django.db import connections

from cortex.embedded import process
from cortex.embedded.account import Account

START_SECONDS = 60
SETTINGS = (
    "--no-defaults",
    "--skip-networking",
    "--skip-log-bin",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-buffer-pool-size=32M",
)

# Django asks for the version of mysqlclient, whose place PyMySQL takes.
pymysql.version_info = (2, 2, 8, "final", 0)  # type: ignore[assignment]
pymysql.install_as_MySQLdb()


@contextmanager
def known_database(alias: str, **settings: Any) -> Iterator[None]:
    """Add a database to DATABASES within the block."""
    connections.settings[alias] = connections.settings["default"] | {"OPTIONS": {}} | settings
    wrapper = connections[alias]
    del connections.settings[alias]
    wrapper.ensure_connection()  # while it is not known: Django's tests let nobody connect to another database
    connections.settings[alias] = wrapper.settings_dict
    try:
        yield
    finally:
        wrapper.close()
        del connections[alias], connections.settings[alias]


@contextmanager
def mariadb_server() -> Iterator[Path]:
    """Run a server, and give its socket. Its user "root" has no password. Skips the test if MariaDB is missing."""
    programs = [_installed("mariadbd"), _installed("mariadb-install-db")]
    folder = Path(tempfile.mkdtemp(prefix="cortex-maria-"))
    folder.chmod(0o711)
    try:
        yield from _served(folder, *programs)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _served(folder: Path, server: str, installer: str) -> Iterator[Path]:
    account = Account.for_server(folder / "none")
    data, socket, log = folder / "data", folder / "socket", folder / "server.log"
    # Not the common /tmp: a server that starts removes the temporary tables it finds there, so another one crashes.
    temporary = f"--tmpdir={folder}"
    account.give(folder)
    made = subprocess.run(
        [
            installer,
            "--no-defaults",
            temporary,
            f"--datadir={data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ],
        capture_output=True,
        cwd="/",
        env=process.ENVIRONMENT,
        **account.launch_options,
    )
    assert made.returncode == 0, made.stdout.decode() + made.stderr.decode()
    paths = [temporary, f"--datadir={data}", f"--socket={socket}", f"--pid-file={folder}/pid"]
    child = process.launch([server, *SETTINGS, *paths], account=account, log=log)
    try:
        _wait_for(socket, child, log)
        yield socket
    finally:
        child.terminate()
        child.wait(START_SECONDS)


def _wait_for(socket: Path, child: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            pymysql.connect(unix_socket=str(socket), user="root").close()
        except pymysql.OperationalError:
            assert child.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < deadline, log.read_text(errors="replace")
            time.sleep(process.POLL_SECONDS)
        else:
            return


def _installed(program: str) -> str:
    path = shutil.which(program, path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if path is None:
        pytest.skip(
            f"NOT TESTED: {program} is not installed here; `.ci/services` installs it on Debian as root"
        )
    return path
