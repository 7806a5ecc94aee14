"""Database access that can neither hold up nor break what it stands beside.

A statement waits for locks no longer than `LOCK_TIMEOUT_MS`, and where it fails within a transaction of somebody else,
that transaction stays sound. On PostgreSQL all this travels with the statement itself, in one round trip: a login
pays for no SET, no SAVEPOINT and no RELEASE of their own.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from tracking.conf import conf

SAVEPOINT = "tracking_bounded"
SQLITE_SECONDS = 5.0  # what Python's sqlite3 waits where the site says nothing


@contextlib.contextmanager
def bounded(alias: str) -> Iterator[None]:
    """For the statements of the block. Raises what the database raises, and leaves the connection fit for use."""
    connection = connections[alias]
    inside = connection.in_atomic_block
    needed_rollback = connection.needs_rollback
    try:
        with _bounds(connection, inside=inside):
            yield
    except Exception:
        if not inside:
            connection.close_if_unusable_or_obsolete()
        elif not needed_rollback:
            connection.set_rollback(False)  # only the statement failed, and it has been undone
        raise


def _bounds(connection: BaseDatabaseWrapper, *, inside: bool) -> contextlib.AbstractContextManager[None]:
    if connection.vendor == "sqlite":
        return _short_busy_timeout(connection)
    if connection.vendor != "postgresql":
        return transaction.atomic(using=connection.alias) if inside else contextlib.nullcontext()
    if not _takes_several_statements(connection):
        return _statements_of_their_own(connection)
    return connection.execute_wrapper(_within_savepoint if inside else _with_lock_timeout)


def _takes_several_statements(connection: BaseDatabaseWrapper) -> bool:
    """Whether parameters are bound by the client, which leaves the protocol free for several statements at once."""
    from django.db.backends.postgresql.psycopg_any import is_psycopg3

    return is_psycopg3 and not connection.settings_dict["OPTIONS"].get("server_side_binding")


Execute = Callable[..., Any]
REMEMBER = "SELECT set_config('tracking.lock_timeout', current_setting('lock_timeout'), true), "
RESTORE = "SELECT set_config('lock_timeout', current_setting('tracking.lock_timeout'), true)"


def _with_lock_timeout(execute: Execute, sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Outside a transaction the statements of one message are a transaction of their own, to which the SET is local."""
    if many:
        return execute(sql, params, many, context)
    result = execute(f"SET LOCAL lock_timeout = {int(conf.LOCK_TIMEOUT_MS)}; {sql}", params, many, context)
    context["cursor"].cursor.nextset()
    return result


def _within_savepoint(execute: Execute, sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """The savepoint takes back a failure; the caller's own lock_timeout is put back in either case."""
    if many:
        return execute(sql, params, many, context)
    statements = (
        f"SAVEPOINT {SAVEPOINT}; "
        f"{REMEMBER} set_config('lock_timeout', '{int(conf.LOCK_TIMEOUT_MS)}', true); "
        f"{sql}; {RESTORE}; RELEASE SAVEPOINT {SAVEPOINT}"
    )
    cursor = context["cursor"].cursor
    try:
        result = execute(statements, params, many, context)
    except Exception:
        # A value that the client cannot send fails before the savepoint is set; then there is nothing to take back.
        if _has_failed(cursor.connection):
            cursor.execute(f"ROLLBACK TO SAVEPOINT {SAVEPOINT}; RELEASE SAVEPOINT {SAVEPOINT}")
        raise
    cursor.nextset()
    cursor.nextset()
    return result


def _has_failed(connection: Any) -> bool:
    from psycopg.pq import TransactionStatus

    return bool(connection.info.transaction_status == TransactionStatus.INERROR)


@contextlib.contextmanager
def _statements_of_their_own(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """With `server_side_binding`, or psycopg 2: dearer, and just as bounded."""
    with transaction.atomic(using=connection.alias):
        with connection.cursor() as cursor:
            cursor.execute(f"{REMEMBER} set_config('lock_timeout', '{int(conf.LOCK_TIMEOUT_MS)}', true)")
        yield
        with connection.cursor() as cursor:
            cursor.execute(RESTORE)


@contextlib.contextmanager
def _short_busy_timeout(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """SQLite undoes a failed statement by itself; its patience is the connection's, and set below Django's log."""
    connection.ensure_connection()
    usual = float(connection.settings_dict["OPTIONS"].get("timeout", SQLITE_SECONDS))
    _be_patient(connection, conf.LOCK_TIMEOUT_MS)
    try:
        yield
    finally:
        with contextlib.suppress(Exception):  # the connection itself may be gone
            _be_patient(connection, usual * 1_000)


def _be_patient(connection: BaseDatabaseWrapper, milliseconds: float) -> None:
    connection.connection.execute(f"PRAGMA busy_timeout = {int(milliseconds)}").close()
