"""Finds parents that a `Lookup` or a `Many` with missing="create" could never make."""

from collections.abc import Iterator
from typing import Any

from django.db.models.fields import NOT_PROVIDED

from importer.specs.constants import invalid_constants
from importer.specs.created import creating, parent_of, spec_with
from importer.specs.declarations import Lookup
from importer.specs.spec import ModelImport
from importer.specs.tables import tables_of, unique_groups


def uncreatable_parents(spec: type[ModelImport]) -> list[str]:
    """Return one sentence for each parent that could never be made."""
    return [
        f'{spec.__qualname__}: missing="create" on "{name}": {fault.rstrip(".")}.'
        for name, lookup in creating(spec).items()
        for fault in _faults(spec, name, lookup)
    ]


def _faults(spec: type[ModelImport], name: str, lookup: Lookup) -> Iterator[str]:
    parent = parent_of(spec, name)
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
        yield from invalid_constants(
            spec_with(f"{spec.__qualname__}.{name}", parent, to, {}, lookup.defaults)
        )


def _is_required(f: Any, lookup: Lookup) -> bool:
    if f.name in lookup.defaults or f.has_default() or f.db_default is not NOT_PROVIDED or f.primary_key:
        return False
    is_set_by_django = getattr(f, "auto_now", False) or getattr(f, "auto_now_add", False)
    is_link = f.is_relation and getattr(f.remote_field, "parent_link", False)
    if is_set_by_django or is_link or getattr(f, "generated", False):
        return False
    empty = f.get_default()
    return (empty is None and not f.null) or (empty == "" and not f.blank)
