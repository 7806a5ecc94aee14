"""Splits the cells of a many-to-many field, and finds the other model's row for each part."""

from dataclasses import replace

import polars as pl

from importer.records import Batch, Cleaned, Links, column_named
from importer.specs.mapping import ManyPlan
from importer.validate.relations.lookup import CreateParents, with_parents
from importer.validate.relations.parents import ParentIndex
from importer.validate.validate import Validator


class ManyResolver:
    """Finds the rows of one many-to-many field, and remembers them for the next batch."""

    def __init__(self, plan: ManyPlan, alias: str, create: CreateParents | None) -> None:
        self.plan = plan
        self.index = ParentIndex(plan.lookup, alias, is_moving=False)
        self.validator = Validator(plan.lookup.parts, alias)
        self.create = create

    def resolve(self, cleaned: Cleaned) -> Cleaned:
        """Return the batch with the links of its sound records, and errors where a part is invalid or missing."""
        parts = self._parts(cleaned)
        first = parts.unique("part", keep="first", maintain_order=True)
        found = with_parents(self._as_batch(first, cleaned.batch), self.index, self.create)
        places = first.select(
            "part", place=pl.int_range(pl.len()), other=found.values[self.plan.lookup.target]
        )
        parts = parts.join(places, on="part", how="left", maintain_order="left")
        errors = {
            number: found.errors[place]
            for number, place in reversed(parts.select("number", "place").rows())
            if place in found.errors
        }
        pairs = parts.select("number", "other").drop_nulls().unique(maintain_order=True)
        links = (*cleaned.links, Links(self.plan.field.name, pairs))
        return replace(cleaned.rejecting(errors), links=links)

    def _parts(self, cleaned: Cleaned) -> pl.DataFrame:
        """Return the parts of the sound records' cells, with the records' numbers."""
        plan, sound = self.plan, cleaned.sound()
        cells = cleaned.batch.texts.select(column_named(plan.column).alias("part"))[sound]
        parts = (
            cells.with_columns(sound.alias("number"), pl.col("part").str.split(plan.separator))
            .explode("part")
            .with_columns(pl.col("part").str.strip_chars())
        )
        return parts.filter(pl.col("part") != "", ~pl.col("part").is_in([*plan.part.null_values]))

    def _as_batch(self, first: pl.DataFrame, batch: Batch) -> Cleaned:
        """Clean the distinct parts as a batch of their own, each with the line of its first record."""
        texts = first.select(pl.col("part").alias(self.plan.column))
        return self.validator.validate(
            Batch(texts, batch.lines.gather(first.get_column("number")), batch.start, batch.end)
        )
