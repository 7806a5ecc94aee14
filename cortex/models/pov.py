from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

if TYPE_CHECKING:
    from cortex.models.user import User


class PovQuerySet(models.QuerySet["Pov"]):
    def of(self, user: User) -> PovQuerySet:
        """Those that the user owns."""
        return self.filter(owner=user)

    def visible_to(self, user: User) -> PovQuerySet:
        return self if user.may_see_all(self.model) else self.of(user)


class Pov(models.Model):
    """A Proof of Value: a project that shows a customer, in their own environment, what the product is worth."""

    class Status(models.TextChoices):
        PLANNED = "planned", "Planned"
        ACTIVE = "active", "Active"
        ON_HOLD = "on_hold", "On hold"
        WON = "won", "Won"
        LOST = "lost", "Lost"
        CANCELLED = "cancelled", "Cancelled"

    class Priority(models.TextChoices):
        LOW = "low", "Low"
        MEDIUM = "medium", "Medium"
        HIGH = "high", "High"
        CRITICAL = "critical", "Critical"

    legacy_id = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        unique=True,
        help_text="The record's number in the system it was imported from.",
    )
    title = models.CharField(max_length=200)
    customer = models.CharField(max_length=160)
    industry = models.CharField(max_length=80, blank=True)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.PLANNED)
    priority = models.CharField(max_length=16, choices=Priority.choices, default=Priority.MEDIUM)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="povs")
    start_date = models.DateField(null=True, blank=True)
    end_date = models.DateField(null=True, blank=True)
    deal_value = models.DecimalField(
        max_digits=12, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    currency = models.CharField(
        max_length=3,
        default="USD",
        validators=[RegexValidator(r"^[A-Z]{3}\Z", "Use three capital letters, such as EUR.")],
    )
    success_criteria = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    objects = PovQuerySet.as_manager()

    class Meta:
        db_table = "povs"
        verbose_name = "POV"
        verbose_name_plural = "POVs"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="idx_povs_created_desc"),
            models.Index(fields=["owner", "status", "-created_at"], name="idx_povs_owner_status_created"),
            models.Index(fields=["status", "priority", "-created_at"], name="idx_povs_status_prio_created"),
            models.Index(
                fields=["end_date"],
                name="idx_povs_running_end_date",
                condition=Q(status__in=["planned", "active", "on_hold"]),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="povs_end_not_before_start",
                condition=Q(end_date__gte=F("start_date")),
                violation_error_message="A POV cannot end before it starts.",
            ),
            models.CheckConstraint(
                name="povs_deal_value_not_negative",
                condition=Q(deal_value__gte=0),
                violation_error_message="The deal value must be 0 or more.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.customer})"
