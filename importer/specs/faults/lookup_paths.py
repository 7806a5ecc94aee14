"""Checks the paths of lookups and many-to-many fields, once all models are loaded (a spec is declared earlier)."""

from typing import Any

from django.core.exceptions import FieldDoesNotExist

from importer.specs.spec import ModelImport


def unknown_paths(spec: type[ModelImport]) -> list[str]:
    """Return one sentence for each invalid path."""
    return [
        f'{spec.__qualname__}: {"Many" if name in spec.manys else "Lookup"} on "{name}" to "{path}": {fault}.'
        for name, lookup in spec.lookups().items()
        for path in lookup.to
        if (fault := _fault(spec.options.model._meta.get_field(name).related_model, path))
    ]


def _fault(model: Any, path: str) -> str:
    before = ""
    for name in path.split("__") if path != "pk" else ():
        if model is None:
            return f'"{before}" is not a relation'
        try:
            field = model._meta.get_field(name)
        except FieldDoesNotExist:
            names = ", ".join(field.name for field in model._meta.concrete_fields)
            return f'{model._meta.label} has no field "{name}"; it has {names}'
        model, before = field.related_model, name
    return ""
