"""Fills a batch's foreign keys and many-to-many fields, and rejects records without a parent or a key."""

import polars as pl

from importer.batches import Cleaned
from importer.records import RecordError
from importer.specs.mapping import Mapping
from importer.validate.relations.lookup import CreateParents, ErrorLists, with_parents
from importer.validate.relations.many import ManyResolver
from importer.validate.relations.parents import ParentIndex


class Resolver:
    """Finds the parents of a mapping's lookups and remembers them for the next batch."""

    def __init__(self, mapping: Mapping, create: CreateParents | None = None) -> None:
        self.indexes = [
            ParentIndex(plan, mapping.alias, is_moving=plan.reads(mapping.model)) for plan in mapping.lookups
        ]
        self.manys = [ManyResolver(plan, mapping.alias, create) for plan in mapping.manys]
        self.create = create
        self.key = [field.attname for field in mapping.key]

    def resolve(self, cleaned: Cleaned) -> Cleaned:
        """Return the batch with a column of primary keys for each lookup, links, and errors for what is missing."""
        for index in self.indexes:
            cleaned = with_parents(cleaned, index, self.create)
        return self.resolve_rest(cleaned)

    def resolve_rest(self, cleaned: Cleaned) -> Cleaned:
        """Do the same, once the lookups are filled."""
        cleaned = cleaned.rejecting(_empty_keys(cleaned, self.key))
        for many in self.manys:
            cleaned = many.resolve(cleaned)
        return cleaned

    def forget(self) -> None:
        """Forget the parents, because some that were created are not in the database after all."""
        for index in (*self.indexes, *(many.index for many in self.manys)):
            index.known = None


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
