"""Decides which of the records with one key counts, where that is not what a run in order would do anyway."""

import array
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zlib import compress, decompress

import polars as pl

from importer.batches import Batch, Cleaned
from importer.models import DataImportJob
from importer.order.repeats import (
    FOUND,
    KEYS_AT_ONCE,
    Repeats,
    batches,
    key_names,
    planned_chunks,
    records_of,
)
from importer.parse.reader import Reader
from importer.records import RecordError, shown
from importer.specs.mapping import Mapping
from importer.validate.validate import Validator

# Name in `DataImportJob.options`: the records that do not count.
OPTION = "repeats"


@dataclass(frozen=True, slots=True)
class Decided:
    """The lines of records that do not count, and for each the line of the record that counts instead.

    place_of  names a line for people
    """

    kept: dict[int, int]
    place_of: Callable[[int], str] = str
    rejects: bool = False
    field: str = ""
    columns: tuple[str, ...] = ()

    @classmethod
    def of(cls, job: DataImportJob, mapping: Mapping) -> "Decided":
        stored = (job.options or {}).get(OPTION)
        if not stored or not mapping.decides_repeats:
            return cls({})
        kept = dict(zip(_unpacked(stored["lost"]), _unpacked(stored["kept"]), strict=True))
        name = mapping.key[0].name if len(mapping.key) == 1 else ""
        return cls(kept, job.place_of, mapping.duplicates == "reject", name, key_names(mapping))

    def part(self, cleaned: Cleaned) -> tuple[Cleaned, int]:
        """Return the batch without the records that do not count, and the number of those that are skipped."""
        if not self.kept:
            return cleaned, 0
        lines = cleaned.batch.lines.to_list()
        lost = [n for n, line in enumerate(lines) if line in self.kept and n not in cleaned.errors]
        if not self.rejects:
            return cleaned.without(lost), len(lost)
        return cleaned.rejecting({n: [self._error(cleaned.batch, n, lines[n])] for n in lost}), 0

    def _error(self, batch: Batch, number: int, line: int) -> RecordError:
        message = f"The key occurs more than once; the record in {self.place_of(self.kept[line])} counts."
        key = ", ".join(batch.texts[name][number] or "" for name in self.columns)
        return RecordError(self.field, "duplicate_key", message, shown(key))


def decide_repeats(job: DataImportJob, mapping: Mapping, reader: Reader) -> pl.DataFrame:
    """Decide once, for the whole source, which records do not count, and keep it with the job.

    Of the records with one key, the first (or last) counts that its columns do not reject. Returns all records whose
    key repeats.
    """
    chunks, validator = planned_chunks(job), Validator.of(mapping)
    passes = 1 + records_of(chunks) // KEYS_AT_ONCE
    found, rejected = [pl.DataFrame(schema=FOUND)], []
    for share in range(passes):
        repeats = Repeats(mapping, share=share, of=passes, is_exact=True)
        for batch in batches(chunks, reader):
            cleaned = validator.validate(batch)
            repeats.add(cleaned)
            rejected.append(batch.lines.gather(pl.Series(sorted(cleaned.errors), dtype=pl.UInt32)))
        found.append(repeats.found())
    repeating = pl.concat(found).sort("line")
    invalid = pl.concat([pl.Series([], dtype=pl.Int64), *rejected])
    valid = repeating.filter(~pl.col("line").is_in(invalid.implode()))
    winner = pl.col("line").max() if mapping.duplicates == "last" else pl.col("line").min()
    lost = valid.with_columns(kept=winner.over("key", "check")).filter(pl.col("line") != pl.col("kept"))
    job.options = (job.options or {}) | {
        OPTION: {"lost": _packed(lost.get_column("line")), "kept": _packed(lost.get_column("kept"))}
    }
    job.save(update_fields=["options"])
    return repeating


def _packed(lines: pl.Series) -> str:
    return b64encode(compress(array.array("q", lines.to_list()).tobytes())).decode()


def _unpacked(packed: str) -> list[Any]:
    return array.array("q", decompress(b64decode(packed))).tolist()
