"""Finds many-to-many fields that cannot be filled from a cell."""

from typing import Any

from importer.specs.spec import ModelImport
from importer.specs.tables import tables_of


def unfillable_manys(spec: type[ModelImport]) -> list[str]:
    """Return one sentence for each, with the way out."""
    return [
        f'{spec.__qualname__}: Many on "{name}": {fault}.'
        for name in spec.manys
        if (fault := _fault(spec, spec.options.model._meta.get_field(name)))
    ]


def _fault(spec: type[ModelImport], field: Any) -> str:
    through = field.remote_field.through
    if set(tables_of(field.related_model)) & set(tables_of(spec.options.model)):
        return f"it refers to the rows of the import itself; write a spec for {through._meta.label}, and import it next"
    if not through._meta.auto_created:
        return (
            f"its rows have a model of their own; write a spec for {through._meta.label}, and import it next"
        )
    return ""
