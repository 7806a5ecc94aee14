"""Finds keys that occur more than once in the source, and tells of them.

A worker that takes the whole source in order collects the keys' hashes as it goes, which costs almost nothing. Several
workers have them from their survey. Otherwise (a resumed job) the key's columns are read once more. Only keys that
repeat become Python objects.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from importer.batches import Batch, Cleaned
from importer.models import DataImportJob, ImportChunk
from importer.order.comparable import canonical
from importer.order.rivals import Rivals, folded
from importer.parse.reader import Reader, chunk_range
from importer.records import Position
from importer.specs.mapping import ColumnPlan, Mapping, key_columns
from importer.validate.validate import Validator

# Records read at a time. Only their hashes stay in memory.
READ_AT_ONCE = 50_000
# Keys in memory at a time, of 24 bytes each. A source with more is read in several passes.
KEYS_AT_ONCE = 4_000_000
# Comparing takes several times the memory of the hashes compared, so they are compared in buckets by their lowest bits.
BUCKETS = 16
KEYS_PER_BUCKET = 1_000_000
# Examples in a note, and lines of each.
KEYS_SHOWN, LINES_SHOWN = 3, 5

FOUND = {"key": pl.UInt64(), "check": pl.UInt64(), "line": pl.Int64()}


class Repeats:
    """Collects the keys of records by their hashes, and finds those that repeat.

    share, of  collect only the keys of one of several passes
    at_most    forget everything beyond so many keys; None: no limit
    is_exact   compare 128 bits: 64 may count one key too many in a million sources, but must not reject a record
    """

    def __init__(
        self,
        mapping: Mapping,
        *,
        share: int = 0,
        of: int = 1,
        at_most: int | None = None,
        is_exact: bool = False,
    ) -> None:
        self.groups = (Rivals(key_columns(mapping)),) * (2 if is_exact else 1)
        self.share, self.of, self.at_most = share, of, at_most
        self.records = self.keys = 0
        self._frames: list[pl.DataFrame] = []

    @property
    def is_complete(self) -> bool:
        """Whether all keys were kept."""
        return self.at_most is None or self.keys <= self.at_most

    def add(self, cleaned: Cleaned) -> None:
        """Add a batch. A batch that is added twice, because its commit was lost, counts once."""
        self.records += cleaned.batch.size
        key, *others = group_hashes(cleaned, self.groups)
        check = others[0] if others else key
        frame = pl.DataFrame([key.alias("key"), check.alias("check"), cleaned.batch.lines.alias("line")])
        frame = frame.drop_nulls("key")
        if self.of > 1:
            frame = frame.filter(pl.col("key") // BUCKETS % self.of == self.share)
        self.keys += frame.height
        if self.is_complete:
            self._frames.append(frame)
        else:
            self._frames.clear()

    def found(self) -> pl.DataFrame:
        """Return the records whose key repeats, in the order of the source."""
        keys, parts = pl.concat([pl.DataFrame(schema=FOUND), *self._frames]), []
        buckets = 1 + keys.height // KEYS_PER_BUCKET
        for bucket in range(buckets):
            some = keys.filter(pl.col("key") % buckets == bucket) if buckets > 1 else keys
            parts.append(_repeating(_repeating(some).unique()))
        return pl.concat(parts).sort("line")


def repeated_values(values: pl.Series) -> pl.Series:
    """Return each value that occurs more than once. Sorting costs a fifth of what `is_duplicated()` does."""
    ordered = values.sort()
    return ordered.filter(ordered == ordered.shift()).unique()


def _repeating(keys: pl.DataFrame) -> pl.DataFrame:
    repeated = repeated_values(keys.get_column("key"))  # leaves few keys to compare
    if repeated.is_empty():
        return keys.clear()
    candidates = keys.filter(pl.col("key").is_in(repeated.implode()))
    return candidates.filter(pl.struct("key", "check").is_duplicated())


def group_hashes(cleaned: Cleaned, groups: tuple[Rivals, ...]) -> list[pl.Series]:
    """Return a series of hashes (UInt64) per group, null where the whole key is null and no other null equals it.

    The group's number seeds the hash, so equal keys of different groups have different hashes.
    """
    series = []
    for number, group in enumerate(groups):
        values = pl.DataFrame(
            [_comparable(cleaned.values, plan, is_folded=plan in group.folded) for plan in group.plans]
        )
        hashes = values.hash_rows(seed=number)
        if not group.nulls_are_equal:
            is_null = values.select(pl.all_horizontal(pl.all().is_null())).to_series()
            hashes = pl.select(pl.when(~is_null).then(hashes)).to_series()
        series.append(hashes)
    return series


def _comparable(values: pl.DataFrame, plan: ColumnPlan, *, is_folded: bool) -> pl.Series:
    texts, make_canonical = values.get_column(plan.target), canonical(plan)
    if is_folded:
        return folded(texts)
    if make_canonical is None:
        return texts
    return texts.map_elements(make_canonical, return_dtype=pl.String)


def batches(chunks: Iterable[ImportChunk], reader: Reader) -> Iterator[Batch]:
    """Read whole chunks, whatever is done of them."""
    for chunk in chunks:
        part = chunk_range(chunk)
        position = Position(part.start_offset, part.first_line, part.start_key)
        while position.offset < part.end_offset:
            batch = reader.read(position, part, limit=READ_AT_ONCE)
            yield batch
            position = batch.end


def planned_chunks(job: DataImportJob) -> list[ImportChunk]:
    return list(ImportChunk.objects.filter(job=job, number__gt=0).order_by("number"))


def records_of(chunks: list[ImportChunk]) -> int:
    """Estimate the number of records by the chunks' first lines."""
    return chunks[-1].first_line + chunks[-1].first_line // len(chunks) if chunks else 0


