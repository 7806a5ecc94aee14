"""Detects specs whose records may meet unseen; one worker imports those in order.

Several workers must know beforehand which records depend on one another; the survey compares the texts of their keys.
Where texts cannot tell, one worker takes the records in the order of the source.
"""

from django.db import models

from importer.order.comparable import is_comparable
from importer.specs.mapping import Mapping, key_groups
from importer.specs.tables import constraints_of, field_named, unique_groups


def why_order_matters(mapping: Mapping) -> str:
    """Say why workers cannot know which records depend on one another; empty if they can."""
    if mapping.row_lane and (mapping.unique_groups or mapping.key):
        return f"{mapping.row_lane}, and may change what must be unique"
    if any(lookup.reads(mapping.model) for lookup in mapping.lookups):
        return "records refer to others of the same table"
    if reason := constraint_not_surveyed(mapping):
        return reason
    for plan in {plan for group in key_groups(mapping) for plan in group}:
        if not is_comparable(plan, mapping.alias):
            return f'equal values of "{plan.field.name}" may be written differently'
    if _all_alike(mapping):
        return "a field that must be unique has the same default in each record"
    if _may_release_values(mapping) and mapping.model._base_manager.using(mapping.alias).exists():
        return "an update of an existing row may release a unique value that another record takes"
    return ""


def constraint_not_surveyed(mapping: Mapping) -> str:
    """Say which constraint may make records collide whose unique groups all differ; empty if none can."""
    for table, constraint in constraints_of(mapping.model):
        if isinstance(constraint, models.UniqueConstraint):
            if constraint.condition is not None or constraint.contains_expressions:
                return f"the unique constraint {constraint.name} has a condition or expressions"
            fields = [field_named(table, name) for name in constraint.fields]
            if constraint.nulls_distinct is False and any(f.null for f in fields):
                return f"the unique constraint {constraint.name} treats nulls as equal"
        elif not isinstance(constraint, models.CheckConstraint):
            return f"only the database can check the constraint {constraint.name}"
    for group in unique_groups(mapping.model):
        # Defaults of primary keys and UUIDs differ in each record.
        filled = [
            f
            for f in group
            if f not in mapping.written and not f.primary_key and not isinstance(f, models.UUIDField)
        ]
        if filled:
            return f'the database fills "{filled[0].name}", which is part of a unique set'
    return ""


def _all_alike(mapping: Mapping) -> bool:
    """Tell whether a unique group consists of defaults that may be the same for all records."""
    if not mapping.inserts:
        return False
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
    # A group that contains a whole unique key is unique because of it.
    others = [
        group
        for group in mapping.unique_groups
        if set(group) != key and not (mapping.key_is_unique and set(group) > key)
    ]
    return mapping.on_conflict == "update" and bool(others)
