"""Detects specs whose records may meet unseen.

Several workers must know beforehand which records depend on one another; the survey compares the texts of their keys.
Where texts cannot tell, records are gathered first (`importer.gather`), or one worker takes them in order.
"""

from django.db import models

from importer.exceptions import OrderDecides
from importer.order.rivals import fields_of_rivals, hidden_index, rivals_of
from importer.specs.mapping import Mapping
from importer.specs.tables import constraints_of, field_named, unique_groups
from importer.validate.target import Target


def why_order_matters(mapping: Mapping) -> str:
    """Say why workers cannot know which records depend on one another; empty if they can."""
    if any(lookup.reads(mapping.model) for lookup in mapping.lookups):
        return "records refer to others of the same table"
    if reason := _constraint_of_the_database(mapping):
        return reason
    target = Target.of(mapping)
    try:
        rivals_of(mapping, target)
    except OrderDecides as decides:
        return str(decides)
    if kept := next((plan for plan in mapping.kept if plan.field in fields_of_rivals(mapping)), None):
        return f'an empty cell of "{kept.column}" keeps a value that must be unique'
    if mapping.row_lane and fields_of_rivals(mapping) and _may_change_keys(mapping):
        return f"{mapping.row_lane}, and may change what must be unique"
    if name := hidden_index(mapping, target):
        return f"the model does not name {name}, which keeps rows of the table apart"
    if _all_alike(mapping):
        return "a field that must be unique has the same default in each record"
    if _may_release_values(mapping) and mapping.model._base_manager.using(mapping.alias).exists():
        return "an update of an existing row may release a unique value that another record takes"
    return ""


def _may_change_keys(mapping: Mapping) -> bool:
    """Whether the site's own code may change a unique value or a key."""
    if mapping.spec.cleans_records():
        return True
    from importer.specs.plain_clean import fields_changed_by_clean  # loads Python's parser

    changed = fields_changed_by_clean(mapping.model)
    if changed is None:
        return True
    return bool(changed & {name for f in fields_of_rivals(mapping) for name in (f.name, f.attname)})


def tells_too_much(mapping: Mapping) -> bool:
    """Whether the survey may set aside many records that do not meet. Ask only where `why_order_matters` is empty."""
    return any(rivals.is_coarse for rivals in rivals_of(mapping, Target.of(mapping)))


def may_collide_unseen(mapping: Mapping) -> bool:
    """Whether records may collide by a constraint although they differ in each unique group."""
    for table, constraint in constraints_of(mapping.model):
        if isinstance(constraint, models.UniqueConstraint):
            fields = [field_named(table, name) for name in constraint.fields]
            if constraint.condition is not None or constraint.contains_expressions:
                return True
            if constraint.nulls_distinct is False and any(f.null for f in fields):
                return True
    return bool(_constraint_of_the_database(mapping))


def _constraint_of_the_database(mapping: Mapping) -> str:
    for _, constraint in constraints_of(mapping.model):
        if not isinstance(constraint, models.UniqueConstraint | models.CheckConstraint):
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
    special = [
        constraint
        for _, constraint in constraints_of(mapping.model)
        if isinstance(constraint, models.UniqueConstraint)
        and (constraint.condition is not None or constraint.contains_expressions)
    ]
    return mapping.on_conflict == "update" and bool(others or special)
