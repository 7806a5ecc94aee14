from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

from tracking.models import UserSession
from tracking.store import database


class Command(BaseCommand):
    help = "Ends sessions that have expired, and those of users who may no longer log in."

    def handle(self, **options: Any) -> None:
        sessions = UserSession.objects.using(database())
        expired = 0
        while ended := sessions.all().end_expired():
            expired += ended
        inactive = get_user_model()._default_manager.filter(is_active=False).values("pk")
        deactivated = sessions.filter(user__in=inactive).end(UserSession.EndReason.DEACTIVATED)
        self.stdout.write(f"Ended {expired:,} expired sessions, {deactivated:,} of users who may not log in.")
