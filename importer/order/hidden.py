"""Whether the order of the source may decide in ways that no survey of the keys can see.

Several workers need to know beforehand which records meet one another: the survey compares the keys' texts. Where that
does not tell, one worker takes the records in the order of the source.
"""

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal

from django.conf import settings
from django.db import connections, models

from importer.specs.mapping import ColumnPlan, Mapping, field_named, key_groups, unique_groups
from importer.validate.lanes import AnyField, cleans_like

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


def hidden_rivalry(mapping: Mapping) -> str:
    """In words, why workers cannot know which records meet; empty where they can."""
    if mapping.row_lane and (mapping.unique_groups or mapping.key):
        return f"{mapping.row_lane}, and may change what must be unique"
    if any(lookup.reads(mapping.model) for lookup in mapping.lookups):
        return "records refer to others of the same table"
    if reason := unseen_constraint(mapping):
        return reason
    for plan in {plan for group in key_groups(mapping) for plan in group}:
        if not is_comparable(plan, mapping.alias):
            return f'equal values of "{plan.field.name}" may be written differently'
    if _all_alike(mapping):
        return "a field that must be unique has the same default in each record"
    if _may_release_values(mapping) and mapping.model._base_manager.using(mapping.alias).exists():
        return "a row that is there may release a unique value that another record takes"
    return ""


def unseen_constraint(mapping: Mapping) -> str:
    """In words, which constraint lets records collide though none of the mapping's unique groups is the same."""
    for constraint in mapping.constraints:
        if isinstance(constraint, models.UniqueConstraint):
            if constraint.condition is not None or constraint.contains_expressions:
                return f"the unique constraint {constraint.name} has a condition or expressions"
            fields = [field_named(mapping.model, name) for name in constraint.fields]
            if constraint.nulls_distinct is False and any(f.null for f in fields):
                return f"the unique constraint {constraint.name} takes nulls for equal"
        elif not isinstance(constraint, models.CheckConstraint):
            return f"the constraint {constraint.name} is known to the database alone"
    for group in unique_groups(mapping.model):
        # What makes primary keys and UUIDs makes a new one for each record.
        filled = [
            f
            for f in group
            if f not in mapping.written and not f.primary_key and not isinstance(f, models.UUIDField)
        ]
        if filled:
            return f'the database fills "{filled[0].name}", which takes part in what must be unique'
    return ""


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


def _all_alike(mapping: Mapping) -> bool:
    """A unique group of nothing but defaults, which are one for all records (or are made by who knows what)."""
    fills = {fill.field: fill for fill in mapping.fills}
    for group in mapping.unique_groups:
        if not set(group) <= fills.keys():
            continue
        is_own = any(fills[f].per_record and isinstance(f, models.UUIDField) for f in group)
        is_null = any(f.null and not f.has_default() for f in group)
        if not is_own and not is_null:
            return True
    return False


def _may_release_values(mapping: Mapping) -> bool:
    key = set(mapping.key)
    # A group that holds a whole unique key is unique by that alone.
    others = [
        group
        for group in mapping.unique_groups
        if set(group) != key and not (mapping.key_is_unique and set(group) > key)
    ]
    return mapping.on_conflict == "update" and bool(others)
