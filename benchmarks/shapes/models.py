"""Defines models as sites have them: with constraints, rules of their own, references to themselves, odd types."""

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower


class Item(models.Model):
    """Five plain columns, which the other shapes vary."""

    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=80)
    email = models.EmailField(blank=True)
    amount = models.DecimalField(max_digits=10, decimal_places=2)
    day = models.DateField()

    class Meta:
        abstract = True


class Plain(Item):
    pass


class Functional(Item):
    code = models.CharField(max_length=20)

    class Meta:
        constraints = [models.UniqueConstraint(Lower("code"), name="shapes_functional_code")]


class Conditional(Item):
    code = models.CharField(max_length=20)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["code"], condition=Q(amount__gt=0), name="shapes_conditional_code"
            )
        ]


class TwoKeys(Item):
    email = models.EmailField(unique=True)


class Tree(models.Model):
    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=80)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE)


class Period(models.Model):
    """A `clean()` of three lines."""

    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=80)
    begin = models.DateField()
    end = models.DateField()
    amount = models.DecimalField(max_digits=10, decimal_places=2)

    def clean(self) -> None:
        if self.begin and self.end and self.end < self.begin:
            raise ValidationError({"end": "The end is before the begin."})
        self.name = self.name.strip()


class Shouted(Item):
    """A `clean()` that changes what must be unique."""

    def clean(self) -> None:
        self.code = self.code.upper()


class Odd(models.Model):
    """Types that take the longest to judge, all values distinct."""

    phone = models.CharField(max_length=20, unique=True, validators=[RegexValidator(r"^\+\d{6,15}$")])
    address = models.GenericIPAddressField()
    weight = models.FloatField()
    length = models.DurationField()
    at = models.DateTimeField()
    data = models.JSONField()


class Person(AbstractUser):
    pass


Wide = type(
    "Wide",
    (models.Model,),
    {
        "__module__": __name__,
        "code": models.CharField(max_length=20, unique=True),
        **{f"text{n}": models.CharField(max_length=30, blank=True) for n in range(30)},
        **{f"number{n}": models.IntegerField() for n in range(20)},
        **{f"day{n}": models.DateField() for n in range(9)},
    },
)
