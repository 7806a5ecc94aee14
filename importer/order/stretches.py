"""Cuts a batch before each record that depends on an earlier one, such as its parent.

A record may refer to a parent that an earlier record of the same table creates; plain Django would find it. So a batch
is cut before each record that depends on an earlier one of the same stretch. Most batches are one stretch. A chain in
which each record refers to the one before it is written record by record.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from importer.batches import Cleaned
from importer.order.comparable import canonical, is_comparable
from importer.specs.mapping import LookupPlan, Mapping

Values = Sequence[tuple[Any, ...]]


def stretches(cleaned: Cleaned, mapping: Mapping) -> Iterator[tuple[int, int]]:
    """Yield (first record number, number after the last one) of each stretch."""
    height, start = cleaned.values.height, 0
    dependencies = [
        _Dependency(
            cleaned.values.select(part.target for part in plan.parts).rows(),
            created_keys(cleaned.values, mapping, plan),
        )
        for plan in mapping.lookups
        if plan.reads(mapping.model)
    ]
    if mapping.cleans_model and mapping.on_conflict == "update":
        # `clean()` must see what an earlier record with the same key has written.
        keys = cleaned.values.select(pl.col(_key_columns(mapping)).fill_null("")).rows()
        dependencies.append(_Dependency(keys, keys))
    if dependencies:
        for number in cleaned.sound().to_list():
            if any(dependency.holds(number) for dependency in dependencies):
                yield start, number
                start = number
                for dependency in dependencies:
                    dependency.forget()
            for dependency in dependencies:
                dependency.note(number)
    yield start, height


class _Dependency:
    """Knows which keys the records of a stretch create (None: unknown), and whether a record looks one up."""

    def __init__(self, looked_up: Values, created: Values | None) -> None:
        self.looked_up = looked_up
        self.created = created
        self.seen: set[tuple[Any, ...]] = set()
        self.is_empty = True

    def holds(self, number: int) -> bool:
        key = self.looked_up[number]
        if None in key or self.is_empty:
            return False
        return self.created is None or key in self.seen

    def note(self, number: int) -> None:
        self.is_empty = False
        if self.created is not None:
            self.seen.add(self.created[number])

    def forget(self) -> None:
        self.seen.clear()
        self.is_empty = True


def _key_columns(mapping: Mapping) -> list[str]:
    columns = {column.field: [column.target] for column in mapping.columns}
    columns |= {lookup.field: [part.target for part in lookup.parts] for lookup in mapping.lookups}
    return [name for field in mapping.key for name in columns[field]]


def created_keys(values: pl.DataFrame, mapping: Mapping, plan: LookupPlan) -> Values | None:
    """Return the key by which the lookup finds each record once it is written; None if it is not known before."""
    columns = {column.field.name: column for column in mapping.columns}
    may_change_others = mapping.on_conflict == "update" and not set(plan.to) <= {f.name for f in mapping.key}
    if mapping.row_lane or may_change_others or not set(plan.to) <= columns.keys():
        return None
    if plan.parent._meta.concrete_model is not mapping.model._meta.concrete_model:
        return None
    parts = [columns[name] for name in plan.to]
    if not all(is_comparable(part, mapping.alias) and canonical(part) is None for part in parts):
        return None
    return brought_keys(values, mapping, plan)


def brought_keys(values: pl.DataFrame, mapping: Mapping, plan: LookupPlan) -> Values:
    """Return the key by which the lookup would find each record, as far as its columns tell; nothing if they do not."""
    columns = {column.field.name: column for column in mapping.columns}
    if not set(plan.to) <= columns.keys():
        return []
    return values.select(columns[name].target for name in plan.to).rows()
