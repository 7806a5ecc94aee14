"""Finds keys that repeat in the source, so that several workers can leave those records for the end.

One worker takes records in the order of the source, so of two records with one key the first is written first. Several
workers have no order. So the source is surveyed before they start: the job keeps the hashes of the keys that repeat
(the *contested* keys), workers set these records aside, and the end of the run settles them one by one in the order of
the source. The table is then the same as a single worker's.
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

# Above this part of all records, setting them aside costs more than several workers gain.
WORTH_IT = 0.2
# Records read at a time. Only their hashes stay in memory.
SURVEY_RECORDS = 50_000
# Hashes in memory at a time, of eight bytes each. A source with more is surveyed in several passes.
HASHES_PER_PASS = 12_000_000
# Comparing takes several times the memory of the hashes compared, so they are compared in buckets by their lowest bits.
BUCKETS = 16

NONE = pl.Series([], dtype=pl.UInt64)


@dataclass(frozen=True, slots=True)
class Survey:
    """The result of surveying a job's source: the hashes of contested keys."""

    hashes: pl.Series
    groups: tuple[tuple[ColumnPlan, ...], ...]

    @classmethod
    def of(cls, job: DataImportJob, mapping: Mapping) -> "Survey":
        if job.survey_state != DataImportJob.SurveyState.KEYS_REPEAT:
            return cls.nothing()
        return cls(_unpacked(bytes(job.contested or b"")), key_groups(mapping))

    @classmethod
    def nothing(cls) -> "Survey":
        """Return an empty survey: no record is contested, or contested records are being settled."""
        return cls(NONE, ())

    def part(self, cleaned: Cleaned) -> tuple[Cleaned, list[int]]:
        """Return the records to write now, and the numbers of those to set aside because their key is contested."""
        if self.hashes.is_empty():
            return cleaned, []
        marks = [hashes.is_in(self.hashes.implode()) for hashes in group_hashes(cleaned, self.groups)]
        marked = pl.select(pl.any_horizontal(marks)).to_series().fill_null(value=False)
        contested = [number for number in marked.arg_true().to_list() if number not in cleaned.errors]
        return cleaned.without(contested), contested


def group_hashes(cleaned: Cleaned, groups: tuple[tuple[ColumnPlan, ...], ...]) -> list[pl.Series]:
    """Return a series of hashes (UInt64) per group, null where the whole key is null.

    The group's number seeds the hash, so equal keys of different groups have different hashes.
    """
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
    """Raised by the survey with the reason why one worker must import in order."""


def survey(job: DataImportJob, mapping: Mapping, reader: Reader) -> None:
    """Find the contested keys and store their hashes with the job. Raises OrderDecides.

    Reads only the columns that decide uniqueness, once for each `HASHES_PER_PASS` hashes.
    """
    groups = key_groups(mapping)
    if not groups:
        job.note_survey(b"")
        return
    chunks = list(ImportChunk.objects.filter(job=job, number__gt=0).order_by("number"))
    records = chunks[-1].first_line + chunks[-1].first_line // len(chunks) if chunks else 0
    passes = 1 + records * len(groups) // HASHES_PER_PASS
    repeated = [NONE]
    for share in range(passes):
        hashes = list(_hashes(mapping.alias, chunks, reader, groups, share=share, of=passes))
        repeated += [_repeated(hashes, bucket) for bucket in range(BUCKETS)]
    contested = pl.concat(repeated)
    if len(contested) > max(1_000, records * WORTH_IT):
        raise OrderDecides("keys repeat too often")
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
    """Yield the hashes of all records' keys that belong to one of the passes (`share` of `of`), batch by batch."""
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
                raise OrderDecides("some records take the table's next number, which others may name")
            for hashes in group_hashes(cleaned, groups):
                yield hashes.filter(hashes // BUCKETS % of == share) if of > 1 else hashes.drop_nulls()
            position = batch.end


def _repeated(collected: list[pl.Series], bucket: int) -> pl.Series:
    """Return the hashes of one bucket that occur more than once."""
    hashes = pl.concat([series.filter(series % BUCKETS == bucket) for series in collected] or [NONE])
    return hashes.filter(hashes.is_duplicated()).unique()


def _unpacked(packed: bytes) -> pl.Series:
    return pl.Series(array.array("Q", packed).tolist(), dtype=pl.UInt64)
