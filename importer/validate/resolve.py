"""Resolve: from the natural keys of parents to their primary keys."""

from dataclasses import dataclass
from typing import Any

import polars as pl
from django.core.exceptions import ValidationError
from django.db import connections, models
from django.db.models import F

from importer.conf import conf
from importer.records import RecordError, shown
from importer.specs.mapping import LookupPlan, Mapping
from importer.validate.existing import type_to_compare
from importer.validate.judge import as_errors
from importer.validate.validate import Judged

# Keys whose text in PostgreSQL is the text that validation makes, so that parents can be matched in memory.
SAME_TEXT = (models.CharField, models.TextField, models.IntegerField, models.UUIDField, models.DateField)
FOUND = "found"
# Stands for the parent where a key has more than one; no primary key is an empty text.
AMBIGUOUS = ""


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


@dataclass(slots=True)
class ParentIndex:
    """Natural key → primary key of one lookup's parents, both as text.

    A small parent table is held whole. A miss is looked up again in the database before it counts, since the parent
    may be new; of a large table only the keys that came up are kept. Of a table that the import itself changes
    (`is_moving`), nothing is kept.
    """

    plan: LookupPlan
    alias: str
    is_moving: bool
    known: pl.DataFrame | None = None

    @property
    def keys(self) -> list[str]:
        return [part.target for part in self.plan.parts]

    def find(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """Distinct keys, with their parents' primary keys in the column `found`; keys without parents are left out."""
        if self.is_moving:
            return self._look_up(wanted)
        if self.known is None:
            self.known = self._preloaded()
        found = wanted.join(self.known, on=self.keys, how="inner")
        if found.height < wanted.height:
            fresh = self._look_up(wanted.join(self.known, on=self.keys, how="anti"))
            if self.known.height > conf.LOOKUP_CACHE_RECORDS:
                self.known = found
            self.known = pl.concat([self.known, fresh])
            found = pl.concat([found, fresh])
        return found

    def _preloaded(self) -> pl.DataFrame:
        schema = dict.fromkeys([*self.keys, FOUND], pl.String())
        if not all(isinstance(part.field, SAME_TEXT) for part in self.plan.parts):
            return pl.DataFrame(schema=schema)
        sql, parameters = self._parents()
        columns = ", ".join([*(f"k{number}::text" for number in range(len(self.keys))), f"{FOUND}::text"])
        limit = conf.LOOKUP_CACHE_RECORDS
        with connections[self.alias].cursor() as cursor:
            cursor.execute(f"SELECT {columns} FROM ({sql}) AS parents LIMIT {limit + 1}", parameters)  # noqa: S608
            rows = cursor.fetchall()
        if len(rows) > limit:
            return pl.DataFrame(schema=schema)
        parents = pl.DataFrame(rows, schema=schema, orient="row").drop_nulls()
        return parents.unique(self.keys, keep="none")  # what is ambiguous is left to the database to say

    def _look_up(self, wanted: pl.DataFrame) -> pl.DataFrame:
        sql, parameters = self._parents()
        numbers = range(len(self.keys))
        types = [type_to_compare(part.field, self.alias) for part in self.plan.parts]
        matches = " AND ".join(f"parents.k{n} = wanted.k{n}::{types[n]}" for n in numbers)
        arrays = ", ".join("%s::text[]" for _ in numbers)
        names = ", ".join(f"k{n}" for n in numbers)
        statement = (
            f"SELECT wanted.number, min(parents.{FOUND}::text), count(*) "  # noqa: S608
            f"FROM unnest({arrays}) WITH ORDINALITY AS wanted({names}, number) "
            f"JOIN ({sql}) AS parents ON {matches} GROUP BY wanted.number"
        )
        with connections[self.alias].cursor() as cursor:
            cursor.execute(statement, [*(wanted.get_column(key).to_list() for key in self.keys), *parameters])
            rows = cursor.fetchall()
        found = pl.DataFrame(
            [(number - 1, value if matched == 1 else AMBIGUOUS) for number, value, matched in rows],
            schema={"number": pl.Int64(), FOUND: pl.String()},
            orient="row",
        ).drop_nulls()
        return (
            wanted.with_row_index("number")
            .with_columns(pl.col("number").cast(pl.Int64))
            .join(found, on="number", how="inner")
            .drop("number")
        )

    def _parents(self) -> tuple[str, tuple[Any, ...]]:
        keys = {f"k{number}": F(path) for number, path in enumerate(self.plan.to)}
        field: Any = self.plan.field
        parents = self.plan.parent._base_manager.using(self.alias).order_by()
        if limit := field.get_limit_choices_to():
            # By a subquery, since a limit that crosses relations may name a parent several times.
            chosen = self.plan.parent._base_manager.using(self.alias).complex_filter(limit)
            parents = parents.filter(pk__in=chosen.order_by().values("pk"))
        rows = parents.annotate(**keys, **{FOUND: F(self.plan.value_field)}).values_list(*keys, FOUND)
        return rows.query.get_compiler(self.alias).as_sql()


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
