"""The four tables: logins, activities, sessions and security alerts.

Foreign keys to users have no constraint in the database, for two reasons: an event is kept, and a spooled one can be
written, after its user was deleted; and no login waits for a lock on the row of its user.
"""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models, router
from django.db.models import F, Q
from django.utils import timezone

from tracking.naming import index, table
from tracking.queries import EventQuerySet, SessionQuerySet

USER_AGENT_CHARACTERS = 512


class DeviceType(models.TextChoices):
    DESKTOP = "desktop"
    MOBILE = "mobile"
    TABLET = "tablet"
    BOT = "bot"
    OTHER = "other"


def keep_without_user(collector: Any, field: Any, rows: Any, using: str) -> None:
    """Set the user of the rows to null when the user is deleted, if tracking's tables are in the same database.

    Django looks for the rows in the user's database. It would not find tracking's tables in a separate one.
    """
    if router.db_for_write(field.model) == using:
        models.SET_NULL(collector, field, rows, using)


# As of Django's own SET_NULL: the rows need not be fetched. It is a private attribute; without it every deletion of a
# user loads that user's events into memory, but no test fails.
keep_without_user.lazy_sub_objs = True  # type: ignore[attr-defined]


def user_key() -> models.ForeignKey[Any, Any]:
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=keep_without_user,
        db_constraint=False,
        db_index=False,  # each table has an index that begins with the user
        related_name="+",
    )


class Fingerprint(models.Model):
    """The device and the address that an event came from."""

    device_type = models.CharField(max_length=10, choices=DeviceType, default=DeviceType.OTHER)
    browser = models.CharField(max_length=60, blank=True)
    os = models.CharField(max_length=60, blank=True)
    ip_address = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        abstract = True


