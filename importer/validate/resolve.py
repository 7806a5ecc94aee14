"""Fills a batch's foreign keys, and rejects records without a parent."""

from dataclasses import replace
from typing import Any

import polars as pl
from django.core.exceptions import ValidationError

from importer.records import Cleaned, RecordError, shown
from importer.specs.mapping import LookupPlan, Mapping
from importer.validate.judge import as_errors
from importer.validate.parents import AMBIGUOUS, FOUND, ParentIndex

ErrorLists = dict[int, list[RecordError]]


class Resolver:
    """Finds the parents of a mapping's lookups and remembers them for the next batch."""

    def __init__(self, mapping: Mapping) -> None:
        self.indexes = [
            ParentIndex(plan, mapping.alias, is_moving=plan.reads(mapping.model)) for plan in mapping.lookups
        ]
        self.key = [field.attname for field in mapping.key]

    def resolve(self, cleaned: Cleaned) -> Cleaned:
        """Return the batch with a column of primary keys for each lookup, and errors for missing parents and keys."""
        for index in self.indexes:
            cleaned = _with_parents(cleaned, index)
        return cleaned.rejecting(_empty_keys(cleaned, self.key))


def _with_parents(cleaned: Cleaned, index: ParentIndex) -> Cleaned:
    plan, keys = index.plan, index.keys
    looked_up = cleaned.values.select(keys).drop_nulls().unique()
    parents = (
        index.find(looked_up)
        if looked_up.height
        else looked_up.with_columns(pl.lit(None, pl.String).alias(FOUND))
    )
    joined = cleaned.values.select(keys).join(parents, on=keys, how="left", maintain_order="left")
    values = joined.get_column(FOUND).replace({AMBIGUOUS: None}).alias(plan.target)
    resolved = replace(cleaned, values=cleaned.values.with_columns(values))
    if values.null_count():
        resolved = resolved.rejecting(_missing_parents(resolved, plan, joined, values))
    if plan.field.validators:
        resolved = resolved.rejecting(_refused_parents(plan.field, values))
    return resolved


def _refused_parents(field: Any, values: pl.Series) -> ErrorLists:
    """Run the foreign key's validators, once per distinct parent."""
    errors: dict[str, list[RecordError]] = {}
    for text in values.drop_nulls().unique():
        value = field.to_python(text)
        for validator in field.validators:
            try:
                validator(value)
            except ValidationError as error:
                # Not `run_validators()`: the foreign key's message for "invalid" means something else.
                errors.setdefault(text, []).extend(as_errors(field.name, error, text))
    if not errors:
        return {}
    return {number: errors[text] for number, text in enumerate(values) if text in errors}


def _missing_parents(
    cleaned: Cleaned, plan: LookupPlan, joined: pl.DataFrame, values: pl.Series
) -> ErrorLists:
    """Return the errors of records without a parent: the key is empty, or has no parent, or several."""
    keys = [part.target for part in plan.parts]
    errors: ErrorLists = {}
    for row in joined.with_row_index("number").filter(values.is_null()).iter_rows(named=True):
        number, texts = row["number"], [row[key] for key in keys]
        if any(error.field == plan.field.name for error in cleaned.errors.get(number, ())):
            continue  # the key is invalid, and already has an error
        is_empty = all(text is None for text in texts)
        if row[FOUND] == AMBIGUOUS:
            errors[number] = [
                _parent_error(plan, cleaned, number, texts, "ambiguous", "There is more than one")
            ]
        elif not is_empty and plan.missing == "reject":
            errors[number] = [_parent_error(plan, cleaned, number, texts, "does_not_exist", "There is no")]
        elif null_errors := _null_errors(plan):
            errors[number] = null_errors
    return errors


def _null_errors(plan: LookupPlan) -> list[RecordError]:
    field = plan.field
    code = "null" if not field.null else "blank" if not field.blank else ""
    if not code:
        return []
    return as_errors(field.name, ValidationError(field.error_messages[code], code=code))


def _parent_error(
    plan: LookupPlan, cleaned: Cleaned, number: int, texts: list[str | None], code: str, beginning: str
) -> RecordError:
    """Return an error whose message has the key that was looked up; its value is that of the cells."""
    key, cells = (
        shown(", ".join(text or "" for text in each))
        for each in (texts, [cleaned.batch.texts[part.column][number] for part in plan.parts])
    )
    message = f'{beginning} {plan.parent._meta.verbose_name} with {", ".join(plan.to)} "{key}".'
    return RecordError(plan.field.name, code, message, cells)


def _empty_keys(cleaned: Cleaned, key: list[str]) -> ErrorLists:
    """Return an error for each record whose whole key is empty, because it cannot be told from others."""
    if not key:
        return {}
    empty = cleaned.values.select(
        number=pl.int_range(pl.len()), empty=pl.all_horizontal(pl.col(*key).is_null())
    )
    error = RecordError("", "key_missing", f"The key ({', '.join(key)}) is empty.")
    numbers = empty.filter(pl.col("empty")).get_column("number").to_list()
    return {number: [error] for number in numbers if number not in cleaned.errors}
