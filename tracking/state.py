"""Forgets what this process remembers of sessions, alerts and faults, as in a new process.

What a process remembers, by module:

    health                  counters, and when each kind of fault was last logged
    storage.write           pauses after faults of the database and the stream
    storage.alerts          alerts that were raised
    sessions.memory         sessions that were seen
    sessions.revocations    sessions that were ended
    places                  the open databases of countries
    capture.visit           when expired sessions are ended next
"""

from tracking import health
from tracking.capture.visit import cleanup
from tracking.places import databases
from tracking.sessions.memory import memory
from tracking.sessions.revocations import revocations
from tracking.storage.alerts import raised
from tracking.storage.write import database_pause, stream_pause


def forget() -> None:
    """Forget all of it, for a test or for a process that wants a fresh start.

    Rows, the spool and the stream stay as they are, so no event is lost, and ended sessions are still refused.
    """
    health.forget()
    databases.forget()
    database_pause.forget()
    stream_pause.forget()
    raised.forget()
    memory.forget()
    revocations.forget()
    cleanup.forget()