class UserSession(Fingerprint):
    """A session from login to its end.

    Its id is stored in the session's own data, so it survives a change of the session key. The key itself is stored
    only as a keyed hash.
    """

    class EndReason(models.TextChoices):
        LOGOUT = "logout", "Logged out"
        EXPIRED = "expired", "Expired"
        PASSWORD_CHANGE = "password_change", "Password changed"
        DEACTIVATED = "deactivated", "Account deactivated"
        ENDED_BY_OWNER = "ended_by_owner", "Ended by its owner"
        ENDED_BY_ADMIN = "ended_by_admin", "Ended by an administrator"

    # Ends that Django does not know of, so the middleware enforces them.
    REVOKED: ClassVar[tuple[str, ...]] = (EndReason.ENDED_BY_OWNER, EndReason.ENDED_BY_ADMIN)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = user_key()
    key_hash = models.CharField(max_length=64, null=True, editable=False)  # noqa: DJ001 (null: not known yet)
    login_method = models.CharField(max_length=40, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=20, choices=EndReason, blank=True)

    objects: ClassVar[SessionQuerySet] = SessionQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        db_table = table("user_sessions")
        verbose_name = "session"
        permissions = [("end_usersession", "Can end sessions of others")]
        indexes = [
            # No index on `last_seen_at`: a touch then changes no index, and costs PostgreSQL one small tuple.
            models.Index(
                "user",
                F("started_at").desc(),
                condition=Q(ended_at=None),
                name=index("idx_user_sessions_open_user"),
            ),
            models.Index(
                "expires_at", condition=Q(ended_at=None), name=index("idx_user_sessions_open_expiry")
            ),
            models.Index(
                "key_hash",
                condition=Q(ended_at=None),
                name=index("idx_user_sessions_open_key"),
            ),
            models.Index(
                "ended_at",
                condition=Q(end_reason__in=["ended_by_owner", "ended_by_admin"]),
                name=index("idx_user_sessions_revoked"),
            ),
            models.Index(
                F("started_at").desc(), F("id").desc(), name=index("idx_user_sessions_started_desc")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.browser or 'unknown browser'} on {self.os or 'unknown system'}"

    @property
    def is_open(self) -> bool:
        return self.ended_at is None and self.expires_at > timezone.now()

    def end(self, reason: str) -> bool:
        """End the session on every process, with any session engine. Returns False if it had already ended."""
        return bool(type(self).objects.filter(pk=self.pk).end(reason))


class LoginEvent(Fingerprint):
    """An attempt to log in. `evidence` has the counts of its account, device and network just before."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    timestamp = models.DateTimeField(default=timezone.now)
    user = user_key()
    identifier = models.CharField(
        max_length=254,
        blank=True,
        help_text="The entered name if a user has it; otherwise a keyed hash of what was entered.",
    )
    login_method = models.CharField(max_length=40, blank=True)
    second_factor = models.CharField(
        max_length=20,
        blank=True,
        default="",
        db_default="",  # while a new version is rolled out, processes of the old one write rows without it
        help_text="The second factor that was passed, or that failed: totp, webauthn …",
    )
    success = models.BooleanField()
    failure_reason = models.CharField(max_length=40, blank=True)
    user_agent = models.CharField(max_length=USER_AGENT_CHARACTERS, blank=True)
    session = models.ForeignKey(
        UserSession,
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="logins",
    )
    evidence = models.JSONField(default=dict, blank=True)

    objects: ClassVar[EventQuerySet[Any]] = EventQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        db_table = table("login_events")
        verbose_name = "login"
        indexes = [
            models.Index(F("timestamp").desc(), F("id").desc(), name=index("idx_login_events_time_desc")),
            models.Index("user", F("timestamp").desc(), name=index("idx_login_events_user_time")),
            models.Index("success", F("timestamp").desc(), name=index("idx_login_events_success_time")),
            models.Index(
                "identifier",
                F("timestamp").desc(),
                condition=Q(success=False),
                name=index("idx_login_failures_identifier"),
            ),
            models.Index(
                "ip_address",
                F("timestamp").desc(),
                condition=Q(success=False),
                name=index("idx_login_failures_ip"),
            ),
        ]

    def __str__(self) -> str:
        outcome = "logged in" if self.success else f"was refused ({self.failure_reason})"
        return f"{self.identifier or 'Unknown user'} {outcome}"


class ActivityLog(models.Model):
    """An action of a user on an entity. `entity_type` is the label of a model, or any name that the site chooses."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    timestamp = models.DateTimeField(default=timezone.now)
    user = user_key()
    action = models.CharField(max_length=100)
    entity_type = models.CharField(max_length=100, blank=True)
    entity_id = models.CharField(max_length=64, blank=True)
    metadata = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)

    objects: ClassVar[EventQuerySet[Any]] = EventQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        db_table = table("activity_logs")
        verbose_name = "activity"
        verbose_name_plural = "activities"
        indexes = [
            models.Index(F("timestamp").desc(), F("id").desc(), name=index("idx_activity_logs_time_desc")),
            models.Index("user", F("timestamp").desc(), name=index("idx_activity_logs_user_time")),
            models.Index(
                "entity_type", "entity_id", F("timestamp").desc(), name=index("idx_activity_logs_entity_time")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.entity_type} {self.entity_id}".strip()


class SecurityAlert(models.Model):
    """A suspected attack, with its evidence. The site decides what to do about it."""

    class Kind(models.TextChoices):
        FAILURE_BURST = "failure_burst", "Burst of failures"
        SPRAYING = "spraying", "Spraying"
        SUCCESS_AFTER_BURST = "success_after_burst", "Login after a burst"
        NEW_DEVICE = "new_device", "New device"

    kind = models.CharField(max_length=20, choices=Kind)
    timestamp = models.DateTimeField(default=timezone.now)
    user = user_key()
    identifier = models.CharField(max_length=254, blank=True)
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    evidence = models.JSONField(default=dict)
    event = models.ForeignKey(
        LoginEvent,
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="alerts",
    )
    occasion = models.CharField(
        max_length=64,
        unique=True,
        editable=False,
        help_text="The deduplication key: at most one alert has it.",
    )

    class Meta:
        db_table = table("security_alerts")
        verbose_name = "security alert"
        indexes = [
            models.Index(F("timestamp").desc(), F("id").desc(), name=index("idx_security_alerts_time_desc")),
            models.Index("user", F("timestamp").desc(), name=index("idx_security_alerts_user_time")),
        ]

    def __str__(self) -> str:
        is_of_network = self.kind == self.Kind.SPRAYING or not self.identifier
        return f"{self.get_kind_display()}: {self.ip_address if is_of_network else self.identifier}"


def database() -> str:
    """Return the alias of the database that has tracking's tables."""
    return router.db_for_write(LoginEvent)
