from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

from tracking.models import UserSession, database
from tracking.queries import SessionQuerySet

BATCH = 1_000


class Command(BaseCommand):
    help = "End expired sessions, and sessions of inactive users."

    def handle(self, **options: Any) -> None:
        sessions = UserSession.objects.using(database())
        expired = 0
        while ended := sessions.all().end_expired():
            expired += ended
        deactivated = self.end_sessions_of_inactive_users(sessions)
        self.stdout.write(
            f"Ended {expired:,} expired sessions, and {deactivated:,} sessions of inactive users."
        )

    def end_sessions_of_inactive_users(self, sessions: SessionQuerySet) -> int:
        """End them in two steps, because users may be in another database."""
        model: Any = get_user_model()
        if not any(f.name == "is_active" for f in model._meta.concrete_fields):
            return 0
        ended, last = 0, None
        while True:
            unended = sessions.filter(ended_at=None, user__isnull=False).order_by("user").distinct()
            later = unended if last is None else unended.filter(user__gt=last)
            users = list(later.values_list("user", flat=True)[:BATCH])
            if not users:
                return ended
            last = users[-1]
            inactive = list(
                model._default_manager.filter(pk__in=users, is_active=False).values_list("pk", flat=True)
            )
            ended += (
                sessions.filter(user__in=inactive).end(UserSession.EndReason.DEACTIVATED) if inactive else 0
            )
