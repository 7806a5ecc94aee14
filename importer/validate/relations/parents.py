"""Looks up parents' primary keys in the database, and caches them."""

from dataclasses import dataclass
from typing import Any

import polars as pl
from django.db import connections, models
from django.db.models import F

from importer.conf import conf
from importer.specs.mapping import LookupPlan
from importer.validate.target import comparable

# Fields whose text in PostgreSQL equals the text of validation, so that parents can be matched in memory.
SAME_TEXT = (models.CharField, models.TextField, models.IntegerField, models.UUIDField, models.DateField)
# Column with the parents' primary keys.
FOUND = "found"
# Marks a key with several parents; no primary key is an empty text.
AMBIGUOUS = ""
# The names of types, without length: a cast to a length truncates.
TYPES = """
SELECT format_type(t.oid, -1), b.typcategory = 'S'
FROM unnest(%s::oid[]) WITH ORDINALITY AS wanted (oid, number)
JOIN pg_type t USING (oid) JOIN pg_type b ON b.oid = COALESCE(NULLIF(t.typbasetype, 0), t.oid) ORDER BY number
"""


@dataclass(slots=True)
class ParentIndex:
    """Maps natural keys to primary keys of one lookup's parents, both as text.

    Holds a small parent table whole, and of a large one only the keys of the last batch. A miss is looked up in the
    database, because the parent may be new. Holds nothing of a table that the import itself changes (`is_moving`).
    """

    plan: LookupPlan
    alias: str
    is_moving: bool
    known: pl.DataFrame | None = None
    pairs: list[tuple[str, str]] | None = None

    @property
    def keys(self) -> list[str]:
        return [part.target for part in self.plan.parts]

    def find(self, looked_up: pl.DataFrame) -> pl.DataFrame:
        """Return the `looked_up` distinct keys that have a parent, with its primary key in the column `found`."""
        if self.is_moving:
            return self.look_up(looked_up)
        if self.known is None:
            self.known = self._preloaded()
        parents = looked_up.join(self.known, on=self.keys, how="inner")
        if parents.height < looked_up.height:
            fresh = self.look_up(looked_up.join(self.known, on=self.keys, how="anti"))
            if self.known.height > conf.LOOKUP_CACHE_RECORDS:
                self.known = parents
            self.known = pl.concat([self.known, fresh])
            parents = pl.concat([parents, fresh])
        return parents

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
        return parents.unique(self.keys, keep="none")  # ambiguous keys miss, and the database reports them

    def look_up(self, looked_up: pl.DataFrame) -> pl.DataFrame:
        """Do the same in the database alone, and remember nothing."""
        sql, parameters = self._parents()
        numbers = range(len(self.keys))
        matches = " AND ".join(f"{column} = {text}" for column, text in self._pairs())
        arrays = ", ".join("%s::text[]" for _ in numbers)
        names = ", ".join(f"k{n}" for n in numbers)
        statement = (
            f"SELECT looked_up.number, min(parents.{FOUND}::text), count(*) "  # noqa: S608
            f"FROM unnest({arrays}) WITH ORDINALITY AS looked_up({names}, number) "
            f"JOIN ({sql}) AS parents ON {matches} GROUP BY looked_up.number"
        )
        with connections[self.alias].cursor() as cursor:
            cursor.execute(
                statement, [*(looked_up.get_column(key).to_list() for key in self.keys), *parameters]
            )
            rows = cursor.fetchall()
        parents = pl.DataFrame(
            [(number - 1, value if matched == 1 else AMBIGUOUS) for number, value, matched in rows],
            schema={"number": pl.Int64(), FOUND: pl.String()},
            orient="row",
        ).drop_nulls()
        return (
            looked_up.with_row_index("number")
            .with_columns(pl.col("number").cast(pl.Int64))
            .join(parents, on="number", how="inner")
            .drop("number")
        )

    def _pairs(self) -> list[tuple[str, str]]:
        """Return each key's column and text as they can be compared, by the types that the columns really have."""
        if self.pairs is None:
            sql, parameters = self._parents()
            with connections[self.alias].cursor() as cursor:
                cursor.execute(f"SELECT * FROM ({sql}) AS parents LIMIT 0", parameters)  # noqa: S608
                cursor.execute(TYPES, [[column.type_code for column in cursor.description[:-1]]])
                types = cursor.fetchall()
            self.pairs = [
                comparable(
                    part.field,
                    f"parents.k{n}",
                    f"looked_up.k{n}",
                    type_=type_,
                    is_text=is_text,
                    alias=self.alias,
                )
                for n, (part, (type_, is_text)) in enumerate(zip(self.plan.parts, types, strict=True))
            ]
        return self.pairs

    def _parents(self) -> tuple[str, tuple[Any, ...]]:
        keys = {f"k{number}": F(path) for number, path in enumerate(self.plan.to)}
        field: Any = self.plan.field
        parents = self.plan.parent._base_manager.using(self.alias).order_by()
        if limit := field.get_limit_choices_to():
            # A subquery, because a limit that crosses relations may return a parent several times.
            allowed = self.plan.parent._base_manager.using(self.alias).complex_filter(limit)
            parents = parents.filter(pk__in=allowed.order_by().values("pk"))
        rows = parents.annotate(**keys, **{FOUND: F(self.plan.value_field)}).values_list(*keys, FOUND)
        return rows.query.get_compiler(self.alias).as_sql()
