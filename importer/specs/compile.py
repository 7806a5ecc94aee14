"""Compiles a spec and the columns of a source into a mapping."""

import datetime as dt
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any

from django.db import models, router
from django.db.models.fields import NOT_PROVIDED
from django.utils import timezone

from importer.exceptions import MappingRefused
from importer.records import shown
from importer.specs.columns import SourceColumns, is_filled
from importer.specs.constants import cleaned_constant, invalid_constants
from importer.specs.declarations import Column, Lookup
from importer.specs.mapping import (
    AnyField,
    ColumnPlan,
    Fill,
    LookupPlan,
    ManyPlan,
    Mapping,
    row_lane,
)
from importer.specs.normalized import with_normalized
from importer.specs.notation import Notation
from importer.specs.spec import ModelImport
from importer.specs.tables import (
    composite_key,
    field_named,
    parent_links,
    root_keys,
    shared_column,
    tables_of,
    unique_groups,
)

# Numbers as Django reads them.
PLAIN = Notation(".", "")
# Defaults that are called once per batch, because they return the moment of the import.
MOMENTS: tuple[Callable[..., Any], ...] = (
    timezone.now,
    timezone.localdate,
    timezone.localtime,
    dt.date.today,
)


def compile_mapping(
    spec: type[ModelImport], columns: list[str], dialect: dict[str, Any] | None = None
) -> Mapping:
    """Compile a spec for a source's columns. Raises MappingRefused, in one line, if they do not match.

    `dialect`: the parts of a delimited file's dialect; its signs of numbers hold for every column without its own.
    """
    model = spec.options.model
    for reason in invalid_constants(spec):
        raise MappingRefused(reason)
    if name := shared_column(model):
        raise MappingRefused(
            f'{spec.options.name}: two tables of {model.__name__} have a column "{name}"; give one of them another '
            f"db_column."
        )
    compiler = _Compiler(spec, columns, dialect or {})
    plans = [compiler.plan(field) for field in compiler.chosen_fields()]
    column_plans = tuple(plan for plan in plans if isinstance(plan, ColumnPlan))
    lookup_plans = tuple(plan for plan in plans if isinstance(plan, LookupPlan))
    mapped = {plan.field for plan in plans}
    manys = tuple(compiler.manys())
    used = (
        {plan.column for plan in column_plans}
        | {part.column for plan in lookup_plans for part in plan.parts}
        | {many.column for many in manys}
    )
    key = tuple(field_named(model, name) for name in spec.options.key)
    for field in key:
        if field not in mapped:
            raise compiler.missing(f'the key field "{field.name}"', field.name)
    fills = tuple(compiler.fills(mapped))
    if not used:
        raise compiler.fills_nothing()
    written = mapped | {fill.field for fill in fills if not fill.is_key}
    normalized = with_normalized(spec, column_plans, fills)
    changed = written if spec.options.on_new == "insert" else mapped
    return Mapping(
        spec=spec,
        model=model,
        alias=router.db_for_write(model),
        columns=column_plans if normalized is None else normalized,
        lookups=lookup_plans,
        fills=fills,
        key=key,
        on_conflict=spec.options.on_conflict,
        on_new=spec.options.on_new,
        duplicates=spec.options.duplicates,
        unique_groups=tuple(
            group for group in unique_groups(model) if set(group) <= written and set(group) & changed
        ),
        row_lane=row_lane(spec) if normalized is None else "",
        ignored=tuple(name for name in columns if name not in used),
        doubts=tuple(str(doubt) for doubt in compiler.columns.doubts if used.isdisjoint(doubt.columns)),
        manys=manys,
    )


def all_columns(spec: type[ModelImport]) -> list[str]:
    """Return the columns of a source that fills every field, for whoever has a spec and no source."""
    names = [
        field.name for field in spec.options.model._meta.concrete_fields if field.name not in spec.declared
    ]
    return list(dict.fromkeys([*spec.declared_columns(), *names]))


def usual_columns(spec: type[ModelImport]) -> list[str]:
    """Return the same without a primary key that the database gives, unless the spec declares it."""
    key = spec.options.model._meta.pk
    is_given = isinstance(key, models.AutoField) and key.name not in spec.declared
    return [name for name in all_columns(spec) if not (is_given and name == key.name)]


