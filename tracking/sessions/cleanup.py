"""Ends expired sessions once in `CLEANUP_SECONDS` per process, after a request."""

import time

from tracking.conf import conf
from tracking.health import report_fault
from tracking.models import UserSession, database
from tracking.storage.bounded import bounded


class Cleanup:
    """Remembers when this process ends expired sessions next; monotonic seconds."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Wait a full `CLEANUP_SECONDS`, as a new process does."""
        self.next_at = time.monotonic() + conf.CLEANUP_SECONDS

    def run_if_due(self) -> None:
        """End expired sessions if it is time. Never raises."""
        if time.monotonic() < self.next_at:
            return
        self.forget()
        try:
            with bounded(database()):
                UserSession.objects.using(database()).end_expired()
        except Exception as error:
            report_fault("Ending expired sessions", error)
