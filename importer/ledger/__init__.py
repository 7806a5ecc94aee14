"""The ledger: who works on which chunk, and how far each one is.

A chunk's cursor and counters move in the transaction that writes its records. A claim hands out a token one higher
than the last; whoever commits with an older one is refused. So a kill at any moment loses nothing and repeats nothing,
and a worker that was only thought dead cannot write what another one has written already.

A dead worker is known at once by the advisory lock that its connection held; a frozen one by its lease, in time.
"""

import json
import os
import socket
import uuid
import zlib
from dataclasses import dataclass
from typing import Any

import polars as pl
from django.db import connections, router, transaction
from django.db.models import Sum
from django.utils import timezone

from importer.conf import conf
from importer.exceptions import LeaseLost, PoolerInTheWay
from importer.keys import KeyEncoder
from importer.ledger.pooler import backend_of, pools_transactions
from importer.models import DataImportJob, ImportChunk, MigrationLog, StagingRecord
from importer.records import Position, Rejection
from importer.run.results import FATES, Counts
from importer.write.copy import copy_frame

# First half of our advisory locks' keys; any number that other users of advisory locks are unlikely to have taken.
JOBS, WORKERS = 0x1A9E7B01, 0x1A9E7B02


@dataclass(frozen=True, slots=True)
class Lease:
    chunk: ImportChunk
    token: int


def ledger_alias() -> str:
    return router.db_for_write(ImportChunk)


class Owner:
    """This worker, as others can tell whether it lives: its name, and the lock that its connection holds."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.backend: int | None = None

    def announce(self) -> None:
        """Take the lock; again after each new connection, since the lock went with the old one.

        Raises PoolerInTheWay.
        """
        _refuse_pooler()
        number = _lock_number(self.name)
        with connections[ledger_alias()].cursor() as cursor:
            if self.backend is not None:
                _end_former(cursor, WORKERS, number, backend=self.backend)
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [WORKERS, number])
        self.backend = ledger_backend()

    def retire(self) -> None:
        """Free the lock while the connection lives on, as it does in a server's process."""
        with connections[ledger_alias()].cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [WORKERS, _lock_number(self.name)])


def hold_job(job_id: int, *, former: int | None = None) -> bool:
    """Take the job for this connection. False: another process has it. The server frees it when we die.

    `former` is the backend of the connection that had it for us before, and was lost. Raises PoolerInTheWay.
    """
    _refuse_pooler()
    with connections[ledger_alias()].cursor() as cursor:
        if former is not None:
            _end_former(cursor, JOBS, job_id, backend=former)
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [JOBS, job_id])
        return bool(cursor.fetchone()[0])


def let_job_go(job_id: int) -> None:
    with connections[ledger_alias()].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [JOBS, job_id])


def ledger_backend() -> int:
    """The number of the server's process behind our connection."""
    return backend_of(connections[ledger_alias()])


def _refuse_pooler() -> None:
    if pools_transactions(connections[ledger_alias()]):
        raise PoolerInTheWay(
            "The database is reached through a pooler of transactions (such as PgBouncer with pool_mode=transaction), "
            "which keeps no lock between them; import with DATABASES pointed at PostgreSQL itself, or at a pooler of "
            "sessions."
        )


# Milliseconds that the server is given to end a process of its own.
ENDING = 5_000


def _end_former(cursor: Any, kind: int, number: int, *, backend: int) -> None:
    """End the server's side of a connection that we have lost, where it still holds our lock.

    The server may learn of the loss much later than we do (a cable, a firewall: hours), and until then our own former
    self would pass for another process that has the job.
    """
    cursor.execute(
        "SELECT pg_terminate_backend(pid, %s) FROM pg_locks "
        "WHERE locktype = 'advisory' AND classid = %s AND objid::bigint = %s AND objsubid = 2 AND pid = %s "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()",
        [ENDING, kind, number % 2**32, backend],
    )