class _Compiler:
    def __init__(self, spec: type[ModelImport], columns: list[str], dialect: dict[str, Any]) -> None:
        self.spec = spec
        self.options = spec.options
        self.available = columns
        self.columns = SourceColumns.of(spec, columns)
        model = spec.options.model
        self.parent_links = {link for link, _ in parent_links(model)}
        self.root_keys = root_keys(model) if len(tables_of(model)) > 1 or spec.manys else ()
        self.numbers = Notation(dialect.get("decimal", "."), dialect.get("thousands", ""))

    def chosen_fields(self) -> list[AnyField]:
        meta = self.options.model._meta
        fields = [
            field
            for field in meta.concrete_fields
            if not isinstance(field, composite_key()) and field not in self.parent_links
        ]
        if self.options.fields is not None:
            names = {*self.options.fields, *self.spec.declared}
            return [field for field in fields if field.name in names - self.spec.constants.keys()]
        return [field for field in fields if self._is_chosen(field)]

    def _is_chosen(self, field: AnyField) -> bool:
        if field.name in self.spec.declared:
            return True
        return is_filled(self.spec, field) and self.columns.of_field(field) is not None

    def plan(self, field: AnyField) -> ColumnPlan | LookupPlan:
        declared = self.spec.declared.get(field.name)
        if field.is_relation:
            return self._plan_lookup(field, declared)
        column = declared if isinstance(declared, Column) else Column()
        return self._plan_column(
            field, column, source=self._column_for(field, column.name), target=field.attname
        )

    def _plan_lookup(self, field: Any, declared: Column | Lookup | None) -> LookupPlan:
        if isinstance(declared, Column):
            declared = Lookup(declared.name, transform=declared.transforms, null_values=declared.null_values)
        lookup = declared or Lookup()
        sources = [self._column_for(field, name) for name in lookup.columns or (None,)]
        return self._lookup_plan(field, lookup, field.related_model, field.target_field, sources)

    def manys(self) -> Iterator[ManyPlan]:
        for name, many in self.spec.manys.items():
            field: Any = self.options.model._meta.get_field(name)
            column = self.columns.named(many.column or name)
            if column is None:
                raise self.missing(f'the many-to-many field "{name}"', many.column or name)
            through = field.remote_field.through._meta.get_field(field.m2m_reverse_field_name())
            lookup = self._lookup_plan(
                field, many.lookup, field.related_model, through.target_field, [column]
            )
            yield ManyPlan(field, column, many.separator, lookup)

    def _lookup_plan(
        self, field: Any, lookup: Lookup, parent: Any, value_field: Any, sources: list[str]
    ) -> LookupPlan:
        to = tuple(value_field.name if name == "pk" else name for name in lookup.to)
        parts = tuple(
            self._plan_column(
                _field_at(parent, path),
                Column(transform=lookup.transforms, null_values=lookup.null_values),
                source=source,
                target=f"{field.attname}:{number}",
                reports_as=field.name,
            )
            for number, (source, path) in enumerate(zip(sources, to, strict=True))
        )
        defaults = tuple(lookup.defaults.items())
        return LookupPlan(field, parent, to, value_field.name, parts, lookup.missing, defaults)

    def _plan_column(
        self, field: AnyField, column: Column, *, source: str, target: str, reports_as: str | None = None
    ) -> ColumnPlan:
        nulls = self.options.null_values if column.null_values is None else column.null_values
        return ColumnPlan(
            field=field,
            column=source,
            target=target,
            reports_as=field.name if reports_as is None else reports_as,
            null_values=nulls,
            transforms=column.transforms,
            formats=column.formats,
            notation=self._notation(field, column.notation),
            default=column.default,
            keeps=column.blank == "keep" and self.options.on_conflict == "update",
            is_lenient=reports_as is not None,
        )

    def _notation(self, field: AnyField, own: Notation) -> Notation | None:
        if own.is_of_numbers or own.is_of_booleans:
            return own
        is_number = isinstance(field, models.IntegerField | models.DecimalField | models.FloatField)
        return self.numbers if is_number and self.numbers != PLAIN else None

    def _column_for(self, field: AnyField, name: str | None) -> str:
        column = self.columns.of_field(field) if name is None else self.columns.named(name)
        if column is None:
            raise self.missing(f'the field "{field.name}"', name or field.name)
        return column

    def missing(self, what: str, column: str) -> MappingRefused:
        """Return the refusal of a source that lacks a column, with a hint at what it has."""
        if doubt := self.columns.doubt_of(column):
            return MappingRefused(
                f'{self.options.name}: the source has no column "{column}" for {what} of '
                f'{self.options.model.__name__}; {doubt}: name one with Column("…").'
            )
        nearest = get_close_matches(column, self.available, n=1)
        hint = f'did you mean "{nearest[0]}"?' if nearest and not self._other_delimiter() else self._has()
        model = self.options.model.__name__
        return MappingRefused(
            f'{self.options.name}: the source has no column "{column}" for {what} of {model}; {hint}'
        )

    def fills_nothing(self) -> MappingRefused:
        """Return the refusal of a source none of whose columns fills a field."""
        return MappingRefused(
            f"{self.options.name}: no column of the source fills a field of {self.options.model.__name__}; "
            f"{self._has()}"
        )

    def _has(self) -> str:
        if mark := self._other_delimiter():
            shown_mark = "tab" if mark == "\t" else mark
            name = shown(self.available[0])[:60]
            return f'it has one column, "{name}"; is the delimiter "{shown_mark}"? (--delimiter)'
        names = ", ".join(shown(name)[:40] for name in self.available[:12])
        return f"it has: {names}." if names else "it has no columns."

    def _other_delimiter(self) -> str:
        """Return the mark that separates the names of what was read as one column, or nothing."""
        if len(self.available) != 1:
            return ""
        return next((mark for mark in ";\t|," if mark in self.available[0]), "")

    def fills(self, mapped: set[AnyField]) -> list[Fill]:
        fills = []
        for field in self.options.model._meta.concrete_fields:
            if field in mapped or isinstance(field, composite_key()) or getattr(field, "generated", False):
                continue
            fill = self._fill(field)
            if fill is not None:
                fills.append(fill)
        return fills

    def _fill(self, field: AnyField) -> Fill | None:
        if field.name in self.spec.constants and self.options.on_new == "insert":
            value = cleaned_constant(self.spec, field.name)
            return Fill(field, lambda: value, per_record=False, on_update=False, is_constant=True)
        if field in self.parent_links:
            return Fill(field, lambda: None, per_record=False, on_update=False, is_parent_link=True)
        if field in self.root_keys and _is_filled_by_database(field):
            return Fill(field, lambda: None, per_record=False, on_update=False, is_drawn=True)
        if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
            return Fill(
                field, _moment_of(field), per_record=False, on_update=bool(getattr(field, "auto_now", False))
            )
        if _is_filled_by_database(field):
            return None
        if self.options.on_new != "insert":
            # Only existing rows change, which have a value. Constraints see it in this place.
            return Fill(field, lambda: None, per_record=False, on_update=False)
        if not field.has_default():
            empty = field.get_default()
            if (empty is None and not field.null) or (empty == "" and not field.blank):
                raise self.missing(f'the required field "{field.name}"', field.name)
            return Fill(field, field.get_default, per_record=False, on_update=False)
        constant = not callable(field.default) or field.default in MOMENTS
        return Fill(field, field.get_default, per_record=not constant, on_update=False)


def _is_filled_by_database(field: AnyField) -> bool:
    is_serial = isinstance(field, models.AutoField | models.BigAutoField | models.SmallAutoField)
    return is_serial or field.db_default is not NOT_PROVIDED


def _moment_of(field: AnyField) -> Callable[[], dt.date | dt.time]:
    """Return the function that gives the present as a value of the field's class."""
    if isinstance(field, models.DateTimeField):
        return timezone.now
    return timezone.localdate if isinstance(field, models.DateField) else _time_of_day


def _time_of_day() -> dt.time:
    return timezone.localtime().time() if timezone.is_aware(timezone.now()) else timezone.now().time()


def _field_at(model: type[models.Model], path: str) -> AnyField:
    """Return the field at the end of a path such as "company__code"."""
    *relations, last = path.split("__")
    for name in relations:
        model = model._meta.get_field(name).related_model  # type: ignore[assignment]
    field = model._meta.get_field(last)
    while field.is_relation:
        field = field.target_field  # type: ignore[union-attr]
    return field  # type: ignore[return-value]
