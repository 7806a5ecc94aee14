"""Starting a server's process, finding it again, and waiting for its end."""

import signal
import subprocess
import time
from pathlib import Path

import psutil

from cortex.embedded.account import Account

POLL_SECONDS = 0.02
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}


def launch(command: list[str], *, account: Account, log: Path) -> "subprocess.Popen[bytes]":
    """In a session of its own, so that Ctrl-C in the terminal is not for it."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=ENVIRONMENT,
            start_new_session=True,
            **account.launch_options,
        )


def is_running(pid: int | None, *, argument: str) -> bool:
    """Whether this very server runs: a number alone may belong to another process by now, or to a dead one.

    A dead process that nobody has waited for keeps its number but has no arguments any more.
    """
    try:
        return pid is not None and argument in psutil.Process(pid).cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def end(pid: int, *, argument: str, with_signal: signal.Signals, within_seconds: float) -> bool:
    """Asks the process to end; False if it still runs after that time."""
    try:
        psutil.Process(pid).send_signal(with_signal)
    except psutil.NoSuchProcess:
        return True
    deadline = time.monotonic() + within_seconds
    while is_running(pid, argument=argument):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
