"""Splits the cells of a many-to-many field, and finds the other model's row for each part."""

import json
from dataclasses import replace

import polars as pl

from importer.batches import Batch, Cleaned, Links
from importer.parse.typed import as_text
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
        cells = cleaned.batch.texts.get_column(plan.column).alias("cell").gather(sound)
        parts = (
            pl.DataFrame({"number": sound, "part": _split(cells, plan.separator)})
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


def _split(cells: pl.Series, separator: str) -> pl.Series:
    """Split each cell at the separator. A list of a typed source arrives as JSON, and has its parts already."""
    if not cells.str.starts_with("[").any():
        return cells.str.split(separator)
    parts = [None if text is None else _parts_of_list(text) or text.split(separator) for text in cells]
    return pl.Series(parts, dtype=pl.List(pl.String))


def _parts_of_list(text: str) -> list[str | None]:
    """Return the parts of a JSON list of single values; none if it is something else."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return []
    if not isinstance(values, list) or any(isinstance(value, list | dict) for value in values):
        return []
    return [as_text(value) for value in values] or [None]