# What may be claimed: not begun, or its worker died or is frozen. Where no survey has found the records that meet one
# another, their order decides, and nothing may be taken before all that comes first is done, whoever asks.
FREE = """
    c.job_id = %(job)s AND c.state <> 'done'
    AND (c.state = 'pending' OR c.lease_expires_at < clock_timestamp() OR c.lease_owner = ANY(%(dead)s))
    AND (
        (SELECT contested IS NOT NULL FROM data_import_jobs WHERE id = %(job)s)
        OR NOT EXISTS (
            SELECT 1 FROM data_import_chunks e
            WHERE e.job_id = c.job_id AND e.number < c.number AND e.state <> 'done'
        )
    )
"""
CLAIM = f"""
    UPDATE data_import_chunks
    SET state = 'running', lease_owner = %(owner)s, lease_token = lease_token + 1, attempts = attempts + 1,
        lease_expires_at = clock_timestamp() + %(lease)s * interval '1 second'
    WHERE id = (
        SELECT c.id FROM data_import_chunks c
        WHERE {FREE} AND (%(chunk)s::bigint IS NULL OR c.id = %(chunk)s)
        ORDER BY c.number
        FOR UPDATE SKIP LOCKED
        LIMIT 1
    )
    RETURNING id, lease_token
"""  # noqa: S608 (of constants)


def claim(job: DataImportJob, owner: Owner, *, chunk_id: int | None = None) -> Lease | None:
    """The next chunk that nobody works on (or this one), with a new token; None where there is none just now."""
    with transaction.atomic(using=ledger_alias()), connections[ledger_alias()].cursor() as cursor:
        parameters: dict[str, Any] = {
            "job": job.pk,
            "owner": owner.name,
            "lease": conf.LEASE_SECONDS,
            "dead": _dead_owners(cursor, job, owner),
            "chunk": chunk_id,
        }
        cursor.execute(CLAIM, parameters)
        row = cursor.fetchone()
    return None if row is None else Lease(ImportChunk.objects.get(pk=row[0]), row[1])


# By the server's clock: the coordinator's may be another.
ATTENDED = """
    c.job_id = %(job)s AND c.state = 'running'
    AND c.lease_expires_at >= clock_timestamp() AND c.lease_owner <> ALL(%(dead)s)
"""


def unattended_chunks(job: DataImportJob) -> list[int]:
    """The chunks that may be claimed, in their order."""
    return _chunks(job, FREE)


def attended(job: DataImportJob) -> int:
    """How many chunks somebody works on."""
    return len(_chunks(job, ATTENDED))


def _chunks(job: DataImportJob, condition: str) -> list[int]:
    with transaction.atomic(using=ledger_alias()), connections[ledger_alias()].cursor() as cursor:
        parameters: dict[str, Any] = {"job": job.pk, "dead": _dead_owners(cursor, job, None)}
        cursor.execute(
            f"SELECT c.id FROM data_import_chunks c WHERE {condition} ORDER BY c.number",  # noqa: S608
            parameters,
        )
        return [chunk_id for (chunk_id,) in cursor.fetchall()]


def has_open_chunks(job: DataImportJob) -> bool:
    return ImportChunk.objects.filter(job=job).exclude(state=ImportChunk.State.DONE).exists()


def committed_batches(job: DataImportJob) -> int:
    """How many batches all runs of the job have committed."""
    return ImportChunk.objects.filter(job=job).aggregate(sum=Sum("batches"))["sum"] or 0


def _dead_owners(cursor: Any, job: DataImportJob, me: Owner | None) -> list[str]:
    """Owners whose connection is gone. Their lock is free, so that we get it, until the end of this transaction."""
    cursor.execute(
        "SELECT DISTINCT lease_owner FROM data_import_chunks WHERE job_id = %s AND state = 'running'",
        [job.pk],
    )
    dead = []
    for (name,) in cursor.fetchall():
        if me is not None and name == me.name:
            dead.append(name)  # ours, from before a lost connection
            continue
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [WORKERS, _lock_number(name)])
        if cursor.fetchone()[0]:
            dead.append(name)
    return dead


