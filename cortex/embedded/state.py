"""The file in which a checkout notes its embedded services, passwords included: for its owner's eyes only."""

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
    argument: str  # of the process, by which it is known again
    home: str

    def is_running(self) -> bool:
        # Imported here, since the settings of every process pass by, also where nothing embedded exists.
        from cortex.embedded import process

        return process.is_running(self.pid, argument=self.argument)


@dataclass(frozen=True)
class Urls:
    """Empty where the service does not run."""

    database_url: str
    redis_url: str


def read_state(local: Path) -> dict[str, RunningServer]:
    """What was noted last. Nothing, where there is no such file or another user's."""
    try:
        noted = json.loads((local / FILE_NAME).read_text())
        return {name: RunningServer(**server) for name, server in noted.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def write_state(local: Path, servers: dict[str, RunningServer]) -> None:
    noted = {name: asdict(server) for name, server in servers.items()}
    write_private(local / FILE_NAME, json.dumps(noted, indent=2) + "\n")


def running_urls(local: Path) -> Urls:
    running = {name: server.url for name, server in read_state(local).items() if server.is_running()}
    return Urls(database_url=running.get("postgres", ""), redis_url=running.get("valkey", ""))
