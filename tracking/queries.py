"""Querysets of the events and sessions, and the way sessions end."""

from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db import models, transaction
from django.utils import timezone

from tracking.signals import session_ended, sessions_revoked

Event = TypeVar("Event", bound=models.Model)


class EventQuerySet(models.QuerySet[Event], Generic[Event]):
    def of(self, user: Any) -> "EventQuerySet[Event]":
        return self.filter(user=user).order_by("-timestamp", "-id")

    def recent(self, count: int = 100) -> "EventQuerySet[Event]":
        return self.order_by("-timestamp", "-id")[:count]

    def between(self, start: datetime, end: datetime) -> "EventQuerySet[Event]":
        """Return the events from `start` (inclusive) to `end` (exclusive)."""
        return self.filter(timestamp__gte=start, timestamp__lt=end)


class SessionQuerySet(models.QuerySet[Any]):
    def open(self) -> "SessionQuerySet":
        return self.filter(ended_at=None, expires_at__gt=timezone.now())

    def of(self, user: Any) -> "SessionQuerySet":
        return self.filter(user=user).order_by("-started_at")

    def end(self, reason: str, *, at: datetime | None = None) -> int:
        """End the open sessions with one UPDATE, and return how many there were.

        When an owner or an administrator ends them, every process of the site knows within `REVOCATION_SECONDS` of
        the commit.
        """
        now = at or timezone.now()
        is_revocation = reason in self.model.REVOKED  # Django itself knows of the other ends
        unended = self.filter(ended_at=None)
        sessions = list(unended) if session_ended.has_listeners(self.model) else []
        ended = unended.update(ended_at=now, end_reason=reason)

        def announce() -> None:
            if is_revocation:
                sessions_revoked.send_robust(sender=self.model)
            for session in sessions:
                session.ended_at, session.end_reason = now, reason
                session_ended.send_robust(sender=self.model, session=session)

        if ended:
            if is_revocation:
                # For readers in this transaction, such as a test.
                sessions_revoked.send_robust(sender=self.model)
            transaction.on_commit(announce, using=self.db, robust=True)
        return ended

    def end_expired(self, limit: int = 1_000) -> int:
        """End at most `limit` expired sessions, dated at their expiry, and return how many there were."""
        overdue: Any = self.filter(ended_at=None, expires_at__lte=timezone.now()).order_by("expires_at")
        rows = list(overdue[:limit])
        if not rows:
            return 0
        ended = self.filter(pk__in=[row.pk for row in rows], ended_at=None)
        number = ended.update(ended_at=models.F("expires_at"), end_reason="expired")
        for row in rows:
            row.ended_at, row.end_reason = row.expires_at, "expired"
            session_ended.send_robust(sender=self.model, session=row)
        return number


class AlertQuerySet(models.QuerySet[Any]):
    def pending(self) -> "AlertQuerySet":
        """Return the alerts that nobody has resolved or muted."""
        return self.exclude(state__in=self.model.CLOSED)

    def of_severity(self, severity: str) -> "AlertQuerySet":
        kinds = [kind for kind in self.model.Kind if self.model.severity_of(kind) == severity]
        return self.filter(kind__in=kinds)

    def move(self, state: str, *, by: Any) -> list[Any]:
        """Put the alerts into a state, in the name of a user, and return the keys of those that were in another."""
        with transaction.atomic(using=self.db):
            others = self.exclude(state=state).order_by("pk").select_for_update()
            keys = list(others.values_list("pk", flat=True))
            moved = self.model._default_manager.using(self.db).filter(pk__in=keys)
            moved.update(state=state, handled_by=by, handled_at=timezone.now())
        return keys

    def handle(self, alert: Any, *, state: str, note: str, by: Any) -> bool:
        """Write what a person decided about an alert; False if somebody else did so since the alert was read."""
        unchanged = self.filter(pk=alert.pk, handled_at=alert.handled_at)
        return unchanged.update(state=state, note=note, handled_by=by, handled_at=timezone.now()) == 1


class DeliveryQuerySet(models.QuerySet[Any]):
    def due(self, channel: str) -> "DeliveryQuerySet":
        """Return the deliveries of a channel whose turn it is, the longest waiting first, with their alerts."""
        pending = self.filter(channel=channel, state=self.model.State.PENDING)
        due = pending.filter(next_attempt_at__lte=timezone.now())
        return due.select_related("alert").order_by("next_attempt_at", "pk")

    def take(self, delivery: Any, *, until: datetime) -> bool:
        """Take a delivery that was due, for this sender alone; False if another sender was faster.

        Until then nobody else takes it. A sender that dies meanwhile leaves it to the next one after that moment.
        """
        seen = self.filter(
            pk=delivery.pk, state=self.model.State.PENDING, next_attempt_at=delivery.next_attempt_at
        )
        if seen.update(next_attempt_at=until, attempts=models.F("attempts") + 1) != 1:
            return False
        delivery.next_attempt_at, delivery.attempts = until, delivery.attempts + 1
        return True

    def held(self, delivery: Any) -> "DeliveryQuerySet":
        """Return the delivery as long as the sender that took it still has it."""
        return self.filter(
            pk=delivery.pk, state=self.model.State.PENDING, next_attempt_at=delivery.next_attempt_at
        )

    def send_again(self) -> int:
        """Send what was sent or has failed once more. People who were told about a device are not told again."""
        State = self.model.State  # noqa: N806
        again = models.Q(state=State.FAILED) | models.Q(state=State.SENT, channel__in=self.model.REPEATABLE)
        return self.filter(again).update(
            state=State.PENDING, attempts=0, next_attempt_at=timezone.now(), last_error="", sent_at=None
        )
