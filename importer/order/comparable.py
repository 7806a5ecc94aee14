"""Tells which fields' values can be compared as text, and writes equal values as equal texts."""

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal

from django.conf import settings
from django.db import connections, models

from importer.specs.mapping import AnyField, ColumnPlan
from importer.validate.values.lanes import cleans_like

# Equal values of these fields have equal texts, in every lane.
SAME_VALUE_SAME_TEXT = (
    models.IntegerField,
    models.AutoField,
    models.BigAutoField,
    models.SmallAutoField,
    models.UUIDField,
    models.BooleanField,
)
# Database types that compare character by character, unless a collation says otherwise.
TEXT_TYPE = re.compile(r"(varchar|text)(\(\d+\))?")


def canonical(plan: ColumnPlan) -> Callable[[str], str] | None:
    """Return a function that makes texts of equal values equal; None if they already are, or cannot be made so."""
    field = plan.field
    if _cleans_as(field, models.DecimalField):
        return _by(lambda text: hash(Decimal(text)))
    if _cleans_as(field, models.FloatField):
        return _by(lambda text: float(text) + 0.0)  # zero has no sign
    if _cleans_as(field, models.DateTimeField) and settings.USE_TZ:
        return _by(lambda text: hash(dt.datetime.fromisoformat(text)))
    return None


def _by(number: Callable[[str], float]) -> Callable[[str], str]:
    """Write texts by their value: Python's hashes of equal numbers and moments are equal, however they are written."""

    def call(text: str) -> str:
        try:
            return str(number(text))
        except (ArithmeticError, TypeError, ValueError):
            return text

    return call


def is_comparable(plan: ColumnPlan, alias: str) -> bool:
    """Tell whether canonical texts of the column are equal exactly where PostgreSQL compares the values as equal."""
    field = plan.field
    if canonical(plan) is not None or any(_cleans_as(field, cls) for cls in SAME_VALUE_SAME_TEXT):
        return True
    if isinstance(field, models.DateField):
        return not isinstance(field, models.DateTimeField) and _cleans_as(field, models.DateField)
    db_type = field.rel_db_type(connections[alias]) or ""
    return bool(TEXT_TYPE.fullmatch(db_type)) and not getattr(field, "db_collation", None)


def _cleans_as(field: AnyField, cls: type) -> bool:
    return isinstance(field, cls) and cleans_like(field, cls)
