"""What waits for the end of a request: events with the transactions that decide about them, and switches of users."""

from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections
from django.http import HttpRequest

from tracking.capture.requester import in_event_loop
from tracking.events import Activity, Event


class Fate:
    """Tells whether the transaction in which an event happened was kept.

    `on_commit` tells: its callback is called when the outermost transaction is committed, dropped when the transaction
    or a savepoint is rolled back, and still pending in a transaction that began before the request (a test's).

    `run_on_commit` is private: Django has no other way to see a pending callback.
    tests/tracking/suite/suite_transactions.py breaks first.
    """

    def __init__(self, alias: str) -> None:
        self.connection = connections[alias]
        # Outside a transaction of Django's, nothing can be rolled back that we could know of.
        self.is_committed = not self.connection.in_atomic_block
        if not self.is_committed:
            self.connection.on_commit(self._commit, robust=True)

    @classmethod
    def of(cls, alias: str) -> "Fate | None":
        """Return the fate of an event that follows this database; None where no transaction can be seen.

        An event loop has no transaction that could be rolled back: Django's are sync.
        """
        return None if not alias or in_event_loop() else cls(alias)

    def _commit(self) -> None:
        self.is_committed = True

    def holds(self) -> bool:
        return self.is_committed or any(entry[1] == self._commit for entry in self.connection.run_on_commit)


@dataclass(slots=True)
class Noted:
    event: Event
    fate: Fate | None  # None: the event is kept even if the transaction is rolled back
    needs_answer: bool = False  # a login that counts only if the view does not refuse it
    session: Any = None  # of a start: the session that began, which need not be the request's in the end

    def holds(self) -> bool:
        return self.fate is None or self.fate.holds()


# The key in a session under which the primary key of an administrator is kept who acts as the session's user.
ACTOR = "_tracking_actor"
STARTED, ENDED = "impersonation.started", "impersonation.ended"


@dataclass(frozen=True, slots=True)
class Switch:
    """An administrator (`actor_id`) begins or ends acting as a user (`user_id`).

    `still` is the primary key of the one who acts as the session's user afterwards; None if nobody does.
    """

    action: str
    actor_id: Any
    user_id: Any
    still: Any = None

    @classmethod
    def start(cls, actor_id: Any, user_id: Any, *, origin: Any = None) -> "Switch":
        """`origin` is the first of several administrators who act as one another."""
        return cls(STARTED, actor_id, user_id, origin if origin is not None else actor_id)

    @property
    def activity(self) -> Activity:
        model: Any = get_user_model()
        return Activity(
            action=self.action,
            user_id=model._meta.pk.to_python(self.actor_id),
            entity_type=model._meta.label_lower,
            entity_id=str(self.user_id),
        )

    @property
    def entered(self) -> Any:
        """The user as whom the session goes on."""
        return self.user_id if self.action == STARTED else self.actor_id


@dataclass(slots=True)
class Notes:
    """What was noted in a request; `token` identifies the session that it came with."""

    request: HttpRequest
    token: str
    noted: list[Noted] = field(default_factory=list)
    switches: list[Switch] = field(default_factory=list)
