"""Keeps mappings under names, and tells whether the next file of the same kind still fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, models, transaction
from django.db.models import Max
from rapidfuzz import fuzz, process

from importer.exceptions import MappingRefused
from importer.models import ImportMapping
from importer.specs.columns import loosely
from importer.specs.compile import compile_mapping
from importer.specs.stored import build_spec
from importer.suggest.suggestion import Suggestion

RESEMBLES = 60
# What `create_job` is told beyond the spec, which has the dialect.
OF_JOB = ("format", "encoding", "sheet")
# Two people who save a mapping under one name at the same moment.
ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Missing:
    """A column that a mapping reads and a file lacks, and the nearest column of the file ("" if none is near)."""

    column: str
    nearest: str

    def __str__(self) -> str:
        hint = f', did you mean "{self.nearest}"?' if self.nearest else ""
        return f'"{self.column}"{hint}'


def keep(
    name: str,
    model: type[models.Model],
    columns: Sequence[str],
    options: dict[str, Any],
    *,
    created_by: Any = None,
) -> ImportMapping:
    """Keep options under a name: as its next version, if there is one. Raises MappingRefused for invalid ones.

    The caller checks that the person may import with it (`importer.rights.may_import_with`).
    """
    name = name.strip()
    longest = ImportMapping._meta.get_field("name").max_length or 0
    if not name or len(name) > longest:
        raise MappingRefused(f'The name "{name[:40]}" is empty or longer than {longest} characters.')
    label = model._meta.label
    build_spec(label, options, name=name)
    for _ in range(ATTEMPTS):
        version = ImportMapping.objects.filter(name=name).aggregate(last=Max("version"))["last"] or 0
        try:
            with transaction.atomic():
                return ImportMapping.objects.create(
                    name=name,
                    version=version + 1,
                    model=label,
                    columns=list(columns),
                    options=options,
                    created_by=created_by,
                )
        except IntegrityError:
            continue
    raise MappingRefused(f'The mapping "{name}" is being saved by others; try again.')


def keep_suggestion(name: str, suggestion: Suggestion, *, created_by: Any = None) -> ImportMapping:
    """Keep a suggestion as it is, doubts included. Raises MappingRefused."""
    return keep(
        name, suggestion.model, suggestion.file.columns, suggestion.spec_options(), created_by=created_by
    )


def latest(name: str) -> ImportMapping | None:
    """Return the latest version of a mapping."""
    return ImportMapping.objects.filter(name=name).order_by("-version").first()


def job_options(mapping: ImportMapping) -> dict[str, Any]:
    """Return the arguments of `create_job` beside the spec and the source."""
    return {key: mapping.options[key] for key in OF_JOB if mapping.options.get(key)}


def asked_by(mapping: ImportMapping) -> dict[str, str]:
    """Return what a mapping says of its files, as the arguments of `Asked`."""
    delimiter = mapping.options.get("dialect", {}).get("delimiter", "")
    return job_options(mapping) | ({"delimiter": delimiter} if delimiter else {})


def fits(mapping: ImportMapping, columns: Sequence[str]) -> bool:
    """Tell whether a file has all columns that a mapping reads."""
    return not missing_columns(mapping, columns)


def missing_columns(mapping: ImportMapping, columns: Sequence[str]) -> list[Missing]:
    """Return the columns that a mapping reads and a file does not have."""
    present = {loosely(column) for column in columns}
    lacking = [name for name in columns_read(mapping) if loosely(name) not in present]
    free = [column for column in columns if column not in mapping.columns]
    return [Missing(name, _nearest(name, free)) for name in lacking]


def columns_read(mapping: ImportMapping) -> list[str]:
    """Return the columns that a mapping reads."""
    return build_spec(mapping.model, mapping.options, name=mapping.name).declared_columns()


def refuse_misfit(mapping: ImportMapping, columns: Sequence[str]) -> None:
    """Raise MappingRefused, in one line, if a file lacks columns of a mapping, or required fields stay empty."""
    if missing := missing_columns(mapping, columns):
        what = "column" if len(missing) == 1 else "columns"
        raise MappingRefused(
            f'The file does not fit the mapping "{mapping.name}": it lacks the {what} {", ".join(map(str, missing))}'
        )
    spec = build_spec(mapping.model, mapping.options, name=mapping.name)
    compile_mapping(spec, list(columns), mapping.options.get("dialect", {}))


def _nearest(name: str, columns: Sequence[str]) -> str:
    found = process.extractOne(
        loosely(name), {column: loosely(column) for column in columns}, scorer=fuzz.ratio
    )
    return str(found[2]) if found and found[1] >= RESEMBLES else ""
