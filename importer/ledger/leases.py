"""Assigns chunks to workers, refuses a worker that lost its chunk, and saves progress."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections, transaction
from django.db.models import F, Sum

from importer.conf import conf
from importer.exceptions import LeaseLost
from importer.ledger.figures import ADDITIONS, values_of
from importer.ledger.holds import WORKERS, Owner, lock_number
from importer.models import (
    SETTLEMENT,
    DataImportJob,
    ImportChunk,
    KeyEncoder,
    StagingRecord,
    ledger_alias,
)
from importer.records import FATES, Counts, Position

# A site may have given its tables other names.
CHUNKS, JOBS_TABLE = ImportChunk._meta.db_table, DataImportJob._meta.db_table


@dataclass(frozen=True, slots=True)
class Lease:
    chunk: ImportChunk
    token: int


# Chunks that may be claimed: not begun, or the worker died or is frozen. Without a survey the order of the source
# decides, so a chunk may be claimed only when all chunks before it are done.
FREE = f"""
    c.job_id = %(job)s AND c.state <> 'done'
    AND (c.state = 'pending' OR c.lease_expires_at < clock_timestamp() OR c.lease_owner = ANY(%(dead)s))
    AND (
        (SELECT contested IS NOT NULL FROM {JOBS_TABLE} WHERE id = %(job)s)
        OR NOT EXISTS (
            SELECT 1 FROM {CHUNKS} e
            WHERE e.job_id = c.job_id AND e.number < c.number AND e.state <> 'done'
        )
    )
"""  # noqa: S608 (built from constants)
CLAIM = f"""
    UPDATE {CHUNKS}
    SET state = 'running', lease_owner = %(owner)s, lease_token = lease_token + 1, attempts = attempts + 1,
        lease_expires_at = clock_timestamp() + %(lease)s * interval '1 second'
    WHERE id = (
        SELECT c.id FROM {CHUNKS} c
        WHERE {FREE} AND (%(chunk)s::bigint IS NULL OR c.id = %(chunk)s)
        ORDER BY c.number
        FOR UPDATE SKIP LOCKED
        LIMIT 1
    )
    RETURNING id, lease_token
"""  # noqa: S608 (built from constants)


def claim(job: DataImportJob, owner: Owner, *, chunk_id: int | None = None) -> Lease | None:
    """Claim the next free chunk (or `chunk_id`) and get a new token. None: no chunk is free at the moment."""
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


# Compares with the server's clock, because the coordinator's may differ.
ATTENDED = """
    c.job_id = %(job)s AND c.state = 'running'
    AND c.lease_expires_at >= clock_timestamp() AND c.lease_owner <> ALL(%(dead)s)
