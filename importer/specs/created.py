"""Makes a spec of its own for the parents that a `Lookup` or a `Many` with missing="create" makes."""

from typing import Any

from django.db import models

from importer.specs.declarations import Column, Constant, Lookup
from importer.specs.mapping import ColumnPlan, LookupPlan
from importer.specs.spec import ModelImport


def spec_of_parents(plan: LookupPlan, owner: str) -> type[ModelImport]:
    """Return the spec by which the parents of a lookup are made: from its columns and defaults."""
    names = plan.to
    declared = {
        name: _declared(plan.parent, name, part) for name, part in zip(names, plan.parts, strict=True)
    }
    return spec_with(owner, plan.parent, names, declared, dict(plan.defaults))


def created_models(spec: type[ModelImport]) -> set[type[models.Model]]:
    """Return the models of which an import may create parents."""
    return {parent_of(spec, name) for name in creating(spec)}


def creating(spec: type[ModelImport]) -> dict[str, Lookup]:
    """Return the lookups that create, by the field they fill."""
    return {name: lookup for name, lookup in spec.lookups().items() if lookup.missing == "create"}


def parent_of(spec: type[ModelImport], name: str) -> Any:
    return spec.options.model._meta.get_field(name).related_model


def spec_with(
    owner: str,
    parent: type[models.Model],
    to: tuple[str, ...],
    declared: dict[str, Any],
    defaults: dict[str, Any],
) -> type[ModelImport]:
    meta = type("Meta", (), {"model": parent, "name": owner, "key": to, "fields": to, "null_values": ()})
    constants = {name: Constant(value) for name, value in defaults.items()}
    return type(owner, (ModelImport,), {"Meta": meta, **declared, **constants})


def _declared(parent: type[models.Model], name: str, part: ColumnPlan) -> Column | Lookup:
    if parent._meta.get_field(name).is_relation:
        return Lookup(part.column, transform=part.transforms, null_values=part.null_values)
    notation = part.notation
    return Column(
        part.column,
        transform=part.transforms,
        null_values=part.null_values,
        decimal=notation.decimal if notation else "",
        thousands=notation.thousands if notation else "",
    )
