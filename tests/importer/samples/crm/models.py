"""Models of a small customer base, with everything an import may meet."""

import enum
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.core.validators import (
    EmailValidator,
    MaxValueValidator,
    MinLengthValidator,
    MinValueValidator,
    ProhibitNullCharactersValidator,
    RegexValidator,
    StepValueValidator,
)
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from tests.importer.samples.crm import fields


class Company(models.Model):
    code = models.CharField(max_length=10, unique=True)
    name = models.CharField(max_length=100)


class Contact(models.Model):
    class Role(models.TextChoices):
        USER = "user"
        MANAGER = "manager"
        ADMIN = "admin"

    legacy_id = models.IntegerField(unique=True)
    email = models.EmailField()
    first_name = models.CharField(max_length=20, blank=True)
    role = models.CharField(max_length=10, choices=Role, default=Role.USER)
    company = models.ForeignKey(Company, null=True, blank=True, on_delete=models.CASCADE)
    joined = models.DateField(null=True, blank=True)
    balance = models.DecimalField(max_digits=8, decimal_places=2, default=0)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)


class Booking(models.Model):
    """Two unique sets, a check, a rule of the whole record."""

    number = models.CharField(max_length=10)
    room = models.CharField(max_length=10)
    day = models.DateField()
    nights = models.PositiveSmallIntegerField(validators=[MinValueValidator(1)])
    guests = models.IntegerField()
    paid = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["number"], name="booking_number_unique"),
            models.UniqueConstraint(fields=["room", "day"], name="booking_room_day_unique"),
            models.UniqueConstraint(
                fields=["guests"], condition=Q(paid=True), name="booking_guests_when_paid"
            ),
            models.CheckConstraint(
                condition=Q(guests__lte=F("nights") * 10),
                name="booking_guests_fit",
                violation_error_message="Too many guests.",
                violation_error_code="crowded",
            ),
        ]


class Period(models.Model):
    """Judged as a whole by its own clean()."""

    name = models.CharField(max_length=20, validators=[RegexValidator(r"^[a-z]+$")])
    starts = models.DateField()
    ends = models.DateField()

    def clean(self) -> None:
        if self.ends < self.starts:
            raise ValidationError({"ends": ValidationError("Ends before it starts.", code="backwards")})


