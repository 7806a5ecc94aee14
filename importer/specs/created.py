"""Makes a spec of its own for the parents that a `Lookup` or a `Many` with missing="create" makes."""

from collections.abc import Iterator
from typing import Any

from django.db import models
from django.db.models.fields import NOT_PROVIDED

from importer.specs.constants import invalid_constants
from importer.specs.declarations import Column, Constant, Lookup
from importer.specs.mapping import ColumnPlan, LookupPlan
from importer.specs.spec import ModelImport
from importer.specs.tables import tables_of, unique_groups


def spec_of_parents(plan: LookupPlan, owner: str) -> type[ModelImport]:
    """Return the spec by which the parents of a lookup are made: from its columns and defaults."""
    names = plan.to
    declared = {
        name: _declared(plan.parent, name, part) for name, part in zip(names, plan.parts, strict=True)
    }
    return _spec(owner, plan.parent, names, declared, dict(plan.defaults))


def uncreatable_parents(spec: type[ModelImport]) -> list[str]:
    """Return one sentence for each parent that could never be made."""
    return [
        f'{spec.__qualname__}: missing="create" on "{name}": {fault.rstrip(".")}.'
        for name, lookup in _creating(spec).items()
        for fault in _faults(spec, name, lookup)
    ]


def created_models(spec: type[ModelImport]) -> set[type[models.Model]]:
    """Return the models of which an import may create parents."""
    return {_parent_of(spec, name) for name in _creating(spec)}


def _creating(spec: type[ModelImport]) -> dict[str, Lookup]:
    return {name: lookup for name, lookup in spec.lookups().items() if lookup.missing == "create"}


def _parent_of(spec: type[ModelImport], name: str) -> Any:
    return spec.options.model._meta.get_field(name).related_model


def _faults(spec: type[ModelImport], name: str, lookup: Lookup) -> Iterator[str]:
    parent = _parent_of(spec, name)
    label = parent._meta.label
    fields = {f.name: f for f in parent._meta.concrete_fields}
    to = tuple(parent._meta.pk.name if path == "pk" else path for path in lookup.to)
    if set(tables_of(parent)) & set(tables_of(spec.options.model)):
        yield f"{label} is what the import itself fills; import the parents first, with a spec of their own"
    elif crossing := [path for path in to if path not in fields]:
        yield f'"{crossing[0]}" is not a field of {label} itself'
    elif not any({f.name for f in group} <= set(to) for group in unique_groups(parent)):
        yield f"no unique constraint covers {', '.join(to)} of {label}, so two workers could make it twice"
    elif unknown := sorted(set(lookup.defaults) - set(fields)):
        yield f'{label} has no field "{unknown[0]}"; it has {", ".join(fields)}'
    elif both := sorted(set(lookup.defaults) & set(to)):
        yield f'"{both[0]}" is filled from the source, so it has no default'
    elif required := [f.name for f in fields.values() if f.name not in to and _is_required(f, lookup)]:
        yield f'{label} must have a "{required[0]}"; add defaults={{"{required[0]}": …}}'
    else:
        yield from invalid_constants(_spec(f"{spec.__qualname__}.{name}", parent, to, {}, lookup.defaults))


def _is_required(f: Any, lookup: Lookup) -> bool:
    if f.name in lookup.defaults or f.has_default() or f.db_default is not NOT_PROVIDED or f.primary_key:
        return False
    is_set_by_django = getattr(f, "auto_now", False) or getattr(f, "auto_now_add", False)
    is_link = f.is_relation and getattr(f.remote_field, "parent_link", False)
    if is_set_by_django or is_link or getattr(f, "generated", False):
        return False
    empty = f.get_default()
    return (empty is None and not f.null) or (empty == "" and not f.blank)


def _spec(
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
