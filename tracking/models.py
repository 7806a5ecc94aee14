"""The tables: logins, activities, sessions, security alerts, and their deliveries to people.

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
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tracking.naming import index, table
from tracking.queries import AlertQuerySet, DeliveryQuerySet, EventQuerySet, SessionQuerySet
from tracking.words import text_of

USER_AGENT_CHARACTERS = 512
USER = _("user")


class DeviceType(models.TextChoices):
    DESKTOP = "desktop", _("Desktop")
    MOBILE = "mobile", _("Mobile")
    TABLET = "tablet", _("Tablet")
    BOT = "bot", _("Bot")
    OTHER = "other", _("Other")


def keep_without_user(collector: Any, field: Any, rows: Any, using: str) -> None:
    """Set the user of the rows to null when the user is deleted, if tracking's tables are in the same database.

    Django looks for the rows in the user's database. It would not find tracking's tables in a separate one.
    """
    if router.db_for_write(field.model) == using:
        models.SET_NULL(collector, field, rows, using)


# As of Django's own SET_NULL: the rows need not be fetched. It is a private attribute; without it every deletion of a
# user loads that user's events into memory, but no test fails.
keep_without_user.lazy_sub_objs = True  # type: ignore[attr-defined]


def user_key(verbose_name: Any = USER) -> models.ForeignKey[Any, Any]:
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=verbose_name,
        null=True,
        blank=True,
        on_delete=keep_without_user,
        db_constraint=False,
        db_index=False,  # each table has an index that begins with the user
        related_name="+",
    )


class Fingerprint(models.Model):
    """The device and the address that an event came from."""

    device_type = models.CharField(_("device"), max_length=10, choices=DeviceType, default=DeviceType.OTHER)
    browser = models.CharField(_("browser"), max_length=60, blank=True)
    os = models.CharField(_("system"), max_length=60, blank=True)
    ip_address = models.GenericIPAddressField(_("IP address"), null=True, blank=True)

    class Meta:
        abstract = True


class LoginEvent(Fingerprint):
    """An attempt to log in. `evidence` has the counts of its account, device and network just before."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    timestamp = models.DateTimeField(_("time"), default=timezone.now)
    user = user_key()
    identifier = models.CharField(
        _("identifier"),
        max_length=254,
        blank=True,
        help_text=_("The entered name if a user has it; otherwise a keyed hash of what was entered."),
    )
    login_method = models.CharField(_("method"), max_length=40, blank=True)
    second_factor = models.CharField(
        _("second factor"),
        max_length=20,
        blank=True,
        default="",
        db_default="",  # while a new version is rolled out, processes of the old one write rows without it
        help_text=_("The second factor that was passed, or that failed: totp, webauthn …"),
    )
    success = models.BooleanField(_("success"))
    failure_reason = models.CharField(_("reason"), max_length=40, blank=True)
    country = models.CharField(
        _("country"),
        max_length=2,
        blank=True,
        default="",
        db_default="",  # see second_factor
        help_text=_("Where the address was when the event was recorded: two letters of ISO 3166-1."),
    )
    user_agent = models.CharField(_("user agent"), max_length=USER_AGENT_CHARACTERS, blank=True)
    session = models.ForeignKey(
        "UserSession",
        verbose_name=_("session"),
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="logins",
    )
    evidence = models.JSONField(_("evidence"), default=dict, blank=True)

    objects: ClassVar[EventQuerySet[Any]] = EventQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        db_table = table("login_events")
        verbose_name = _("login")
        verbose_name_plural = _("logins")
        indexes = [
            models.Index(F("timestamp").desc(), F("id").desc(), name=index("idx_login_events_time_desc")),
            models.Index("user", F("timestamp").desc(), name=index("idx_login_events_user_time")),
            models.Index("success", F("timestamp").desc(), name=index("idx_login_events_success_time")),
            models.Index("ip_address", F("timestamp").desc(), name=index("idx_login_events_ip_time")),
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
        values = {"who": self.identifier or gettext("Unknown user"), "reason": text_of(self.failure_reason)}
        text = gettext("%(who)s logged in") if self.success else gettext("%(who)s was refused (%(reason)s)")
        return text % values


class UserSession(Fingerprint):
    """A session from login to its end.

    Its id is stored in the session's own data, so it survives a change of the session key. The key itself is stored
    only as a keyed hash.
    """

    class EndReason(models.TextChoices):
        LOGOUT = "logout", _("Logged out")
        EXPIRED = "expired", _("Expired")
        PASSWORD_CHANGE = "password_change", _("Password changed")
        DEACTIVATED = "deactivated", _("Account deactivated")
        ENDED_BY_OWNER = "ended_by_owner", _("Ended by its owner")
        ENDED_BY_ADMIN = "ended_by_admin", _("Ended by an administrator")

    # Ends that Django does not know of, so the middleware enforces them. Of a session that acts as somebody else it
    # knows no end at all: it looks at the password and the activity of the other user.
    REVOKED: ClassVar[tuple[str, ...]] = (EndReason.ENDED_BY_OWNER, EndReason.ENDED_BY_ADMIN)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = user_key()
    acting_as = user_key(_("acting as"))
    key_hash = models.CharField(max_length=64, null=True, editable=False)  # noqa: DJ001 (null: not known yet)
    login_method = models.CharField(_("method"), max_length=40, blank=True)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    last_seen_at = models.DateTimeField(_("last seen"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    end_reason = models.CharField(_("ended by"), max_length=20, choices=EndReason, blank=True)

    objects: ClassVar[SessionQuerySet] = SessionQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        db_table = table("user_sessions")
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
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
                "ended_at", condition=Q(acting_as__isnull=False), name=index("idx_user_sessions_acting")
            ),
            models.Index(
                F("started_at").desc(), F("id").desc(), name=index("idx_user_sessions_started_desc")
            ),
        ]

    def __str__(self) -> str:
        values = {
            "browser": self.browser or gettext("unknown browser"),
            "os": self.os or gettext("unknown system"),
        }
        return gettext("%(browser)s on %(os)s") % values

    @property
    def is_open(self) -> bool:
        return self.ended_at is None and self.expires_at > timezone.now()

    def end(self, reason: str) -> bool:
        """End the session on every process, with any session engine. Returns False if it had already ended."""
        return bool(type(self).objects.filter(pk=self.pk).end(reason))


class ActivityLog(models.Model):
    """An action of a user on an entity. `entity_type` is the label of a model, or any name that the site chooses."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    timestamp = models.DateTimeField(_("time"), default=timezone.now)
    user = user_key()
    action = models.CharField(_("action"), max_length=100)
    entity_type = models.CharField(_("type of entity"), max_length=100, blank=True)
    entity_id = models.CharField(_("id of entity"), max_length=64, blank=True)
    metadata = models.JSONField(_("metadata"), default=dict, blank=True, encoder=DjangoJSONEncoder)

    objects: ClassVar[EventQuerySet[Any]] = EventQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        db_table = table("activity_logs")
        verbose_name = _("activity")
        verbose_name_plural = _("activities")
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
    """A suspected attack, with its evidence, and what people did about it."""

    class Kind(models.TextChoices):
        FAILURE_BURST = "failure_burst", _("Burst of failures")
        SPRAYING = "spraying", _("Spraying")
        SUCCESS_AFTER_BURST = "success_after_burst", _("Login after a burst")
        IMPOSSIBLE_TRAVEL = "impossible_travel", _("Impossible travel")
        NEW_COUNTRY = "new_country", _("New country")
        NEW_DEVICE = "new_device", _("New device")
        REPORTED = "reported", _("Reported by the person")

    class Severity(models.TextChoices):
        HIGH = "high", _("High")
        MEDIUM = "medium", _("Medium")
        LOW = "low", _("Low")

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        ACKNOWLEDGED = "acknowledged", _("Acknowledged")
        RESOLVED = "resolved", _("Resolved")
        MUTED = "muted", _("Muted")

    # Of the kinds that are not medium: high where somebody may have got in, low where a person has just bought a
    # telephone.
    SEVERITIES: ClassVar[dict[str, Severity]] = {
        Kind.SUCCESS_AFTER_BURST: Severity.HIGH,
        Kind.IMPOSSIBLE_TRAVEL: Severity.HIGH,
        Kind.REPORTED: Severity.HIGH,
        Kind.NEW_DEVICE: Severity.LOW,
    }
    # States in which nobody has to act any more.
    CLOSED: ClassVar[tuple[str, ...]] = (State.RESOLVED, State.MUTED)

    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    timestamp = models.DateTimeField(_("time"), default=timezone.now)
    user = user_key()
    identifier = models.CharField(_("identifier"), max_length=254, blank=True)
    ip_address = models.GenericIPAddressField(_("IP address"), null=True, blank=True)
    evidence = models.JSONField(_("evidence"), default=dict)
    event = models.ForeignKey(
        LoginEvent,
        verbose_name=_("login"),
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="alerts",
    )
    occasion = models.CharField(
        _("occasion"),
        max_length=64,
        unique=True,
        editable=False,
        help_text=_("The deduplication key: at most one alert has it."),
    )
    state = models.CharField(
        _("state"), max_length=12, choices=State, default=State.OPEN, db_default=State.OPEN
    )
    note = models.TextField(_("note"), blank=True, default="", db_default="")
    handled_by = user_key(_("handled by"))
    handled_at = models.DateTimeField(_("handled"), null=True, blank=True)

    objects: ClassVar[AlertQuerySet] = AlertQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        db_table = table("security_alerts")
        verbose_name = _("security alert")
        verbose_name_plural = _("security alerts")
        indexes = [
            models.Index(F("timestamp").desc(), F("id").desc(), name=index("idx_security_alerts_time_desc")),
            models.Index("user", F("timestamp").desc(), name=index("idx_security_alerts_user_time")),
        ]

    def __str__(self) -> str:
        is_of_network = self.kind == self.Kind.SPRAYING or not self.identifier
        return f"{self.get_kind_display()}: {self.ip_address if is_of_network else self.identifier}"

    @classmethod
    def severity_of(cls, kind: str) -> "SecurityAlert.Severity":
        return cls.SEVERITIES.get(kind, cls.Severity.MEDIUM)

    @property
    def severity(self) -> "SecurityAlert.Severity":
        return self.severity_of(self.kind)


class AlertChannel(models.Model):
    """A way to people that is switched on. Alerts from before `since` are not sent.

    The first pass of the sender after it was switched on writes the row, and the first one after it was switched off
    deletes it.
    """

    class Name(models.TextChoices):
        WEBHOOK = "webhook", _("Webhook")
        MAIL = "mail", _("Mail")
        PERSON = "person", _("Mail to the person")

    name = models.CharField(_("channel"), max_length=10, choices=Name, primary_key=True)
    since = models.DateTimeField(_("since"), default=timezone.now)

    class Meta:
        db_table = table("alert_channels")
        default_permissions = ()  # people see it at the alert
        verbose_name = _("alert channel")
        verbose_name_plural = _("alert channels")

    def __str__(self) -> str:
        return str(self.get_name_display())


class AlertDelivery(models.Model):
    """What one channel has to tell people about an alert. It names nobody: the sender looks up whom to tell.

    `next_attempt_at` is also the lease: a sender that takes the delivery moves it beyond the time that sending takes.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("Pending")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")
        SKIPPED = "skipped", _("Not needed")

    # Channels that may be told twice.
    REPEATABLE: ClassVar[tuple[str, ...]] = (AlertChannel.Name.WEBHOOK, AlertChannel.Name.MAIL)

    # The same for each attempt, so that a receiver recognises a repetition.
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # As of the other tables, there is no constraint: retention and erasure delete alerts without looking here.
    alert = models.ForeignKey(
        SecurityAlert,
        verbose_name=_("alert"),
        on_delete=models.CASCADE,
        db_constraint=False,
        db_index=False,  # the unique constraint begins with it
        related_name="deliveries",
    )
    channel = models.CharField(_("channel"), max_length=10, choices=AlertChannel.Name)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    next_attempt_at = models.DateTimeField(_("next attempt"), default=timezone.now)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    last_error = models.CharField(_("last error"), max_length=200, blank=True)

    objects: ClassVar[DeliveryQuerySet] = DeliveryQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        db_table = table("alert_deliveries")
        default_permissions = ()  # people see it at the alert
        verbose_name = _("alert delivery")
        verbose_name_plural = _("alert deliveries")
        constraints = [
            models.UniqueConstraint(fields=("alert", "channel"), name=index("uniq_alert_deliveries")),
        ]
        indexes = [
            models.Index(
                "channel",
                "next_attempt_at",
                condition=Q(state="pending"),
                name=index("idx_alert_deliveries_due"),
            ),
            models.Index("created_at", name=index("idx_alert_deliveries_created")),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()}: {self.get_state_display()}"


def database() -> str:
    """Return the alias of the database that has tracking's tables."""
    return router.db_for_write(LoginEvent)
