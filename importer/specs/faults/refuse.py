"""Refuses a spec that cannot work, once all models are loaded (a spec is declared earlier)."""

from importer.exceptions import MappingRefused
from importer.specs.faults.formats import invalid_formats
from importer.specs.faults.lookup_paths import unknown_paths
from importer.specs.faults.manys import unfillable_manys
from importer.specs.faults.parents import uncreatable_parents
from importer.specs.spec import ModelImport


def refuse_faults(spec: type[ModelImport]) -> None:
    """Raise MappingRefused, in one line, for the first fault of a spec."""
    for find in (unknown_paths, invalid_formats, unfillable_manys, uncreatable_parents):
        for reason in find(spec):
            raise MappingRefused(reason)
