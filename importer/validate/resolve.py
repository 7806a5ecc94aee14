"""Resolve: from the natural keys of parents to their primary keys."""

from typing import Any

import polars as pl
from django.core.exceptions import ValidationError

from importer.records import RecordError, shown
from importer.specs.mapping import LookupPlan, Mapping
from importer.validate.judge import as_errors
from importer.validate.parents import AMBIGUOUS, FOUND, ParentIndex
from importer.validate.validate import Judged


class Resolver:
    """Finds the parents of a mapping's lookups; keeps what it found for the next batch."""

    def __init__(self, mapping: Mapping) -> None:
        self.indexes = [
            ParentIndex(plan, mapping.alias, is_moving=plan.reads(mapping.model)) for plan in mapping.lookups
        ]
        self.key = mapping.key

    def resolve(self, judged: Judged) -> Judged:
        for index in self.indexes:
            _fill_in(judged, index)
        _refuse_empty_keys(judged, [field.attname for field in self.key])
        return judged


def _fill_in(judged: Judged, index: ParentIndex) -> None:
    plan, keys = index.plan, index.keys
    wanted = judged.values.select(keys).drop_nulls().unique()
    found = index.find(wanted) if wanted.height else wanted.with_columns(pl.lit(None, pl.String).alias(FOUND))
    joined = judged.values.select(keys).join(found, on=keys, how="left", maintain_order="left")
    found_text = joined.get_column(FOUND)
    values = found_text.replace({AMBIGUOUS: None}).alias(plan.target)
    judged.values = judged.values.with_columns(values)
    if values.null_count():
        _judge_nulls(judged, plan, joined, values)
    if plan.field.validators:
        _run_validators(judged, plan.field, values)


def _run_validators(judged: Judged, field: Any, values: pl.Series) -> None:
    """The foreign key's own validators, once per distinct parent."""
    errors: dict[str, list[RecordError]] = {}
    for text in values.drop_nulls().unique():
        value = field.to_python(text)
        for validator in field.validators:
            try:
                validator(value)
            except ValidationError as error:
                # Not `run_validators()`: the foreign key's own message for "invalid" is about another thing.
                errors.setdefault(text, []).extend(as_errors(field.name, error, text))
    if errors:
        for number, text in enumerate(values):
            if text in errors:
                judged.reject(number, *errors[text])


def _judge_nulls(judged: Judged, plan: LookupPlan, joined: pl.DataFrame, values: pl.Series) -> None:
    """A null is a key that was empty in the source, one without a parent, or one with several."""
    keys = [part.target for part in plan.parts]
    for row in joined.with_row_index("number").filter(values.is_null()).iter_rows(named=True):
        number, texts = row["number"], [row[key] for key in keys]
        if any(error.field == plan.field.name for error in judged.errors.get(number, ())):
            continue  # the key itself could not be read, and that has been said
        is_empty = all(text is None for text in texts)
        if row[FOUND] == AMBIGUOUS:
            judged.reject(number, _parent_error(plan, texts, "ambiguous", "There is more than one"))
        elif not is_empty and plan.missing == "reject":
            judged.reject(number, _parent_error(plan, texts, "does_not_exist", "There is no"))
        elif errors := _null_errors(plan):
            judged.reject(number, *errors)


def _null_errors(plan: LookupPlan) -> list[RecordError]:
    field = plan.field
    code = "null" if not field.null else "blank" if not field.blank else ""
    if not code:
        return []
    return as_errors(field.name, ValidationError(field.error_messages[code], code=code))


def _parent_error(plan: LookupPlan, texts: list[str | None], code: str, beginning: str) -> RecordError:
    value, names = shown(", ".join(text or "" for text in texts)), ", ".join(plan.to)
    message = f'{beginning} {plan.parent._meta.verbose_name} with {names} "{value}".'
    return RecordError(plan.field.name, code, message, value)


def _refuse_empty_keys(judged: Judged, key: list[str]) -> None:
    """A record without any part of its key cannot be told from others."""
    if not key:
        return
    empty = judged.values.select(
        number=pl.int_range(pl.len()), empty=pl.all_horizontal(pl.col(*key).is_null())
    )
    for number in empty.filter(pl.col("empty")).get_column("number"):
        if number not in judged.errors:
            judged.reject(number, RecordError("", "key_missing", f"The key ({', '.join(key)}) is empty."))
