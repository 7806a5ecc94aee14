"""The tables of the roll-ups: counts of logins and activities in several resolutions.

They follow the position in the log, not time: `RollupPosition.last_id` moves in the transaction that adds the events up
to it. So each event is counted once, however late it is committed. See docs/decisions/0011.
"""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models, router
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from analytics.naming import index, table


class Resolution(models.IntegerChoices):
    """The kind of a bucket: a day, or a month by its first day."""

    DAY = 1
    MONTH = 2


class Term(models.Model):
    """A value of a dimension with a small number, so that a row of a roll-up has few bytes. See `rollups.terms`."""

    id = models.SmallAutoField(primary_key=True)
    kind = models.CharField(max_length=12)
    value = models.CharField(max_length=100)

    class Meta:
        db_table = table("analytics_terms")
        constraints = [models.UniqueConstraint(fields=["kind", "value"], name=index("analytics_terms_once"))]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


class RollupPosition(models.Model):
    """How far a log is counted. Each repair changes `generation`, so that cached reports become invalid."""

    log = models.CharField(max_length=12, primary_key=True)
    last_id = models.BigIntegerField(default=0)
    generation = models.IntegerField(default=0)
    time_zone = models.CharField(max_length=64)
    complete_from = models.DateTimeField(
        null=True, help_text="Raw events before it have been deleted; only the roll-ups know of them."
    )
    advanced_at = models.DateTimeField(null=True)

    class Meta:
        db_table = table("rollup_positions")
        default_permissions: ClassVar[tuple[str, ...]] = ()

    def __str__(self) -> str:
        return f"{self.log} up to {self.last_id}"


class LoginSlot(models.Model):
    """Logins of 15 minutes, in UTC. The offset of every zone is a multiple of 15 minutes.

    Each login is counted four times: with its method and device, with either of them as `terms.ANY`, and with both. So
    a report adds up two rows per slot, whatever its filters.
    """

    pk = models.CompositePrimaryKey("method", "device", "slot", "success")
    method = models.SmallIntegerField()
    device = models.SmallIntegerField()
    slot = models.IntegerField(help_text="Seconds since 1970, divided by 900.")
    success = models.BooleanField()
    logins = models.IntegerField()

    class Meta:
        db_table = table("login_slots")


class LoginHour(models.Model):
    """Logins of each hour of a day, or of each hour of a weekday of a month, in local time.

    Each login is counted four times, as in `LoginSlot`.
    """

    pk = models.CompositePrimaryKey("resolution", "method", "device", "bucket", "weekday", "hour", "success")
    resolution = models.SmallIntegerField(choices=Resolution)
    method = models.SmallIntegerField()
    device = models.SmallIntegerField()
    bucket = models.DateField()
    weekday = models.SmallIntegerField(help_text="Monday is 0.")
    hour = models.SmallIntegerField()
    success = models.BooleanField()
    logins = models.IntegerField()

    class Meta:
        db_table = table("login_hours")


class LoginCube(models.Model):
    """Logins of a day or month by every dimension that can be filtered."""

    pk = models.CompositePrimaryKey(
        "resolution", "bucket", "success", "method", "reason", "device", "browser", "os"
    )
    resolution = models.SmallIntegerField(choices=Resolution)
    bucket = models.DateField()
    success = models.BooleanField()
    method = models.SmallIntegerField()
    reason = models.SmallIntegerField()
    device = models.SmallIntegerField()
    browser = models.SmallIntegerField()
    os = models.SmallIntegerField()
    logins = models.IntegerField()

    class Meta:
        db_table = table("login_cubes")


class LoginShare(models.Model):
    """Logins of a day or month by one dimension at a time, for breakdowns without filters."""

    pk = models.CompositePrimaryKey("resolution", "bucket", "dimension", "value", "success")
    resolution = models.SmallIntegerField(choices=Resolution)
    bucket = models.DateField()
    dimension = models.SmallIntegerField(help_text="Its place in `filters.DIMENSIONS`.")
    value = models.SmallIntegerField()
    success = models.BooleanField()
    logins = models.IntegerField()

    class Meta:
        db_table = table("login_shares")


class UserSketch(models.Model):
    """A sketch of the users who logged in, which estimates how many they were; see `rollups.sketch`."""

    pk = models.CompositePrimaryKey("resolution", "bucket")
    resolution = models.SmallIntegerField(choices=Resolution)
    bucket = models.DateField()
    registers = models.BinaryField()

    class Meta:
        db_table = table("user_sketches")


def forget_with_user(collector: Any, field: Any, rows: Any, using: str) -> None:
    """Delete the rows with their user, if the roll-ups are in the same database; Django does not look into another."""
    if router.db_for_write(field.model) == using:
        models.CASCADE(collector, field, rows, using)


# As in `tracking.models`: the rows need not be fetched, and are not looked for in a database that lacks the table.
forget_with_user.lazy_sub_objs = True  # type: ignore[attr-defined]


class UserRollup(models.Model):
    """When a user first and last logged in, and how often. What retention deleted from the log stays counted.

    No column has an index besides the key: a login changes `last_login_at`, which then costs one small tuple, and all
    users are read in one go.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        primary_key=True,
        on_delete=forget_with_user,
        db_constraint=False,
        related_name="+",
    )
    first_login_at = models.DateTimeField()
    last_login_at = models.DateTimeField()
    logins = models.IntegerField(help_text="Successful ones.")

    class Meta:
        db_table = table("analytics_users")
        default_permissions: ClassVar[tuple[str, ...]] = ()
        verbose_name = _("summary of logins")
        verbose_name_plural = _("summaries of logins")

    def __str__(self) -> str:
        return str(self.pk)


class SavedView(models.Model):
    """A period with filters that a person keeps under a name. Nobody else sees it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=forget_with_user,
        db_constraint=False,
        db_index=False,  # the unique constraint begins with it
        related_name="+",
    )
    name = models.CharField(max_length=60)
    query = models.TextField(help_text="Period and filters as a query string.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = table("saved_views")
        default_permissions: ClassVar[tuple[str, ...]] = ()  # everybody has their own
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        constraints = [models.UniqueConstraint(fields=("user", "name"), name=index("uniq_saved_views"))]

    def __str__(self) -> str:
        return self.name


class ActivityCube(models.Model):
    """Activities of a day or month by action and type of entity."""

    pk = models.CompositePrimaryKey("resolution", "bucket", "action", "entity_type")
    resolution = models.SmallIntegerField(choices=Resolution)
    bucket = models.DateField()
    action = models.SmallIntegerField()
    entity_type = models.SmallIntegerField()
    activities = models.IntegerField()

    class Meta:
        db_table = table("activity_cubes")


class Dashboard(RollupPosition):
    """A proxy that carries the permission, and the entry in the admin's index."""

    class Meta:
        proxy = True
        default_permissions: ClassVar[tuple[str, ...]] = ()
        permissions = [("view_dashboard", "Can view the analytics dashboard")]
        verbose_name = _("dashboard")
        verbose_name_plural = _("dashboard")
