"""Writes a batch at once whose records refer to earlier ones of the same batch, such as children to their parents.

The numbers that the table would give are drawn first, so each record's is known to those that refer to it. This is done
as long as nothing collides; otherwise the batch is cut into stretches (`importer.order.stretches`), as it is where a
record's number cannot be known before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from django.db import connections, models

from importer.batches import Cleaned
from importer.order.stretches import created_keys
from importer.specs.mapping import LookupPlan, Mapping
from importer.validate.relations.lookup import filled, with_parents
from importer.validate.relations.parents import AMBIGUOUS, ParentIndex
from importer.validate.relations.resolve import Resolver
from importer.validate.target import Target
from importer.write.writer import BATCHES_OF_CAUTION, Writer
from importer.write.written import Written

Key = tuple[str | None, ...]


@dataclass(slots=True)
class _Kin:
    """A lookup in the same table: the keys that records look up and bring, and what was found so far."""

    index: ParentIndex
    looked_up: Sequence[Key]
    brought: Sequence[Key]
    found: list[str | None]
    known: dict[Key, str]

    @classmethod
    def of(cls, index: ParentIndex, cleaned: Cleaned, brought: Sequence[Key]) -> "_Kin":
        keys = cleaned.values.select(index.keys)
        wanted = keys.drop_nulls().unique()
        stored = index.find(wanted).rows() if wanted.height else []
        known = {row[:-1]: row[-1] for row in stored}
        return cls(index, keys.rows(), brought, [None] * keys.height, known)

    def find_parent(self, number: int) -> bool:
        """Find the parent of the record with this number. False: it has none, though it names one."""
        key = self.looked_up[number]
        if all(part is None for part in key):
            return True
        self.found[number] = self.known.get(key)
        return self.found[number] not in (None, AMBIGUOUS)


class Families:
    """Resolves and writes the batches of one mapping at once."""

    def __init__(self, mapping: Mapping, target: Target, resolver: Resolver, writer: Writer) -> None:
        self.mapping = mapping
        self.resolver = resolver
        self.writer = writer
        self.own = [index for index in resolver.indexes if index.plan.reads(mapping.model)]
        self.primary_key = mapping.model._meta.pk
        column = target.columns.get(str(self.primary_key.column))
        self.next_number = column.default if column else None
        self.caution = 0

    @classmethod
    def of(cls, mapping: Mapping, target: Target, resolver: Resolver, writer: object) -> "Families | None":
        """Return None where a record's number cannot be known before it is written, or COPY would not do."""
        if not isinstance(writer, Writer):
            return None
        families = cls(mapping, target, resolver, writer)
        is_plain = len(mapping.tables) == 1 and not mapping.manys and not mapping.row_lane
        may_copy = writer.sample is None and target.takes_copy(mapping)
        is_drawn = (
            isinstance(families.primary_key, models.AutoField) and families.primary_key not in mapping.written
        )
        if not (families.own and is_plain and may_copy and is_drawn and families.next_number):
            return None
        return families if all(map(families._may_be_known, (index.plan for index in families.own))) else None

    def _may_be_known(self, plan: LookupPlan) -> bool:
        field: Any = plan.field
        is_by_key = self.mapping.on_conflict == "reject" or list(plan.to) == [
            f.name for f in self.mapping.key
        ]
        is_one = any({f.name for f in group} <= set(plan.to) for group in self.mapping.unique_groups)
        is_number = (
            plan.value_field == self.primary_key.name
            and plan.parent._meta.concrete_model is self.primary_key.model
        )
        is_certain = is_by_key and is_one and plan.missing == "reject"
        return is_certain and is_number and not field.validators and not field.get_limit_choices_to()

    def write(self, cleaned: Cleaned) -> tuple[Cleaned, Written] | None:
        """Write the records without errors. None, and nothing is written, where they have to be taken in stretches."""
        if self.caution:
            self.caution -= 1
            return None
        found = self._resolved(cleaned)
        if found is not None:
            resolved, numbers = found
            if self._copied(resolved, numbers):
                return resolved, Written(inserted=len(resolved.sound()))
        self.caution = BATCHES_OF_CAUTION
        return None

    def _resolved(self, cleaned: Cleaned) -> tuple[Cleaned, list[str | None]] | None:
        """Find the parents of all records, and the numbers of those that have all that they name."""
        for index in self.resolver.indexes:
            if index not in self.own:
                cleaned = with_parents(cleaned, index, self.resolver.create)
        kin = []
        for index in self.own:
            brought = created_keys(cleaned.values, self.mapping, index.plan)
            if brought is None:
                return None
            kin.append(_Kin.of(index, cleaned, brought))
        numbers: list[str | None] = [None] * cleaned.values.height
        sound = cleaned.sound().to_list()
        drawn = iter(self._drawn(len(sound)))
        for number in sound:
            have_parents = [each.find_parent(number) for each in kin]  # looked up for all, also after a miss
            if all(have_parents):
                numbers[number] = own = next(drawn)
                for each in kin:
                    if None not in each.brought[number]:
                        each.known.setdefault(each.brought[number], own)
        for each in kin:
            series = pl.Series(each.found, dtype=pl.String)
            cleaned = filled(cleaned, each.index.plan, series)
        cleaned = self.resolver.resolve_rest(cleaned)
        # Whoever refers to a record that is rejected after all must not be written.
        are_all_sound = all(numbers[number] is None for number in cleaned.errors)
        return (cleaned, numbers) if are_all_sound else None

    def _drawn(self, count: int) -> list[str]:
        with connections[self.mapping.alias].cursor() as cursor:
            cursor.execute(f"SELECT ({self.next_number})::text FROM generate_series(1, {count})")  # noqa: S608
            return [text for (text,) in cursor.fetchall()]

    def _copied(self, cleaned: Cleaned, numbers: list[str | None]) -> bool:
        rows = self.writer.frames.rows(cleaned)
        if rows.is_empty():
            return True
        if self.mapping.on_conflict != "reject" and self._exist(cleaned):
            return False
        own = pl.Series(str(self.primary_key.column), [n for n in numbers if n is not None], dtype=pl.String)
        return self.writer.copied_with(rows, own)

    def _exist(self, cleaned: Cleaned) -> bool:
        """Whether the table has the key of any of these records."""
        index = self.own[0]
        brought = created_keys(cleaned.values, self.mapping, index.plan) or []
        keys = pl.DataFrame(brought, schema=dict.fromkeys(index.keys, pl.String()), orient="row")
        return index.find(keys.drop_nulls().unique()).height > 0
