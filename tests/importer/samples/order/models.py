"""Models in which the order of the source decides, or which Django judges by more than single fields."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower


class Node(models.Model):
    code = models.CharField(max_length=20, unique=True)
    label = models.CharField(max_length=20, blank=True)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE)


class Team(models.Model):
    year = models.IntegerField()
    code = models.CharField(max_length=5, blank=True)
    is_open = models.BooleanField(default=True)


class Player(models.Model):
    name = models.CharField(max_length=20, unique=True)
    team = models.ForeignKey(
        Team,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        limit_choices_to=Q(is_open=True),
        validators=[RegexValidator("^[0-9]*[0-8]$", "No team whose number ends in 9.")],
    )


class Seat(models.Model):
    """A key of two parts, which may be empty."""

    row = models.IntegerField(null=True, blank=True)
    number = models.IntegerField(null=True, blank=True)
    guest = models.CharField(max_length=20, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["row", "number"], name="seat_unique")]


class Loose(models.Model):
    """A key without a unique constraint."""

    code = models.CharField(max_length=5)
    name = models.CharField(max_length=20)


class Badge(models.Model):
    code = models.CharField(max_length=5, unique=True)
    mail = models.CharField(max_length=20, unique=True)


class Price(models.Model):
    amount = models.DecimalField(max_digits=10, decimal_places=2, unique=True)
    at = models.DateTimeField(unique=True)


class Weight(models.Model):
    grams = models.FloatField(unique=True)


class Slot(models.Model):
    code = models.CharField(max_length=5, unique=True)
    hour = models.IntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hour"], name="slot_hour_unique", nulls_distinct=False)
        ]


class Draft(models.Model):
    """The database fills one of the two fields that are unique together."""

    code = models.CharField(max_length=5, unique=True)
    title = models.CharField(max_length=20)
    state = models.CharField(max_length=5, db_default="new")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["title", "state"], name="draft_unique")]


class Nickname(models.Model):
    name = models.CharField(max_length=20)

    class Meta:
        constraints = [models.UniqueConstraint(Lower("name"), name="nickname_unique")]


class Article(models.Model):
    """Computes fields of its own from others, in `clean()`."""

    code = models.CharField(max_length=5, unique=True)
    title = models.CharField(max_length=20)
    slug = models.CharField(max_length=30, blank=True, default="", editable=False)
    data = models.JSONField(default=dict, blank=True)
    views = models.IntegerField(default=0)
    number = models.IntegerField(db_default=1)

    def clean(self) -> None:
        if self.title == "number":
            self.number = 2
        if self.views > 100 and self.title == "reset":
            raise ValidationError({"title": "Too late."})
        if self.title != "new" or self.pk is None:
            self.slug = f"{self.title}-{self.pk is not None}"
        self.data["seen"] = self.data.get("seen", 0) + 1


class Account(models.Model):
    """A field that the import does not fill takes part in a check and in a unique set."""

    code = models.CharField(max_length=5, unique=True)
    floor = models.IntegerField()
    balance = models.IntegerField(default=0, editable=False)
    branch = models.CharField(max_length=5, default="A", editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(balance__gte=F("floor")), name="account_floor"),
            models.UniqueConstraint(fields=["floor", "branch"], name="account_floor_branch"),
        ]


class Diary(models.Model):
    """What `full_clean()` does here and the import does not."""

    title = models.CharField(max_length=20, unique_for_date="day")
    day = models.DateField()

    def validate_unique(self, exclude: Any = None) -> None:
        super().validate_unique(exclude)
