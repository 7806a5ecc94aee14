"""Field classes of a site's own, near enough to Django's to be taken for them."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models


class RenamedCharField(models.CharField):
    """Differs in name only, so it may keep the fast lane."""


class ShoutingCharField(models.CharField):
    def to_python(self, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value


class NoSpamCharField(models.CharField):
    def validate(self, value: Any, model_instance: Any) -> None:
        super().validate(value, model_instance)
        if value == "spam":
            raise ValidationError("No spam.", code="spam")


class CentsField(models.IntegerField):
    """Saved as a hundred times what was given."""

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return None if value is None else value * 100


class EvenField(models.IntegerField):
    def run_validators(self, value: Any) -> None:
        super().run_validators(value)
        if value % 2:
            raise ValidationError("Odd.", code="odd")


class FixedCharField(models.CharField):
    """`char(n)`, in which trailing blanks mean nothing."""

    def db_type(self, connection: Any) -> str:
        return f"char({self.max_length})"
