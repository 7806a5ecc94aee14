"""Whether a pooler that keeps no sessions stands before the database, which an import cannot work through.

Who holds a job, and which workers live, is known by locks of sessions (`importer.ledger`). A pooler of transactions, as
PgBouncer in that mode, leaves them behind on a connection of its own: nobody has the job, and nobody gets it any more.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

# Between two of our questions a stranger may take the connection that we look for.
LOOKS = 3


def pools_transactions(connection: BaseDatabaseWrapper) -> bool:
    """Whether each transaction may get another connection of the server's.

    A pooler tells its client a number of its own in place of the server process's. One of transactions gives another
    client the server's process that we have just used; one of sessions keeps it for us.
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
    """The number of the server's process that answers, as it says itself: a pooler tells another one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])
