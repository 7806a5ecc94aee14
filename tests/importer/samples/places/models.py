"""Models whose rows lie in several tables: by inheritance, with many-to-many fields, with parents to be made."""

import uuid

from django.core.exceptions import ValidationError
from django.core.validators import MinLengthValidator
from django.db import models
from django.db.models import Q


class Region(models.Model):
    code = models.CharField(max_length=4, unique=True, validators=[MinLengthValidator(2)])
    title = models.CharField(max_length=20, default="unnamed")
    note = models.CharField(max_length=20, blank=True)


class Tag(models.Model):
    code = models.SlugField(max_length=10, unique=True)
    region = models.ForeignKey(Region, null=True, blank=True, on_delete=models.CASCADE)

    def clean(self) -> None:
        if self.code == "forbidden":
            raise ValidationError({"code": "This tag is forbidden."})


class Place(models.Model):
    code = models.CharField(max_length=8, unique=True)
    city = models.CharField(max_length=20, blank=True)
    seats = models.IntegerField(default=0)
    region = models.ForeignKey(Region, null=True, blank=True, on_delete=models.PROTECT)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(seats__gte=0), name="place_seats_not_negative"),
            models.UniqueConstraint(
                fields=["city", "seats"], condition=~Q(city=""), name="place_city_seats_unique"
            ),
        ]


class Restaurant(Place):
    stars = models.IntegerField(default=1)
    phone = models.CharField(max_length=12, unique=True, null=True, blank=True)
    tags = models.ManyToManyField(Tag, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(stars__lte=3), name="restaurant_stars_at_most_3")]


class Trattoria(Restaurant):
    pasta = models.CharField(max_length=10)

    def clean(self) -> None:
        if self.pasta == "none":
            raise ValidationError({"pasta": "A trattoria has pasta."})
        self.city = self.city.title()


class Branch(Place):
    head = models.ForeignKey(Place, null=True, blank=True, on_delete=models.CASCADE, related_name="branches")


class Engine(models.Model):
    engine_id = models.BigAutoField(primary_key=True)
    power = models.IntegerField()


class Hull(models.Model):
    hull_id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    length = models.IntegerField()


class Boat(Engine, Hull):
    name = models.CharField(max_length=10, unique=True)


class Article(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    number = models.IntegerField(unique=True)
    title = models.CharField(max_length=20)
    tags = models.ManyToManyField(Tag, related_name="articles")
    regions = models.ManyToManyField(Region, through="Coverage", blank=True)
    see_also = models.ManyToManyField("self", blank=True)
    what_the_readers_of_the_article_call_it = models.ManyToManyField(
        Tag, related_name="+", db_table="readers"
    )
    what_the_readers_of_the_article_call_it_at_home = models.ManyToManyField(
        "Hull", related_name="+", db_table="readers_at_home"
    )


class Coverage(models.Model):
    article = models.ForeignKey(Article, on_delete=models.CASCADE)
    region = models.ForeignKey(Region, on_delete=models.CASCADE)
    pages = models.IntegerField()


class Quarter(models.Model):
    region = models.ForeignKey(Region, on_delete=models.CASCADE)
    name = models.CharField(max_length=10)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["region", "name"], name="quarter_unique")]


class Venue(models.Model):
    code = models.CharField(max_length=8, unique=True)
    quarter = models.ForeignKey(
        Quarter, null=True, blank=True, on_delete=models.CASCADE, limit_choices_to=~Q(name="closed")
    )
