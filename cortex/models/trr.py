from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from cortex.models.pov import Pov

if TYPE_CHECKING:
    from cortex.models.user import User

LOWEST_RATING = 1
HIGHEST_RATING = 5
RATING_VALIDATORS = [MinValueValidator(LOWEST_RATING), MaxValueValidator(HIGHEST_RATING)]


class TrrQuerySet(models.QuerySet["Trr"]):
    def of(self, user: User) -> TrrQuerySet:
        """Those that the user assesses, and those about the user's own POVs."""
        # Not `pov__owner`, which would join all TRRs with their POVs: 120 ms for 100,000, instead of 13.
        return self.filter(Q(assessor=user) | Q(pov__in=Pov.objects.of(user)))

    def visible_to(self, user: User) -> TrrQuerySet:
        return self if user.may_see_all(self.model) else self.of(user)

    def open(self) -> TrrQuerySet:
        return self.filter(status=Trr.Status.OPEN)


class Trr(models.Model):
    """A Technical Risk Review: a risk of a POV, with its likelihood, impact and mitigation."""

    class Category(models.TextChoices):
        ARCHITECTURE = "architecture", "Architecture"
        SECURITY = "security", "Security"
        INTEGRATION = "integration", "Integration"
        DATA = "data", "Data"
        PERFORMANCE = "performance", "Performance"
        COMPLIANCE = "compliance", "Compliance"
        OPERATIONS = "operations", "Operations"

    class RiskLevel(models.TextChoices):
        LOW = "low", "Low"
        MEDIUM = "medium", "Medium"
        HIGH = "high", "High"
        CRITICAL = "critical", "Critical"

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        IN_REVIEW = "in_review", "In review"
        MITIGATED = "mitigated", "Mitigated"
        ACCEPTED = "accepted", "Accepted"
        CLOSED = "closed", "Closed"

    legacy_id = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        unique=True,
        help_text="The record's number in the system it was imported from.",
    )
    pov = models.ForeignKey(Pov, on_delete=models.CASCADE, related_name="trrs", verbose_name="POV")
    title = models.CharField(max_length=200)
    category = models.CharField(max_length=16, choices=Category.choices)
    risk_level = models.CharField(max_length=16, choices=RiskLevel.choices, default=RiskLevel.MEDIUM)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.OPEN)
    likelihood = models.PositiveSmallIntegerField(default=3, validators=RATING_VALIDATORS, help_text="1 to 5")
    impact = models.PositiveSmallIntegerField(default=3, validators=RATING_VALIDATORS, help_text="1 to 5")
    assessor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="assessed_trrs",
    )
    findings = models.TextField(blank=True)
    mitigation = models.TextField(blank=True)
    due_on = models.DateField(null=True, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TrrQuerySet.as_manager()

    class Meta:
        db_table = "trrs"
        verbose_name = "TRR"
        verbose_name_plural = "TRRs"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="idx_trrs_created_desc"),
            models.Index(fields=["pov", "status", "-created_at"], name="idx_trrs_pov_status_created"),
            models.Index(fields=["risk_level", "status", "-created_at"], name="idx_trrs_risk_status_created"),
            models.Index(fields=["assessor", "due_on"], name="idx_trrs_assessor_due"),
        ]
        constraints = [
            models.CheckConstraint(
                name="trrs_likelihood_from_1_to_5",
                condition=Q(likelihood__range=(LOWEST_RATING, HIGHEST_RATING)),
                violation_error_message="The likelihood must be between 1 and 5.",
            ),
            models.CheckConstraint(
                name="trrs_impact_from_1_to_5",
                condition=Q(impact__range=(LOWEST_RATING, HIGHEST_RATING)),
                violation_error_message="The impact must be between 1 and 5.",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def score(self) -> int:
        """From 1 to 25: likelihood times impact."""
        return self.likelihood * self.impact
