"""Starts a server's process, recognizes it later, and waits for its end."""

import signal
import subprocess
import time
from pathlib import Path

import psutil

from cortex.embedded.account import Account

POLL_SECONDS = 0.02
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}


def launch(command: list[str], *, account: Account, log: Path) -> "subprocess.Popen[bytes]":
    """Starts a process in its own session, so that Ctrl-C in the terminal does not reach it."""
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
    """Whether this server runs: the process with this pid has `argument` in its command line.

    The pid alone is not enough: another process may have it by now. A zombie keeps its pid, but has no arguments.
    """
    try:
        return pid is not None and argument in psutil.Process(pid).cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def end(pid: int, *, argument: str, with_signal: signal.Signals, within_seconds: float) -> bool:
    """Sends the signal and waits. Returns False if the process still runs after `within_seconds`."""
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