class Everything(models.Model):
    """One field of each class."""

    char = models.CharField(max_length=5)
    char_blank = models.CharField(max_length=5, blank=True)
    char_null = models.CharField(max_length=5, null=True, blank=True)  # noqa: DJ001
    text = models.TextField(blank=True)
    slug = models.SlugField(blank=True)
    email = models.EmailField(blank=True)
    url = models.URLField(blank=True)
    integer = models.IntegerField(null=True, blank=True)
    small = models.SmallIntegerField(null=True, blank=True)
    big = models.BigIntegerField(null=True, blank=True)
    positive = models.PositiveIntegerField(null=True, blank=True)
    grade = models.IntegerField(null=True, blank=True, choices=[(1, "one"), (2, "two")])
    decimal = models.DecimalField(max_digits=6, decimal_places=2, null=True, blank=True)
    price = models.DecimalField(
        max_digits=6, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    real = models.FloatField(null=True, blank=True)
    flag = models.BooleanField(null=True, blank=True)
    date = models.DateField(null=True, blank=True)
    moment = models.DateTimeField(null=True, blank=True)
    time = models.TimeField(null=True, blank=True)
    duration = models.DurationField(null=True, blank=True)
    uuid = models.UUIDField(null=True, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    data = models.JSONField(null=True, blank=True)


class Plan(str, enum.Enum):  # noqa: UP042 (not StrEnum: str() of such a member is not its value)
    FREE = "free"
    PAID = "paid"


class Variants(models.Model):
    """The field classes again, each with what may change its judgement: nullability, validators, choices, bounds."""

    char_required = models.CharField(max_length=5)
    char_null_only = models.CharField(max_length=5, null=True)  # noqa: DJ001
    char_blank_only = models.CharField(max_length=5, blank=True)
    char_null_blank = models.CharField(max_length=5, null=True, blank=True)  # noqa: DJ001
    char_endless = models.CharField()
    char_long_enough = models.CharField(max_length=9, validators=[MinLengthValidator(2)])
    char_long_enough_or_blank = models.CharField(max_length=9, blank=True, validators=[MinLengthValidator(2)])
    char_without_nul = models.CharField(max_length=9, validators=[ProhibitNullCharactersValidator()])
    char_pattern_inverse = models.CharField(
        max_length=9, validators=[RegexValidator(r"[<>]| $", inverse_match=True)]
    )
    char_pattern_ahead = models.CharField(max_length=9, validators=[RegexValidator(r"^(?=.*[0-9])\w+$")])
    char_pattern = models.CharField(max_length=9, validators=[RegexValidator(r"^[a-z]+$")])
    char_choices = models.CharField(max_length=5, choices=[("a", "A"), ("B ", "B"), ("ä", "Umlaut")])
    char_choices_blank = models.CharField(max_length=5, blank=True, choices=[("a", "A"), ("b", "B")])
    char_choices_empty = models.CharField(max_length=5, choices=[("", "Nothing"), ("a", "A")])
    char_choices_grouped = models.CharField(
        max_length=9, choices=[("G", [("a", "A"), ("b", "B")]), ("c", "C")]
    )
    char_choices_numbers = models.CharField(max_length=5, choices=[(1, "one"), ("2", "two")])
    char_choices_enum = models.CharField(max_length=9, choices=[(plan, plan.value) for plan in Plan])
    char_choices_too_long = models.CharField(max_length=9, choices=[("0123456789", "too long"), ("a", "A")])
    char_renamed = fields.RenamedCharField(max_length=5)
    char_shouting = fields.ShoutingCharField(max_length=5)
    char_no_spam = fields.NoSpamCharField(max_length=5)
    char_fixed = fields.FixedCharField(max_length=5)
    text_required = models.TextField()
    text_null = models.TextField(null=True, blank=True)  # noqa: DJ001
    text_length = models.TextField(max_length=5, blank=True)
    text_choices = models.TextField(choices=[("a", "A")])
    slug_required = models.SlugField(max_length=8)
    slug_unicode = models.SlugField(max_length=8, allow_unicode=True)
    email_required = models.EmailField()
    email_short = models.EmailField(max_length=20)
    email_local = models.EmailField(validators=[EmailValidator(allowlist=["intranet"])])
    url_required = models.URLField()
    url_short = models.URLField(max_length=25)

    integer_required = models.IntegerField()
    integer_null_only = models.IntegerField(null=True)
    integer_between = models.IntegerField(validators=[MinValueValidator(-5), MaxValueValidator(120)])
    integer_above_fraction = models.IntegerField(validators=[MinValueValidator(1.5)])
    integer_above_callable = models.IntegerField(validators=[MinValueValidator(lambda: 3)])
    integer_steps = models.IntegerField(validators=[StepValueValidator(7)])
    integer_choices = models.IntegerField(choices=[(-1, "minus one"), (0, "zero"), (10, "ten")])
    integer_choices_texts = models.IntegerField(choices=[("1", "one"), (2, "two")])
    small_required = models.SmallIntegerField()
    big_required = models.BigIntegerField()
    positive_required = models.PositiveIntegerField()
    positive_small = models.PositiveSmallIntegerField()
    positive_big = models.PositiveBigIntegerField()
    cents = fields.CentsField()
    even = fields.EvenField()

    decimal_required = models.DecimalField(max_digits=6, decimal_places=2)
    decimal_whole = models.DecimalField(max_digits=4, decimal_places=0)
    decimal_fraction = models.DecimalField(max_digits=3, decimal_places=3)
    decimal_huge = models.DecimalField(max_digits=40, decimal_places=20)
    decimal_above = models.DecimalField(max_digits=6, decimal_places=2, validators=[MinValueValidator(0)])
    decimal_above_half = models.DecimalField(
        max_digits=6, decimal_places=2, validators=[MinValueValidator(Decimal("0.5"))]
    )
    decimal_between = models.DecimalField(
        max_digits=30, decimal_places=10, validators=[MinValueValidator(-0.1), MaxValueValidator(10**17 + 1)]
    )
    decimal_choices = models.DecimalField(
        max_digits=6, decimal_places=2, choices=[(Decimal("1.50"), "one fifty")]
    )
    real_required = models.FloatField()
    real_above = models.FloatField(validators=[MinValueValidator(0)])
    real_between = models.FloatField(validators=[MinValueValidator(-90.1), MaxValueValidator(2**70)])
    flag_required = models.BooleanField()
    flag_null = models.BooleanField(null=True, blank=True)
    flag_choices = models.BooleanField(choices=[(True, "yes")])

    date_required = models.DateField()
    moment_required = models.DateTimeField()
    time_required = models.TimeField()
    duration_required = models.DurationField()
    uuid_required = models.UUIDField()
    address_required = models.GenericIPAddressField()
    address_four = models.GenericIPAddressField(protocol="IPv4")
    address_six = models.GenericIPAddressField(protocol="IPv6")
    address_private = models.GenericIPAddressField(validators=[RegexValidator(r"^10\.")])
    address_unpacked = models.GenericIPAddressField(unpack_ipv4=True)
    data_required = models.JSONField()
    data_encoded = models.JSONField(encoder=DjangoJSONEncoder)
    binary_null = models.BinaryField(null=True, blank=True, editable=True)
