"""Matches the names that a spec uses to the columns of a source."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models

from importer.conf import conf
from importer.specs.declarations import Column, Lookup
from importer.specs.spec import ModelImport

BETWEEN_WORDS = re.compile(r"[\s_]+")


def loosely(name: str) -> str:
    """Return a name without case, blanks and underscores: "COMP CD", "comp_cd" and "CompCd" are one."""
    return BETWEEN_WORDS.sub("", name).casefold()


def absent(names: Iterable[str], columns: Iterable[str]) -> list[str]:
    """Return the names that no column resembles."""
    present = {loosely(column) for column in columns}
    return [name for name in names if loosely(name) not in present]


@dataclass(frozen=True, slots=True)
class Doubt:
    """Names and columns that resemble each other without saying which belongs to which."""

    names: tuple[str, ...]
    columns: tuple[str, ...]

    def __str__(self) -> str:
        fields, columns = (
            " or ".join(f'"{name[:60]}"' for name in names) for names in (self.names, self.columns)
        )
        return f"{columns} could fill {fields}"


@dataclass(slots=True)
class SourceColumns:
    """The columns of a source, by the names that a spec uses for them.

    A name takes the column that is spelled like it. Without one, it takes the column that differs only in case, blanks
    and underscores, if there is one such column, no name is spelled like it, and no other name resembles it. Names of
    declarations choose before the fields that are not declared.
    """

    spec: type[ModelImport]
    available: Sequence[str]
    taken: dict[str, str] = field(default_factory=dict)
    doubts: list[Doubt] = field(default_factory=list)

    @classmethod
    def of(cls, spec: type[ModelImport], available: Sequence[str]) -> "SourceColumns":
        columns = cls(spec, available)
        fields = spec.options.model._meta.concrete_fields
        unnamed = [
            f.attname for f in fields if f.name in spec.declared and not _has_name(spec.declared[f.name])
        ]
        declared = dict.fromkeys([*spec.declared_columns(), *unnamed])
        own = own_names(spec)
        present = set(available)
        columns.taken = {name: name for name in (*declared, *own) if name in present}
        columns._take(declared)
        columns._take(own)
        return columns

    def _take(self, names: Iterable[str]) -> None:
        """Match the names that have no column yet to the columns that have no name yet."""
        wanted, free = by_likeness(set(names) - self.taken.keys()), self._free()
        for likeness, alike in wanted.items():
            match alike, free.get(likeness, ()):
                case [name], [column]:
                    self.taken[name] = column
                case _, candidates if candidates:
                    self.doubts.append(Doubt(tuple(sorted(alike)), tuple(candidates)))

    def _free(self) -> dict[str, list[str]]:
        used = set(self.taken.values())
        return by_likeness(column for column in self.available if column not in used)

    def named(self, name: str) -> str | None:
        """Return the column that a declaration calls by this name."""
        return self.taken.get(name)

    def of_field(self, model_field: Any) -> str | None:
        """Return the column that is called like the field; a foreign key may be called by its attribute's name."""
        names = [name for name in (model_field.name, model_field.attname) if name in self.taken]
        return (
            next((name for name in names if self.taken[name] == name), self.taken[names[0]])
            if names
            else None
        )

    def doubt_of(self, name: str) -> Doubt | None:
        return next((doubt for doubt in self.doubts if name in doubt.names), None)

    def null_values(self) -> dict[str, frozenset[str]]:
        """Return, for each column, the texts that mean "nothing" in it."""
        nulls = dict.fromkeys(self.available, self.spec.options.null_values)
        for name, declared in self.spec.declared.items():
            if declared.null_values is not None:
                nulls |= dict.fromkeys(self._columns_of(name, declared), declared.null_values)
        return nulls

    def of_other_name(self) -> dict[str, str]:
        """Return the columns of the fields that are called otherwise, for messages: {"joined": "JOIN_DT"}."""
        columns = {n: ", ".join(self._columns_of(n, declared)) for n, declared in self.spec.declared.items()}
        return {
            name: column for name, column in columns.items() if column and loosely(column) != loosely(name)
        }

    def json_columns(self) -> dict[str, frozenset[str]]:
        """Return the columns that fill a JSONField without a transform: typed values in them must not become text.

        Maps each column to its null values, which mean "nothing" in a typed source as well.
        """
        nulls = self.null_values()
        return {name: nulls[name] for name in self._plain_columns(lambda f: isinstance(f, models.JSONField))}

    def bytes_columns(self) -> frozenset[str]:
        """Return the columns that fill a BinaryField, or an array of them, without a transform.

        Bytes in them must not become text.
        """
        return frozenset(self._plain_columns(_holds_bytes))

    def _plain_columns(self, is_wanted: Callable[[models.Field], bool]) -> Iterator[str]:
        """Yield the columns that fill certain fields without a transform."""
        for f in self.spec.options.model._meta.concrete_fields:
            declared = self.spec.declared.get(f.name) or Column()
            if is_wanted(f) and isinstance(declared, Column) and not declared.transforms:
                yield from self._columns_of(f.name, declared)

    def _columns_of(self, name: str, declared: Column | Lookup) -> list[str]:
        names = (declared.columns or (name,)) if isinstance(declared, Lookup) else (declared.name or name,)
        return [self.taken[name] for name in names if name in self.taken]


def own_names(spec: type[ModelImport]) -> dict[str, None]:
    """Return the names of the columns that fill the fields which the spec does not declare."""
    fields = spec.options.model._meta.concrete_fields
    undeclared = [f for f in fields if f.name not in spec.declared and is_filled(spec, f)]
    return dict.fromkeys([f.name for f in undeclared] + [f.attname for f in undeclared])


def is_filled(spec: type[ModelImport], model_field: Any) -> bool:
    """Tell whether a field that the spec does not declare is filled by the column of its name."""
    if model_field.name in spec.constants:
        return False
    if spec.options.fields is not None:
        return model_field.name in spec.options.fields
    return (
        model_field.editable
        and model_field.name not in conf.SENSITIVE_FIELDS
        and not getattr(model_field, "generated", False)
    )


def _holds_bytes(f: models.Field) -> bool:
    """Tell whether a field is a BinaryField, or an array of them."""
    base = getattr(f, "base_field", None)
    return isinstance(f, models.BinaryField) if base is None else _holds_bytes(base)


def _has_name(declared: Column | Lookup) -> bool:
    return bool(declared.columns if isinstance(declared, Lookup) else declared.name)


def by_likeness(names: Iterable[str]) -> dict[str, list[str]]:
    """Group names that differ only in case, blanks and underscores."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(loosely(name), []).append(name)
    return groups
