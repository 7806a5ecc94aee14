"""Creates the parents that lookups with missing="create" do not find, as records of a spec of their own."""

from dataclasses import dataclass, field
from typing import Any

import polars as pl
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from importer.batches import Batch, Cleaned
from importer.records import RecordError
from importer.specs.compile import compile_mapping
from importer.specs.created import spec_of_parents
from importer.specs.mapping import LookupPlan, Mapping
from importer.specs.tables import tables_of
from importer.validate.relations.lookup import ErrorLists
from importer.validate.relations.parents import FOUND, ParentIndex
from importer.validate.relations.resolve import Resolver
from importer.validate.row_lane import RowLane
from importer.validate.target import Target
from importer.validate.validate import Validator
from importer.write.journal import Journal, Kind
from importer.write.writer import Writer


@dataclass(slots=True)
class _Maker:
    """The stages through which the parents of one lookup go."""

    mapping: Mapping
    validator: Validator
    resolver: Resolver
    row_lane: RowLane
    writer: Writer

    @classmethod
    def of(cls, plan: LookupPlan, owner: str, job_id: int) -> "_Maker":
        columns = list(dict.fromkeys(part.column for part in plan.parts))
        mapping = compile_mapping(spec_of_parents(plan, owner), columns)
        target = Target.of(mapping)
        target.refuse_unwritable(mapping)
        validator = Validator.of(mapping)
        return cls(
            mapping,
            validator,
            Resolver(mapping),
            RowLane(mapping, validator, target),
            Writer(mapping, target, journal=Journal(job_id, mapping.alias, kind=Kind.CREATED_PARENTS)),
        )

    def write(self, cleaned: Cleaned) -> Cleaned:
        rows = self.row_lane.clean(self.resolver.resolve(cleaned))
        return rows.rejecting(self.writer.write(rows).errors)


@dataclass(slots=True)
class ParentCreator:
    """Creates missing parents of one import, in the transaction of the batch that refers to them."""

    mapping: Mapping
    job_id: int
    makers: dict[str, _Maker] = field(default_factory=dict)
    created: dict[str, tuple[LookupPlan, list[str]]] = field(default_factory=dict)

    def __call__(self, index: ParentIndex, batch: Batch) -> ErrorLists:
        """Create the parents that these records name, one each. Returns why some cannot be, by number in the batch."""
        plan = index.plan
        name = plan.field.name
        if name not in self.makers:
            self.makers[name] = _Maker.of(plan, f"{self.mapping.spec.__qualname__}.{name}", self.job_id)
        keys = Validator(plan.parts, self.mapping.alias).validate(batch).values
        made, errors = self._write(self.makers[name], index, keys, batch, errors={})
        _, pks = self.created.setdefault(name, (plan, []))
        pks.extend(made)
        return {
            number: [_creation_error(plan, reason) for reason in reasons]
            for number, reasons in errors.items()
        }

    def _write(
        self, maker: _Maker, index: ParentIndex, keys: pl.DataFrame, batch: Batch, errors: ErrorLists
    ) -> tuple[list[str], ErrorLists]:
        """Write the parents without errors. Those that are not found by their keys afterwards are taken back."""
        with transaction.atomic(using=self.mapping.alias):
            cleaned = maker.write(maker.validator.validate(batch).rejecting(errors))
            found = index.look_up(keys)
            placed = keys.join(found, on=index.keys, how="left", maintain_order="left").get_column(FOUND)
            lost = [number for number in cleaned.sound() if placed[number] is None]
            if lost:
                transaction.set_rollback(True, using=self.mapping.alias)
        if lost:
            reason = _not_found(index.plan)
            return self._write(maker, index, keys, batch, errors | {number: [reason] for number in lost})
        # Another worker may have created one that we could not.
        refused = {n: list(reasons) for n, reasons in cleaned.errors.items() if placed[n] is None}
        return [placed[number] for number in cleaned.sound()], refused

    def settle(self, resolver: Resolver) -> dict[str, int]:
        """Remove the parents that no record uses after all, and have the resolver forget them.

        Returns how many were created, by their plural name.
        """
        counts: dict[str, int] = {}
        for plan, pks in self.created.values():
            unused = set(self._unused(plan, pks).values_list("pk", flat=True)) if pks else set()
            if unused:
                plan.parent._base_manager.using(self.mapping.alias).filter(pk__in=unused).delete()
                resolver.forget()
            plural = str(plan.parent._meta.verbose_name_plural)
            counts[plural] = counts.get(plural, 0) + len(pks) - len(unused)
        self.created.clear()
        return {plural: count for plural, count in counts.items() if count}

    def _unused(self, plan: LookupPlan, pks: list[str]) -> QuerySet[Any]:
        """Return those of the parents to which nothing refers that this import fills."""
        rows = plan.parent._base_manager.using(self.mapping.alias).filter(**{f"{plan.value_field}__in": pks})
        for referring in self._referring(plan):
            model, value = referring.model, referring.target_field.attname
            uses = model._base_manager.using(self.mapping.alias).filter(
                **{referring.attname: OuterRef(value)}
            )
            rows = rows.exclude(Exists(uses))
        return rows

    def _referring(self, plan: LookupPlan) -> list[Any]:
        """Return the foreign keys that this import fills and that point to the lookup's parent."""
        foreign_keys: list[Any] = [lookup.field for lookup in self.mapping.lookups]
        foreign_keys += [
            many.field.remote_field.through._meta.get_field(many.field.m2m_reverse_field_name())
            for many in self.mapping.manys
        ]
        tables = set(tables_of(plan.parent))
        return [key for key in foreign_keys if set(tables_of(key.related_model)) & tables]


def _not_found(plan: LookupPlan) -> RecordError:
    """Return why a parent that was written is not found by its key."""
    foreign_key: Any = plan.field
    why = (
        "limit_choices_to does not allow it, or clean() or a trigger gives it another key."
        if foreign_key.get_limit_choices_to()
        else "clean() or a trigger gives it another key."
    )
    return RecordError("", "does_not_exist", why)


def _creation_error(plan: LookupPlan, reason: RecordError) -> RecordError:
    where = f"{reason.field}: " if reason.field else ""
    message = f"The {plan.parent._meta.verbose_name} cannot be created: {where}{reason.message}"
    return RecordError(plan.field.name, reason.code, message, reason.value)