"""


def unattended_chunks(job: DataImportJob) -> list[int]:
    """Return the ids of the chunks that may be claimed, in order."""
    return _chunks(job, FREE)


def attended(job: DataImportJob) -> int:
    """Return how many chunks a living worker has."""
    return len(_chunks(job, ATTENDED))


def _chunks(job: DataImportJob, condition: str) -> list[int]:
    with transaction.atomic(using=ledger_alias()), connections[ledger_alias()].cursor() as cursor:
        parameters: dict[str, Any] = {"job": job.pk, "dead": _dead_owners(cursor, job, None)}
        cursor.execute(
            f"SELECT c.id FROM {CHUNKS} c WHERE {condition} ORDER BY c.number",  # noqa: S608
            parameters,
        )
        return [chunk_id for (chunk_id,) in cursor.fetchall()]


def has_open_chunks(job: DataImportJob) -> bool:
    return ImportChunk.objects.filter(job=job).exclude(state=ImportChunk.State.DONE).exists()


def committed_batches(job: DataImportJob) -> int:
    """Return how many batches all runs of the job have committed."""
    return ImportChunk.objects.filter(job=job).aggregate(sum=Sum("batches"))["sum"] or 0


def _dead_owners(cursor: Any, job: DataImportJob, me: Owner | None) -> list[str]:
    """Return the owners whose connection is gone. We can take their locks; we keep them until the transaction ends."""
    cursor.execute(
        f"SELECT DISTINCT lease_owner FROM {CHUNKS} WHERE job_id = %s AND state = 'running'",  # noqa: S608
        [job.pk],
    )
    dead = []
    for (name,) in cursor.fetchall():
        if me is not None and name == me.name:
            dead.append(name)  # our own lease, from before a lost connection
            continue
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [WORKERS, lock_number(name)])
        if cursor.fetchone()[0]:
            dead.append(name)
    return dead


def fence(lease: Lease) -> None:
    """Lock the chunk, prove that it is still ours, and renew the lease. Call it first in a batch's transaction.

    Raises LeaseLost if another worker has taken over.
    """
    with connections[ledger_alias()].cursor() as cursor:
        cursor.execute(
            f"UPDATE {CHUNKS} SET lease_expires_at = clock_timestamp() + %s * interval '1 second' "  # noqa: S608
            "WHERE id = %s AND lease_token = %s AND state = 'running'",
            [conf.LEASE_SECONDS, lease.chunk.pk, lease.token],
        )
        if cursor.rowcount != 1:
            raise LeaseLost(f"Another worker took over the lease of {lease.chunk}.")


def advance(lease: Lease, end: Position, counts: Counts, *, done: bool, gathered: int = 0) -> bool:
    """Move the cursor and the counters, in the transaction that wrote the records. True: the job was asked to stop.

    `gathered` is added to the records that wait for their fate. Raises LeaseLost.
    """
    values: dict[str, Any] = values_of(counts) | {
        "chunk": lease.chunk.pk,
        "token": lease.token,
        "offset": end.offset,
        "line": end.line,
        "key": None if end.key is None else json.dumps(end.key, cls=KeyEncoder),
        "state": "done" if done else "running",
        "gathered": gathered,
    }
    with connections[ledger_alias()].cursor() as cursor:
        cursor.execute(
            f"UPDATE {CHUNKS} SET committed_offset = %(offset)s, committed_line = %(line)s, "  # noqa: S608
            f"committed_key = %(key)s::jsonb, state = %(state)s, attempts = 1, batches = batches + 1, "
            f"gathered = gathered + %(gathered)s, {ADDITIONS} "
            f"WHERE id = %(chunk)s AND lease_token = %(token)s "
            f"RETURNING (SELECT stop_requested FROM {JOBS_TABLE} WHERE id = job_id)",
            values,
        )
        row = cursor.fetchone()
    if row is None:
        raise LeaseLost(f"Another worker took over the lease of {lease.chunk}.")
    return bool(row[0])


def release(lease: Lease) -> None:
    """Give a chunk back before it is done, so that the next run need not wait until the lease expires."""
    ImportChunk.objects.filter(pk=lease.chunk.pk, lease_token=lease.token, state="running").update(
        state="pending", lease_owner="", lease_expires_at=None, attempts=0
    )


def forget_attempts(job: DataImportJob) -> None:
    """Reset the attempts of unfinished chunks, so that a new run tries them again."""
    ImportChunk.objects.filter(job=job).exclude(state=ImportChunk.State.DONE).update(attempts=0)


def open_all(job: DataImportJob, **values: Any) -> None:
    """Let all chunks be claimed from their beginning. A worker that still has one of them loses its lease."""
    ImportChunk.objects.filter(job=job, number__gt=SETTLEMENT).update(
        state=ImportChunk.State.PENDING,
        committed_offset=F("start_offset"),
        committed_line=F("first_line"),
        committed_key=None,
        lease_owner="",
        lease_expires_at=None,
        attempts=0,
        **values,
    )


def begin_anew(job: DataImportJob) -> None:
    """Forget what was read of the source, in the transaction that removes the rows. The plan stays."""
    open_all(job, batches=0, gathered=0, **dict.fromkeys(FATES, 0))
    StagingRecord.objects.filter(job=job).delete()


def note_failure(lease: Lease, reason: str) -> None:
    ImportChunk.objects.filter(pk=lease.chunk.pk, lease_token=lease.token).update(last_error=reason)


def add_chunks(chunks: Sequence[ImportChunk]) -> None:
    """Add the chunks of a plan, in the transaction that saves the plan."""
    ImportChunk.objects.bulk_create(chunks, batch_size=1_000)


def forget_failures(jobs: Any) -> None:
    """Empty the last errors of these jobs' chunks."""
    ImportChunk.objects.filter(job__in=jobs).exclude(last_error="").update(last_error="")
