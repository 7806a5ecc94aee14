"""Runs a site on its own database server, driven by commands, so that servers and processes may die."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg

from cortex.embedded.postgres import EmbeddedPostgres
from tests.importer.shell import Shell
from tests.paths import PROJECT

SMALL = {
    "CHUNK_BYTES": 60_000,
    "BATCH_SIZE_INITIAL": 200,
    "BATCH_SIZE_MIN": 100,
    "BATCH_SIZE_MAX": 400,
    "LEASE_SECONDS": 5,
}
# Many short transactions, so that a frozen process is soon between two of them.
FREEZABLE = {"LEASE_SECONDS": 1, "BATCH_SIZE_INITIAL": 50, "BATCH_SIZE_MIN": 50, "BATCH_SIZE_MAX": 50}
FINGERPRINT = """
    SELECT md5(string_agg(row::text, ',' ORDER BY row.legacy_id)) FROM (
        SELECT legacy_id, email, first_name, role, company_id, joined, balance FROM crm_contact
    ) AS row
"""
REJECTED = "SELECT line FROM staging_records WHERE job_id = %s AND state = 'rejected' ORDER BY line"


@dataclass
class PrivateSite:
    server: EmbeddedPostgres
    folder: Path
    importer: dict[str, Any] = field(default_factory=dict)
    settings: str = "tests.importer.private_settings"
    started: "list[subprocess.Popen[str]]" = field(default_factory=list)
    _connection: "psycopg.Connection[Any] | None" = None

    def __post_init__(self) -> None:
        # Outlives `kill_all()`: its commands are no test's subject, and to start it takes longer than what it does.
        self.shell = Shell(sys.executable, self.folder, lambda: self.environment(importer={}))

    def another_shell(self, **environment: str) -> Shell:
        """A process that runs many commands, with the importer's settings of the moment it starts."""
        return Shell(sys.executable, self.folder, lambda: self.environment() | environment)

    def close(self) -> None:
        self.shell.close()
        self._disconnect()

    def environment(self, importer: dict[str, Any] | None = None) -> dict[str, str]:
        settings = SMALL | {"SOURCE_ROOTS": [str(self.folder)], "SPOOL_DIR": str(self.folder / "spool")}
        importer = self.importer if importer is None else importer
        return os.environ | {
            "DATABASE_URL": self.server.url,
            "TEST_LEGACY": str(self.folder / "legacy.sqlite"),
            "DJANGO_SETTINGS_MODULE": self.settings,
            "TEST_IMPORTER": json.dumps(settings | importer),
            "PYTHONPATH": str(PROJECT),
        }

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "django", *arguments],
            env=self.environment(),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def kill_all(self) -> None:
        """Kill what was started, and its workers, frozen or orphaned: what fails must not disturb the next."""
        mine, spared = self.environment()["TEST_LEGACY"], self.shell.process and self.shell.process.pid
        for process in psutil.process_iter(["environ"]):
            if (process.info["environ"] or {}).get("TEST_LEGACY") == mine and process.pid != spared:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        for started in self.started:
            if started.returncode is None:
                started.communicate()
        self.started.clear()

    def manage(self, *arguments: str) -> str:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        return out

    def create_job(self, source: Path, spec: str = "contacts-insert") -> int:
        return int(self.shell.output_of("create_import", spec, str(source)))

    def run(self, job: int, *options: str) -> dict[str, Any]:
        """Run a job undisturbed: in the shell, unless the importer has settings of this test."""
        command = ("run_import", str(job), "--json", "--no-progress", *options)
        answer = self.manage(*command) if self.importer else self.shell.output_of(*command)
        return dict(json.loads(answer.splitlines()[-1]))

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Execute a statement, on a connection that is kept: many tests ask a hundred times a second."""
        try:
            return self._execute(statement, parameters)
        except psycopg.OperationalError:
            if self._connection and not self._connection.broken:
                raise
            self._disconnect()  # a test has restarted the server, or cut all connections
            return self._execute(statement, parameters)

    def _execute(self, statement: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        if self._connection is None:
            # A prepared statement would outlive the table that another test makes anew.
            self._connection = psycopg.connect(self.server.url, autocommit=True, prepare_threshold=None)
        cursor = self._connection.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []

    def _disconnect(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def state_of(self, job: int) -> tuple[Any, list[int]]:
        """What an import has left: the table's fingerprint and the lines of the rejected records."""
        return self.sql(FINGERPRINT)[0][0], [line for (line,) in self.sql(REJECTED, job)]

    def committed(self, job: int) -> int:
        rows = self.sql("SELECT sum(batches) FROM data_import_chunks WHERE job_id = %s", job)
        return int(rows[0][0] or 0)

    def wait_for_batches(self, job: int, more_than: int, process: "subprocess.Popen[str]") -> bool:
        """Until more batches are committed; False if the process ended first."""
        while process.poll() is None:
            if self.committed(job) > more_than:
                return True
            time.sleep(0.01)
        return False

    def freeze_until_replaced(self, job: int, pid: int) -> None:
        """Freeze a worker while it holds a chunk, and return when another one has taken that over.

        Again and again, since none can while the frozen one is within its transaction, which has the chunk locked:
        and only for moments, lest the others end the job meanwhile.
        """
        unlocked = (
            "SELECT id, lease_token FROM data_import_chunks "
            "WHERE job_id = %s AND state = 'running' AND lease_owner LIKE %s FOR UPDATE SKIP LOCKED"
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(0.02)  # for the server, which ends the statement in hand
            held = self.sql(unlocked, job, f"%:{pid}:%")
            if held and self._is_taken_over(*held[0]):
                return
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.02)
        raise AssertionError(f"Worker {pid} was never replaced.")

    def _is_taken_over(self, chunk: int, token: int) -> bool:
        deadline = time.monotonic() + 2 * self.lease_seconds + 1
        while time.monotonic() < deadline:
            if self.sql("SELECT lease_token FROM data_import_chunks WHERE id = %s", chunk)[0][0] > token:
                return True
            time.sleep(0.05)
        return False

    @property
    def lease_seconds(self) -> float:
        return float((SMALL | self.importer)["LEASE_SECONDS"])

    def lost_leases(self, job: int) -> int:
        rows = self.sql(
            "SELECT count(*) FROM data_migration_logs WHERE job_id = %s AND event = 'lease_lost'", job
        )
        return int(rows[0][0])


def workers_of(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    try:
        children = psutil.Process(process.pid).children()
    except psutil.NoSuchProcess:
        return []
    return [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
