"""Runs `clean_record()` and `Model.clean()` record by record, if a site defines them (the row lane)."""

import datetime as dt
import uuid
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cached_property
from typing import Any

import polars as pl
from django.core.exceptions import ValidationError
from django.db import connections, models

from importer.batches import Cleaned
from importer.exceptions import ImporterError, MappingRefused, OrderDecides
from importer.records import RecordError
from importer.specs.mapping import ColumnPlan, Mapping
from importer.validate.existing import existing_rows
from importer.validate.instances import Instances
from importer.validate.states import States, is_same
from importer.validate.target import Target
from importer.validate.validate import Validator
from importer.validate.values.encode import Encoder
from importer.validate.values.judge import as_errors
from importer.validate.values.python import PythonValues, copied

# Texts of fills that are remembered, of types whose equal values have equal texts.
MOST_TEXTS = 10_000
ALIKE = frozenset((str, int, bool, type(None), dt.date, uuid.UUID))
# Instances whose changes are looked for together: a field at a time is quicker, as long as they fit into the
# processor's cache.
TOGETHER = 200


class RowLane:
    """Runs the site's code on each record without errors, and takes over its changes.

    is_blind  the target does not have the records before this one yet, so the code must not read it
    """

    def __init__(
        self, mapping: Mapping, validator: Validator, target: Target, *, is_blind: bool = False
    ) -> None:
        self.mapping = mapping
        self.connection = connections[mapping.alias]
        self.is_blind = is_blind
        self.order: OrderDecides | None = None
        self.target = target
        self.columns = [(plan, PythonValues(plan, validator.judge_of(plan))) for plan in mapping.columns]
        self.encoder = Encoder(connections[mapping.alias])
        self.names = [field.name for field in mapping.mapped]
        self.attnames = [field.attname for field in mapping.mapped]
        self.cleaned_fills = [(field, field.attname) for field in mapping.cleaned_fills]
        self.constants = [(fill.field.attname, fill.make()) for fill in mapping.fills if fill.is_constant]
        given = {name for name, _ in self.constants} | {field.attname for field in mapping.mapped}
        self.instances = Instances(mapping.model, given)
        # What `save()` would send, without what it sets itself.
        self.saved = [(f, f.attname) for f in mapping.model._meta.concrete_fields if _is_saved(f)]
        self.fill_texts: dict[tuple[Any, type, Any], str | None] = {}

    def text_of(self, field: Any, value: Any) -> str | None:
        """Encode a value. Those of fields without a column are mostly the same in each record."""
        if type(value) not in ALIKE:
            return self.encoder.field_text(field, value)
        key = (field, type(value), value)
        if key not in self.fill_texts:
            if len(self.fill_texts) >= MOST_TEXTS:
                self.fill_texts.clear()
            self.fill_texts[key] = self.encoder.field_text(field, value)
        return self.fill_texts[key]

    def watched(self) -> AbstractContextManager[None]:
        """Watch what the site's code asks the database, where the target is not as in a run in order."""
        return self.connection.execute_wrapper(self._refuse_target) if self.is_blind else nullcontext()

    def _refuse_target(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        for table in self.mapping.tables:
            if str(table._meta.db_table) in str(sql):
                # Raised again by `each`, because the site's code may catch anything.
                self.order = OrderDecides(f"{self.mapping.row_lane}, and it reads the table itself")
                raise self.order
        return execute(sql, params, many, context)

    def clean(self, cleaned: Cleaned) -> Cleaned:
        """Return the batch with the changes and errors of `clean_record()` and `Model.clean()`."""
        if not self.mapping.row_lane:
            return cleaned
        rows = _Rows(cleaned, self)
        if self.mapping.spec.cleans_records():
            rows.each(rows.sound, rows.clean_record)
        if self.mapping.cleans_model:
            rows.clean_models()
        values = pl.DataFrame(rows.texts, schema=dict.fromkeys(rows.texts, pl.String()))
        return replace(cleaned, values=values).rejecting(rows.errors)


class _Rows:
    """The records of a batch as Python values, and their texts, which take the changes."""

    def __init__(self, cleaned: Cleaned, lane: RowLane) -> None:
        self.mapping = lane.mapping
        self.target = lane.target
        self.lane = lane
        self.encoder = lane.encoder
        self.spec = lane.mapping.spec()
        raw = cleaned.batch.texts.to_dict(as_series=False)
        self.texts: dict[str, list[Any]] = cleaned.values.to_dict(as_series=False)
        # Each column: what reads its values, the texts of the source, and the cleaned ones.
        self.cells = [
            (plan, python_values, raw[plan.column], self.texts[plan.field.attname])
            for plan, python_values in lane.columns
        ]
        self.height = cleaned.values.height
        self.sound = cleaned.sound().to_list()
        self.errors: dict[int, list[RecordError]] = {}
        self.records: dict[int, dict[str, Any]] = {}
        self.existing: dict[int, models.Model] = {}
        self.kept = {plan.field for plan in lane.mapping.kept}

    def each(self, numbers: Iterable[int], clean: Callable[[int], None]) -> None:
        """Run the site's code on records. It may raise anything, which rejects the record; the job continues."""
        with self.lane.watched():
            for number in numbers:
                try:
                    clean(number)
                except ImporterError:
                    raise
                except ValidationError as error:
                    self.errors[number] = as_errors("", error)
                except Exception as error:
                    message = f"{type(error).__name__}: {error}"
                    self.errors[number] = [RecordError("", "clean_failed", message)]
        if self.lane.order:
            raise self.lane.order

    def still_sound(self) -> list[int]:
        return [number for number in self.sound if number not in self.errors]

    def clean_record(self, number: int) -> None:
        record = self._record(number)
        before = {name: copied(value) for name, value in record.items()}
        record |= self.spec.clean_record(record) or {}
        self._refuse_unknown_fields(record)
        for field in self.mapping.mapped:
            if not is_same(record[field.name], before[field.name]):
                if not field.is_relation:
                    record[field.name] = field.clean(record[field.name], None)
                self._take_over(field, number, record[field.name])

    def clean_models(self) -> None:
        """Run `clean()` on the records' instances, and take over what it changed."""
        self._load_existing()
        for _, name in self.lane.cleaned_fills:
            self.texts[name] = [None] * self.height
        numbers = self.still_sound()
        if not self.mapping.inserts:  # without a row the record will not be written
            numbers = [number for number in numbers if number in self.existing]
        for begin in range(0, len(numbers), TOGETHER):
            self._clean_together(numbers[begin : begin + TOGETHER])

    def _clean_together(self, numbers: list[int]) -> None:
        instances: dict[int, models.Model] = {}

        def build(number: int) -> None:
            instances[number] = self._instance(number)

        self.each(numbers, build)
        states = States(instances, self.lane.saved)
        self.each(list(instances), lambda number: instances[number].clean())
        for field, name in self.lane.cleaned_fills:
            self._take_over_all(
                field, {n: getattr(i, name) for n, i in instances.items() if n not in self.errors}
            )
        for field, changed in states.changes():
            if changed:
                self._refuse_unwritten(field)
            self._take_over_all(field, {n: value for n, value in changed.items() if n not in self.errors})

    def _load_existing(self) -> None:
        """Load the existing rows, so that `clean()` sees them in an update, as in a form."""
        if self.mapping.on_conflict == "update":
            numbers = self.still_sound()
            keys = {
                field: [self.texts[field.attname][number] for number in numbers] for field in self.mapping.key
            }
            rows = existing_rows(self.mapping, self.target, keys)
            self.existing = {numbers[place]: row for place, row in rows.items()}

    def _take_over_all(self, field: Any, values: dict[int, Any]) -> None:
        self.each(values, lambda number: self._take_over(field, number, values[number]))

    @cached_property
    def rows(self) -> dict[int, tuple[Any, ...]]:
        """The Python values of each sound record, in the order of the mapped fields."""
        columns = [self._column(*cell) for cell in self.cells]
        for lookup in self.mapping.lookups:
            target: Any = lookup.field
            texts = self.texts[lookup.target]
            columns.append([target.target_field.to_python(texts[number]) for number in self.sound])
        return dict(zip(self.sound, zip(*columns, strict=True), strict=True))

    def _column(
        self, plan: ColumnPlan, python_values: PythonValues, raw: list[Any], cleaned: list[Any]
    ) -> list[Any]:
        if python_values.convert and not plan.keeps:
            return python_values.converted([cleaned[number] for number in self.sound])
        values = []
        for number in self.sound:
            text = None if raw[number] in plan.null_values else raw[number]
            is_kept = plan.keeps and text is None
            values.append(None if is_kept else python_values(text, cleaned[number]))
        return values

    def _record(self, number: int) -> dict[str, Any]:
        """Return the record as `clean_record()` gets it, and may change it."""
        if number not in self.records:
            self.records[number] = dict(zip(self.lane.names, self.rows[number], strict=True))
        return self.records[number]

    def _instance(self, number: int) -> models.Model:
        record = self.records.get(number)
        values = self.rows[number] if record is None else [record[name] for name in self.lane.names]
        instance = self.existing.get(number)
        if instance is None:
            given = dict(zip(self.lane.attnames, values, strict=True))
            for name, value in self.lane.constants:
                given[name] = copied(value)
            return self.lane.instances.build(given)
        for field, value in zip(self.mapping.mapped, values, strict=True):
            if not field.primary_key and not self._is_kept(field, number):
                setattr(instance, field.attname, value)
        return instance

    def _is_kept(self, field: Any, number: int) -> bool:
        return field in self.kept and self.texts[field.attname][number] is None

    def _take_over(self, field: Any, number: int, value: Any) -> None:
        self.texts[field.attname][number] = self.lane.text_of(field, value)

    def _refuse_unknown_fields(self, record: dict[str, Any]) -> None:
        """Raise MappingRefused for a field that the import does not fill: a change is never dropped silently."""
        filled = {field.name for field in self.mapping.mapped}
        if unknown := sorted(record.keys() - filled):
            raise MappingRefused(
                f'{self.mapping.spec.__qualname__}.clean_record() sets "{unknown[0]}", which this import does not '
                f'fill; declare it as {unknown[0]} = Column("…"), with any column of the source.'
            )

    def _refuse_unwritten(self, field: Any) -> None:
        if field not in self.mapping.written:
            raise MappingRefused(
                f'{self.mapping.model.__qualname__}.clean() sets "{field.name}", which this import leaves to the '
                f'database; declare it as {field.name} = Column("…"), with any column of the source.'
            )


def _is_saved(field: Any) -> bool:
    is_set_by_django = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    return not is_set_by_django and not getattr(field, "generated", False)
