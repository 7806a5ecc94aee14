"""Ends expired sessions now and then, in any process that asks the database anyway."""

import time

from tracking.conf import conf
from tracking.health import report_fault
from tracking.models import UserSession, database
from tracking.storage.bounded import bounded


class Cleanup:
    """Sessions that have expired are ended by any process, now and then, when it asks the database anyway."""

    def __init__(self) -> None:
        self.next_at = time.monotonic() + conf.CLEANUP_SECONDS

    def run_if_due(self) -> None:
        if time.monotonic() < self.next_at:
            return
        self.next_at = time.monotonic() + conf.CLEANUP_SECONDS
        try:
            with bounded(database()):
                UserSession.objects.using(database()).end_expired()
        except Exception as error:
            report_fault("Ending expired sessions", error)
