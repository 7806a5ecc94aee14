"""Detects a transaction pooler before the database, through which an import cannot work.

Session locks tell who holds a job and which workers live (`importer.ledger`). A transaction pooler, such as PgBouncer
in that mode, leaves them on a connection of its own: nobody has the job, and nobody can get it any more.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

# Tries. Between two of our queries another client may take the connection that we look for.
LOOKS = 3


def pools_transactions(connection: BaseDatabaseWrapper) -> bool:
    """Tell whether each transaction may get another server process.

    A pooler reports a pid of its own to its clients. A transaction pooler gives the server process that we have just
    used to another client; a session pooler keeps it for us.
    """
    connection.ensure_connection()
    if backend_of(connection) == connection.connection.info.backend_pid:
        return False
    another = connection.copy()
    try:
        return any(backend_of(connection) == backend_of(another) for _ in range(LOOKS))
    finally:
        another.close()


def backend_of(connection: BaseDatabaseWrapper) -> int:
    """Return the pid that the server process itself reports; a pooler reports another one to its clients."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])
