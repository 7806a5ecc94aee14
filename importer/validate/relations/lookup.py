"""Fills a foreign key by its parents' natural keys, and rejects records without a parent."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
from django.core.exceptions import ValidationError

from importer.batches import Batch, Cleaned
from importer.records import RecordError, shown
from importer.specs.mapping import LookupPlan
from importer.validate.relations.parents import AMBIGUOUS, FOUND, ParentIndex
from importer.validate.values.judge import as_errors

ErrorLists = dict[int, list[RecordError]]
# Creates the parents that a batch of distinct keys names. Returns why some cannot be, by number in the batch.
CreateParents = Callable[[ParentIndex, Batch], ErrorLists]


def with_parents(cleaned: Cleaned, index: ParentIndex, create: CreateParents | None) -> Cleaned:
    """Return the batch with the parents' primary keys in the foreign key's column, and errors for missing parents.

    `create` makes missing parents where the lookup says so.
    """
    plan, keys = index.plan, index.keys
    looked_up = cleaned.values.select(keys).drop_nulls().unique()
    parents = _parents(index, looked_up)
    if create and plan.missing == "create" and parents.height < looked_up.height:
        cleaned = cleaned.rejecting(_create_missing(cleaned, index, parents, create))
        parents = _parents(index, looked_up)
    joined = cleaned.values.select(keys).join(parents, on=keys, how="left", maintain_order="left")
    return filled(cleaned, plan, joined.get_column(FOUND))


def filled(cleaned: Cleaned, plan: LookupPlan, found: pl.Series) -> Cleaned:
    """Return the batch with the primary keys that were found for each record, and errors where none was."""
    joined = cleaned.values.select(part.target for part in plan.parts).with_columns(found.alias(FOUND))
    values = found.replace({AMBIGUOUS: None}).alias(plan.target)
    resolved = replace(cleaned, values=cleaned.values.with_columns(values))
    if values.null_count():
        resolved = resolved.rejecting(_missing_parents(resolved, plan, joined, values))
    if plan.field.validators:
        resolved = resolved.rejecting(_refused_parents(plan.field, values))
    return resolved


def _parents(index: ParentIndex, looked_up: pl.DataFrame) -> pl.DataFrame:
    if looked_up.height:
        return index.find(looked_up)
    return looked_up.with_columns(pl.lit(None, pl.String).alias(FOUND))


def _create_missing(
    cleaned: Cleaned, index: ParentIndex, parents: pl.DataFrame, create: CreateParents
) -> ErrorLists:
    """Create the parents of sound records, each from the first record that names it."""
    keys, sound = index.keys, cleaned.sound()
    named = cleaned.values.select(keys)[sound].with_columns(sound.alias("number")).drop_nulls(keys)
    missing = named.join(parents, on=keys, how="anti", maintain_order="left")
    first = missing.unique(keys, keep="first", maintain_order=True)
    if first.is_empty():
        return {}
    numbers, batch = first.get_column("number"), cleaned.batch
    errors = create(
        index, replace(batch, texts=batch.texts[numbers], lines=batch.lines[numbers], rejections=())
    )
    if not errors:
        return {}
    place_of = first.select(*keys, place=pl.int_range(pl.len()))
    placed = missing.join(place_of, on=keys, how="left", maintain_order="left").select("number", "place")
    return {number: errors[place] for number, place in placed.rows() if place in errors}


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
        if plan.missing == "create" and not is_empty and number in cleaned.errors:
            continue  # the record is rejected, so no parent was made for it
        if row[FOUND] == AMBIGUOUS:
            errors[number] = [
                _parent_error(plan, cleaned, number, texts, "ambiguous", "There is more than one")
            ]
        elif not is_empty and plan.missing != "null":
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
