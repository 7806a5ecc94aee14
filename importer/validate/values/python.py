"""Reads cleaned texts as the Python values of their fields, without cleaning them a second time."""

import datetime as dt
import uuid
from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from types import NoneType
from typing import Any

from django.db import models

from importer.conf import conf
from importer.specs.mapping import ColumnPlan
from importer.validate.values.judge import Judge

# Values of these types cannot be changed in place.
IMMUTABLE = frozenset(
    (str, int, float, bool, NoneType, Decimal, dt.date, dt.datetime, dt.time, dt.timedelta, uuid.UUID, bytes)
)
# What turns a cleaned text into the field's value. Django's own classes only: others may do anything.
CONVERSIONS: dict[type, Callable[[str], Any]] = (
    dict.fromkeys(
        (models.CharField, models.TextField, models.EmailField, models.SlugField, models.URLField), str
    )
    | dict.fromkeys(
        (
            models.IntegerField,
            models.SmallIntegerField,
            models.BigIntegerField,
            models.PositiveIntegerField,
            models.PositiveSmallIntegerField,
            models.PositiveBigIntegerField,
        ),
        int,
    )
    | {models.DecimalField: Decimal, models.DateField: dt.date.fromisoformat}
)


def copied(value: Any) -> Any:
    """Return the value, or a copy if it could be changed in place."""
    return value if type(value) in IMMUTABLE else deepcopy(value)


class PythonValues:
    """The Python values of one column's accepted texts."""

    def __init__(self, plan: ColumnPlan, judge: Judge) -> None:
        self.convert = CONVERSIONS.get(type(plan.field))
        self.judge = judge
        self._memory: dict[str | None, Any] = {}

    def __call__(self, raw: str | None, cleaned: str | None) -> Any:
        """Return the value of a cell: `raw` as the source has it, None for nothing; `cleaned` as it will be saved."""
        if self.convert is not None:
            return self.converted([cleaned])[0]
        if raw not in self._memory:
            if len(self._memory) >= conf.MEMO_VALUES:
                self._memory.clear()
            self._memory[raw] = self.judge.python_value(raw)
        return copied(self._memory[raw])

    def converted(self, cleaned: list[str | None]) -> list[Any]:
        """Return the values of cleaned texts, where `convert` reads them."""
        convert = self.convert
        if convert is None or convert is str:
            return cleaned
        return [None if text is None else convert(text) for text in cleaned]