def fence(lease: Lease) -> None:
    """At the beginning of a batch's transaction: lock the chunk, prove that it is still ours, renew the lease.

    Raises LeaseLost where another worker has taken over.
    """
    with connections[ledger_alias()].cursor() as cursor:
        cursor.execute(
            "UPDATE data_import_chunks SET lease_expires_at = clock_timestamp() + %s * interval '1 second' "
            "WHERE id = %s AND lease_token = %s AND state = 'running'",
            [conf.LEASE_SECONDS, lease.chunk.pk, lease.token],
        )
        if cursor.rowcount != 1:
            raise LeaseLost(f"The lease of {lease.chunk} went to another worker.")


def advance(lease: Lease, end: Position, counts: Counts, *, done: bool) -> bool:
    """Move the cursor and the counters, in the transaction that wrote the records. True: the job shall stop."""
    additions = ", ".join(f"{name} = {name} + %({name})s" for name in FATES)
    values: dict[str, Any] = {name: getattr(counts, name) for name in FATES}
    values |= {
        "chunk": lease.chunk.pk,
        "token": lease.token,
        "offset": end.offset,
        "line": end.line,
        "key": None if end.key is None else json.dumps(end.key, cls=KeyEncoder),
        "state": "done" if done else "running",
    }
    with connections[ledger_alias()].cursor() as cursor:
        cursor.execute(
            f"UPDATE data_import_chunks SET committed_offset = %(offset)s, committed_line = %(line)s, "  # noqa: S608
            f"committed_key = %(key)s::jsonb, state = %(state)s, attempts = 1, batches = batches + 1, {additions} "
            f"WHERE id = %(chunk)s AND lease_token = %(token)s "
            f"RETURNING (SELECT stop_requested FROM data_import_jobs WHERE id = job_id)",
            values,
        )
        row = cursor.fetchone()
    if row is None:
        raise LeaseLost(f"The lease of {lease.chunk} went to another worker.")
    return bool(row[0])


def release(lease: Lease) -> None:
    """Give a chunk back before it is done, so that the next run need not wait for the lease to end."""
    ImportChunk.objects.filter(pk=lease.chunk.pk, lease_token=lease.token, state="running").update(
        state="pending", lease_owner="", lease_expires_at=None, attempts=0
    )


def forget_attempts(job: DataImportJob) -> None:
    """A new run is a new chance for chunks that were given up."""
    ImportChunk.objects.filter(job=job).exclude(state=ImportChunk.State.DONE).update(attempts=0)


def note_failure(lease: Lease, reason: str) -> None:
    ImportChunk.objects.filter(pk=lease.chunk.pk, lease_token=lease.token).update(last_error=reason)


def set_aside(job_id: int, chunk_id: int, rejections: list[Rejection], *, state: str) -> None:
    """Store records that were not written, by COPY: there may be as many of them as records."""
    if not rejections:
        return
    now = timezone.now().isoformat()
    frame = pl.DataFrame(
        {
            "line": [str(rejection.line) for rejection in rejections],
            "raw": [json.dumps(rejection.raw, ensure_ascii=False) for rejection in rejections],
            "errors": [json.dumps([e.as_dict() for e in r.errors], ensure_ascii=False) for r in rejections],
        }
    ).with_columns(
        job_id=pl.lit(str(job_id)), chunk_id=pl.lit(str(chunk_id)), state=pl.lit(state), now=pl.lit(now)
    )
    frame = frame.select(
        "job_id",
        "chunk_id",
        "line",
        "raw",
        "errors",
        "state",
        created_at=pl.col("now"),
        updated_at=pl.col("now"),
    )
    statement = f"COPY {StagingRecord._meta.db_table} ({', '.join(frame.columns)}) FROM STDIN (FORMAT csv)"
    with connections[ledger_alias()].cursor() as cursor:
        copy_frame(cursor, statement, frame)


def log(
    job: DataImportJob | int, event: str, reason: str = "", *, chunk_id: int | None = None, **details: Any
) -> None:
    job_id = job if isinstance(job, int) else job.pk
    MigrationLog.objects.create(job_id=job_id, chunk_id=chunk_id, event=event, reason=reason, details=details)


def _lock_number(name: str) -> int:
    """A signed 32-bit number, as advisory locks want it."""
    return zlib.crc32(name.encode()) - 2**31
