"""Takes advisory locks: one for each job that runs, and one for each live worker."""

import contextlib
import os
import socket
import uuid
import zlib
from typing import Any

from django.db import DatabaseError, connections

from importer.exceptions import JobAlreadyRunning, PoolerInTheWay
from importer.ledger.pooler import backend_of, pools_transactions
from importer.models import DataImportJob, ledger_alias

# First half of our advisory locks' keys: arbitrary numbers that others are unlikely to use.
JOBS, WORKERS = 0x1A9E7B01, 0x1A9E7B02


class Owner:
    """Identifies a worker by a name and by a lock that its connection holds, so that others can tell if it lives."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.backend: int | None = None

    def announce(self) -> None:
        """Take the lock. Repeat it on each new connection, because the lock went with the old one.

        Raises PoolerInTheWay.
        """
        _refuse_pooler()
        number = lock_number(self.name)
        with connections[ledger_alias()].cursor() as cursor:
            if self.backend is not None:
                _end_former(cursor, WORKERS, number, backend=self.backend)
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [WORKERS, number])
        self.backend = ledger_backend()

    def retire(self) -> None:
        """Free the lock of a connection that stays open, as in a server process."""
        with connections[ledger_alias()].cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [WORKERS, lock_number(self.name)])


def hold_job(job_id: int, *, former: int | None = None) -> bool:
    """Take the job for this connection. False: another process has it. PostgreSQL frees it when we die.

    `former` is the backend of our earlier connection, which was lost. Raises PoolerInTheWay.
    """
    _refuse_pooler()
    with connections[ledger_alias()].cursor() as cursor:
        if former is not None:
            _end_former(cursor, JOBS, job_id, backend=former)
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [JOBS, job_id])
        return bool(cursor.fetchone()[0])


def is_held(job_id: int) -> bool:
    """Tell whether a process has the job. A job whose status is "running" and that nobody has was killed."""
    with connections[ledger_alias()].cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid::bigint = %s "
            "AND objsubid = 2 AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
            [JOBS, job_id],
        )
        return bool(cursor.fetchone()[0])


def let_job_go(job_id: int) -> None:
    with connections[ledger_alias()].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [JOBS, job_id])


class JobHold:
    """Holds a job for this process, across lost connections. PostgreSQL frees the job when the process dies."""

    def __init__(self, job_id: int) -> None:
        self.job_id = job_id
        self._connection: Any = None
        self._backend: int | None = None

    def take(self) -> None:
        """Take the job. Raises JobAlreadyRunning if another process has it, and PoolerInTheWay."""
        if not hold_job(self.job_id, former=self._backend):
            runner = DataImportJob.objects.values_list("runner", flat=True).get(pk=self.job_id)
            raise JobAlreadyRunning(f"Job {self.job_id} is already running ({runner or 'elsewhere'}).")
        self._connection = connections[ledger_alias()].connection
        self._backend = ledger_backend()

    def keep(self) -> None:
        """Take the job again if the connection that held it is gone. Raises what `take` raises."""
        connection = connections[ledger_alias()]
        connection.ensure_connection()
        if connection.connection is not self._connection:
            self.take()

    def release(self) -> None:
        with contextlib.suppress(DatabaseError):
            let_job_go(self.job_id)


def ledger_backend() -> int:
    """Return the pid of the server process behind our connection."""
    return backend_of(connections[ledger_alias()])


def _refuse_pooler() -> None:
    if pools_transactions(connections[ledger_alias()]):
        raise PoolerInTheWay(
            "The database is behind a transaction pooler (such as PgBouncer with pool_mode=transaction), which loses "
            "session locks; point DATABASES at PostgreSQL itself, or at a session pooler."
        )


# Milliseconds that the server has to end one of its processes.
ENDING = 5_000


def _end_former(cursor: Any, kind: int, number: int, *, backend: int) -> None:
    """End the server process of a lost connection if it still holds our lock.

    The server may notice the loss hours after us (a cable, a firewall). Until then our own old connection would look
    like another process that has the job.
    """
    cursor.execute(
        "SELECT pg_terminate_backend(pid, %s) FROM pg_locks "
        "WHERE locktype = 'advisory' AND classid = %s AND objid::bigint = %s AND objsubid = 2 AND pid = %s "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()",
        [ENDING, kind, number % 2**32, backend],
    )


def lock_number(name: str) -> int:
    """Return a signed 32-bit number for an advisory lock."""
    return zlib.crc32(name.encode()) - 2**31
