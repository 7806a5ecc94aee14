"""Reads and writes the file that lists a checkout's running services, with passwords, readable by its owner only."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from cortex.embedded.password import write_private

FILE_NAME = "services.json"


@dataclass(frozen=True)
class RunningServer:
    name: str
    url: str
    port: int
    pid: int
    argument: str  # in the process's command line, to recognize it
    home: str

    def is_running(self) -> bool:
        # Imported here, because the settings of every process import this module, also without embedded services.
        from cortex.embedded import process

        return process.is_running(self.pid, argument=self.argument)


@dataclass(frozen=True)
class Urls:
    """The addresses with passwords; empty for a service that does not run."""

    database_url: str
    redis_url: str


def read_state(local: Path) -> dict[str, RunningServer]:
    """Returns name → server as last written; {} if the file is missing, invalid or another user's."""
    try:
        entries = json.loads((local / FILE_NAME).read_text())
        return {name: RunningServer(**server) for name, server in entries.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def write_state(local: Path, servers: dict[str, RunningServer]) -> None:
    entries = {name: asdict(server) for name, server in servers.items()}
    write_private(local / FILE_NAME, json.dumps(entries, indent=2) + "\n")


def running_urls(local: Path) -> Urls:
    running = {name: server.url for name, server in read_state(local).items() if server.is_running()}
    return Urls(database_url=running.get("postgres", ""), redis_url=running.get("valkey", ""))
