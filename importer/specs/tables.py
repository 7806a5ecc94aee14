"""Describes the tables of a model: one, or with inheritance several, and what is unique in them."""

from collections.abc import Iterator
from typing import Any

from django.db import models

AnyField = models.Field
Model = type[models.Model]


def tables_of(model: Model) -> tuple[Model, ...]:
    """Return the models whose tables hold a row of this model, each after those from which it inherits."""
    table: Any = model._meta.concrete_model
    chain = [ancestor for parent in table._meta.parents for ancestor in tables_of(parent)]
    return tuple(dict.fromkeys([*chain, table]))


def parent_links(model: Model) -> Iterator[tuple[AnyField, Model]]:
    """Yield the fields that point from one table of a model to another, each with the table it points to."""
    for table in tables_of(model):
        for parent, link in table._meta.parents.items():
            if link is not None and link.model is table:
                yield link, parent


def root_key(key: Any) -> AnyField:
    """Return the primary key from which a parent link takes its value."""
    while key.remote_field is not None and getattr(key.remote_field, "parent_link", False):
        key = key.target_field
    return key


def root_keys(model: Model) -> tuple[AnyField, ...]:
    """Return the primary keys that are no parent links: of a model without inheritance, its own."""
    keys: dict[AnyField, None] = {}
    for table in tables_of(model):
        key = root_key(table._meta.pk)
        if not isinstance(key, composite_key()):
            keys[key] = None
    return tuple(keys)


def constraints_of(model: Model) -> list[tuple[Model, models.BaseConstraint]]:
    """Return the constraints of all tables of a model, each with its table."""
    return [(table, constraint) for table in tables_of(model) for constraint in table._meta.constraints]


def fields_of(constraint: models.CheckConstraint) -> set[str]:
    """Return the names of the fields that a check constraint reads."""
    condition: Any = constraint.condition
    return set(getattr(condition, "referenced_base_fields", ()))


def unique_groups(model: Model) -> list[tuple[AnyField, ...]]:
    """Return the field sets that are unique in all rows. Conditional and functional constraints are PostgreSQL's."""
    links = {link for link, _ in parent_links(model)}  # each has the value of a primary key
    groups: list[tuple[AnyField, ...]] = []
    for table in tables_of(model):
        meta = table._meta
        groups += [(field,) for field in meta.local_concrete_fields if field.unique and field not in links]
        names = [*meta.unique_together, *(c.fields for c in meta.total_unique_constraints)]
        if isinstance(meta.pk, composite_key()):
            composite: Any = meta.pk
            names.append(composite.field_names)
        groups += [tuple(field_named(table, name) for name in group) for group in names]
    return list(dict.fromkeys(groups))


def shared_column(model: Model) -> str:
    """Return the name of a column that two tables of a model have; empty if none."""
    seen: set[str] = set()
    for table in tables_of(model):
        for field in table._meta.local_concrete_fields:
            if field.column in seen:
                return str(field.column)
            seen.add(str(field.column))
    return ""


def composite_key() -> type | tuple[()]:
    """Return the class of composite primary keys, which Django has since 5.2."""
    return getattr(models, "CompositePrimaryKey", ())


def field_named(model: Model, name: str) -> AnyField:
    field: Any = model._meta.get_field(name)
    return field
