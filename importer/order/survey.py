"""Finds keys that repeat in the source, so that several workers can leave those records for the end.

One worker takes records in the order of the source, so of two records with one key the first is written first. Several
workers have no order. So the source is surveyed before they share it, while one of them goes ahead in order: the job
keeps the hashes of the keys that repeat (the *contested* keys), workers set these records aside, and the end of the run
settles them one by one in the order of the source. The table is then the same as a single worker's.
"""

import array
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl
from django.db import models

from importer.batches import Cleaned
from importer.exceptions import OrderDecides
from importer.models import DataImportJob, ImportChunk
from importer.order.repeats import (
    BUCKETS,
    FOUND,
    KEYS_AT_ONCE,
    Repeats,
    batches,
    group_hashes,
    planned_chunks,
    read_repeats,
    records_of,
    repeated_values,
)
from importer.order.rivals import Rivals, rivals_of
from importer.parse.reader import Reader
from importer.specs.mapping import Mapping
from importer.validate.target import Target
from importer.validate.validate import Validator

# Above this part of all records, setting them aside costs more than several workers gain.
WORTH_IT = 0.2
# Hashes in memory at a time, of eight bytes each. A source with more is surveyed in several passes.
HASHES_PER_PASS = 12_000_000

NONE = pl.Series([], dtype=pl.UInt64)


@dataclass(frozen=True, slots=True)
class Survey:
    """The result of surveying a job's source: the hashes of contested keys."""

    hashes: pl.Series
    groups: tuple[Rivals, ...]

    @classmethod
    def of(cls, job: DataImportJob, mapping: Mapping, target: Target) -> "Survey":
        if job.survey_state != DataImportJob.SurveyState.KEYS_REPEAT:
            return cls.nothing()
        return cls(_unpacked(bytes(job.contested or b"")), rivals_of(mapping, target))

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


def survey(job: DataImportJob, mapping: Mapping, reader: Reader) -> pl.DataFrame:
    """Find the contested keys and store their hashes with the job. Raises OrderDecides.

    Reads only the columns that decide uniqueness, once for each `HASHES_PER_PASS` hashes. Returns the records whose
    natural key repeats, as `Repeats.found()` does.
    """
    groups = rivals_of(mapping, Target.of(mapping))
    found = [pl.DataFrame(schema=FOUND)]
    if not groups:
        job.note_survey(b"")
        return found[0]
    chunks = planned_chunks(job)
    records = records_of(chunks)
    passes = 1 + records * len(groups) // HASHES_PER_PASS
    # With so many keys their lines would take more memory than all hashes. They are read again if any key repeats.
    keeps_lines = bool(mapping.key) and records <= KEYS_AT_ONCE
    repeated = [NONE]
    for share in range(passes):
        repeats = Repeats(mapping, share=share, of=passes) if keeps_lines else None
        hashes = list(_hashes(mapping.alias, chunks, reader, groups, repeats, share=share, of=passes))
        repeated += [_repeated(hashes, bucket) for bucket in range(BUCKETS)]
        if repeats:
            found.append(repeats.found())
    contested = pl.concat(repeated)
    if len(contested) > max(1_000, records * WORTH_IT):
        raise OrderDecides("keys repeat too often")
    job.note_survey(array.array("Q", contested.to_list()).tobytes())
    if mapping.key and not keeps_lines and len(contested):
        return read_repeats(job, mapping, reader)
    return pl.concat(found).sort("line")


def _hashes(
    alias: str,
    chunks: list[ImportChunk],
    reader: Reader,
    groups: tuple[Rivals, ...],
    repeats: Repeats | None,
    *,
    share: int,
    of: int,
) -> Iterator[pl.Series]:
    """Yield the hashes of all records' keys that belong to one of the passes (`share` of `of`), batch by batch."""
    plans = list(dict.fromkeys(plan for group in groups for plan in group.plans))
    validator = Validator(plans, alias)
    numbered = [plan.target for plan in plans if isinstance(plan.field, models.AutoField)]
    for batch in batches(chunks, reader):
        cleaned = validator.validate(batch)
        if any(cleaned.values.get_column(name).null_count() for name in numbered):
            raise OrderDecides("some records take the table's next number, which others may name")
        if repeats:
            repeats.add(cleaned)
        for hashes in group_hashes(cleaned, groups):
            yield hashes.filter(hashes // BUCKETS % of == share) if of > 1 else hashes.drop_nulls()


def _repeated(collected: list[pl.Series], bucket: int) -> pl.Series:
    """Return the hashes of one bucket that occur more than once."""
    return repeated_values(
        pl.concat([series.filter(series % BUCKETS == bucket) for series in collected] or [NONE])
    )


def _unpacked(packed: bytes) -> pl.Series:
    return pl.Series(array.array("Q", packed).tolist(), dtype=pl.UInt64)
