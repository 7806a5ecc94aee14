"""Bounds database statements, so that they can neither delay nor break the site's own work.

A statement waits for locks no longer than `LOCK_TIMEOUT_MS`. If it fails in a transaction of the site, that transaction
stays usable. On PostgreSQL, the bounds travel with the statement itself in one round trip: a login does not pay for a
separate SET, SAVEPOINT and RELEASE.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from tracking.conf import conf

SAVEPOINT = "tracking_bounded"
IN_ERROR = 3  # libpq's PQTRANS_INERROR
SQLITE_SECONDS = 5.0  # the default timeout of Python's sqlite3


@contextlib.contextmanager
def bounded(alias: str) -> Iterator[None]:
    """Bound the statements of the block. Raises what the database raises, and leaves the connection usable.

    `in_atomic_block` and `needs_rollback` are undocumented; without them we could not tell a transaction of the site
    that is already broken from one that our statement broke. tests/tracking/suite/suite_faults.py breaks first.
    """
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
            connection.set_rollback(False)  # only the statement failed, and it was rolled back
        raise


@contextlib.contextmanager
def bounded_together(alias: str) -> Iterator[None]:
    """Bound many statements that succeed or fail together, in one transaction."""
    connection = connections[alias]
    with transaction.atomic(using=alias):
        if connection.vendor != "postgresql":
            with _bounds(connection, inside=True):
                yield
            return
        with connection.cursor() as cursor:
            cursor.execute(f"{REMEMBER} set_config('lock_timeout', '{int(conf.LOCK_TIMEOUT_MS)}', true)")
        yield
        with connection.cursor() as cursor:
            cursor.execute(RESTORE)


def _bounds(connection: BaseDatabaseWrapper, *, inside: bool) -> contextlib.AbstractContextManager[None]:
    if connection.vendor == "sqlite":
        return _short_busy_timeout(connection)
    if connection.vendor != "postgresql":
        return transaction.atomic(using=connection.alias) if inside else contextlib.nullcontext()
    if connection.settings_dict["OPTIONS"].get("server_side_binding"):
        # The protocol then accepts one statement at a time: the same effect for more round trips.
        return bounded_together(connection.alias)
    return connection.execute_wrapper(_within_savepoint if inside else _with_lock_timeout)


def _has_results_of_each() -> bool:
    """Tell whether the client keeps the results of all statements of a message; psycopg 2 keeps the last one's.

    `is_psycopg3` is undocumented. tests/tracking/suite/suite_logins.py breaks first: it counts the queries of a login.
    """
    from django.db.backends.postgresql.psycopg_any import is_psycopg3

    return bool(is_psycopg3)


Execute = Callable[..., Any]
REMEMBER = "SELECT set_config('tracking.lock_timeout', current_setting('lock_timeout'), true), "
RESTORE = "SELECT set_config('lock_timeout', current_setting('tracking.lock_timeout'), true)"


def _with_lock_timeout(execute: Execute, sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Add the timeout. Outside a transaction, the statements of a message are one transaction, which bounds the SET."""
    if many:
        return execute(sql, params, many, context)
    result = execute(f"SET LOCAL lock_timeout = {int(conf.LOCK_TIMEOUT_MS)}; {sql}", params, many, context)
    if _has_results_of_each():
        context["cursor"].cursor.nextset()
    return result


def _within_savepoint(execute: Execute, sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Add a savepoint, which undoes a failure, and the timeout. The caller's lock_timeout is restored in any case."""
    if many:
        return execute(sql, params, many, context)
    before = (
        f"SAVEPOINT {SAVEPOINT}; {REMEMBER} set_config('lock_timeout', '{int(conf.LOCK_TIMEOUT_MS)}', true); "
    )
    after = f"{RESTORE}; RELEASE SAVEPOINT {SAVEPOINT}"
    cursor = context["cursor"].cursor
    try:
        if not _has_results_of_each():
            result = execute(before + sql, params, many, context)
            _execute_beside(cursor.connection, after)
            return result
        result = execute(f"{before}{sql}; {after}", params, many, context)
    except Exception:
        # A value that the client cannot send fails before the savepoint is set; then there is nothing to roll back.
        if int(cursor.connection.info.transaction_status) == IN_ERROR:
            _execute_beside(
                cursor.connection, f"ROLLBACK TO SAVEPOINT {SAVEPOINT}; RELEASE SAVEPOINT {SAVEPOINT}"
            )
        raise
    cursor.nextset()
    cursor.nextset()
    return result


def _execute_beside(connection: Any, sql: str) -> None:
    """Execute on a cursor of its own: the other one's rows are not fetched yet."""
    with connection.cursor() as cursor:
        cursor.execute(sql)


@contextlib.contextmanager
def _short_busy_timeout(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Set SQLite's timeout, which belongs to the connection. SQLite rolls back a failed statement by itself.

    The PRAGMA bypasses Django's cursor, so that it is not in the site's query log.
    """
    connection.ensure_connection()
    seconds = float(connection.settings_dict["OPTIONS"].get("timeout", SQLITE_SECONDS))
    _set_busy_timeout(connection, conf.LOCK_TIMEOUT_MS)
    try:
        yield
    finally:
        with contextlib.suppress(Exception):  # the connection itself may be gone
            _set_busy_timeout(connection, seconds * 1_000)


def _set_busy_timeout(connection: BaseDatabaseWrapper, milliseconds: float) -> None:
    connection.connection.execute(f"PRAGMA busy_timeout = {int(milliseconds)}").close()
