"""Starts production's services with the files of `deploy/` on this machine.

Only the containers' addresses, folders and ports in a file are replaced. Each replaced text must be in the file, so
that a changed file is noticed. Servers run as the account of the embedded servers.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cortex.embedded import process, programs
from cortex.embedded.account import Account
from cortex.embedded.ports import free_port
from tests.deploy.compose import PROJECT, environment_of

DEPLOY = PROJECT / "deploy"
DOMAIN = "cortex.test"
START_SECONDS = 30


def installed(program: str) -> str:
    """Returns the path of a program, or skips the test."""
    # Also looks beside this Python, where wheels put their programs.
    places = f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin:/sbin"
    path = shutil.which(program, path=places)
    if path is None:
        pytest.skip(
            f"NOT TESTED: {program} is not installed here; `.ci/services` installs it on Debian as root"
        )
    return path


@dataclass
class Place:
    """A folder that the servers' account can enter, with the secrets of one deployment."""

    folder: Path
    account: Account
    children: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    def secret(self, name: str) -> str:
        return (self.secrets / name).read_text().strip()

    def make(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(mode=0o700, parents=True)
        self.account.give(path)
        return path

    def adapt(self, source: str, replacements: Mapping[str, str], *, to: str | None = None) -> Path:
        """Copies a file of `deploy/` with other addresses."""
        text = (DEPLOY / source).read_text()
        for old, new in replacements.items():
            assert old in text, f"{old!r} is not in deploy/{source}"
            text = text.replace(old, new)
        path = self.folder / (to or source.replace("/", "-"))
        path.write_text(text)
        self.account.give(path)
        return path

    def launch(
        self, name: str, command: list[str], *, is_up: Callable[[], bool]
    ) -> "subprocess.Popen[bytes]":
        log = self.folder / f"{name}.log"
        child = process.launch(command, account=self.account, log=log)
        self.children.append(child)
        wait_until(is_up, child=child, log=log)
        return child

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def end(self, child: "subprocess.Popen[bytes]", with_signal: signal.Signals = signal.SIGTERM) -> None:
        if child.poll() is None:
            child.send_signal(with_signal)
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextmanager
def place() -> Iterator[Place]:
    folder = Path(tempfile.mkdtemp(prefix="cortex-deploy-"))
    folder.chmod(0o711)
    made = Place(folder, Account.for_server(folder / "none"))
    try:
        subprocess.run(
            ["sh", str(DEPLOY / "secrets/make.sh"), str(made.secrets)],
            check=True,
            capture_output=True,
            env=os.environ | {"CORTEX_DOMAIN": DOMAIN},
        )
        # Docker mounts single files into containers; here the accounts enter the folder.
        made.secrets.chmod(0o711)
        yield made
    finally:
        for child in reversed(made.children):
            made.end(child, signal.SIGQUIT if "postgres" in str(child.args) else signal.SIGTERM)
        shutil.rmtree(folder, ignore_errors=True)


def wait_until(is_up: Callable[[], bool], *, child: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_up():
        assert child.poll() is None, f"It has ended: {log.read_text(errors='replace')[-2000:]}"
        assert time.monotonic() < deadline, f"It does not come up: {log.read_text(errors='replace')[-2000:]}"
        time.sleep(0.05)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


# -- PostgreSQL -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Database:
    place: Place
    programs: Path
    port: int

    @property
    def environment(self) -> dict[str, str]:
        """The environment for PostgreSQL's own programs, as its superuser."""
        return {
            "PATH": f"{self.programs}:/usr/bin:/bin",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": "postgres",
            "PGPASSWORD": self.place.secret("postgres_password"),
        }

    def connect(
        self, role: str = "postgres", database: str = "cortex", **options: Any
    ) -> psycopg.Connection[Any]:
        secret = {
            "postgres": "postgres_password",
            "cortex": "database_password",
            "keycloak": "database_keycloak_password",
        }.get(role, f"{role.replace('cortex', 'database')}_password")
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=role,
            password=self.place.secret(secret),
            dbname=database,
            autocommit=True,
            **options,
        )


def start_postgres(place: Place) -> Database:
    folder = programs.find_postgres(place.make("programs"), place.account)
    data = place.make("postgres")
    subprocess.run(
        [
            str(folder / "initdb"), "--pgdata", str(data), "--username", "postgres", "--auth", "scram-sha-256",
            "--pwfile", str(place.secrets / "postgres_password"), "--encoding", "UTF8", "--locale", "C.UTF-8",
            "--no-sync", "--data-checksums",
        ],
        check=True, capture_output=True, cwd="/", env=process.ENVIRONMENT, **place.account.launch_options,
    )  # fmt: skip
    database = Database(place, folder, free_port())
    configuration = place.adapt("postgres/postgresql.conf", {})
    # Its addresses are the container's, and the data need not survive a power cut.
    options = {
        "config_file": str(configuration), "listen_addresses": "127.0.0.1", "port": str(database.port),
        "unix_socket_directories": "", "fsync": "off",
    }  # fmt: skip
    command = [str(folder / "postgres"), "-D", str(data)]
    command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]

    def is_up() -> bool:
        try:
            database.connect(database="postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    place.launch("postgres", command, is_up=is_up)
    subprocess.run(
        [str(DEPLOY / "postgres/init.sh")],
        check=True,
        env=os.environ
        | database.environment
        | {"SECRETS_DIR": str(place.secrets), "RIGHTS_FILE": str(DEPLOY / "postgres/rights.sql")},
    )
    return database


def start_pgbouncer(place: Place, database: Database, *, mode: str = "transaction") -> int:
    port = free_port()
    configuration = place.adapt(
        "pgbouncer/pgbouncer.ini",
        {
            "host=postgres port=5432": f"host=127.0.0.1 port={database.port}",
            "listen_addr = 0.0.0.0": "listen_addr = 127.0.0.1",
            "listen_port = 6432": f"listen_port = {port}",
            "pool_mode = transaction": f"pool_mode = {mode}",
            "/run/secrets/": f"{place.secrets}/",
        },
        to=f"pgbouncer-{port}.ini",
    )
    place.launch("pgbouncer", [installed("pgbouncer"), str(configuration)], is_up=lambda: listens(port))
    return port


# -- Redis ------------------------------------------------------------------------------------------------------------


@dataclass
class Redis:
    place: Place
    kind: str
    port: int
    command: list[str]
    child: "subprocess.Popen[bytes]"

    def url(self, user: str = "cortex", password: str | None = None) -> str:
        password = password or self.place.secret(f"redis_{self.kind}_password")
        return f"redis://{user}:{password}@127.0.0.1:{self.port}/0"

    def kill_and_start(self) -> None:
        self.place.end(self.child, signal.SIGKILL)
        self.child = self.place.launch(f"redis-{self.port}", self.command, is_up=lambda: listens(self.port))


def start_redis(place: Place, kind: str, *, program: str = "", **replacements: str) -> Redis:
    """Starts Redis. `program` is a path; the default is the embedded Valkey."""
    port = free_port()
    if not program:
        found = programs.find_valkey(place.make(f"valkey-{port}"), place.account)
        assert found
        program = str(found)
    configuration = place.adapt(
        f"redis/{kind}.conf",
        {
            "bind * -::*": "bind 127.0.0.1",
            "port 6379": f"port {port}",
            "/run/secrets/": f"{place.secrets}/",
            "dir /data": f"dir {place.make(f'redis-{port}')}",
        }
        | {name.replace("_", " "): value for name, value in replacements.items()},
        to=f"redis-{port}.conf",
    )
    command = [program, str(configuration)]
    child = place.launch(f"redis-{port}", command, is_up=lambda: listens(port))
    return Redis(place, kind, port, command, child)


# -- the site ---------------------------------------------------------------------------------------------------------


def make_image(place: Place) -> Path:
    """Copies only what the Dockerfile copies: the site must find everything there that it needs."""
    folder = place.folder / "image"
    folder.mkdir()
    recipe = (PROJECT / "Dockerfile").read_text()
    last_stage = recipe[recipe.rindex("\nFROM ") :]
    for line in re.findall(r"^COPY (?!--from)(.+)", last_stage, re.MULTILINE):
        *sources, target = line.split()
        for source in sources:
            to = folder / (Path(source).name if target == "./" else target)
            if (PROJECT / source).is_dir():
                shutil.copytree(PROJECT / source, to, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(PROJECT / source, to)
    return folder


@dataclass
class Site:
    place: Place
    folder: Path
    database: Database
    addresses: dict[str, str]

    def environment(self, service: str) -> dict[str, str]:
        """The environment that compose gives to a service, with the addresses of this machine."""
        values = environment_of(
            service, {"CORTEX_DOMAIN": DOMAIN, "KEYCLOAK_URL": f"https://{DOMAIN}/auth"}
        ) | {
            "PATH": os.environ["PATH"],
            "HASHED_STATIC_FILES": "true",
            "DJANGO_SETTINGS_MODULE": "cortex.settings",
            "CORTEX_LOCAL_DIR": str(self.place.folder / "state"),
            "IMPORTER_SOURCE_ROOTS": str(self.place.folder),
        }
        for old, new in (self.addresses | {"/run/secrets/": f"{self.place.secrets}/"}).items():
            values = {name: value.replace(old, new) for name, value in values.items()}
        return values

    def run(self, *arguments: str, service: str = "migrate") -> "subprocess.CompletedProcess[str]":
        result = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment(service),
            capture_output=True,
            text=True,
            timeout=110,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result

    def start_gunicorn(self) -> int:
        port = free_port()
        log = self.place.folder / "gunicorn.log"
        with log.open("ab") as output:
            child = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "cortex.wsgi"],
                cwd=self.folder,
                env=self.environment("web") | {"WEB_CONCURRENCY": "2"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.place.children.append(child)
        wait_until(lambda: listens(port), child=child, log=log)
        return port
