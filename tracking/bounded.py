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


@contextlib.contextmanager
def bounded(alias: str) -> Iterator[None]:
    """For the statements of the block. Raises what the database raises, and leaves the connection fit for use."""
    connection = connections[alias]
    inside = connection.in_atomic_block
    needed_rollback = connection.needs_rollback
    try:
        if _takes_several_statements(connection):
            with connection.execute_wrapper(_within_savepoint if inside else _with_lock_timeout):
                yield
        elif inside and connection.vendor == "postgresql":
            with transaction.atomic(using=alias):
                yield
        else:
            yield
    except Exception:
        if not inside:
            connection.close_if_unusable_or_obsolete()
        elif not needed_rollback:
            connection.set_rollback(False)  # only the statement failed, and it has been undone
        raise


def _takes_several_statements(connection: BaseDatabaseWrapper) -> bool:
    """Whether parameters are bound by the client, which leaves the protocol free for several statements at once."""
    if connection.vendor != "postgresql":
        return False
    from django.db.backends.postgresql.psycopg_any import is_psycopg3

    return is_psycopg3 and not connection.settings_dict["OPTIONS"].get("server_side_binding")


Execute = Callable[..., Any]


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
        "SELECT set_config('tracking.lock_timeout', current_setting('lock_timeout'), true), "
        f"set_config('lock_timeout', '{int(conf.LOCK_TIMEOUT_MS)}', true); "
        f"{sql}; "
        "SELECT set_config('lock_timeout', current_setting('tracking.lock_timeout'), true); "
        f"RELEASE SAVEPOINT {SAVEPOINT}"
    )
    cursor = context["cursor"].cursor
    try:
        result = execute(statements, params, many, context)
    except Exception:
        with contextlib.suppress(Exception):  # the connection itself is gone: nothing to take back
            cursor.execute(f"ROLLBACK TO SAVEPOINT {SAVEPOINT}; RELEASE SAVEPOINT {SAVEPOINT}")
        raise
    cursor.nextset()
    cursor.nextset()
    return result
