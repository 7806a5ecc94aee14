from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import psycopg
from psycopg import sql

from cortex.embedded import home, ports, process, programs
from cortex.embedded.account import Account
from cortex.embedded.errors import EmbeddedServerError
from cortex.embedded.password import keep_password, write_private

StopMode = Literal["smart", "fast", "immediate"]

USER = "cortex"
START_SECONDS = 120  # recovery after a crash may have much to read
STOP_SECONDS = 60
START_ATTEMPTS = 20
SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}

# What a start stumbles over that passes by itself: somebody took the port a moment ago, or the children of a killed
# server have not all noticed yet that it is gone.
PORT_IS_TAKEN = "could not create any TCP/IP sockets"
PREDECESSOR_LINGERS = ("pre-existing shared memory block", "is another postmaster")

PASSWORD_IS_WRONG = "password authentication failed"  # noqa: S105 (a message, not a password)

FIRST_VERSION_WITH_OWN_LOCALE = 17


class EmbeddedPostgres:
    """A private PostgreSQL server in a folder, which may be used as a context manager.

    `durable=False` is for throw-away servers: a power cut may cost their data, the end of the process does not.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        durable: bool = True,
        port: int | None = None,
        database: str = "cortex",
        settings: Mapping[str, str] | None = None,
        program_folder: Path | None = None,
    ) -> None:
        self.folder = Path(folder).absolute()
        self.database = database
        self.port = port or ports.free_port()
        self._durable = durable
        self._settings = dict(settings or {})
        self._programs = program_folder
        self._child: subprocess.Popen[bytes] | None = None

    # -- what is so ---------------------------------------------------------------------------------------------------

    @property
    def home(self) -> Path:
        return home.find_home(self.folder)

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    @property
    def url(self) -> str:
        return self.url_of(self.database)

    def url_of(self, database: str) -> str:
        return f"postgres://{USER}:{keep_password(self.folder)}@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int | None:
        """The number of the running server's process; None while there is none."""
        try:
            pid = int(self._pid_file.read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return None
        return pid if process.is_running(pid, argument=str(self.data)) else None

    # -- what it does -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Also after a crash. Keeps its port, unless another process has taken it."""
        account = Account.for_server(self.data)
        home.make_home(self.folder, account)
        if self.pid:
            self.port = self._port_in_use()
        else:
            self._programs = self._programs or programs.find_postgres(self.home, account)
            self._create_cluster(account)
            self._launch(account)
        self._create_database()

    def stop(self, mode: StopMode = "fast") -> None:
        """`immediate` is the crash: no checkpoint, and the next start recovers. Quiet if it does not run."""
        pid = self.pid
        if pid and not self._end(pid, mode) and not self._end(pid, "immediate"):
            raise EmbeddedServerError(f"PostgreSQL (process {pid}) does not stop; see {self.log}.")
        if self._child:
            self._child.wait()
            self._child = None

    def restart(self, mode: StopMode = "fast") -> None:
        self.stop(mode)
        self.start()

    def remove(self) -> None:
        """Stops the server and deletes its data."""
        self.stop("immediate")
        home.remove_home(self.folder)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._durable:
            self.stop()
        else:
            self.remove()

    # -- how ----------------------------------------------------------------------------------------------------------

    @property
    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def _port_in_use(self) -> int:
        return int(self._pid_file.read_text().splitlines()[3])

    def _end(self, pid: int, mode: StopMode) -> bool:
        return process.end(
            pid, argument=str(self.data), with_signal=SIGNALS[mode], within_seconds=STOP_SECONDS
        )

    def _create_cluster(self, account: Account) -> None:
        if (self.data / "PG_VERSION").exists():
            self._refuse_other_version()
            return
        draft = self.home / "data.draft"
        password_file = self.home / "password.draft"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        write_private(password_file, keep_password(self.folder))
        account.give(draft)
        account.give(password_file)
        try:
            self._run_initdb(draft, password_file, account)
        finally:
            password_file.unlink()
        draft.rename(self.data)

    def _run_initdb(self, target: Path, password_file: Path, account: Account) -> None:
        command = [str(self._program("initdb")), "--pgdata", str(target), "--username", USER]
        command += ["--pwfile", str(password_file), "--auth", "scram-sha-256", "--encoding", "UTF8"]
        command += self._locale_options()
        command += [] if self._durable else ["--no-sync"]
        result = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd="/",
            env=process.ENVIRONMENT,
            **account.launch_options,
        )
        if result.returncode:
            raise EmbeddedServerError(f"initdb failed: {_gist(result.stderr)}")

    def _locale_options(self) -> list[str]:
        # Upper and lower case of all letters, sorted by code point, the same on every machine.
        if programs.postgres_major(self._program("postgres").parent) >= FIRST_VERSION_WITH_OWN_LOCALE:
            return ["--no-locale", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
        return ["--locale", "C.UTF-8"]

    def _refuse_other_version(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text().strip()
        found = programs.postgres_major(self._program("postgres").parent)
        if made_by != str(found):
            raise EmbeddedServerError(
                f"{self.data} was made by PostgreSQL {made_by}, here is PostgreSQL {found}. "
                "Install that version, or delete the folder."
            )

    def _launch(self, account: Account) -> None:
        for _ in range(START_ATTEMPTS):
            if not ports.is_free(self.port):
                self.port = ports.free_port()
            # A number that meanwhile belongs to another process would be taken for a running server.
            self._pid_file.unlink(missing_ok=True)
            said_before = self.log.stat().st_size if self.log.exists() else 0
            self._child = process.launch(self._command(), account=account, log=self.log)
            if self._answers():
                return
            reason = self.log.read_bytes()[said_before:].decode(errors="replace")
            if PORT_IS_TAKEN not in reason and not any(text in reason for text in PREDECESSOR_LINGERS):
                break
            time.sleep(0.25)
        raise EmbeddedServerError(f"PostgreSQL does not start: {_gist(reason)} (see {self.log})")

    def _command(self) -> list[str]:
        settings = {"listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": ""}
        if not self._durable:
            settings |= {"fsync": "off", "full_page_writes": "off"}
        settings |= self._settings
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self._program("postgres")), "-D", str(self.data), *options]

    def _answers(self) -> bool:
        """Waits until the server lets us in; False if its process ends instead."""
        assert self._child
        deadline = time.monotonic() + START_SECONDS
        while self._child.poll() is None:
            try:
                psycopg.connect(self.url_of("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError as error:
                if PASSWORD_IS_WRONG in str(error) or time.monotonic() > deadline:
                    self.stop("immediate")
                    raise self._does_not_answer(error) from error
                time.sleep(process.POLL_SECONDS)
            else:
                return True
        return False

    def _create_database(self) -> None:
        query = "SELECT FROM pg_database WHERE datname = %s"
        try:
            with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
                if connection.execute(query, [self.database]).fetchone() is None:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.database)))
        except psycopg.OperationalError as error:
            raise self._does_not_answer(error) from error

    def _does_not_answer(self, error: psycopg.OperationalError) -> EmbeddedServerError:
        advice = (
            f" Its password was in {self.folder}; delete that folder."
            if PASSWORD_IS_WRONG in str(error)
            else ""
        )
        return EmbeddedServerError(f"PostgreSQL does not let us in: {_gist(str(error))}.{advice}")

    def _program(self, name: str) -> Path:
        assert self._programs
        return self._programs / name


def _gist(text: str) -> str:
    """The line with the reason: the server's first FATAL, else the last thing said."""
    lines = text.strip().splitlines() or ["no reason given"]
    return next((line for line in lines if "FATAL" in line), lines[-1])
