"""Finds keys that repeat in the source, so that several workers can leave those records for the end.

One worker takes records in the order of the source, so of two records with one key the first is written first. Several
workers have no order. So before they start, the source is surveyed: the job keeps the hashes of the keys that repeat
(the *contested* keys), workers set their records aside, and at the end of the run they are settled one after the other
in the order of the source. The table is then the one that a single worker would have made.
"""

import array
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl
from django.db import models

from importer.models import DataImportJob, ImportChunk
from importer.order.comparable import canonical
from importer.parse.reader import Reader, chunk_range
from importer.records import Cleaned, Position
from importer.specs.mapping import ColumnPlan, Mapping, key_groups
from importer.validate.validate import Validator

# Above this part of all records, setting aside would cost more than several workers gain.
WORTH_IT = 0.2
# Records read at a time: hashes are small, and nothing is kept but them.
SURVEY_RECORDS = 50_000
# Hashes held at a time, of eight bytes each. A source with more of them is surveyed in several passes.
HASHES_PER_PASS = 12_000_000
# Comparing takes several times the memory of the hashes compared, so they are taken by their lowest bits.
BUCKETS = 16

NONE = pl.Series([], dtype=pl.UInt64)


@dataclass(frozen=True, slots=True)
class Survey:
    """What the survey of a job's source has found: the hashes of contested keys."""

    hashes: pl.Series
    groups: tuple[tuple[ColumnPlan, ...], ...]

    @classmethod
    def of(cls, job: DataImportJob, mapping: Mapping) -> "Survey":
        if job.survey != DataImportJob.Survey.KEYS_REPEAT:
            return cls.nothing()
        return cls(_unpacked(bytes(job.contested or b"")), key_groups(mapping))

    @classmethod
    def nothing(cls) -> "Survey":
        """No record is contested, or their turn has come."""
        return cls(NONE, ())

    def part(self, cleaned: Cleaned) -> tuple[Cleaned, list[int]]:
        """The records that may be written now, and the numbers of those that wait because their key is contested."""
        if self.hashes.is_empty():
            return cleaned, []
        marks = [hashes.is_in(self.hashes.implode()) for hashes in group_hashes(cleaned, self.groups)]
        marked = pl.select(pl.any_horizontal(marks)).to_series().fill_null(value=False)
        contested = [number for number in marked.arg_true().to_list() if number not in cleaned.errors]
        return cleaned.without(contested), contested


def group_hashes(cleaned: Cleaned, groups: tuple[tuple[ColumnPlan, ...], ...]) -> list[pl.Series]:
    """One series of hashes per group, null where all of a key is null; the group's number goes into the hash."""
    series = []
    for number, group in enumerate(groups):
        values = pl.DataFrame([_comparable(cleaned.values, plan) for plan in group])
        is_null = values.select(pl.all_horizontal(pl.all().is_null())).to_series()
        hashes = values.hash_rows(seed=number)
        series.append(pl.select(pl.when(~is_null).then(hashes)).to_series())
    return series


def _comparable(values: pl.DataFrame, plan: ColumnPlan) -> pl.Series:
    texts, make_canonical = values.get_column(plan.target), canonical(plan)
    if make_canonical is None:
        return texts
    return texts.map_elements(make_canonical, return_dtype=pl.String)


class OrderDecides(Exception):
    """Found by the survey: why one worker shall do it in order."""


def survey(job: DataImportJob, mapping: Mapping, reader: Reader) -> None:
    """Find the contested keys and keep their hashes with the job. Raises OrderDecides.

    Reads only the columns that decide uniqueness, once for each `HASHES_PER_PASS` hashes.
    """
    groups = key_groups(mapping)
    if not groups:
        job.note_survey(b"")
        return
    chunks = list(ImportChunk.objects.filter(job=job, number__gt=0).order_by("number"))
    records = chunks[-1].first_line + chunks[-1].first_line // len(chunks) if chunks else 0
    passes = 1 + records * len(groups) // HASHES_PER_PASS
    found = [NONE]
    for share in range(passes):
        hashes = list(_hashes(mapping.alias, chunks, reader, groups, share=share, of=passes))
        found += [_repeated(hashes, bucket) for bucket in range(BUCKETS)]
    contested = pl.concat(found)
    if len(contested) > max(1_000, records * WORTH_IT):
        raise OrderDecides("keys occur again so often")
    job.note_survey(array.array("Q", contested.to_list()).tobytes())


def _hashes(
    alias: str,
    chunks: list[ImportChunk],
    reader: Reader,
    groups: tuple[tuple[ColumnPlan, ...], ...],
    *,
    share: int,
    of: int,
) -> Iterator[pl.Series]:
    """The hashes of all records' keys that fall to a share of the passes, batch by batch."""
    plans = list(dict.fromkeys(plan for group in groups for plan in group))
    validator = Validator(plans, alias)
    numbered = [plan.target for plan in plans if isinstance(plan.field, models.AutoField)]
    for chunk in chunks:
        part = chunk_range(chunk)
        position = Position(part.start_offset, part.first_line, part.start_key)
        while position.offset < part.end_offset:
            batch = reader.read(position, part, limit=SURVEY_RECORDS)
            cleaned = validator.validate(batch)
            if any(cleaned.values.get_column(name).null_count() for name in numbered):
                raise OrderDecides("some records take the table's next number, which others may have")
            for hashes in group_hashes(cleaned, groups):
                yield hashes.filter(hashes // BUCKETS % of == share) if of > 1 else hashes.drop_nulls()
            position = batch.end


def _repeated(collected: list[pl.Series], bucket: int) -> pl.Series:
    """The hashes of one bucket that stand there more than once."""
    hashes = pl.concat([series.filter(series % BUCKETS == bucket) for series in collected] or [NONE])
    return hashes.filter(hashes.is_duplicated()).unique()


def _unpacked(packed: bytes) -> pl.Series:
    return pl.Series(array.array("Q", packed).tolist(), dtype=pl.UInt64)
