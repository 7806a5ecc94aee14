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

# Temporary reasons for a failed start: another process took the port a moment ago, or not all children of a killed
# server have noticed yet that it is gone.
PORT_IS_TAKEN = "could not create any TCP/IP sockets"
PREDECESSOR_LINGERS = ("pre-existing shared memory block", "is another postmaster")

PASSWORD_IS_WRONG = "password authentication failed"  # noqa: S105 (a message, not a password)

FIRST_VERSION_WITH_OWN_LOCALE = 17


class EmbeddedPostgres:
    """Runs a private PostgreSQL server in a folder. Also a context manager, which starts and stops it.

    `durable=False` is for throw-away servers: a power cut may lose their data, and leaving the context deletes it.
    `port`: default is a random free one. `database`: created on the first start. `settings`: name → value, as in
    postgresql.conf. `program_folder`: the folder of `postgres` and `initdb`; by default it is searched for.

    Raises EmbeddedServerError if no program is found, or the server does not start or stop.
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

    # -- state --------------------------------------------------------------------------------------------------------

    @property
    def home(self) -> Path:
        """The folder of the server's files; see `cortex.embedded.home`."""
        return home.find_home(self.folder)

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    @property
    def url(self) -> str:
        """The address of the database, with the password: postgres://USER:PASSWORD@127.0.0.1:PORT/NAME."""
        return self.url_of(self.database)

    def url_of(self, database: str) -> str:
        return f"postgres://{USER}:{keep_password(self.folder)}@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int | None:
        """The running server's process id; None if it does not run."""
        try:
            pid = int(self._pid_file.read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return None
        return pid if process.is_running(pid, argument=str(self.data)) else None

    # -- actions ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Starts the server, also after a crash, and creates the database. Does nothing if it runs.

        Keeps its port, unless another process has taken it. Waits up to START_SECONDS for recovery.
        """
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
        """Stops the server; does nothing if it does not run.

        `smart` waits for clients, `fast` disconnects them, `immediate` is a crash: the next start recovers. After
        STOP_SECONDS it tries `immediate`.
        """
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

    # -- details ------------------------------------------------------------------------------------------------------

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
            raise EmbeddedServerError(f"initdb failed: {_reason_line(result.stderr)}")

    def _locale_options(self) -> list[str]:
        # Upper and lower case for all letters and sorting by code point: the same on every machine.
        if programs.postgres_major(self._program("postgres").parent) >= FIRST_VERSION_WITH_OWN_LOCALE:
            return ["--no-locale", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
        return ["--locale", "C.UTF-8"]

    def _refuse_other_version(self) -> None:
        data_version = (self.data / "PG_VERSION").read_text().strip()
        program_version = programs.postgres_major(self._program("postgres").parent)
        if data_version != str(program_version):
            raise EmbeddedServerError(
                f"PostgreSQL {data_version} created {self.data}, but PostgreSQL {program_version} is installed. "
                f"Install version {data_version}, or delete the folder."
            )

    def _launch(self, account: Account) -> None:
        for _ in range(START_ATTEMPTS):
            if not ports.is_free(self.port):
                self.port = ports.free_port()
            # PostgreSQL would take another process that now has this pid for a running server.
            self._pid_file.unlink(missing_ok=True)
            log_size = self.log.stat().st_size if self.log.exists() else 0
            self._child = process.launch(self._command(), account=account, log=self.log)
            if self._answers():
                return
            reason = self.log.read_bytes()[log_size:].decode(errors="replace")
            if PORT_IS_TAKEN not in reason and not any(text in reason for text in PREDECESSOR_LINGERS):
                break
            time.sleep(0.25)
        raise EmbeddedServerError(f"PostgreSQL does not start: {_reason_line(reason)} (see {self.log})")

    def _command(self) -> list[str]:
        settings = {"listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": ""}
        if not self._durable:
            settings |= {"fsync": "off", "full_page_writes": "off"}
        settings |= self._settings
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self._program("postgres")), "-D", str(self.data), *options]

    def _answers(self) -> bool:
        """Waits until the server accepts a connection; False if its process ends instead."""
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
            f" The password in {self.folder} does not match; delete that folder."
            if PASSWORD_IS_WRONG in str(error)
            else ""
        )
        return EmbeddedServerError(f"PostgreSQL rejects the connection: {_reason_line(str(error))}.{advice}")

    def _program(self, name: str) -> Path:
        assert self._programs
        return self._programs / name


def _reason_line(text: str) -> str:
    """Returns the line with the reason: the first one with FATAL, else the last one."""
    lines = text.strip().splitlines() or ["no reason given"]
    return next((line for line in lines if "FATAL" in line), lines[-1])