def read_repeats(job: DataImportJob, mapping: Mapping, reader: Reader) -> pl.DataFrame:
    """Read the key's columns of the whole source, and return the records whose key repeats."""
    chunks, validator = planned_chunks(job), Validator(key_columns(mapping), mapping.alias)
    passes = 1 + records_of(chunks) // KEYS_AT_ONCE
    found = [pl.DataFrame(schema=FOUND)]
    for share in range(passes):
        repeats = Repeats(mapping, share=share, of=passes)
        for batch in batches(chunks, reader):
            repeats.add(validator.validate(batch))
        found.append(repeats.found())
    return pl.concat(found).sort("line")


# What a person reads


@dataclass(frozen=True, slots=True)
class Repeated:
    """Keys that occur more than once: their number, that of their records, and examples (key, where)."""

    keys: int
    records: int
    examples: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, found: pl.DataFrame, job: DataImportJob, mapping: Mapping, reader: Reader) -> "Repeated":
        lines = found.group_by("key", "check", maintain_order=True).agg("line").get_column("line")
        examples = [tuple(each) for each in lines.head(KEYS_SHOWN).to_list()]
        return cls(
            len(lines),
            found.height,
            tuple((_key_at(each[0], job, mapping, reader), _listed(job, each)) for each in examples),
        )

    def sentence(self, duplicates: str) -> str:
        what = "1 key occurs" if self.keys == 1 else f"{self.keys:,} keys occur"
        examples = "; ".join(f'"{key}" in {where}' for key, where in self.examples)
        return f"{what} more than once; {WINNERS[duplicates]}. For example {examples}."


WINNERS = {
    "last": "the later record wins",
    "first": "the first record wins",
    "reject": "the first record counts, the others are rejected",
}


def key_names(mapping: Mapping) -> tuple[str, ...]:
    """Return the source's columns that hold the key."""
    return tuple(dict.fromkeys(plan.column for plan in key_columns(mapping)))


def _listed(job: DataImportJob, lines: tuple[int, ...]) -> str:
    if job.parts:
        return _joined([job.place_of(line) for line in lines[:LINES_SHOWN]], lines)
    return f"lines {_joined(list(map(str, lines[:LINES_SHOWN])), lines)}"


def _joined(places: list[str], lines: tuple[int, ...]) -> str:
    *most, last = places
    if len(lines) > LINES_SHOWN:
        return f"{', '.join([*most, last])} and {len(lines) - LINES_SHOWN:,} more"
    return f"{', '.join(most)} and {last}"


def _key_at(line: int, job: DataImportJob, mapping: Mapping, reader: Reader) -> str:
    """Return the key of the record in this line, as the source writes it."""
    names = key_names(mapping)
    chunks = ImportChunk.objects.filter(job=job, number__gt=0, first_line__lte=line)
    for batch in batches(chunks.order_by("-first_line")[:1], reader):
        rows = batch.texts.filter(batch.lines == line).select(names).rows()
        if rows:
            return ", ".join(text or "" for text in rows[0])[:60]
    return "?"
