"""Describes what the pipeline does with each record, as pure data.

A mapping is compiled once from a spec and a source's columns. Nothing here needs a database or has state. The stages
(`Validator`, `Resolver`, `RowLane`, `Writer`) are created from a mapping and own their state.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import models

from importer.specs.declarations import UNSET
from importer.specs.notation import Notation
from importer.specs.spec import IN_ORDER, ModelImport
from importer.specs.tables import AnyField, constraints_of, parent_links, root_key, root_keys, tables_of


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """One column of the source, read for one field.

    target       the column of cleaned texts that it becomes
    reports_as   the field that errors name (the foreign key, for a part of a lookup's key)
    keeps        an empty cell is null until it is known which existing value it keeps
    normalize    what the model's `clean()` does to the cleaned value, where it does nothing else
    is_lenient   True for a part of a lookup's key, which is read by `to_python()` and not validated
    """

    field: AnyField
    column: str
    target: str
    reports_as: str
    null_values: frozenset[str] = frozenset()
    transforms: tuple[Callable[[Any], Any], ...] = ()
    formats: tuple[str, ...] = ()
    notation: Notation | None = None
    default: Any = dataclasses.field(default=UNSET, compare=False)  # it may be a list, which has no hash
    keeps: bool = False
    is_lenient: bool = False
    normalize: Callable[[Any], Any] | None = None

    @property
    def is_rewritten(self) -> bool:
        """Whether the field gets another text than the source has."""
        return bool(self.transforms or self.formats or self.notation)

    @property
    def has_default(self) -> bool:
        return self.default is not UNSET

    @property
    def iso_format(self) -> str | None:
        if isinstance(self.field, models.DateTimeField):
            return "%Y-%m-%d %H:%M:%S"
        return "%Y-%m-%d" if isinstance(self.field, models.DateField) else None

    @property
    def accepts_null(self) -> bool:
        return self.keeps or (self.field.null and self.field.blank and not self.has_default)

    @property
    def null_is_blank(self) -> bool:
        """Whether null is written as an empty text, as Django does for text columns that are not null."""
        field = self.field
        if self.keeps:
            return False
        if self.is_lenient:
            return False  # an empty part of a lookup's key means no parent, not the parent named ""
        return not field.null and field.blank and field.empty_strings_allowed and not self.has_default

    @property
    def accepts_empty(self) -> bool:
        return self.field.blank and isinstance(self.field, models.CharField | models.TextField)


@dataclass(frozen=True, slots=True)
class LookupPlan:
    """A foreign key found by its parent's natural key. The key's parts are cleaned as the parent's fields."""

    field: AnyField
    parent: type[models.Model]
    to: tuple[str, ...]
    value_field: str
    parts: tuple[ColumnPlan, ...]
    missing: str
    defaults: tuple[tuple[str, Any], ...] = dataclasses.field(default=(), compare=False)

    @property
    def target(self) -> str:
        return self.field.attname

    def reads(self, model: type[models.Model]) -> bool:
        """Whether the lookup reads one of this model's tables, directly or through a relation."""
        tables = set(tables_of(model))
        for path in self.to:
            step: Any = self.parent
            if tables & set(tables_of(step)):
                return True
            for name in path.split("__")[:-1]:
                step = step._meta.get_field(name).related_model
                if tables & set(tables_of(step)):
                    return True
        return False


@dataclass(frozen=True, slots=True)
class ManyPlan:
    """A many-to-many field: the parts of a cell, each found by the other model's natural key."""

    field: Any
    column: str
    separator: str
    lookup: LookupPlan

    @property
    def part(self) -> ColumnPlan:
        return self.lookup.parts[0]


@dataclass(frozen=True, slots=True)
class Fill:
    """A field that the source does not fill: it takes its default, a constant, or the moment of saving.

    is_drawn        a primary key that is drawn from its sequence before the row is written
    is_parent_link  a reference to the row's part in another table, which repeats that part's primary key
    """

    field: AnyField
    make: Callable[[], Any]
    per_record: bool
    on_update: bool
    is_constant: bool = False
    is_drawn: bool = False
    is_parent_link: bool = False

    @property
    def is_key(self) -> bool:
        return self.is_drawn or self.is_parent_link


@dataclass(frozen=True, slots=True)
class Mapping:
    """What the pipeline does with each record.

    key            the fields by which an existing row is recognised; empty: insert only
    duplicates     which of several records with one key in the source counts: "last", "first", or "reject" (the others)
    unique_groups  the sets of fields that the database keeps unique, including the key's own set
    row_lane       why records go through Python one by one; empty if they do not
    ignored        columns of the source that fill no field
    doubts         what could not be matched, because several names or columns resemble each other
    """

    spec: type[ModelImport]
    model: type[models.Model]
    alias: str
    columns: tuple[ColumnPlan, ...]
    lookups: tuple[LookupPlan, ...]
    fills: tuple[Fill, ...]
    key: tuple[AnyField, ...]
    on_conflict: str
    on_new: str
    duplicates: str
    unique_groups: tuple[tuple[AnyField, ...], ...]
    row_lane: str
    ignored: tuple[str, ...]
    doubts: tuple[str, ...] = ()
    manys: tuple[ManyPlan, ...] = ()

    @property
    def own_lookups(self) -> tuple[LookupPlan, ...]:
        """The lookups that find rows of the same table."""
        return tuple(plan for plan in self.lookups if plan.reads(self.model))

    @property
    def notes(self) -> list[str]:
        """Say what the import leaves out of the source, or of a row that exists."""
        names = ", ".join(f'"{name[:60]}"' for name in self.ignored)
        count = len(self.ignored)
        ignored = (
            [f"{count:,} column{'s fill' if count > 1 else ' fills'} no field: {names}."] if names else []
        )
        unwritten = [
            f'"{plan.column}" is the primary key of new rows alone: a row that the key finds keeps its own.'
            for plan in self.columns
            if plan.field.primary_key and self.on_conflict == "update" and plan.field not in self.key
        ]
        doubts = [f'Ambiguous: {doubt}; name one with Column("…").' for doubt in self.doubts]
        return [*ignored, *unwritten, *doubts]

    @property
    def mapped(self) -> tuple[AnyField, ...]:
        """Fields filled from the source, in the order in which they are written."""
        return (*(plan.field for plan in self.columns), *(plan.field for plan in self.lookups))

    @property
    def written(self) -> tuple[AnyField, ...]:
        return (*self.mapped, *(fill.field for fill in self.fills))

    @property
    def cleans_model(self) -> bool:
        """Whether `Model.clean()` is called for each record."""
        return bool(self.row_lane) and self.model.clean is not models.Model.clean

    @property
    def cleaned_fills(self) -> tuple[AnyField, ...]:
        """Fields that the source does not fill but `Model.clean()` may, except those that `save()` sets."""
        if not self.cleans_model:
            return ()
        return tuple(
            fill.field
            for fill in self.fills
            if not getattr(fill.field, "auto_now", False)
            and not getattr(fill.field, "auto_now_add", False)
            and not fill.is_key
        )

    @property
    def empty_parts_are_equal(self) -> bool:
        """Whether empty parts of a key count as equal: yes to recognise a row, no to reject a duplicate (as in SQL)."""
        return self.on_conflict != "reject"

    @property
    def inserts(self) -> bool:
        """Whether a record whose key is not in the table becomes a row."""
        return self.on_new == "insert"

    @property
    def kept(self) -> tuple[ColumnPlan, ...]:
        """The columns whose empty cells leave the value of an existing row as it is."""
        return tuple(plan for plan in self.columns if plan.keeps)

    @property
    def decides_repeats(self) -> bool:
        """Whether a run in order would let another of the records with one key count than the spec says."""
        return bool(self.key) and self.duplicates != IN_ORDER[self.on_conflict]

    @property
    def tables(self) -> tuple[type[models.Model], ...]:
        """The models whose tables hold a row, each after those from which it inherits."""
        return tables_of(self.model)

    def written_to(self, table: type[models.Model]) -> list[AnyField]:
        return [f for f in self.written if f.model is table]

    @property
    def needs_primary_keys(self) -> bool:
        """Whether other tables refer to a row, so that its primary key must be known before it is written."""
        return len(self.tables) > 1 or bool(self.manys)

    @property
    def primary_keys(self) -> tuple[AnyField, ...]:
        """The primary keys to which other tables refer."""
        return root_keys(self.model) if self.needs_primary_keys else ()

    @property
    def drawn(self) -> tuple[AnyField, ...]:
        """The primary keys that the database would fill, but must be known before."""
        return tuple(fill.field for fill in self.fills if fill.is_drawn)

    @property
    def parent_links(self) -> tuple[tuple[AnyField, AnyField], ...]:
        """The fields that point from one table of a row to another, each with the primary key that it repeats."""
        return tuple((link, root_key(link)) for link, _ in parent_links(self.model))

    @property
    def constraints(self) -> list[models.BaseConstraint]:
        """The constraints of all its tables; a proxy model has none of its own."""
        return [constraint for _, constraint in constraints_of(self.model)]

    @property
    def checks(self) -> list[tuple[type[models.Model], models.CheckConstraint]]:
        """The check constraints, each with its table."""
        return [(t, c) for t, c in constraints_of(self.model) if isinstance(c, models.CheckConstraint)]

    @property
    def may_copy(self) -> bool:
        """Whether records may be copied straight into the table, unless something collides.

        Not for a single column: COPY cannot tell an empty line from the end of a one-column file.
        """
        is_insert = self.on_conflict == "reject" and (not self.key or self.key_is_unique)
        return is_insert and len(self.written) > 1 and not self.needs_primary_keys

    @property
    def key_is_unique(self) -> bool:
        """Whether the database itself rejects a second row with the same key."""
        return any(set(group) <= set(self.key) for group in self.unique_groups)


def key_groups(mapping: Mapping) -> tuple[tuple[ColumnPlan, ...], ...]:
    """Return, for each set of fields that must be unique, the columns that decide it."""
    columns: dict[AnyField, tuple[ColumnPlan, ...]] = {plan.field: (plan,) for plan in mapping.columns}
    columns |= {lookup.field: lookup.parts for lookup in mapping.lookups}
    groups = [*mapping.unique_groups, *([mapping.key] if mapping.key else [])]
    parts = [tuple(plan for f in group for plan in columns.get(f, ())) for group in groups]
    return tuple(dict.fromkeys(part for part in parts if part))


def key_columns(mapping: Mapping) -> tuple[ColumnPlan, ...]:
    """Return the columns that hold the natural key."""
    columns: dict[AnyField, tuple[ColumnPlan, ...]] = {plan.field: (plan,) for plan in mapping.columns}
    columns |= {lookup.field: lookup.parts for lookup in mapping.lookups}
    return tuple(plan for field in mapping.key for plan in columns[field])


def row_lane(spec: type[ModelImport]) -> str:
    model = spec.options.model
    if spec.cleans_records():
        return f"{spec.__qualname__}.clean_record() needs the whole record"
    if model.clean is not models.Model.clean:
        return f"{model.__qualname__}.clean() needs the whole record"
    return ""
