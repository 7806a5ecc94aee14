"""Tells which fields' values can be compared as text, and writes equal values as equal texts."""

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal

from django.conf import settings
from django.db import connections, models

from importer.specs.mapping import AnyField, ColumnPlan
from importer.validate.lanes import cleans_like

# Equal values of these have equal texts, whichever lane they took.
SAME_VALUE_SAME_TEXT = (
    models.IntegerField,
    models.AutoField,
    models.BigAutoField,
    models.SmallAutoField,
    models.UUIDField,
    models.BooleanField,
)
# What is compared character by character, as long as no collation says otherwise.
TEXT_TYPE = re.compile(r"(varchar|text)(\(\d+\))?")


def canonical(plan: ColumnPlan) -> Callable[[str], str] | None:
    """What makes equal texts of a field's equal values; None where they are equal already (or cannot be made so)."""
    field = plan.field
    if _is_plain(field, models.DecimalField):
        return _by(lambda text: hash(Decimal(text)))
    if _is_plain(field, models.DateTimeField) and settings.USE_TZ:
        return _by(lambda text: hash(dt.datetime.fromisoformat(text)))
    return None


def _by(number: Callable[[str], int]) -> Callable[[str], str]:
    """Python's hashes of numbers and moments are those of their values, in whatever way they are written."""

    def call(text: str) -> str:
        try:
            return str(number(text))
        except (ArithmeticError, TypeError, ValueError):
            return text

    return call


def is_comparable(plan: ColumnPlan, alias: str) -> bool:
    """Whether texts of the column tell which values PostgreSQL takes for equal, once they are made canonical."""
    field = plan.field
    if canonical(plan) is not None or any(_is_plain(field, cls) for cls in SAME_VALUE_SAME_TEXT):
        return True
    if isinstance(field, models.DateField):
        return not isinstance(field, models.DateTimeField) and _is_plain(field, models.DateField)
    db_type = field.rel_db_type(connections[alias]) or ""
    return bool(TEXT_TYPE.fullmatch(db_type)) and not getattr(field, "db_collation", None)


def _is_plain(field: AnyField, cls: type) -> bool:
    return isinstance(field, cls) and cleans_like(field, cls)
