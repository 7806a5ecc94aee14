"""Starts and stops the embedded services of this checkout. Their data is kept between starts."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cortex.embedded.errors import EmbeddedServerError
from cortex.embedded.home import PASSING_ONLY
from cortex.embedded.postgres import EmbeddedPostgres
from cortex.embedded.state import RunningServer, read_state, write_state
from cortex.embedded.valkey import EmbeddedValkey


def start_services(local: Path, *, warnings: list[str]) -> dict[str, RunningServer]:
    """Starts the services that do not run yet. Returns name → running server.

    Without Valkey it continues, and appends the reason to `warnings`. Raises EmbeddedServerError if
    PostgreSQL does not start. A second simultaneous call waits for the first.
    """
    with _locked(local):
        postgres, valkey = _servers(local)
        postgres.start()
        running = {"postgres": _running_server("postgres", postgres, argument=postgres.data)}
        try:
            valkey.start()
            running["valkey"] = _running_server("valkey", valkey, argument=valkey.settings_file)
        except EmbeddedServerError as error:
            warnings.append(str(error))
        write_state(local, running)
    return running


def stop_services(local: Path, *, delete_data: bool = False) -> list[str]:
    """Stops the services and returns the names of those that ran. Raises EmbeddedServerError if one does not stop."""
    if not local.exists():
        return []
    with _locked(local):
        postgres, valkey = _servers(local)
        ran = [name for name, server in (("postgres", postgres), ("valkey", valkey)) if server.pid]
        for stop in (postgres.remove, valkey.remove) if delete_data else (postgres.stop, valkey.stop):
            stop()
    return ran


def _servers(local: Path) -> tuple[EmbeddedPostgres, EmbeddedValkey]:
    ports = {name: server.port for name, server in read_state(local).items()}
    return (
        EmbeddedPostgres(local / "postgres", port=ports.get("postgres")),
        EmbeddedValkey(local / "valkey", port=ports.get("valkey")),
    )


def _running_server(name: str, server: EmbeddedPostgres | EmbeddedValkey, *, argument: Path) -> RunningServer:
    pid = server.pid
    assert pid
    return RunningServer(
        name=name, url=server.url, port=server.port, pid=pid, argument=str(argument), home=str(server.home)
    )


@contextmanager
def _locked(local: Path) -> Iterator[None]:
    """Waits for another command in this checkout: two at once would both create the data."""
    try:
        if not local.exists():
            local.mkdir()
            local.chmod(PASSING_ONLY)
        with (local / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except PermissionError as error:
        raise EmbeddedServerError(
            f"{error.filename} belongs to another user. Delete {local}, or run this as that user."
        ) from error
